// Forward passes whose bits do not depend on the number of threads.
//
// A product of matrices may round differently with another number of columns: the batch is cut at fixed places, and one thread
// evaluates each part.

import LinearAlgebra
import NeuralNetworks

extension Evaluator {
    private static var laneSamples: Int { 16 }

    /// The observed values of a batch, in the order in which they were asked for.
    func forwardInLanes(_ inputs: [ActivationTensor]) throws(NetworkError) -> [ActivationTensor] {
        let count = inputs.first?.batchCount ?? 0
        // Vectors are many and cheap.
        let length = inputs.reduce(0) { $0 + $1.sampleSize } > 1024 ? Evaluator.laneSamples : 16 * Evaluator.laneSamples
        let lanes = stride(from: 0, to: max(count, 1), by: length).map { $0..<min(count, $0 + length) }
        let parts = try BLASConfiguration.withSingleThread { () throws(NetworkError) in
            try BLASConfiguration.configuredTeam.map(lanes.count) { (lane) throws(NetworkError) in
                try forward(inputs, samples: lanes[lane], threads: 1)
            }
        }
        var result: [ActivationTensor] = []
        for seen in parts.map(\.observed) {
            guard !result.isEmpty else {
                result = seen
                continue
            }
            for (index, tensor) in seen.enumerated() {
                result[index] = ActivationTensor(
                    shape: [result[index].batchCount + tensor.batchCount] + tensor.sampleShape, values: result[index].values + tensor.values
                )
            }
        }
        return result
    }
}
