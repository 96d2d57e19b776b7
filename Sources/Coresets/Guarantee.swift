// What is proven about a coreset, for which points, and whether it says anything.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A proven statement about a coreset, always together with the representation it is about.
public struct Guarantee: Sendable, Equatable, Codable {
    /// What kind of statement.
    public enum Kind: String, Sendable, Codable {
        /// max_P |pᵀx| ≤ factor · max_C |qᵀx| for every x.
        case maximum
        /// |Σ u|qᵀx| − Σ|pᵀx|| ≤ ε Σ|pᵀx| for any one x, with probability 1 − δ over the sample.
        case sample
        /// Nothing is proven.
        case none
    }

    public let kind: Kind
    /// Which vectors the statement is about, in the caller's words.
    public let representation: String
    /// The factor of `maximum`; for `sample` that of the coresets behind the sensitivities, when there is one.
    public let provenFactor: Double?
    /// Σs and the number of draws m, for `sample`.
    public let totalSensitivity: Double?
    public let drawCount: Int?
    /// ε and δ, for `sample`.
    public let epsilon: Double?
    public let failureProbability: Double?
    /// Whether the statement is empty: ε ≥ 1, or every point is its own only witness.
    public let isVacuous: Bool
    /// The whole of it in one sentence.
    public let statement: String

    /// Of an ℓ∞-coreset.
    public init(_ coreset: LInfinityCoreset, representation: String) {
        kind = .maximum
        self.representation = representation
        provenFactor = coreset.provenFactor
        (totalSensitivity, drawCount, epsilon, failureProbability) = (nil, nil, nil, nil)
        isVacuous = coreset.indices.count == coreset.pointCount && coreset.pointCount > 1
        statement =
            isVacuous
            ? "all \(coreset.pointCount) points are in the coreset: nothing is saved (\(representation))"
            : "the largest |pᵀx| of \(coreset.pointCount) points is at most \(Self.short(coreset.provenFactor)) times the largest of these \(coreset.indices.count), for every x (\(representation))"
    }

    /// Of a sample drawn by sensitivities.
    ///
    /// For one fixed x the normalized draws X = t|pᵀx|/(s(p)·Σ|qᵀx|) have mean 1 and lie in [0, t], so that Bernstein's
    /// inequality gives ε as the root of mε² = 2t(1 + ε/3)·ln(2/δ). Uniformity over all x costs a further factor of the
    /// dimension, which is not included.
    public init(_ sample: SensitivitySampling, bounds: SensitivityBounds, representation: String, failureProbability: Double = 0.05) {
        precondition(failureProbability > 0 && failureProbability < 1, "a probability strictly between 0 and 1")
        self.representation = representation
        provenFactor = bounds.provenFactor
        totalSensitivity = bounds.total
        guard sample.mode != .top, sample.drawCount > 0 else {
            kind = .none
            (drawCount, epsilon, self.failureProbability) = (nil, nil, nil)
            isVacuous = true
            statement = "the largest sensitivities are kept without weights: no bound follows (\(representation))"
            return
        }
        kind = .sample
        drawCount = sample.drawCount
        self.failureProbability = failureProbability
        let a = 2 * bounds.total * log(2 / failureProbability) / Double(sample.drawCount)
        let error = a / 6 + (a * a / 36 + a).squareRoot()
        epsilon = error
        isVacuous = error >= 1 || !bounds.isInformative
        let core =
            "for any one x the weighted sum of |qᵀx| over \(sample.indices.count) of \(bounds.sensitivities.count) points is within \(Self.short(100 * error)) % of the full sum with probability \(Self.short(1 - failureProbability))"
        let caveats = [
            error >= 1 ? "vacuous: the error bound exceeds 100 %" : nil,
            bounds.isInformative ? nil : "no coreset could be peeled off, so all sensitivities are equal",
            sample.mode == .distinct ? "drawn until enough points were different, which biases it slightly" : nil,
        ].compactMap { $0 }
        statement = "\(core) (\(representation))" + (caveats.isEmpty ? "" : "; " + caveats.joined(separator: "; "))
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
