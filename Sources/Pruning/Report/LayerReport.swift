// One row of a report.

/// What happened in one group and what was measured of it: flat, for tables and scripts. Numbers that were not computed are absent.
public struct LayerReport: Sendable, Equatable, Codable {
    /// Group name.
    public var name: String
    /// Channels before and after.
    public var before: Int
    public var after: Int
    /// Selection, reweighting and input model, in one phrase.
    public var method: String
    /// E‖z − ẑ‖²/E‖z − E z‖² of what the consumers read, under the input model.
    public var relativeErrorModel: Double?
    /// The same, measured on calibration or evaluation inputs through the pruned network.
    public var relativeErrorMeasured: Double?
    /// Proven ℓ∞ factor of the kept set in `representation`.
    public var provenFactor: Double?
    /// Why there is no proven factor.
    public var provenFactorAbsence: String?
    /// Representation of the channels as points, its rank, and the share of the energy the rank retains.
    public var representation: String
    public var rank: Int
    public var retainedEnergy: Double
    /// Rounds of peeling, total sensitivity, and Σ min(1, sᵢ).
    public var peels: Int?
    public var totalSensitivity: Double?
    public var cappedSensitivity: Double?
    /// Number of draws made, ε of the sampling bound (above 1 it promises nothing), and what it says in one sentence.
    public var draws: Int?
    public var samplingEpsilon: Double?
    public var samplingStatement: String?
    /// As `LayerOutcome.errorCurve`.
    public var errorCurve: [LayerOutcome.CurvePoint]?
    public var seconds: Double

    /// The row of an outcome.
    public init(_ outcome: LayerOutcome, measured: Double? = nil) {
        let guarantee = outcome.guarantee
        (name, before, after) = (outcome.name, outcome.before, outcome.after)
        method =
            switch outcome.treatment {
            case .whole: "kept whole"
            case .cut(let selection, let reweighting, let inputs): "\(selection.rawValue), \(reweighting.rawValue), \(inputs.rawValue)"
            }
        relativeErrorModel = outcome.relativeError
        relativeErrorMeasured = measured
        switch guarantee.factor {
        case .factor(let value): provenFactor = value
        case .none(let reason): provenFactorAbsence = reason
        }
        representation = guarantee.representation.rawValue
        (rank, retainedEnergy) = (guarantee.rank, guarantee.retainedEnergy)
        peels = guarantee.peeling?.peels
        totalSensitivity = guarantee.peeling?.total
        cappedSensitivity = guarantee.peeling?.capped
        draws = guarantee.sampling?.draws
        samplingEpsilon = guarantee.sampling?.epsilon
        samplingStatement = guarantee.sampling?.statement
        errorCurve = outcome.errorCurve
        seconds = outcome.seconds
    }
}
