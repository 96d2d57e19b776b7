// Which directions of what a layer computes reach the network's outputs.
//
// y_k is what stage k of a chain computes before its activation, J = ∂logits/∂y_k. An error δ of y_k moves the logits by
// J·δ to first order, so its expected square is δᵀGδ with
//   G = E[JᵀJ]                                                                                             (1)
// under the inputs in use.
// Cost: q backward passes, or `probeCount` with many outputs: E[JᵀvvᵀJ] = G for random signs v (Hutchinson's estimator,
// Commun. Stat. Simul. Comput. 19 (1990) 433–450).

import LinearAlgebra
import NeuralNetworks
import RandomNumbers

extension DenseChain {
    /// Outputs beyond which random signs replace one pass per output.
    private static let probeCount = 32

    /// G of (1), q×q for the q outputs of stage `k`; the identity for the last stage.
    ///
    /// - Parameter inputs: row-major (count, d).
    package func outputSensitivity(ofStage k: Int, inputs: [Float], count: Int) -> Matrix {
        let q = stages[k].outputs
        guard k < stages.count - 1, count > 0 else { return Matrix.diagonal([Double](repeating: 1, count: q)) }
        var sum = Matrix(rows: q, columns: q)
        let block = 256
        for first in stride(from: 0, to: count, by: block) {
            let samples = Swift.min(block, count - first)
            let x = Array(inputs[first * inputCount..<(first + samples) * inputCount])
            for gradient in outputGradients(at: x, samples: samples, stage: k) {
                sum = sum + Matrix(rows: q, columns: samples, elements: gradient.map(Double.init)).gram()
            }
        }
        return (1 / Double(count)) * sum
    }

    /// Rows of J for a block of samples, one q×samples array per output or probe.
    private func outputGradients(at x: [Float], samples: Int, stage k: Int) -> [[Float]] {
        var preactivations = [stages[0].forward(x, samples: samples)]
        for stage in 1..<stages.count {
            var h = preactivations[stage - 1]
            stages[stage - 1].activation.apply(to: &h)
            preactivations.append(stages[stage].forward(h, samples: samples))
        }
        let isExact = classCount <= DenseChain.probeCount
        var generator = SeededGenerator(seed: 0)
        return (0..<Swift.min(classCount, DenseChain.probeCount)).map { probe in
            var direction = [Float](repeating: 0, count: classCount)
            // Signs are scaled so that the probes together stand for all outputs.
            let size = (1 / Float(DenseChain.probeCount)).squareRoot()
            if isExact {
                direction[probe] = 1
            } else {
                for c in direction.indices { direction[c] = generator.next() & 1 == 0 ? size : -size }
            }
            var gradient = (0..<samples).flatMap { _ in direction }
            for stage in stride(from: stages.count - 1, to: k, by: -1) {
                gradient = stages[stage].backward(gradient, samples: samples)
                stages[stage - 1].activation.multiplyDerivative(into: &gradient, at: preactivations[stage - 1])
            }
            return gradient
        }
    }
}
