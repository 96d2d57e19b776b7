// How alike the places of one image are: what a sample is worth where many come from one image.
//
// With ρ the share of a regressor's variance that lies between images and ρ' that of what a fit does not explain, N images of p places
// tell as much about the coefficients of the fit as
//   N·p/(1 + (p − 1)·ρ·ρ')                                                                                 (1)
// independent samples. What is not explained comes from regressors that were given up, of the same layer: ρ' = ρ. ρ follows from the
// variance V_M of the images' means and that of all samples V, summed over regressors:
//   V_M·N/(N − 1) = B + W/p,   V = B + W,   ρ = B/V.                                                       (2)
// Sources: for means, Kish, Survey Sampling (1965), ch. 5; for coefficients, Moulton, Journal of Econometrics 32 (1986) 385–397.

import LinearAlgebra

/// Sums of (2) over a stream of samples.
package struct PlaceCorrelation: Sendable {
    private var sums: [Double]
    private var squares = 0.0
    private var squaredMeans = 0.0
    private var images = 0
    private var samples = 0

    package init(regressors: Int) { sums = [Double](repeating: 0, count: regressors) }

    /// Adds samples as columns; those of one image lie side by side.
    ///
    /// - Parameter sources: the image of every column.
    package mutating func add(_ block: Matrix, images sources: [Int]) {
        var mean = [Double](repeating: 0, count: block.rows)
        var first = 0
        while first < sources.count {
            var end = first
            while end < sources.count, sources[end] == sources[first] { end += 1 }
            for i in mean.indices { mean[i] = 0 }
            block.elements.withUnsafeBufferPointer { values in
                for j in first..<end {
                    for i in mean.indices {
                        let value = values[j * block.rows + i]
                        mean[i] += value
                        squares += value * value
                    }
                }
            }
            for i in mean.indices {
                mean[i] /= Double(end - first)
                sums[i] += mean[i]
                squaredMeans += mean[i] * mean[i]
            }
            images += 1
            samples += end - first
            first = end
        }
    }

    /// Images that are worth `rows` independent samples by (1); at least two.
    package func images(worth rows: Int) -> Int {
        guard images > 1, samples > images else { return Swift.max(2, rows) }
        let (n, p) = (Double(images), Double(samples) / Double(images))
        let center = sums.reduce(0) { $0 + ($1 / n) * ($1 / n) }
        let total = squares / Double(samples) - center
        let means = (squaredMeans / n - center) * n / (n - 1)
        guard total > 0, means.isFinite else { return 2 }
        let between = Swift.min(1, Swift.max(0, (means / total - 1 / p) / (1 - 1 / p)))
        return Swift.max(2, Int((Double(rows) * (1 + (p - 1) * between * between) / p).rounded(.up)))
    }
}
