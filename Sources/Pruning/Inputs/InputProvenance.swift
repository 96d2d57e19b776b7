// Where the inputs of a run come from, as a value: stored in the plan, put into words by the report.

/// What stands behind the moments of a run.
public enum InputProvenance: Sendable, Equatable, Codable {
    /// Images that the user gave, and mixtures of two of them.
    case calibration(images: Int, mixtures: Int)
    /// Gaussian inputs; moments by formula.
    case gaussian(prior: InputPrior)
    /// Samples of Gaussian inputs, as they are.
    case gaussianSamples(samples: Int, prior: InputPrior)
    /// Samples of Gaussian inputs, moved uphill on the probability of a class.
    case ascended(samples: Int, prior: InputPrior)
    /// Gaussian channels with the means and deviations that batch normalizations store.
    case normalized(prior: InputPrior)
    /// Images drawn by a process; `matching` when they were moved towards the stored batch statistics.
    case matchedImages(images: Int, process: ImageProcess, convention: PixelConvention, prior: InputPrior, matching: Matching?)
    /// Images of declared pixel statistics, which climbed towards the network's classes where it has any.
    case fieldImages(images: Int, prior: InputPrior, isAscended: Bool)
    /// Crops of photographs, as they are.
    case photographs(images: Int, convention: PixelConvention)
    /// Sequences of tokens, drawn uniformly from the tables that the network looks them up in.
    case tokens(sequences: Int)
    /// Nothing is known.
    case none(PruningWarning.NoInputs)

    /// How images are drawn.
    public enum ImageProcess: String, Sendable, Codable {
        case deadLeaves, field, photographs
    }

    /// Steps towards the statistics that batch normalizations store, and the mismatch before and after them: the mean over layers
    /// and channels of Huber's function of the shift and the stretch of what they read, in stored deviations.
    public struct Matching: Sendable, Equatable, Codable {
        /// Steps taken.
        public var steps: Int
        /// Mismatch before the first step: Σ over layers of the mean divergence, at least 0.
        public var before: Double
        /// Mismatch before the last step.
        public var after: Double
        /// Whether the images as moved are used; a mismatch that rose is a failure, and the images are used as drawn.
        public var isUsed: Bool

        package init(steps: Int, before: Double, after: Double, isUsed: Bool) {
            (self.steps, self.before, self.after, self.isUsed) = (steps, before, after, isUsed)
        }
    }

    /// The model that the inputs follow; `auto` without any.
    public var model: InputModel {
        switch self {
        case .calibration: .calibration
        case .gaussian, .gaussianSamples: .gaussian
        case .ascended: .ascended
        case .normalized: .batchNorm
        case .matchedImages, .fieldImages, .photographs, .tokens: .synthetic
        case .none: .auto
        }
    }

    /// Whether the inputs are the user's own data.
    public var isMeasured: Bool { if case .calibration = self { true } else { false } }
}
