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
    /// Outputs are compared after the mean of each sample's is taken away: classes do not change with it.
    private let isCentered: Bool

    init(of original: MaskedNetwork, from frontier: ActivationFrontier, isCentered: Bool = false) throws(PruningError) {
        self.isCentered = isCentered
        let outputs = original.network.comparableOutputs
        self.outputs = outputs
        var collected = [[Float]](repeating: [], count: outputs.count)
        try frontier.forEachBatch(in: original, observing: outputs) { _, seen in
            for (o, output) in outputs.enumerated() { collected[o].append(contentsOf: seen[output]?.values ?? []) }
        }
        if isCentered { collected = collected.map { ExactOutputs.centered($0, samples: frontier.batchCount) } }
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
                let own =
                    isCentered ? ExactOutputs.centered(approximation.values, samples: approximation.batchCount) : approximation.values
                for (k, value) in own.enumerated() {
                    let difference = Double(values[o][first[o] + k]) - Double(value)
                    error += difference * difference
                }
                first[o] += approximation.values.count
            }
        }
        return spread > 0 && error.isFinite ? error / spread : nil
    }

    /// Values without the mean of each sample's; single values stay.
    private static func centered(_ values: [Float], samples: Int) -> [Float] {
        let size = values.count / Swift.max(1, samples)
        guard size > 1 else { return values }
        var result = values
        for first in stride(from: 0, to: values.count, by: size) {
            let mean = Float(values[first..<first + size].reduce(0.0) { $0 + Double($1) } / Double(size))
            for k in first..<first + size { result[k] -= mean }
        }
        return result
    }
}
