// Inputs to judge a refitted network on.

import NeuralNetworks
import RandomNumbers

extension RunInputs {
    /// Inputs drawn afresh.
    private static let freshCount = 1024

    /// Inputs on which both networks are asked for their answers; `nil` where none can be had.
    ///
    /// Distributions are drawn from anew, so that the fit is not judged on what it has seen; images are used as they are.
    func judging(_ run: PruningRun) throws(PruningError) -> ActivationTensor? {
        switch (content, provenance) {
        case (.nothing, _), (.normalized, _): return nil
        case (.gaussian(let prior), _): return try drawn(prior, strength: 0, run)
        case (.samples(let samples), .ascended(_, let prior)):
            guard let chain else { return samples }
            return try drawn(try chain.moments(of: prior, for: run), strength: AscendedSamples.Settings().strength, run)
        case (.samples(let samples), .calibration(let images, _)): return samples.samples(0..<images)
        case (.samples(let samples), _): return samples
        }
    }

    private func drawn(_ prior: ActivationMoments, strength: Double, _ run: PruningRun) throws(PruningError) -> ActivationTensor? {
        var generator = SeededGenerator(seed: run.settings.seed).stream(.agreement)
        return try chain?.samples(of: prior, count: RunInputs.freshCount, strength: strength, for: run, using: &generator)
    }

    /// A trained network is sure of its data. Images that climbed towards classes are answered as surely; images matched to batch
    /// normalizations alone also lie between classes, where small errors change answers that no data would ask for.
    var liesBetweenClasses: Bool { if case .matchedImages = provenance { !statistics.isEmpty } else { false } }
}
