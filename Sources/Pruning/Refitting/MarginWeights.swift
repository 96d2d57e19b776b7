// How much inputs count that also lie between classes, where small errors change answers that no data would ask for.
//
//   w_i = m_i^p,  m how far the original's largest output lies above the second                                             (1)
//
// p is 3/2, or as much more as it takes for the original to be as sure of the inputs as it is of data: images matched to batch
// normalizations have data's statistics, but hardly show what a network of a thousand classes knows. Sure is Σ w_i·c_i/Σ w_i, c the
// probability of the class named. Measured, that of matched images, of test images, and at p = 3/2:
//   ResNet-20 (CIFAR-10) 0.87, 0.97, 0.99;   EfficientNet-Lite0 (ImageNet) 0.22, 0.72, 0.49
// Errors that are put onto inputs count by m^3/4: they grow with what the original is sure of, and too few are held out for more.
// With learning, predicted less measured agreement in percent, as here and with p = 3/2 and errors that count alike:
//   EfficientNet-Lite0 at 0.7, 0.8, at --macs 0.7, 0.8     −1.6, 6.6, −7.3, 6.8;   −21.1, −17.7, −22.6, −6.0
//   ResNet-20 at 0.7, 0.5, 0.3, ResNet-56 at 0.5, 0.3      2.7, 2.0, 1.4, 2.7, −6.1;   3.0, 3.2, 6.2, 1.8, −4.3

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

package struct MarginWeights {
    private static let usual = 1.5
    /// What networks for a thousand classes are sure of on data, about; smaller tasks are answered more surely, and have it at the usual
    /// exponent. Limits of 0.6 and 0.7 are as good on the average of the networks above, at 0.5 predictions of EfficientNet are too low.
    private static let leastConfidence = 0.65
    /// Inputs that are left, (Σ w)²/Σ w², when p grows no more: fewer say nothing about a share.
    private static let fewestInputs = 8.0
    private static let exponents = stride(from: usual, through: 4, by: 0.25)

    private let exponent: Double
    /// Margins are measured in units of the largest, so that powers of them are numbers.
    private let unit: Double

    /// - Parameter rows: the original's scores of one input each.
    package init(_ rows: [ArraySlice<Float>]) {
        let margins = rows.map(Self.margin), confidences = rows.map(Self.confidence)
        let unit = margins.max() ?? 0
        var exponent = Self.usual
        for p in Self.exponents {
            let weights = margins.map { Self.power($0, unit, p) }
            let total = weights.reduce(0, +), squares = weights.reduce(0) { $0 + $1 * $1 }
            guard p == Self.usual || total * total >= Self.fewestInputs * squares else { break }
            exponent = p
            if zip(weights, confidences).reduce(0, { $0 + $1.0 * $1.1 }) >= Self.leastConfidence * total { break }
        }
        (self.exponent, self.unit) = (exponent, unit)
    }

    /// (1) for an input to be answered.
    package func input(_ row: ArraySlice<Float>) -> Double { Self.power(Self.margin(row), unit, exponent) }

    /// The square root of the usual weight, for an input whose errors are put onto others.
    package func error(_ row: ArraySlice<Float>) -> Double { Self.power(Self.margin(row), unit, Self.usual / 2) }

    private static func power(_ margin: Double, _ unit: Double, _ exponent: Double) -> Double {
        unit > 0 ? pow(margin / unit, exponent) : 0
    }

    /// 0 where it is no number.
    private static func margin(_ row: ArraySlice<Float>) -> Double {
        var (first, second) = (-Float.infinity, -Float.infinity)
        for value in row where value > second { (first, second) = value > first ? (value, first) : (first, value) }
        let margin = Double(first) - Double(second)
        return margin.isFinite ? margin : 0
    }

    /// Probability of the class named; 0 where a score is no number.
    private static func confidence(_ row: ArraySlice<Float>) -> Double {
        row.allSatisfy(\.isFinite) ? ImageRecognition.probabilities(row).max() ?? 0 : 0
    }
}
