// Inputs of networks on vectors that are no chain of dense layers: policies with several heads, recurrent cells with their states,
// anything whose inputs were packed into one vector.
//
// Values are drawn independently and Gaussian, with the mean and deviation that the network itself normalizes away; without a
// normalizer and without a declaration with mean 0 and deviation 1, which is what observations are brought to before a network reads
// them. Values of a part that only rows of a table can follow are no such vector.

import NeuralNetworks
import RandomNumbers
import TensorFiles

/// Mean and deviation of every value of a network's only input.
struct VectorDrawing: Sendable {
    /// Inputs that are drawn when nothing else is set: with a dozen and more for every regressor of usual policies.
    private static let sampleCount = 4096

    private let shape: [Int]
    private let mean: [Float]
    private let deviation: [Float]
    /// Whether the network or the user says what all values look like.
    let isDeclared: Bool
    let prior: InputPrior

    /// Values of one input.
    var size: Int { mean.count }

    /// `nil` unless the network's only input is a vector of known size that no embedding reads.
    init?(_ run: PruningRun) {
        let network = run.network
        guard network.inputs.count == 1, let shape = network.values[network.inputs[0]].shape, shape.count == 1, shape[0] > 0,
            TokenDrawing(network) == nil,
            !network.nodes.contains(where: { if case .embedding = $0.layer { true } else { false } })
        else { return nil }
        let settings = run.settings
        let isNormalized = !settings.inputShift.isEmpty || !settings.inputScale.isEmpty
        var (mean, deviation) = ([Float](repeating: 0, count: shape[0]), [Float](repeating: 1, count: shape[0]))
        var isDeclared = true
        if settings.inputPrior?.hasNoMarginals == false, case let declared = run.prior.prior, [1, shape[0]].contains(declared.mean.count),
            [1, shape[0]].contains(declared.deviation.count)
        {
            for i in mean.indices {
                mean[i] = Float(declared.mean[declared.mean.count == 1 ? 0 : i])
                deviation[i] = Float(declared.deviation[declared.deviation.count == 1 ? 0 : i])
            }
        } else if !isNormalized {
            for (value, range) in network.inputParts(of: shape[0]) {
                guard let normalizer = InputNormalizer(of: value, in: network) else {
                    isDeclared = false
                    continue
                }
                for i in range {
                    let (m, d) = normalizer.statistics(at: i - range.lowerBound)
                    (mean[i], deviation[i]) = (Float(m), Float(d))
                }
            }
        }
        (self.shape, self.mean, self.deviation, self.isDeclared) = (shape, mean, deviation, isDeclared)
        prior = settings.inputPrior?.hasNoMarginals == false ? run.prior.prior : .standard
    }

    /// Draws inputs, (count, values).
    func samples(count: Int, using generator: inout SeededGenerator) -> ActivationTensor {
        var values: [Float] = []
        values.reserveCapacity(count * mean.count)
        for _ in 0..<count {
            for i in mean.indices { values.append(mean[i] + deviation[i] * Float(generator.normal())) }
        }
        return ActivationTensor(shape: [count] + shape, values: values)
    }

    /// As many as the effort pays for and memory holds.
    static func count(_ run: PruningRun, size: Int) -> Int {
        let budget = run.workBudget
        return run.settings.sampleCount ?? Swift.min(sampleCount, budget.affordableInputs, budget.inputs(ofSize: size))
    }
}

extension Network {
    /// The parts that a packed input is cut into, as values with their own shapes and where they lie; the input itself where it is one.
    fileprivate func inputParts(of count: Int) -> [(value: ValueID, range: Range<Int>)] {
        var parts: [(value: ValueID, range: Range<Int>)] = []
        for node in nodes where node.inputs.contains(inputs[0]) {
            guard case .slice(let ranges) = node.layer, ranges.count == 2, ranges[1].step == 1,
                0 <= ranges[1].start, ranges[1].start < ranges[1].end, ranges[1].end <= count
            else { return [(inputs[0], 0..<count)] }
            parts.append((node.outputs[0], ranges[1].start..<ranges[1].end))
        }
        return parts
    }
}

extension RunInputs {
    /// Gaussian vectors.
    static func vectors(_ drawing: VectorDrawing, for run: PruningRun) -> RunInputs {
        var generator = SeededGenerator(seed: run.settings.seed)
        let count = VectorDrawing.count(run, size: run.inputShape?.reduce(1, *) ?? 1)
        return RunInputs(
            .samples(drawing.samples(count: count, using: &generator)), .gaussianSamples(samples: count, prior: drawing.prior),
            chain: nil, warnings: drawing.isDeclared ? [] : [.assumedStandard],
            unseen: sameKind(run) { drawing.samples(count: $0, using: &$1) }, others: others(drawing, beside: count, for: run))
    }

    /// Draws that learning sees beside those of the fit: as many as it takes steps for, and memory holds.
    private static func others(
        _ drawing: VectorDrawing, beside count: Int, for run: PruningRun
    ) -> (@Sendable () -> ActivationTensor?)? {
        guard run.settings.learning != nil else { return nil }
        let number = LearningSettings.mostInputs(ofSize: drawing.size, run) - count
        guard number > 0 else { return nil }
        return { [seed = run.settings.seed] in
            var generator = SeededGenerator(seed: seed).stream(.learnedImages)
            return drawing.samples(count: number, using: &generator)
        }
    }
}
