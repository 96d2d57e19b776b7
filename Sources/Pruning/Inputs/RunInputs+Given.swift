// Images of the user.

import NeuralNetworks
import RandomNumbers

extension RunInputs {
    /// Values of all given inputs and their mixtures, a quarter of a gigabyte.
    private static let mixedValues = 1 << 26

    /// Given images; for a chain of dense layers, refitted in forward order, with mixtures of two.
    static func given(_ calibration: ActivationTensor, chain: DenseChain?, for run: PruningRun) throws(PruningError) -> RunInputs {
        if let index = calibration.values.firstIndex(where: { !$0.isFinite }) { throw .nonFiniteData(index: index) }
        guard calibration.batchCount >= 2 else { throw .tooFewInputs(expected: 2, found: calibration.batchCount) }
        var inputs = calibration
        if let chain, run.settings.reweighting == .sequential {
            var generator = SeededGenerator(seed: run.settings.seed).stream(.mixtures)
            let affordable = Swift.min(chain.affordableSamples, mixedValues / Swift.max(1, calibration.sampleSize))
            inputs = calibration.mixed(upTo: run.settings.sampleCount ?? affordable, using: &generator)
        }
        return RunInputs(
            .samples(inputs),
            .calibration(images: calibration.batchCount, mixtures: inputs.batchCount - calibration.batchCount), chain: chain)
    }
}
