// What the kept channels can say for all, without a look at the targets.

import LinearAlgebra

extension Reconstruction {
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
