// Greedy forward selection of channels for the least-squares refit.
//
// Notation of Reconstruction: C = Cov(h), A = Cov(h, z), B = A·Aᵀ, λ the ridge. With S chosen, R = C − C_{:S}(C_SS + λI)⁻¹C_{S:}
// is the residual covariance and G = A − C_{:S}(C_SS + λI)⁻¹A_S the residual cross covariance. Adding j lowers the
// objective exactly by
//   gain(j) = ‖G_j‖²/(R_jj + λ).                                                                        (1)
// R = C − L·Lᵀ (pivoted Cholesky, left-looking) and, with c the new column of L, y = G·G_jᵀ/√(R_jj + λ), s = ‖G_j‖²/(R_jj + λ):
//   G·Gᵀ ← G·Gᵀ − c·pᵀ − p·cᵀ,   p = y − (s/2)·c.                                                        (2)
// So only column j of R and of G·Gᵀ is ever formed. Cost O(n·m²) flops for m channels, after B.
// Source: orthogonal least squares, Chen, Billings & Luo, Int. J. Control 50 (1989), with several outputs.

import LinearAlgebra

/// Channels in the order greedy selection takes them, with the gain of each.
package struct ForwardSelection: Sendable {
    /// Channels in the order of selection.
    package var order: [Int]
    /// Decrease of the objective by each, in units of the target energy's own square units.
    package var gains: [Double]

    /// Selects `count` channels.
    ///
    /// - Parameters:
    ///   - count: m, at most n.
    ///   - candidates: channels to choose from first; once they are used up, all others. All when `nil`.
    ///   - forcedOrder: takes the channels in this order instead, and only records the gains.
    ///   - gram: B, when the caller has it already.
    package init(
        _ problem: Reconstruction, count: Int, candidates: [Int]? = nil, forcedOrder: [Int]? = nil, gram: Matrix? = nil
    ) {
        let n = problem.count
        precondition(count <= n, "cannot select more channels than there are")
        order = []
        gains = []
        guard n > 0, count > 0 else { return }
        let covariance = problem.channels.covariance
        let b = gram ?? problem.crossGram
        var residual = covariance.diagonal
        var energy = b.diagonal
        var isOpen = [Bool](repeating: true, count: n)
        var isPreferred = [Bool](repeating: candidates == nil, count: n)
        for i in candidates ?? [] { isPreferred[i] = true }
        var preferred = isPreferred.lazy.filter { $0 }.count
        // A channel whose residual variance is rounding noise adds nothing the chosen ones do not have.
        let floor = residual.map { $0 * Double(n) * Double.ulpOfOne }
        var l = Matrix(rows: n, columns: count)
        var p = Matrix(rows: n, columns: count)
        var rowL = [Double](repeating: 0, count: count)
        var rowP = [Double](repeating: 0, count: count)
        for k in 0..<count {
            var best = -1
            var bestGain = -Double.infinity
            let forced = forcedOrder.map { $0[k] }
            for i in forced.map({ $0..<$0 + 1 }) ?? 0..<n where isOpen[i] && (forced != nil || preferred == 0 || isPreferred[i]) {
                let pivot = residual[i] + problem.ridge
                let gain = residual[i] > floor[i] && pivot > 0 ? Swift.max(0, energy[i]) / pivot : 0
                if gain > bestGain { (best, bestGain) = (i, gain) }
            }
            order.append(best)
            gains.append(bestGain)
            isOpen[best] = false
            if isPreferred[best] { preferred -= 1 }
            guard bestGain > 0 else { continue }
            for t in 0..<k { (rowL[t], rowP[t]) = (l[best, t], p[best, t]) }
            let scale = 1 / (residual[best] + problem.ridge).squareRoot()
            let share = bestGain / 2
            l.elements.withUnsafeMutableBufferPointer { l in
                p.elements.withUnsafeMutableBufferPointer { p in
                    let (c, y) = (l.baseAddress! + k * n, p.baseAddress! + k * n)
                    for i in 0..<n { (c[i], y[i]) = (covariance.elements[best * n + i], b.elements[best * n + i]) }
                    if k > 0 {
                        BLAS.gemv(.normal, n, k, -1, l.baseAddress!, n, rowL, 1, 1, c, 1)
                        BLAS.gemv(.normal, n, k, -1, l.baseAddress!, n, rowP, 1, 1, y, 1)
                        BLAS.gemv(.normal, n, k, -1, p.baseAddress!, n, rowL, 1, 1, y, 1)
                    }
                    for i in 0..<n {
                        c[i] *= scale
                        y[i] = y[i] * scale - share * c[i]
                        residual[i] -= c[i] * c[i]
                        energy[i] -= 2 * c[i] * y[i]
                    }
                }
            }
        }
    }

    /// Relative error of the ridge objective with the first k channels, k = 0 … count; 1 at k = 0, never rising.
    package func relativeErrors(energy: Double) -> [Double] {
        guard energy > 0 else { return [Double](repeating: 0, count: gains.count + 1) }
        var left = energy
        return [1]
            + gains.map { gain in
                left = Swift.max(0, left - gain)
                return left / energy
            }
    }
}
