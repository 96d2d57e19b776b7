// What a user declares about inputs.

/// What is assumed about the inputs of a network when no data is given.
///
/// All values are in raw units, before the network's own input normalization.
public struct InputPrior: Sendable, Equatable, Codable {
    /// Mean, one value or one per channel; none for what the network's own normalization implies.
    public var mean: [Double]
    /// Standard deviation, one value or one per channel; none for what the network's own normalization implies.
    public var deviation: [Double]
    /// Correlation of neighboring pixels, 0 ..< 1; correlation falls off as ρ^distance.
    public var correlation: Double
    /// Scale the deviation of each input by the norm of its column in the first layer.
    public var scalesByColumnNorms: Bool

    /// What a network's own normalization makes of its inputs: independent values of mean 0 and deviation 1.
    static let standard = InputPrior(mean: [0], deviation: [1], correlation: 0, scalesByColumnNorms: false)
    /// Whether nothing is declared of single values.
    var hasNoMarginals: Bool { mean.isEmpty && deviation.isEmpty }

    /// Correlation of neighboring pixels when nothing is declared.
    public static let defaultCorrelation = 0.85

    /// - Parameters: as the properties of the same names.
    public init(
        mean: [Double], deviation: [Double], correlation: Double = InputPrior.defaultCorrelation,
        scalesByColumnNorms: Bool = true
    ) {
        self.mean = mean
        self.deviation = deviation
        self.correlation = correlation
        self.scalesByColumnNorms = scalesByColumnNorms
    }
}
