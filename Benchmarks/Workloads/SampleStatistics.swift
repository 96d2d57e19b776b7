// Order statistics and bootstrap intervals. Medians, because on a shared machine the mean is the neighbor's.

/// Median and quartiles of a sample.
package struct Quartiles: Codable, Sendable, Equatable {
    package let lower: Double
    package let median: Double
    package let upper: Double

    /// Linear interpolation between order statistics (Hyndman & Fan 1996, definition 7). Precondition: not empty.
    package init(_ sample: [Double]) {
        let sorted = sample.sorted()
        lower = SampleStatistics.quantile(ofSorted: sorted, 0.25)
        median = SampleStatistics.quantile(ofSorted: sorted, 0.5)
        upper = SampleStatistics.quantile(ofSorted: sorted, 0.75)
    }
}

/// A point estimate with a confidence interval.
package struct Interval: Codable, Sendable, Equatable {
    package let estimate: Double
    package let low: Double
    package let high: Double

    package init(estimate: Double, low: Double, high: Double) {
        self.estimate = estimate
        self.low = low
        self.high = high
    }
}

package enum SampleStatistics {
    /// The median of a sample. Precondition: not empty.
    package static func median(_ sample: [Double]) -> Double { quantile(ofSorted: sample.sorted(), 0.5) }

    /// Quantile of an ascending sample by linear interpolation. Precondition: not empty.
    package static func quantile(ofSorted sorted: [Double], _ probability: Double) -> Double {
        precondition(!sorted.isEmpty, "a quantile needs a sample")
        let position = probability * Double(sorted.count - 1)
        let below = Int(position)
        let above = min(below + 1, sorted.count - 1)
        return sorted[below] + (position - Double(below)) * (sorted[above] - sorted[below])
    }

    /// 95 % percentile-bootstrap interval of median(numerator)/median(denominator) over paired rounds: round i of both
    /// was measured back to back, so rounds are resampled, not samples (Efron & Tibshirani 1993, ch. 13).
    package static func pairedRatio(_ numerator: [Double], over denominator: [Double], seed: UInt64 = 1) -> Interval {
        precondition(numerator.count == denominator.count && !numerator.isEmpty, "paired samples are expected")
        let count = numerator.count
        // With one or two rounds there is nothing to resample: the spread of the rounds is all that is known.
        if count < 3 {
            let ratios = zip(numerator, denominator).map { $0 / $1 }
            return Interval(estimate: median(numerator) / median(denominator), low: ratios.min() ?? 0, high: ratios.max() ?? 0)
        }
        var generator = WorkloadGenerator(seed: seed)
        return interval(estimate: median(numerator) / median(denominator)) {
            var top: [Double] = []
            var bottom: [Double] = []
            for _ in 0..<count {
                let pick = Int(generator.next(upperBound: UInt64(count)))
                top.append(numerator[pick])
                bottom.append(denominator[pick])
            }
            return median(top) / median(bottom)
        }
    }

    /// The same for samples of two separate runs: each is resampled on its own.
    package static func independentRatio(_ numerator: [Double], over denominator: [Double], seed: UInt64 = 1) -> Interval {
        precondition(!numerator.isEmpty && !denominator.isEmpty, "samples are expected")
        var generator = WorkloadGenerator(seed: seed)
        func resampledMedian(_ sample: [Double]) -> Double {
            median(sample.map { _ in sample[Int(generator.next(upperBound: UInt64(sample.count)))] })
        }
        return interval(estimate: median(numerator) / median(denominator)) {
            resampledMedian(numerator) / resampledMedian(denominator)
        }
    }

    private static let resamples = 1000

    private static func interval(estimate: Double, _ draw: () -> Double) -> Interval {
        let draws = (0..<resamples).map { _ in draw() }.sorted()
        // Interpolated percentiles of few rounds can miss the estimate itself; an interval that excludes its own
        // estimate would be nonsense.
        return Interval(
            estimate: estimate, low: min(estimate, quantile(ofSorted: draws, 0.025)),
            high: max(estimate, quantile(ofSorted: draws, 0.975)))
    }
}
