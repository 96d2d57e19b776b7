// The last refit of a classifier: match the class probabilities, not only the logits.
//
//     minimize over W   E KL(p ‖ softmax(W·h)) + (λ/2)·E‖(W − W₀)·h‖²                                        (1)
// h features (with a constant 1) of the last layer in the pruned network, p the original network's probabilities, W₀ the
// least-squares refit. Least squares spends its effort on the size of logits that are far from deciding; (1) spends it
// where classes meet. The proximal term keeps W near W₀ in the metric of the data; λ = (features + 1)/N, so that few samples
// move many weights little.
// Method: quadratic majorization; the Hessian of the log-partition is at most ½·(I − 11ᵀ/K) ⊗ S, S = E hhᵀ, so
//     W ← Y + ((P − Q)·Hᵀ/N − λ(Y − W₀)S)·((½ + λ)S + ridge)⁻¹                                             (2)
// decreases (1) at every step; Y extrapolates (Nesterov). One Cholesky factorization, two products per step.
// Source of the bound: Böhning, Ann. Inst. Statist. Math. 44 (1992) 197–200.

import LinearAlgebra
import NeuralNetworks

/// Refits the output layer of a classifier on the divergence of class probabilities.
struct ClassifierRefit: Sendable {
    private static let stepLimit = 400

    /// W, classes × (features + 1), the constant last.
    let weights: Matrix

    /// Solves (1).
    ///
    /// - Parameters:
    ///   - features: (features + 1)×N, last row 1.
    ///   - targets: logits of the original network, classes×N.
    ///   - start: W₀.
    /// - Throws: when S is not positive definite even with its ridge (no finite features).
    init(features h: Matrix, targets: Matrix, start: Matrix) throws(FactorizationError) {
        let n = Double(h.columns)
        let second = (1 / n) * h.gram()
        let mean = second.diagonal.reduce(0, +) / Double(second.rows)
        let ridge = 1e-9 * mean
        // Parameters per class and sample: the variance that fitting them to n samples brings.
        let proximity = Double(h.rows) / n
        let metric = try Cholesky((0.5 + proximity) * second + Matrix.diagonal([Double](repeating: ridge, count: second.rows)))
        let wanted = ClassifierRefit.probabilities(targets)
        var (current, extrapolated) = (start, start)
        var momentum = 1.0
        for _ in 0..<ClassifierRefit.stepLimit {
            let given = ClassifierRefit.probabilities(extrapolated.times(h))
            let pull = proximity * (extrapolated - start).times(second)
            let gradient = (1 / n) * (wanted - given).times(h, transposeOther: true) - pull
            let step = metric.solve(gradient.transposed()).transposed()
            let next = extrapolated + step
            // A step that points against the gradient of the extrapolation means overshooting: start the momentum afresh.
            let change = next - current
            let agreement = zip(gradient.elements, change.elements).reduce(0) { $0 + $1.0 * $1.1 }
            if agreement < 0 { momentum = 1 }
            let grown = (1 + (1 + 4 * momentum * momentum).squareRoot()) / 2
            extrapolated = next + ((momentum - 1) / grown) * change
            momentum = grown
            current = next
            if step.maximumMagnitude <= 1e-6 * Swift.max(current.maximumMagnitude, Double.leastNormalMagnitude) { break }
        }
        weights = current
    }

    /// Softmax of every column.
    static func probabilities(_ logits: Matrix) -> Matrix {
        var result = logits
        logits.elements.withUnsafeBufferPointer { z in
            result.elements.withUnsafeMutableBufferPointer { p in
                for j in 0..<logits.columns {
                    let column = j * logits.rows..<(j + 1) * logits.rows
                    Softmax.probabilities(
                        of: UnsafeBufferPointer(rebasing: z[column]), into: UnsafeMutableBufferPointer(rebasing: p[column]))
                }
            }
        }
        return result
    }
}
