// Parts of a least-squares problem, and the fit that its refit is pulled towards.

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

    /// V₀: each removed block replaced by the best combination of kept ones, the same at every tap.
    ///
    /// - Parameters:
    ///   - outgoing: the original weights, q×(n·t).
    ///   - taps: t.
    /// - Returns: q×(|kept|·t).
    func oneShot(_ outgoing: Matrix, taps: Int, kept: [Int]) throws(FactorizationError) -> Matrix {
        let n = count / taps
        let covariance = Matrix(rows: n, columns: n) { i, j in
            (0..<taps).reduce(0) { $0 + channels.covariance[i * taps + $1, j * taps + $1] } / Double(taps)
        }
        var normal = covariance.selectingRows(kept).selectingColumns(kept)
        let floor = Double(n) * Double.ulpOfOne * Swift.max(channels.meanVariance, .leastNormalMagnitude)
        for k in kept.indices { normal[k, k] += Swift.max(ridge, floor) }
        let combination = try Cholesky(normal).solve(covariance.selectingRows(kept))
        var result = Matrix(rows: outgoing.rows, columns: kept.count * taps)
        for t in 0..<taps {
            let slice = outgoing.selectingColumns((0..<n).map { $0 * taps + t })
            let image = slice.times(combination, transposeOther: true)
            for k in kept.indices { for o in 0..<outgoing.rows { result[o, k * taps + t] = image[o, k] } }
        }
        return result
    }
}
