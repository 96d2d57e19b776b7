// Whether inputs tell a network anything: what it answers all alike says nothing of what its channels are worth.

import NeuralNetworks

extension RunInputs {
    /// Inputs that are looked at.
    private static let looked = 16
    /// Outputs that differ by less of their size differ by rounding.
    private static let leastSpread: Float = 1e-6

    /// The inputs, with a warning where the original answers those it is asked all alike.
    /// - Throws: `evaluation`.
    func withAnswersChecked(for run: PruningRun) throws(PruningError) -> RunInputs {
        guard let samples, run.network.inputs.count == 1, run.canCompareOutputs, samples.batchCount > 1 else { return self }
        let stream = try ActivationStream(run.network, meter: run.meter)
        let answers = try stream(
            samples, samples: 0..<Swift.min(RunInputs.looked, samples.batchCount, stream.batches(of: samples)[0].count))
        guard run.network.outputs.allSatisfy({ answers[$0].map(RunInputs.areAlike) ?? false }) else { return self }
        return RunInputs(
            content, provenance, chain: chain, warnings: warnings + [.answeredAlike], unseen: unseen, others: others)
    }

    private static func areAlike(_ answers: ActivationTensor) -> Bool {
        let (size, values) = (answers.sampleSize, answers.values)
        let largest = values.reduce(0) { Swift.max($0, $1.magnitude) }
        return answers.batchCount > 1 && values.indices.allSatisfy { (values[$0] - values[$0 % size]).magnitude <= leastSpread * largest }
    }
}
