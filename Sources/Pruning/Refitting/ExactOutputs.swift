// Outputs of the original network, and how far another network's are from them.

import NeuralNetworks

/// What the original network answers on a set of inputs, to compare others with.
struct ExactOutputs: Sendable {
    /// Relative error below which Float rounding in the outputs drowns what a comparison would show.
    static let leastProbedError = 1e-6

    let outputs: [Network.ValueID]
    /// Per output of the network: all samples, one after the other.
    private var values: [[Float]]
    /// Σ‖y − E y‖² over all samples and outputs.
    private var spread = 0.0

    init(of original: MaskedNetwork, from frontier: ActivationFrontier) throws(PruningError) {
        let outputs = original.network.outputs
        self.outputs = outputs
        var collected = [[Float]](repeating: [], count: outputs.count)
        try frontier.forEachBatch(in: original, observing: outputs) { _, seen in
            for (o, output) in outputs.enumerated() { collected[o].append(contentsOf: seen[output]?.values ?? []) }
        }
        values = collected
        for all in values {
            let size = all.count / Swift.max(1, frontier.batchCount)
            for k in 0..<size {
                let column = stride(from: k, to: all.count, by: size).map { Double(all[$0]) }
                let mean = column.reduce(0, +) / Double(column.count)
                spread += column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            }
        }
    }

    /// E‖y − ŷ‖²/E‖y − E y‖² of another network from the same cut on; `nil` when the outputs do not vary or the error overflows.
    func relativeError(of masked: MaskedNetwork, from frontier: ActivationFrontier) throws(PruningError) -> Double? {
        var error = 0.0
        var first = [Int](repeating: 0, count: outputs.count)
        try frontier.forEachBatch(in: masked, observing: outputs) { _, seen in
            for (o, output) in outputs.enumerated() {
                guard let approximation = seen[output] else { continue }
                for (k, value) in approximation.values.enumerated() {
                    let difference = Double(values[o][first[o] + k]) - Double(value)
                    error += difference * difference
                }
                first[o] += approximation.values.count
            }
        }
        return spread > 0 && error.isFinite ? error / spread : nil
    }
}
