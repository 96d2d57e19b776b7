// Where inputs come from, in words.

extension InputProvenance: CustomStringConvertible {
    /// One phrase.
    public var description: String {
        switch self {
        case .calibration(let images, let mixtures):
            "\(images) calibration images" + (mixtures > 0 ? " and \(mixtures) mixtures of two" : "")
        case .gaussian(let prior): "Gaussian inputs, \(prior.phrase)"
        case .ascended(let samples, let prior): "\(samples) class-ascended samples of Gaussian inputs, \(prior.phrase)"
        case .normalized(let prior):
            "Gaussian channels with the means and deviations that batch normalizations store, pixels of \(prior.marginals)"
        case .matchedImages(let images, let process, let prior, let matching):
            "\(images) synthetic \(process == .deadLeaves ? "dead-leaves images" : "images") of \(prior.marginals)"
                + (matching.map {
                    ", moved \($0.steps) steps towards the batch-normalization statistics (mismatch \(Decimal.fixed($0.before, 2)) → \(Decimal.fixed($0.after, 2)))"
                } ?? "") + ", batch normalizations fitted under the images' own statistics"
        case .fieldImages(let images, let prior, let isAscended):
            "\(images) synthetic \(isAscended ? "class-ascended " : "")images of \(prior.marginals), correlation \(prior.correlation)^distance"
        case .none(.notEvaluable): "some of this network's operations cannot be evaluated"
        case .none(.noModelFits): "no input model fits this network"
        case .none(.notNeeded): "nothing here is chosen by inputs, none are drawn"
        }
    }

    /// What an agreement of both networks is counted on.
    public var judgingPhrase: String {
        switch self {
        case .calibration: "the calibration images it was fitted on"
        case .gaussian, .ascended: "inputs drawn afresh from that model"
        case .normalized, .matchedImages, .fieldImages: "the synthetic images it was fitted on"
        case .none: "no inputs"
        }
    }
}

extension InputPrior {
    fileprivate var marginals: String { "mean \(Decimal.short(mean)), deviation \(Decimal.short(deviation))" }

    fileprivate var phrase: String {
        "\(marginals), correlation \(correlation)^distance" + (scalesByColumnNorms ? ", scaled by the first layer's column norms" : "")
    }
}
