// How often the pruned network will answer as the original does, without a label: agreement on inputs of the model.
//
// A trained network is sure of its data. Images that climbed towards classes are answered as surely; images matched to batch
// normalizations alone also lie between classes, where small errors change answers that no data would ask for. They count by how
// far the original's largest output lies above the second.

import Coresets
import NeuralNetworks
import RandomNumbers

extension Pruner {
    /// Inputs drawn afresh to predict agreement on.
    private static let freshCount = 1024

    /// Share of inputs on which both networks have the same largest output; `nil` without inputs or with a single output.
    ///
    /// Sampling models draw anew, so that the fit is not judged on what it has seen; calibration images are used as they are.
    func predictedAgreement(
        _ pruned: Network, source: InputSource, description: InputSource.Description
    ) throws(PruningError) -> Double? {
        let inputs: ActivationTensor
        switch (source, description.model) {
        case (.nothing, _), (.normalized, _): return nil
        case (.gaussian(let prior), _): inputs = try drawn(prior, strength: 0)
        case (.samples, .ascended): inputs = try drawn(try gaussianPrior().moments, strength: AscendedSamples.Settings().strength)
        case (.samples(let samples), _): inputs = description.given.map { samples.samples(0..<$0) } ?? samples
        }
        let weighsByMargin = description.model == .synthetic && !description.statistics.isEmpty
        var (same, total) = (0.0, 0.0)
        do {
            let (before, after) = (try Evaluator(network), try Evaluator(pruned))
            for first in stride(from: 0, to: inputs.batchCount, by: Pruner.streamingBatch) {
                let samples = first..<Swift.min(first + Pruner.streamingBatch, inputs.batchCount)
                guard let a = try before.forward([inputs], samples: samples).observed.first,
                    let b = try after.forward([inputs], samples: samples).observed.first, a.sampleSize > 1
                else { return nil }
                for n in 0..<samples.count {
                    let (answer, margin) = Pruner.largest(a, n)
                    let weight = weighsByMargin ? Double(margin.isFinite ? margin : 0) : 1
                    total += weight
                    if answer == Pruner.largest(b, n).index { same += weight }
                }
            }
        } catch {
            throw .evaluation("\(error)")
        }
        return total > 0 ? same / total : nil
    }

    private func drawn(_ prior: ActivationMoments, strength: Double) throws(PruningError) -> ActivationTensor {
        guard let chain else { throw .unsupported(what: "drawing inputs", needs: "a chain of linear layers") }
        var generator = SeededGenerator(seed: settings.seed).stream(.agreement)
        return try sampledInputs(chain, prior, count: Pruner.freshCount, strength: strength, using: &generator)
    }

    /// Index of the largest output of one sample, lowest among equals, and how far it lies above the next.
    private static func largest(_ tensor: ActivationTensor, _ sample: Int) -> (index: Int, margin: Float) {
        let outputs = tensor.values[sample * tensor.sampleSize..<(sample + 1) * tensor.sampleSize]
        var (index, largest, second) = (0, -Float.infinity, -Float.infinity)
        for (k, value) in outputs.enumerated() {
            if value > largest {
                (index, largest, second) = (k, value, largest)
            } else {
                second = Swift.max(second, value)
            }
        }
        return (index, largest - second)
    }
}
