// Moments of activations when pre-activations are jointly Gaussian.
//
// Notation: z ~ N(m, Σ), sᵢ = √Σᵢᵢ, ρᵢⱼ = Σᵢⱼ/(sᵢsⱼ), a_k(i) the Hermite coefficients of unit i (HermiteExpansion).
//   Cov(φ(zᵢ), φ(zⱼ)) ≈ Σ_{k=1}^{K} a_k(i)·a_k(j)·ρᵢⱼᵏ + τᵢ·τⱼ·ρᵢⱼᵉ,   τᵢ² = Var φ(zᵢ) − Σ_{k≤K} a_k(i)²      (1)
// with e the first even integer above K. The last term stands for the truncated tail: it makes the diagonal exact, and
// since every term of (1) is a Schur product of positive semidefinite matrices, so is the sum. For |ρ| < 1 the
// error decays like |ρ|^K; at |ρ| = 1 it is at most 2τᵢτⱼ (about 1e-3 of the variance for ReLU at K = 32).
// Cost: n²·K multiply–adds, n² memory.

import LinearAlgebra
import NeuralNetworks

/// Closed-form mean and covariance of activations of Gaussian pre-activations.
package enum GaussianMoments {
    /// Terms kept of the Hermite series; the tail term of (1) covers the rest.
    static let degree = 32

    /// Moments of φ(z), unit by unit, for z with the given mean and covariance.
    ///
    /// Exact in the mean and in the variances; covariances as in (1) of the file header. A unit of zero variance is the
    /// constant φ(m).
    /// - Parameters:
    ///   - activation: φ.
    ///   - preactivation: moments of z.
    package static func image(of preactivation: ActivationMoments, under activation: Activation) -> ActivationMoments {
        if activation == .identity { return preactivation }
        let n = preactivation.count
        let deviation = preactivation.covariance.diagonal.map { Swift.max($0, 0).squareRoot() }
        let expansions = (0..<n).map {
            HermiteExpansion(of: activation, mean: preactivation.mean[$0], deviation: deviation[$0], degree: degree)
        }
        // terms[k·n + i]: degree-major, so that the inner loop below runs over units.
        let terms = (0...degree).flatMap { k in expansions.map { $0.coefficients[k] } }
        let tail = expansions.map { $0.remainder.squareRoot() }
        let evenExponent = degree % 2 == 0 ? degree + 2 : degree + 1
        var covariance = Matrix(rows: n, columns: n)
        var correlation = [Double](repeating: 0, count: n)
        var sum = [Double](repeating: 0, count: n)
        for j in 0..<n {
            for i in j..<n {
                let scale = deviation[i] * deviation[j]
                let ratio = scale > 0 ? preactivation.covariance[i, j] / scale : 0
                correlation[i] = Swift.min(1, Swift.max(-1, ratio))
                sum[i] = tail[i] * tail[j]
            }
            for _ in degree + 1..<evenExponent { for i in j..<n { sum[i] *= correlation[i] } }
            // Horner from the highest degree down.
            for k in stride(from: degree, through: 1, by: -1) {
                let right = terms[k * n + j]
                for i in j..<n { sum[i] = sum[i] * correlation[i] + terms[k * n + i] * right }
            }
            for i in j + 1..<Swift.max(n, j + 1) { covariance[i, j] = sum[i] * correlation[i] }
            covariance[j, j] = expansions[j].variance
        }
        covariance.symmetrizeFromLower()
        return ActivationMoments(mean: expansions.map { $0.coefficients[0] }, covariance: covariance)
    }
}
