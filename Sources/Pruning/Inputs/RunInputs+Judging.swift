// Inputs to judge a refitted network on.

import NeuralNetworks
import RandomNumbers

extension RunInputs {
    /// What a refitted network is judged on.
    enum Judge: Sendable {
        /// Inputs of the user that the fit does not see.
        case heldOut(ActivationTensor)
        /// Images that the batch normalizations recognize, drawn as those of the fit and not among them.
        case recognized(ActivationTensor)
        /// Inputs of another kind than those of the fit, and whether classes agree on data as often as on them at least.
        case otherKind(ActivationTensor, boundsAgreement: Bool)
        /// Inputs drawn as those of the fit, which may be far from data: they show whether the fit fails even there, and nothing else.
        case sameKind(ActivationTensor)
        /// There are no others.
        case none
    }

    /// Inputs drawn afresh.
    private static let freshCount = 1024
    /// The same where a pass costs more than that of a chain, and the share of the work that this may take.
    private static let sameKindCounts = 32...1024
    private static let sameKindShare = 0.125

    /// Inputs drawn as those of the fit and not among them.
    static func sameKind(_ run: PruningRun, draw: (Int, inout SeededGenerator) -> ActivationTensor) -> Judge {
        var generator = SeededGenerator(seed: run.settings.seed).stream(.agreement)
        return .sameKind(draw(run.workBudget.inputs(sameKindCounts, passes: 2, share: sameKindShare), &generator))
    }

    /// What to judge on; draws of a distribution that climbed towards classes are judged on draws that did not.
    func judge(_ run: PruningRun) throws(PruningError) -> Judge {
        guard let chain else { return unseen }
        switch provenance {
        case .ascended(_, let prior):
            let plain = try drawn(try chain.moments(of: prior, for: run), strength: 0, run)
            return plain.map { .otherKind($0, boundsAgreement: true) } ?? .none
        case .gaussianSamples(_, let prior):
            return try drawn(try chain.moments(of: prior, for: run), strength: 0, run).map(Judge.sameKind) ?? .none
        default: return unseen
        }
    }

    /// Inputs on which two refits are compared; `nil` where none can be had.
    ///
    /// Distributions are drawn from anew, so that the fit is not judged on what it has seen; images are used as they are.
    func judging(_ run: PruningRun) throws(PruningError) -> ActivationTensor? {
        switch (content, provenance) {
        case (.gaussian(let prior), _): return try drawn(prior, strength: 0, run)
        case (.samples(let samples), .ascended(_, let prior)):
            guard let chain else { return samples }
            return try drawn(try chain.moments(of: prior, for: run), strength: AscendedSamples.Settings().strength, run)
        default: return likeTheFit
        }
    }

    /// Samples of the fit, mixtures of the user's inputs excepted; `nil` without any.
    var likeTheFit: ActivationTensor? {
        guard case .samples(let samples) = content else { return nil }
        if case .calibration(let images, _) = provenance { return samples.samples(0..<Swift.min(images, samples.batchCount)) }
        return samples
    }

    /// What learning takes in: samples of the fit, and others of their kind where they can be drawn.
    var learned: ActivationTensor? {
        guard let samples = likeTheFit, let others = others?() else { return likeTheFit }
        return samples.followed(by: others)
    }

    /// Inputs that judge what is learned: those of the user that the fit has not seen, on which its error is not known too small. Drawn
    /// ones come with others that it has not seen either.
    var judges: [ActivationTensor] { if case .heldOut(let inputs) = unseen { [inputs] } else { [] } }

    private func drawn(_ prior: ActivationMoments, strength: Double, _ run: PruningRun) throws(PruningError) -> ActivationTensor? {
        var generator = SeededGenerator(seed: run.settings.seed).stream(.agreement)
        return try chain?.samples(of: prior, count: RunInputs.freshCount, strength: strength, for: run, using: &generator)
    }

    /// A trained network is sure of its data. Images that climbed towards classes are answered as surely; images matched to batch
    /// normalizations alone also lie between classes, where small errors change answers that no data would ask for.
    var liesBetweenClasses: Bool { if case .matchedImages = provenance { true } else { false } }
}
