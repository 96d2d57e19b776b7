// Reconstructing what the consumers of a group read from fewer of its channels: one least-squares problem in moments.
//
//   minimize over V', e':   E‖z − V'·h_S − e'‖² + λ‖V'‖²                                                   (1)
//   V' = A_Sᵀ·(C_SS + λI)⁻¹,   e' = E z − V'·m_S,   A = Cov(h, z) (n×q),   C = Cov(h)                       (2)
// One-shot: z = V·h + e, hence A = C·Vᵀ. Sequential: z from the original network, h from the pruned one.
// Without an intercept (a consumer that has no bias to move) the moments are second moments and e' is absent.
// Objective after the fit: tr Cov(z) − tr(A_Sᵀ(C_SS + λI)⁻¹A_S); selection needs only C and B = A·Aᵀ (n×n), whatever q is.
// Source: the normal equations of ridge regression; for pruning e.g. He, Zhang & Sun, ICCV 2017 (channel pruning).

import LinearAlgebra

/// The least-squares problem of a group: targets z seen through their covariance with the channels h.
package struct Reconstruction: Sendable {
    /// Mean and covariance of the channels; the mean is zero and the covariance a second moment without intercept.
    package var channels: ActivationMoments
    /// A, n×q.
    package var cross: Matrix
    /// E z, q entries; zero without intercept.
    package var targetMean: [Double]
    /// tr Cov(z) (tr E[z·zᵀ] without intercept): what errors are relative to.
    package var targetEnergy: Double
    /// λ, absolute.
    package var ridge: Double

    /// Number of channels.
    package var count: Int { channels.count }

    /// The problem from measured moments.
    package init(channels: ActivationMoments, cross: Matrix, targetMean: [Double], targetEnergy: Double, ridge: Double) {
        precondition(cross.rows == channels.count && cross.columns == targetMean.count, "cross moments must be n×q")
        self.channels = channels
        self.cross = cross
        self.targetMean = targetMean
        self.targetEnergy = targetEnergy
        self.ridge = ridge
    }

    /// One-shot: targets are V·h for the channels' own moments.
    ///
    /// - Parameters:
    ///   - outgoing: V, q×n, column i belonging to channel i.
    ///   - relativeRidge: λ as a fraction of tr(C)/n.
    package init(moments: ActivationMoments, outgoing: Matrix, relativeRidge: Double, hasIntercept: Bool) {
        precondition(outgoing.columns == moments.count, "outgoing weights must have one column per channel")
        let channels =
            hasIntercept
            ? moments
            : ActivationMoments(mean: [Double](repeating: 0, count: moments.count), covariance: moments.secondMoment)
        let cross = channels.covariance.times(outgoing, transposeOther: true)
        // tr(V·C·Vᵀ) = Σ V ∘ Aᵀ.
        var energy = 0.0
        for i in 0..<moments.count { for k in 0..<outgoing.rows { energy += outgoing[k, i] * cross[i, k] } }
        self.init(
            channels: channels, cross: cross, targetMean: outgoing.times(channels.mean), targetEnergy: Swift.max(0, energy),
            ridge: relativeRidge * channels.meanVariance)
    }

    /// B = A·Aᵀ, n×n.
    package var crossGram: Matrix { cross.gram() }

    /// The fit (2) from the channels in `kept`, in that order.
    package func fit(_ kept: [Int]) throws(FactorizationError) -> Fit {
        var normal = channels.covariance.selectingRows(kept).selectingColumns(kept)
        for k in kept.indices { normal[k, k] += ridge }
        let right = cross.selectingRows(kept)
        let solution = try Reconstruction.solve(normal, right)
        let fitted = solution.times(kept.map { channels.mean[$0] }, transposeSelf: true)
        return Fit(
            weights: solution.transposed(), offset: zip(targetMean, fitted).map { $0 - $1 },
            relativeError: relativeError(of: solution, kept: kept))
    }

    /// E‖z − V'·h_S − best constant‖² / tr Cov(z) for any weights V' (given transposed, |S|×q); `nil` without energy.
    package func relativeError(of weights: Matrix, kept: [Int]) -> Double? {
        guard targetEnergy > 0 else { return nil }
        let covariance = channels.covariance.selectingRows(kept).selectingColumns(kept)
        let image = covariance.times(weights)
        var error = targetEnergy
        for k in 0..<weights.columns {
            for (i, channel) in kept.enumerated() { error += weights[i, k] * (image[i, k] - 2 * cross[channel, k]) }
        }
        return Swift.max(0, error) / targetEnergy
    }

    /// The same when the constant is left as it was, so that the shift V·m − V'·m_S counts as error.
    package func relativeErrorWithoutOffset(of weights: Matrix, kept: [Int]) -> Double? {
        guard targetEnergy > 0, let spread = relativeError(of: weights, kept: kept) else { return nil }
        let fitted = weights.times(kept.map { channels.mean[$0] }, transposeSelf: true)
        let shift = zip(targetMean, fitted).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        return spread + shift / targetEnergy
    }

    /// Symmetric positive definite solve; a semidefinite matrix (duplicate or dead channels, no ridge) gets the
    /// minimum-norm solution.
    private static func solve(_ normal: Matrix, _ right: Matrix) throws(FactorizationError) -> Matrix {
        // A Cholesky factor whose pivots fall to rounding level is as good as none.
        if let factor = try? Cholesky(normal) {
            let pivots = factor.factor.diagonal
            let floor = Double(normal.rows) * Double.ulpOfOne
            if let least = pivots.min(), let most = pivots.max(), least * least > floor * most * most {
                return factor.solve(right)
            }
        }
        let eigen = try SymmetricEigendecomposition(normal)
        let largest = eigen.values.last ?? 0
        let cut = Double(normal.rows) * Double.ulpOfOne * Swift.max(largest, 0)
        var rotated = eigen.vectors.times(right, transposeSelf: true)
        for i in 0..<rotated.rows {
            let scale = eigen.values[i] > cut ? 1 / eigen.values[i] : 0
            for k in 0..<rotated.columns { rotated[i, k] *= scale }
        }
        return eigen.vectors.times(rotated)
    }

    /// Refitted consumer weights for a kept set.
    package struct Fit: Sendable {
        /// V', q×|S|.
        package var weights: Matrix
        /// E z − V'·m_S: what the consumer must add to its bias beyond the original constant part.
        package var offset: [Double]
        /// Expected relative output error under the moments in use, without the ridge; `nil` when nothing varies.
        package var relativeError: Double?
    }
}
