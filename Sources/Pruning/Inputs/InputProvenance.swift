// Where the inputs of a run come from, as a value: stored in the plan, put into words by the report.

/// What stands behind the moments of a run.
public enum InputProvenance: Sendable, Equatable, Codable {
    /// Images that the user gave, and mixtures of two of them.
    case calibration(images: Int, mixtures: Int)
    /// Gaussian inputs; moments by formula.
    case gaussian(prior: InputPrior)
    /// Samples of Gaussian inputs, moved uphill on the probability of a class.
    case ascended(samples: Int, prior: InputPrior)
    /// Gaussian channels with the means and deviations that batch normalizations store.
    case normalized(prior: InputPrior)
    /// Images drawn by a process, seen under batch statistics of their own; `matching` when they were moved towards the stored ones.
    case matchedImages(images: Int, process: ImageProcess, prior: InputPrior, matching: Matching?)
    /// Images of declared pixel statistics, which climbed towards the network's classes where it has any.
    case fieldImages(images: Int, prior: InputPrior, isAscended: Bool)
    /// Nothing is known.
    case none(PruningWarning.NoInputs)

    /// How images are drawn.
    public enum ImageProcess: String, Sendable, Codable {
        case deadLeaves, field
    }

    /// Steps towards the statistics that batch normalizations store, and the mismatch before and after them.
    public struct Matching: Sendable, Equatable, Codable {
        public var steps: Int
        public var before: Double
        public var after: Double

        package init(steps: Int, before: Double, after: Double) {
            (self.steps, self.before, self.after) = (steps, before, after)
        }
    }

    /// The model that the inputs follow; `auto` without any.
    public var model: InputModel {
        switch self {
        case .calibration: .calibration
        case .gaussian: .gaussian
        case .ascended: .ascended
        case .normalized: .batchNorm
        case .matchedImages, .fieldImages: .synthetic
        case .none: .auto
        }
    }

    /// Whether the inputs are the user's own data.
    public var isMeasured: Bool { if case .calibration = self { true } else { false } }
}
