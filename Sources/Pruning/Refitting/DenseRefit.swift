// Sequential refits of a chain of dense layers.

import LinearAlgebra
import NeuralNetworks
import RandomNumbers

/// A chain pruned layer by layer.
struct DenseRefit: Sendable {
    private(set) var masked: MaskedNetwork
    private let original: Network
    private let chain: DenseChain
    private let relativeRidge: Double

    init(_ chain: DenseChain, _ inputs: RunInputs, _ run: PruningRun) {
        masked = MaskedNetwork(run.network, statistics: inputs.statistics)
        original = run.network
        self.chain = chain
        relativeRidge = inputs.relativeRidge(run.settings)
    }

    mutating func cut(
        _ ranked: RankedGroup, keeping m: Int, _ samples: ActivationTensor, _ run: PruningRun
    ) throws(PruningError) -> GroupOutcome {
        try run.begin(.refit(consumer: ranked.index))
        let (outcome, seconds) = try run.timed { () throws(PruningError) in try cut(ranked, keeping: m, samples) }
        var result = outcome
        result.seconds = seconds
        return result
    }

    private mutating func cut(
        _ ranked: RankedGroup, keeping m: Int, _ samples: ActivationTensor
    ) throws(PruningError) -> GroupOutcome {
        let n = ranked.count
        guard m < n, let consumer = ranked.consumers.first else {
            return GroupOutcome(kept: Array(0..<n), reweighting: .sequential, errors: [], seconds: 0)
        }
        let problem = try measured(consumer, channels: n, samples)
        var kept = try ranked.rule.usesMoments ? [] : ranked.choice(keeping: m).kept
        let fit: Reconstruction.Fit
        do {
            if ranked.rule.usesMoments {
                let choice = try weightedForSelection(problem, consumer: consumer, inputs: samples)
                if ranked.rule == .greedy {
                    kept = ForwardSelection(choice, count: m).order.sorted()
                } else {
                    let removed = Set(try BackwardElimination(choice, remaining: m).order)
                    kept = (0..<n).filter { !removed.contains($0) }
                }
            }
            fit = try problem.fit(kept)
        } catch {
            throw .factorization(error, layer: ranked.name)
        }
        masked.scatter(fit.weights, rowOffset: 0, to: consumer, kept: kept, channels: n)
        masked.setConstants(fit.offset, of: consumer)
        return GroupOutcome(
            kept: kept, reweighting: .sequential, errors: [ConsumerErrors(consumer: consumer, errors: fit.errors, energies: fit.energies)],
            seconds: 0)
    }

    private func measured(_ consumer: Consumer, channels: Int, _ samples: ActivationTensor) throws(PruningError) -> Reconstruction {
        let (input, output) = (consumer.layer.input, consumer.layer.output)
        var accumulator = MomentAccumulator(channels: channels, targets: consumer.outputCount)
        var generator = SeededGenerator(seed: 0)
        let (whole, pruned) = (
            try ActivationStream(original, observing: [output]), try ActivationStream(masked.network, observing: [input])
        )
        for batch in stride(from: 0, to: samples.batchCount, by: 64).map({ $0..<Swift.min($0 + 64, samples.batchCount) }) {
            guard let h = try pruned(samples, samples: batch)[input], let z = try whole(samples, samples: batch)[output] else { continue }
            let layout = ChannelLayout(z.shape, isLinear: true)
            accumulator.add(
                consumer.samples(h, channels: channels, using: &generator),
                targets: Matrix(rows: layout.channels, columns: layout.samples) { c, s in
                    Double(z.values[layout.base(ofSample: s) + c * layout.stride])
                })
        }
        return accumulator.reconstruction(relativeRidge: relativeRidge, hasIntercept: consumer.hasConstant)
    }

    /// The refit problem with its targets weighted by (2), for choosing channels; unchanged where the network is no chain.
    private func weightedForSelection(
        _ problem: Reconstruction, consumer: Consumer, inputs: ActivationTensor
    ) throws(FactorizationError) -> Reconstruction {
        guard let stage = chain.stages.firstIndex(where: { $0.parameter == consumer.layer.weight }),
            stage < chain.stages.count - 1, chain.stages[stage].outputs == problem.cross.columns,
            inputs.sampleSize == chain.inputCount
        else { return problem }
        var metric = chain.outputSensitivity(ofStage: stage, inputs: inputs.values, count: inputs.batchCount)
        let mean = metric.diagonal.reduce(0, +) / Double(metric.rows)
        guard mean > 0, mean.isFinite else { return problem }
        for k in metric.elements.indices { metric.elements[k] *= 0.5 / mean }
        for k in 0..<metric.rows { metric[k, k] += 0.5 }
        var weighted = problem
        // z → Lᵀz with L·Lᵀ the metric turns its quadratic form into a sum of squares.
        weighted.cross = problem.cross.times(try Cholesky(metric).factor)
        return weighted
    }
}
