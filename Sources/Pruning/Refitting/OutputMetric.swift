// Which errors of what a consumer computes count in the choice of its channels.
//
// Every output counts by the batch normalization behind it (a of OutputPath), and not at all when nobody will read it. Where the
// network is a chain of affine maps the slopes behind are known, too: DenseChain+OutputSensitivity gives their mean square G, and
// targets are weighted with
//   M = ½·G/(tr G/q) + ½·I                                                                                (1)
// Half of the weight goes to what the outputs see now; the other half keeps the rest alive, because the network behind will be
// refitted to what it then reads, and because G knows slopes only. The fit itself needs no weighting: without a ridge, least squares
// is optimal for every target at once.

import LinearAlgebra
import NeuralNetworks

/// Weights of the targets of a site's choice.
struct OutputMetric: Sendable {
    private let chain: DenseChain?
    private let samples: ActivationTensor

    init(_ inputs: RunInputs, on samples: ActivationTensor) {
        (chain, self.samples) = (inputs.chain, samples)
    }

    /// L with L·Lᵀ = M of (1), q×q: z → Lᵀz turns the quadratic form into a sum of squares; `nil` where no slopes are known.
    func factor(behind consumer: Consumer) throws(PruningError) -> Matrix? {
        guard let chain, let stage = chain.stages.firstIndex(where: { $0.parameter == consumer.layer.weight }),
            stage < chain.stages.count - 1, chain.stages[stage].outputs == consumer.outputCount, samples.sampleSize == chain.inputCount
        else { return nil }
        var metric = chain.outputSensitivity(ofStage: stage, inputs: samples.values, count: samples.batchCount)
        let mean = metric.diagonal.reduce(0, +) / Double(metric.rows)
        guard mean > 0, mean.isFinite else { return nil }
        for k in metric.elements.indices { metric.elements[k] *= 0.5 / mean }
        for k in 0..<metric.rows { metric[k, k] += 0.5 }
        do { return try Cholesky(metric).factor } catch { throw .factorization(error, layer: consumer.name) }
    }
}
