// Mean and covariance of a group's channels: everything the least-squares refit needs to know about inputs.

import LinearAlgebra

/// Mean m and covariance C of the n channels of a group, as its consumers read them.
package struct ActivationMoments: Sendable, Equatable {
    /// m, one entry per channel.
    package var mean: [Double]
    /// C, n×n, both triangles filled.
    package var covariance: Matrix

    /// Precondition: `covariance` is square of order `mean.count`.
    package init(mean: [Double], covariance: Matrix) {
        precondition(covariance.rows == mean.count && covariance.columns == mean.count, "covariance must be n×n")
        self.mean = mean
        self.covariance = covariance
    }

    /// Number of channels.
    package var count: Int { mean.count }

    /// tr(C)/n, the scale a relative ridge refers to; 0 for no channels.
    package var meanVariance: Double {
        mean.isEmpty ? 0 : covariance.diagonal.reduce(0, +) / Double(mean.count)
    }

    /// Second moments E[h·hᵀ] = C + m·mᵀ: what a fit without an intercept needs.
    package var secondMoment: Matrix {
        Matrix(rows: count, columns: count) { covariance[$0, $1] + mean[$0] * mean[$1] }
    }

    /// Moments of the affine image W·h + b.
    ///
    /// - Parameters:
    ///   - weight: W, q×n.
    ///   - bias: b, q entries; zero when `nil`.
    package func affineImage(weight: Matrix, bias: [Double]?) -> ActivationMoments {
        precondition(weight.columns == count, "weight must have one column per channel")
        var shifted = weight.times(mean)
        if let bias { for i in shifted.indices { shifted[i] += bias[i] } }
        let half = weight.times(covariance)
        var image = half.times(weight, transposeOther: true)
        // gemm rounds the two triangles differently; later steps rely on exact symmetry.
        image.symmetrizeFromLower()
        return ActivationMoments(mean: shifted, covariance: image)
    }
}
