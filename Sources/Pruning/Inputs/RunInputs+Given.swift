// Images of the user.

import NeuralNetworks
import RandomNumbers

extension RunInputs {
    /// Values of all given inputs and their mixtures, a quarter of a gigabyte.
    private static let mixedValues = 1 << 26

    /// Given images; for a chain of dense layers, refitted in forward order, with mixtures of two.
    static func given(
        _ calibration: consuming ActivationTensor, chain: DenseChain?, for run: PruningRun
    ) throws(PruningError) -> RunInputs {
        if let index = calibration.values.firstIndex(where: { !$0.isFinite }) { throw .nonFiniteData(index: index) }
        // What is held out must not be what was fitted.
        let distinct = ActivationTensor.distinctSamples(of: [copy calibration])
        guard distinct.count >= 2 else { throw .tooFewInputs(expected: 2, found: distinct.count) }
        let given = calibration.batchCount
        let repeats = given - distinct.count
        let inputs = repeats > 0 ? calibration.rows(distinct) : calibration
        let found = if let chain { rows(inputs, chain, for: run) } else { images(inputs, for: run) }
        guard repeats > 0 else { return found }
        return RunInputs(
            found.content, found.provenance, chain: chain,
            warnings: found.warnings + [.inputsRepeated(distinct: distinct.count, given: given)], unseen: found.unseen)
    }

    /// Given inputs of a chain of dense layers, and mixtures of two.
    private static func rows(_ calibration: consuming ActivationTensor, _ chain: DenseChain, for run: PruningRun) -> RunInputs {
        let unseen = heldOutCount(of: calibration.batchCount)
        let seen = calibration.samples(0..<calibration.batchCount - unseen)
        var inputs = seen
        if run.settings.reweighting == .sequential {
            var generator = SeededGenerator(seed: run.settings.seed).stream(.mixtures)
            let affordable = Swift.min(chain.affordableSamples, mixedValues / Swift.max(1, calibration.sampleSize))
            inputs = seen.mixed(upTo: run.settings.sampleCount ?? affordable, using: &generator)
        }
        return RunInputs(
            .samples(inputs),
            .calibration(images: seen.batchCount, mixtures: inputs.batchCount - seen.batchCount), chain: chain,
            unseen: unseen > 0 ? .heldOut(calibration.samples(seen.batchCount..<calibration.batchCount)) : .none)
    }

    /// Given images in random order, so that the first of them stand for all: folders are sorted by class. As many as the effort pays for.
    private static func images(_ calibration: consuming ActivationTensor, for run: PruningRun) -> RunInputs {
        let given = calibration.batchCount
        var generator = SeededGenerator(seed: run.settings.seed).stream(.inputOrder)
        let order = (0..<given).shuffled(using: &generator)
        let unseen = heldOutCount(of: given)
        let used = Swift.min(given - unseen, run.workBudget.affordableInputs)
        return RunInputs(
            .samples(calibration.rows(Array(order.prefix(used)))), .calibration(images: used, mixtures: 0), chain: nil,
            warnings: used < given - unseen
                ? [.inputsLeftOut(used: used + unseen, given: given, effort: run.settings.effort)] : [],
            unseen: unseen > 0 ? .heldOut(calibration.rows(Array(order.suffix(unseen)))) : .none)
    }

    /// Inputs that the fit does not see: a twelfth, at least 16 to know the share of changed answers to some five points
    /// (AnswerComparison); none of fewer than 64, where the fit needs them more.
    private static func heldOutCount(of count: Int) -> Int { count < 64 ? 0 : Swift.max(16, count / 12) }
}
