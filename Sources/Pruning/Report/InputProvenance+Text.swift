// Where inputs come from, in words.

extension InputProvenance: CustomStringConvertible {
    /// One phrase.
    public var description: String {
        switch self {
        case .calibration(let images, let mixtures):
            "\(images) calibration images" + (mixtures > 0 ? " and \(mixtures) mixtures of two" : "")
        case .gaussian(let prior): "Gaussian inputs, \(prior.phrase)"
        case .gaussianSamples(let samples, let prior): "\(samples) samples of Gaussian inputs, \(prior.phrase)"
        case .ascended(let samples, let prior): "\(samples) class-ascended samples of Gaussian inputs, \(prior.phrase)"
        case .normalized(let prior):
            "Gaussian channels with the means and deviations that batch normalizations store, pixels of \(prior.marginals)"
        case .matchedImages(let images, let process, let convention, let prior, let matching):
            InputProvenance.phrase(images, process, convention, prior)
                + (matching.map { $0.isUsed ? $0.phrase : "" } ?? "")
        case .photographs(let images, let convention): "\(images) crops of photographs, \(convention.phrase)"
        case .fieldImages(let images, let prior, let isAscended):
            "\(images) synthetic \(isAscended ? "class-ascended " : "")images of \(prior.marginals), correlation \(prior.correlation)^distance"
        case .tokens(let sequences): "\(sequences) sequences of tokens drawn uniformly"
        case .none(.notEvaluable): "some of this network's operations cannot be evaluated"
        case .none(.noModelFits): "no input model fits this network"
        case .none(.notNeeded): "nothing here is chosen by inputs, none are drawn"
        }
    }
}

extension InputProvenance {
    private static func phrase(_ images: Int, _ process: ImageProcess, _ convention: PixelConvention, _ prior: InputPrior) -> String {
        switch process {
        case .photographs: "\(images) crops of photographs, \(convention.phrase)"
        case .deadLeaves: "\(images) synthetic dead-leaves images of \(prior.marginals)"
        case .field: "\(images) synthetic images of \(prior.marginals)"
        }
    }
}

extension InputProvenance.Matching {
    fileprivate var phrase: String {
        ", moved \(steps) steps towards the batch-normalization statistics (mismatch \(Decimal.fixed(before, 3)) → \(Decimal.fixed(after, 3)))"
    }
}

extension PixelConvention {
    /// How pixels are scaled, in words.
    public var phrase: String {
        switch self {
        case .declared: "scaled as declared"
        case .unit: "pixels of 0 to 1"
        case .symmetric: "pixels of −1 to 1"
        case .bytes: "pixels of 0 to 255"
        case .standardized: "pixels less ImageNet's mean, over its deviation"
        }
    }
}

extension InputPrior {
    fileprivate var marginals: String { "mean \(Decimal.short(mean)), deviation \(Decimal.short(deviation))" }

    fileprivate var phrase: String {
        (correlation == 0 ? "\(marginals), independent" : "\(marginals), correlation \(correlation)^distance")
            + (self == .standard ? ", behind the network's own normalization" : "")
            + (scalesByColumnNorms ? ", scaled by the first layer's column norms" : "")
    }
}
