// The null-space step of a Carathéodory level in plain Swift: row-pivoted LU of the nodes, then T = L₂·L₁⁻¹.
//
// The same algorithm as the engine's, column-oriented and unblocked, so that a ratio of times measures what BLAS and
// LAPACK buy and nothing else.

extension ReferenceLinearAlgebra {
    /// Writes every row of an m×n matrix (m ≥ n, full rank) as a combination of n of them.
    ///
    /// Returns the rows in pivot order, the first n being the basis, and T ((m − n)×n, column-major) with
    /// a[order[n + j]] = Σᵢ T[j, i]·a[order[i]]; `nil` when a pivot is exactly zero. Cost mn² − n³/3 + (m − n)n² flops.
    public static func rowBasis(_ a: [Double], rows m: Int, columns n: Int) -> (order: [Int], coefficients: [Double])? {
        precondition(m >= n && a.count == m * n, "a tall matrix is expected")
        var l = a
        var order = Array(0..<m)
        for k in 0..<n {
            var pivot = k
            for i in k..<m where l[i + k * m].magnitude > l[pivot + k * m].magnitude { pivot = i }
            guard l[pivot + k * m] != 0 else { return nil }
            if pivot != k {
                order.swapAt(k, pivot)
                for j in 0..<n { l.swapAt(k + j * m, pivot + j * m) }
            }
            let inverse = 1 / l[k + k * m]
            for i in (k + 1)..<max(m, k + 1) { l[i + k * m] *= inverse }
            for j in (k + 1)..<max(n, k + 1) {
                let scale = l[k + j * m]
                for i in (k + 1)..<m { l[i + j * m] -= scale * l[i + k * m] }
            }
        }
        // T·L₁ = L₂ with L₁ unit lower triangular: columns from the last to the first.
        let extra = m - n
        var t = [Double](repeating: 0, count: extra * n)
        for j in 0..<n { for i in 0..<extra { t[i + j * extra] = l[n + i + j * m] } }
        for j in stride(from: n - 1, through: 0, by: -1) {
            for k in (j + 1)..<max(n, j + 1) {
                let scale = l[k + j * m]
                for i in 0..<extra { t[i + j * extra] -= scale * t[i + k * extra] }
            }
        }
        return (order, t)
    }
}
