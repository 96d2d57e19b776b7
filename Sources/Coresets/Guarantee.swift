// What is proven about a coreset, for which points, and whether it says anything.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A proven statement about a coreset, always together with the representation it is about.
public enum Guarantee: Sendable, Equatable, Codable {
    /// max_P |pᵀx| ≤ factor · max_C |qᵀx| for every x.
    case maximum(Maximum)
    /// |Σ u|qᵀx| − Σ|pᵀx|| ≤ ε Σ|pᵀx| for any one x, with probability 1 − δ over the sample.
    case sample(Sample)
    /// Nothing is proven: the largest sensitivities, kept without weights.
    case none(representation: String)

    /// What is proven about all linear functionals at once.
    public struct Maximum: Sendable, Equatable, Codable {
        /// Which vectors the statement is about, in the caller's words.
        public let representation: String
        /// The factor, 1 or more.
        public let factor: Double
        /// Points in the coreset, and in the set.
        public let size: Int
        /// Points in the set.
        public let pointCount: Int
    }

    /// What is proven about sums over a sample.
    public struct Sample: Sendable, Equatable, Codable {
        /// Which vectors the statement is about, in the caller's words.
        public let representation: String
        /// ε: the relative error that is not exceeded.
        public let epsilon: Double
        /// δ: the probability that it is.
        public let failureProbability: Double
        /// Σs, and the number of draws m.
        public let totalSensitivity: Double
        /// The number of draws m.
        public let drawCount: Int
        /// Different points in the sample, and points in the set.
        public let size: Int
        /// Points in the set.
        public let pointCount: Int
        /// The factor of the coresets behind the sensitivities; nil when none could be peeled off, and all sensitivities are equal.
        public let provenFactor: Double?
        /// Whether draws went on until enough points were different, which biases sums slightly.
        public let isUntilDistinct: Bool
    }

    /// Of an ℓ∞-coreset.
    public init(_ coreset: LInfinityCoreset, representation: String) {
        self = .maximum(
            Maximum(
                representation: representation, factor: coreset.provenFactor, size: coreset.indices.count,
                pointCount: coreset.pointCount))
    }

    /// Of a sample drawn by sensitivities.
    ///
    /// For one fixed x the normalized draws X = t|pᵀx|/(s(p)·Σ|qᵀx|) have mean 1 and lie in [0, t], so that Bernstein's
    /// inequality gives ε as the root of mε² = 2t(1 + ε/3)·ln(2/δ). Uniformity over all x costs a further factor of the
    /// dimension, which is not included.
    /// - Parameter failureProbability: δ, strictly between 0 and 1.
    public init(_ sample: SensitivitySampling, bounds: SensitivityBounds, representation: String, failureProbability: Double = 0.05) {
        precondition(failureProbability > 0 && failureProbability < 1, "a probability strictly between 0 and 1")
        guard sample.mode != .top, sample.drawCount > 0 else {
            self = .none(representation: representation)
            return
        }
        let a = 2 * bounds.total * log(2 / failureProbability) / Double(sample.drawCount)
        self = .sample(
            Sample(
                representation: representation, epsilon: a / 6 + (a * a / 36 + a).squareRoot(), failureProbability: failureProbability,
                totalSensitivity: bounds.total, drawCount: sample.drawCount, size: sample.indices.count,
                pointCount: bounds.sensitivities.count, provenFactor: bounds.isInformative ? bounds.provenFactor : nil,
                isUntilDistinct: sample.mode == .distinct))
    }

    /// Which vectors the statement is about, in the caller's words.
    public var representation: String {
        switch self {
        case .maximum(let claim): claim.representation
        case .sample(let claim): claim.representation
        case .none(let representation): representation
        }
    }

    /// Whether the statement is empty: ε ≥ 1, or every point is its own only witness.
    public var isVacuous: Bool {
        switch self {
        case .maximum(let claim): claim.size == claim.pointCount && claim.pointCount > 1
        case .sample(let claim): claim.epsilon >= 1 || claim.provenFactor == nil
        case .none: true
        }
    }

    /// The whole of it in one sentence.
    public var statement: String {
        switch self {
        case .maximum(let claim) where isVacuous:
            "all \(claim.pointCount) points are in the coreset: nothing is saved (\(representation))"
        case .maximum(let claim):
            "the largest |pᵀx| of \(claim.pointCount) points is at most \(Self.short(claim.factor)) times the largest of these \(claim.size), for every x (\(representation))"
        case .sample(let claim): Self.statement(claim)
        case .none: "the largest sensitivities are kept without weights: no bound follows (\(representation))"
        }
    }

    private static func statement(_ claim: Sample) -> String {
        let core =
            "for any one x the weighted sum of |qᵀx| over \(claim.size) of \(claim.pointCount) points is within \(short(100 * claim.epsilon)) % of the full sum with probability \(short(1 - claim.failureProbability))"
        let caveats = [
            claim.epsilon >= 1 ? "vacuous: the error bound exceeds 100 %" : nil,
            claim.provenFactor == nil ? "no coreset could be peeled off, so all sensitivities are equal" : nil,
            claim.isUntilDistinct ? "drawn until enough points were different, which biases it slightly" : nil,
        ].compactMap { $0 }
        return "\(core) (\(claim.representation))" + (caveats.isEmpty ? "" : "; " + caveats.joined(separator: "; "))
    }

    // Three significant digits without Foundation.
    static func short(_ value: Double) -> String {
        guard value.isFinite, value != 0 else { return "\(value)" }
        let exponent = Int(floor(log10(value.magnitude)))
        let unit = pow(10, Double(exponent - 2))
        let rounded = (value / unit).rounded() * unit
        if exponent >= 2, exponent < 9 { return "\(Int(rounded))" }
        let digits = "\(rounded)"
        // 0.30000000000000004 and the like: cut what lies beyond three significant digits.
        guard let dot = digits.firstIndex(of: "."), !digits.contains("e") else { return digits }
        let places = max(1, 2 - exponent)
        return String(digits.prefix(digits.distance(from: digits.startIndex, to: dot) + 1 + places))
    }
}
