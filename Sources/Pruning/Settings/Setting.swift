// The names of settings, for messages about them.

/// A field of ``PruningSettings`` (or an argument beside it) as errors and warnings name it.
///
/// A caller with other names for them, such as command-line flags, puts its own in place: `PruningError.message(naming:)`.
public enum Setting: String, Sendable, Codable, CaseIterable {
    case keep = "budget.keep"
    case neurons = "budget.neurons"
    case parameters = "budget.parameters"
    case multiplyAdds = "budget.multiplyAdds"
    case layerRatios, excludedNames, leastChannels, cutsResidualStreams, roundTo
    case points, rank, construction, selection, reweighting
    case inputModel, inputShape, inputShift, inputScale
    case inputMean = "inputPrior.mean"
    case inputDeviation = "inputPrior.deviation"
    case inputCorrelation = "inputPrior.correlation"
    case ridge, refitsClassifier, sampleCount, effort, memory, seed
    /// The inputs handed to ``Pruner/plan(calibration:observer:)``.
    case calibration
    case learningSteps = "learning.steps"
    case learningBatch = "learning.batch"
    case learningWork = "learning.work"
    case learningRate = "learning.rate"

    /// How a message names a setting.
    public typealias Naming = @Sendable (Setting) -> String

    /// The field's own name.
    public static let fieldName: Naming = { $0.rawValue }
}
