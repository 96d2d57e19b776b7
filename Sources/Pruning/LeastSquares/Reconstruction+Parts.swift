// Parts of a least-squares problem.

import LinearAlgebra

extension Reconstruction {
    /// The same problem with some of the regressors only, under the same ridge.
    func selecting(_ regressors: [Int]) -> Reconstruction {
        var result = self
        result.channels = ActivationMoments(
            mean: regressors.map { channels.mean[$0] },
            covariance: channels.covariance.selectingRows(regressors).selectingColumns(regressors))
        result.cross = cross.selectingRows(regressors)
        return result
    }

    /// The same problem with target k counted times `scale[k]`.
    func weighted(_ scale: [Double]) -> Reconstruction {
        var result = self
        for k in 0..<cross.columns {
            for i in 0..<cross.rows { result.cross[i, k] *= scale[k] }
            result.targetMean[k] *= scale[k]
            result.targetEnergies[k] *= scale[k] * scale[k]
        }
        return result
    }

    /// The same problem with its targets seen as Lᵀz; energies stay those of z.
    func weighted(with factor: Matrix) -> Reconstruction {
        var result = self
        result.cross = cross.times(factor)
        return result
    }
}
