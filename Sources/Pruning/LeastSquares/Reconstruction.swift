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
    /// Var z per target (E z² without intercept), q entries: what errors are relative to.
    package var targetEnergies: [Double]
    /// λ, absolute.
    package var ridge: Double

    /// tr Cov(z).
    package var targetEnergy: Double { targetEnergies.reduce(0, +) }
    /// Number of channels.
    package var count: Int { channels.count }

    /// The problem from measured moments.
    package init(channels: ActivationMoments, cross: Matrix, targetMean: [Double], targetEnergies: [Double], ridge: Double) {
        precondition(cross.rows == channels.count && cross.columns == targetMean.count, "cross moments must be n×q")
        self.channels = channels
        self.cross = cross
        self.targetMean = targetMean
        self.targetEnergies = targetEnergies
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
        // diag(V·C·Vᵀ) = row sums of V ∘ Aᵀ.
        var energies = [Double](repeating: 0, count: outgoing.rows)
        for i in 0..<moments.count { for k in 0..<outgoing.rows { energies[k] += outgoing[k, i] * cross[i, k] } }
        self.init(
            channels: channels, cross: cross, targetMean: outgoing.times(channels.mean),
            targetEnergies: energies.map { Swift.max(0, $0) }, ridge: relativeRidge * channels.meanVariance)
    }

    /// B = A·Aᵀ, n×n.
    package var crossGram: Matrix { cross.gram() }

    /// The fit (2) from the channels in `kept`, in that order.
    ///
    /// - Parameter prior: V₀, q×|S|: the ridge then pulls towards it, λ‖V' − V₀‖² in (1), instead of towards zero.
    package func fit(_ kept: [Int], prior: Matrix? = nil) throws(FactorizationError) -> Fit {
        let covariance = channels.covariance.selectingRows(kept).selectingColumns(kept)
        var right = cross.selectingRows(kept)
        let start = prior?.transposed()
        if let start { right = right - covariance.times(start) }
        var solution = try Reconstruction.solve(right) {
            var normal = covariance
            for k in kept.indices { normal[k, k] += ridge }
            return normal
        }
        if let start { solution = solution + start }
        let fitted = solution.times(kept.map { channels.mean[$0] }, transposeSelf: true)
        return Fit(
            weights: solution.transposed(), offset: zip(targetMean, fitted).map { $0 - $1 },
            errors: errors(of: solution, kept: kept), energies: targetEnergies)
    }

    /// E(z − V'·h_S − best constant)² per target, for any weights V' (given transposed, |S|×q).
    package func errors(of weights: Matrix, kept: [Int]) -> [Double] {
        let covariance = channels.covariance.selectingRows(kept).selectingColumns(kept)
        let image = covariance.times(weights)
        return (0..<weights.columns).map { k in
            var error = targetEnergies[k]
            for (i, channel) in kept.enumerated() { error += weights[i, k] * (image[i, k] - 2 * cross[channel, k]) }
            return Swift.max(0, error)
        }
    }

    /// The same when the constant is left as it was, so that the shift V·m − V'·m_S counts as error.
    func errorsWithoutOffset(of weights: Matrix, kept: [Int]) -> [Double] {
        let fitted = weights.times(kept.map { channels.mean[$0] }, transposeSelf: true)
        return zip(errors(of: weights, kept: kept), zip(targetMean, fitted)).map { error, means in
            error + (means.0 - means.1) * (means.0 - means.1)
        }
    }

    /// Symmetric positive definite solve; a semidefinite matrix (duplicate or dead channels, no ridge) gets the
    /// minimum-norm solution.
    ///
    /// - Parameter normal: makes the matrix: it is factored in its own memory, and made once more where it is semidefinite.
    static func solve(_ right: Matrix, normal: () -> Matrix) throws(FactorizationError) -> Matrix {
        // A Cholesky factor whose pivots fall to rounding level is as good as none.
        if let factor = try? Cholesky(normal()) {
            let pivots = factor.factor.diagonal
            let floor = Double(right.rows) * Double.ulpOfOne
            if let least = pivots.min(), let most = pivots.max(), least * least > floor * most * most {
                return factor.solve(right)
            }
        }
        let eigen = try SymmetricEigendecomposition(normal())
        let largest = eigen.values.last ?? 0
        let cut = Double(right.rows) * Double.ulpOfOne * Swift.max(largest, 0)
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
        /// Expected squared error per target under the moments in use, without the ridge.
        package var errors: [Double]
        /// Var z per target.
        package var energies: [Double]

        /// Expected relative output error; `nil` when nothing varies.
        package var relativeError: Double? { relativeShare(errors, of: energies) }
    }
}

/// Σ part / Σ whole; `nil` when the whole is zero.
func relativeShare(_ part: [Double], of whole: [Double]) -> Double? {
    let total = whole.reduce(0, +)
    return total > 0 ? part.reduce(0, +) / total : nil
}
