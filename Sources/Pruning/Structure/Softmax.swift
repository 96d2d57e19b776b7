// Class probabilities.
//
//   p_k = exp(z_k − max z)/Σ_j exp(z_j − max z),   log p_k = z_k − max z − log Σ_j exp(z_j − max z)               (1)
// Exponents are at most 0 and one of them is 0: nothing overflows, and the sum is at least 1.

import LinearAlgebra

/// Softmax of one column of logits.
package enum Softmax {
    /// Writes p of (1).
    ///
    /// - Parameters:
    ///   - z: finite logits.
    ///   - p: as many places.
    /// - Returns: max z and log Σ exp(z − max z).
    @discardableResult
    package static func probabilities<Logit: BinaryFloatingPoint>(
        of z: UnsafeBufferPointer<Logit>, into p: UnsafeMutableBufferPointer<Double>
    ) -> (top: Double, logarithm: Double) {
        let top = z.max() ?? 0
        var sum = 0.0
        for k in z.indices {
            p[k] = Elementary.exp(Double(z[k] - top))
            sum += p[k]
        }
        for k in z.indices { p[k] /= sum }
        return (Double(top), Elementary.log(sum))
    }

    /// z ← e_target − p: the gradient of log p_target.
    package static func residual(_ z: UnsafeMutableBufferPointer<Float>, target: Int) {
        guard let first = z.baseAddress else { return }
        RowKernels.softmax(first, count: z.count, into: first)
        for k in z.indices { z[k] = -z[k] }
        z[target] += 1
    }
}
