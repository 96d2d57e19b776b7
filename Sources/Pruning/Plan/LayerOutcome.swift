// What happened in one group of a plan.

import NeuralNetworks

/// What happened in one group. Numbers that were not computed are absent.
public struct LayerOutcome: Sendable, Equatable, Codable {
    /// Group name.
    public var name: String
    /// Channels before.
    public var before: Int
    /// Channels that stay, 1 … `before`.
    public var after: Int
    /// What was done.
    public var treatment: Treatment
    /// E‖z − ẑ‖²/E‖z − E z‖² of what the consumers read, under the input model.
    public var relativeError: Double?
    /// What the geometry proves about the kept channels.
    public var guarantee: ChannelGuarantee
    /// What a budget was allocated by, at every kept count: predicted error, relative to the variance, when this group alone is cut;
    /// of the network's outputs where there were inputs to evaluate on, else of what the group's consumers compute.
    public var errorCurve: [CurvePoint]?
    /// Ranking, choosing and refitting.
    public var seconds: Double

    /// What was done to a group.
    public enum Treatment: Sendable, Equatable, Codable {
        case whole
        case cut(selection: Selection, reweighting: Reweighting, inputs: InputModel)
    }

    /// Predicted error when `kept` channels stay.
    public struct CurvePoint: Sendable, Equatable, Codable {
        /// Number of channels that stay.
        public var kept: Int
        /// Relative error, at least 0.
        public var error: Double
    }

    /// - Parameter positions: positions that stay, per parameter and axis.
    init(
        _ outcome: GroupOutcome, _ ranked: RankedGroup, guarantee: ChannelGuarantee, curve: [Double]?, inputs: InputModel,
        rankingSeconds: Double, positions: [String: [Int: [Int]]]
    ) {
        name = ranked.name
        before = ranked.count
        after = outcome.kept.count
        self.guarantee = guarantee
        if after == before {
            treatment = .whole
            relativeError = !ranked.hasProblem && outcome.reweighting != .sequential ? nil : 0
        } else {
            treatment = .cut(selection: ranked.rule, reweighting: outcome.reweighting, inputs: inputs)
        }
        let parts = outcome.errors.map {
            $0.relative(keptOutputs: positions[$0.consumer.layer.weight]?[$0.consumer.outputAxis]?.flatMap($0.consumer.outputs))
        }
        if let share = relativeShare(parts.map(\.error), of: parts.map(\.energy)) { relativeError = share }
        errorCurve = curve.map { $0.enumerated().map { CurvePoint(kept: $0, error: $1) } }
        seconds = outcome.seconds + rankingSeconds
    }
}
