// Forward passes whose bits do not depend on the number of threads.
//
// A product of matrices may round differently with another number of columns: the batch is cut at fixed places, and one thread
// evaluates each part.

import LinearAlgebra
import NeuralNetworks

extension Evaluator {
    /// Samples of a lane: few of those that are dear, so that a step's sixteen images are many lanes, and many vectors.
    private static func laneSamples(ofSize size: Int) -> Int { size > 20_000 ? 2 : size > 1024 ? 8 : 256 }

    /// The observed values of a batch, in the order in which they were asked for.
    func forwardInLanes(_ inputs: [ActivationTensor]) throws(NetworkError) -> [ActivationTensor] {
        let count = inputs.first?.batchCount ?? 0
        let length = Evaluator.laneSamples(ofSize: inputs.reduce(0) { $0 + $1.sampleSize })
        let lanes = stride(from: 0, to: max(count, 1), by: length).map { $0..<min(count, $0 + length) }
        var parts = try BLASConfiguration.withSingleThread { () throws(NetworkError) in
            try BLASConfiguration.configuredTeam.map(lanes.count) { (lane) throws(NetworkError) in
                try forward(inputs, samples: lanes[lane], threads: 1).observed
            }
        }
        guard parts.count > 1 else { return parts.first ?? [] }
        return parts[0].indices.map { index in
            let shape = parts[0][index].sampleShape
            var values: [Float] = []
            values.reserveCapacity(count * parts[0][index].sampleSize)
            for lane in parts.indices {
                values += parts[lane][index].values
                // Nothing is in memory twice.
                parts[lane][index].values = []
            }
            return ActivationTensor(shape: [count] + shape, values: values)
        }
    }
}
