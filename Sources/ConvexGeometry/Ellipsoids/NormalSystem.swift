// H + diag(r), H = K∘K, K = ZᵀZ with Z D×m: the matrix of a step of the interior-point method.
//
// H = VᵀV with vⱼ = the lower triangle of zⱼzⱼᵀ, entries off the diagonal times √2, so its rank is at most
// p = D(D+1)/2. For m > 2p, with R = diag(r),
//
//     (VᵀV + R)⁻¹ = R⁻¹ − R⁻¹Vᵀ(I + VR⁻¹Vᵀ)⁻¹VR⁻¹                                                     (1)
//
// costs mp² + p³/3 instead of m²D + m³/3. Where r spans many decades (1) loses digits; refinement against the matrix
// itself returns them, and when it cannot, the dense factorization is used.

import LinearAlgebra

struct NormalSystem {
    private let count: Int
    private let order: Int
    private let images: [Double]
    private let diagonal: [Double]
    private let team: ThreadTeam
    /// The Cholesky factor of H + R.
    private var dense: [Double]?
    private var lowRank: LowRank?

    init?(z: [Double], order: Int, count m: Int, diagonal: [Double], team: ThreadTeam) {
        count = m
        self.order = order
        images = z
        self.diagonal = diagonal
        self.team = team
        if m > order * (order + 1) { lowRank = LowRank(z: z, order: order, diagonal: diagonal) }
        if lowRank == nil, !factorDense() { return nil }
    }

    /// b ← (H + R)⁻¹·b; NaN when that fails.
    mutating func solve(_ b: inout [Double]) {
        if let lowRank {
            if lowRank.solve(&b) { return }
            self.lowRank = nil
        }
        if dense == nil, !factorDense() {
            b = [Double](repeating: .nan, count: count)
            return
        }
        if let dense { LAPACK.potrs(.lower, count, 1, dense, count, &b, count) }
    }

    private mutating func factorDense() -> Bool {
        let m = count
        // Rounding can make a singular H indefinite: a shift at rounding level only moves weights among optima.
        for shift in [0, 1e-12] {
            var matrix = [Double](repeating: 0, count: m * m)
            team.squaredGram(images, rows: order, columns: m, into: &matrix)
            var largest = 0.0
            for j in 0..<m {
                matrix[j * (m + 1)] += diagonal[j]
                largest = Swift.max(largest, matrix[j * (m + 1)])
            }
            for j in 0..<m { matrix[j * (m + 1)] += shift * largest }
            do {
                try team.cholesky(&matrix, order: m)
                dense = matrix
                return true
            } catch { continue }
        }
        return false
    }
}

/// Equation (1).
private struct LowRank {
    private let rank: Int
    private let count: Int
    /// V, p×m.
    private let features: [Double]
    private let diagonal: [Double]
    /// Cholesky factor of I + VR⁻¹Vᵀ.
    private let core: [Double]

    init?(z: [Double], order: Int, diagonal: [Double]) {
        let (p, m) = (order * (order + 1) / 2, diagonal.count)
        let root = 2.0.squareRoot()
        let features = [Double](unsafeUninitializedCapacity: p * m) { out, initialized in
            z.withUnsafeBufferPointer { z in
                for j in 0..<m {
                    let (column, target) = (z.baseAddress! + j * order, out.baseAddress! + j * p)
                    var at = 0
                    for a in 0..<order {
                        target[at] = column[a] * column[a]
                        let scaled = root * column[a]
                        for b in a + 1..<Swift.max(order, a + 1) { target[at + b - a] = scaled * column[b] }
                        at += order - a
                    }
                }
            }
            initialized = p * m
        }
        let roots = diagonal.map { 1 / $0.squareRoot() }
        var scaled = [Double](repeating: 0, count: p * m)
        LeverageKernels.scaleColumns(features, rows: p, count: m, by: roots, into: &scaled)
        var core = Matrix.identity(p).elements
        BLAS.syrk(.lower, .normal, p, m, 1, scaled, p, 1, &core, p)
        do { try LAPACK.potrf(.lower, p, &core, p) } catch { return nil }
        (rank, count, self.features, self.diagonal, self.core) = (p, m, features, diagonal, core)
    }

    /// Solves with refinement; false, and b as it was, when six digits are out of reach.
    func solve(_ b: inout [Double]) -> Bool {
        var x = apply(b)
        for attempt in 0..<3 {
            let residual = residual(x, b)
            // Row by row, in units of what the diagonal alone would leave.
            var (worst, size) = (0.0, 0.0)
            for j in 0..<count {
                worst = Swift.max(worst, residual[j].magnitude)
                size = Swift.max(size, b[j].magnitude)
            }
            guard worst.isFinite else { return false }
            if worst <= 1e-10 * size { break }
            if attempt == 2 {
                guard worst <= 1e-6 * size else { return false }
                break
            }
            let correction = apply(residual)
            for j in 0..<count { x[j] += correction[j] }
        }
        b = x
        return true
    }

    private func apply(_ b: [Double]) -> [Double] {
        var t = b
        for j in 0..<count { t[j] /= diagonal[j] }
        var y = [Double](repeating: 0, count: rank)
        BLAS.gemv(.normal, rank, count, 1, features, rank, t, 1, 0, &y, 1)
        LAPACK.potrs(.lower, rank, 1, core, rank, &y, rank)
        var product = [Double](repeating: 0, count: count)
        BLAS.gemv(.transposed, rank, count, 1, features, rank, y, 1, 0, &product, 1)
        for j in 0..<count { t[j] -= product[j] / diagonal[j] }
        return t
    }

    private func residual(_ x: [Double], _ b: [Double]) -> [Double] {
        var y = [Double](repeating: 0, count: rank)
        BLAS.gemv(.normal, rank, count, 1, features, rank, x, 1, 0, &y, 1)
        var result = b
        BLAS.gemv(.transposed, rank, count, -1, features, rank, y, 1, 1, &result, 1)
        for j in 0..<count { result[j] -= diagonal[j] * x[j] }
        return result
    }
}
