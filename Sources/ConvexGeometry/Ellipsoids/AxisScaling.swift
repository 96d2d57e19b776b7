// The least ellipsoid about the origin whose axes are the coordinate axes:
//
//     maximize Σ log aₖ   subject to   Σₖ aₖzᵢₖ² ≤ 1 for every point zᵢ,   semiaxes 1/√aₖ                  (1)
//
// Primal–dual interior point on the slacks cᵢ = 1 − (B·a)ᵢ, bᵢₖ = zᵢₖ²: with λᵢcᵢ → μ and Σᵢ λᵢbᵢₖ = 1/aₖ,
//
//     (diag(1/a²) + Bᵀdiag(λ/c)B)·Δa = 1/a − μ·Bᵀ(1/c),   Δλ = (μ − λc + λ∘BΔa)/c                          (2)
//
// Every iterate is feasible, so whatever stops it, the points are inside. Σλᵢcᵢ bounds the distance from the optimum.
// m·r² flops an iteration, some twenty of them. Boyd & Vandenberghe, Convex Optimization, §11.7.

import LinearAlgebra

struct AxisScaling {
    /// a
    let squares: [Double]

    /// Iterations, each of which takes the duality gap down by a factor of four or more.
    private static var limit: Int { 60 }

    /// - Parameters:
    ///   - z: points by columns, r×m, coordinates of about 1 at most.
    ///   - tolerance: on Σ log a.
    /// - Returns: nil where a factorization fails before the first step.
    init?(_ z: [Double], rank r: Int, tolerance: Double) {
        let m = z.count / r
        var largest = 0.0
        for i in 0..<m { largest = Swift.max(largest, (0..<r).reduce(0) { $0 + z[$1 + i * r] * z[$1 + i * r] }) }
        guard largest > 0, largest.isFinite else { return nil }
        let b = Matrix(rows: r, columns: m, elements: z.map { $0 * $0 })
        // At the optimum Σλ is r up to the gap; the start has the best common scale, less a tenth.
        var a = [Double](repeating: 0.9 / largest, count: r)
        var lambda = [Double](repeating: Double(r) / Double(m), count: m)
        var slack = b.times(a, transposeSelf: true).map { 1 - $0 }
        for _ in 0..<Self.limit {
            let gap = zip(lambda, slack).reduce(0) { $0 + $1.0 * $1.1 }
            let balance = b.times(lambda)
            let residual = (0..<r).reduce(0) { Swift.max($0, (balance[$1] * a[$1] - 1).magnitude) }
            if gap <= tolerance, residual <= tolerance { break }
            // A fifth of the present gap, or the balance first.
            let mu = (residual > 0.5 ? 1 : 0.2) * gap / Double(m)
            var normal = b.gram(weights: zip(lambda, slack).map { $0 / $1 })
            for k in 0..<r { normal[k, k] += 1 / (a[k] * a[k]) }
            let pull = b.times(slack.map { mu / $0 })
            guard let factor = try? Cholesky(normal) else { break }
            let step = factor.solve(zip(a, pull).map { 1 / $0 - $1 })
            let moved = b.times(step, transposeSelf: true)
            var dual = [Double](repeating: 0, count: m)
            for i in 0..<m { dual[i] = (mu - lambda[i] * slack[i] + lambda[i] * moved[i]) / slack[i] }
            var (primalStep, dualStep) = (1.0, 1.0)
            for k in 0..<r where step[k] < 0 { primalStep = Swift.min(primalStep, -0.99 * a[k] / step[k]) }
            for i in 0..<m {
                if moved[i] > 0 { primalStep = Swift.min(primalStep, 0.99 * slack[i] / moved[i]) }
                if dual[i] < 0 { dualStep = Swift.min(dualStep, -0.99 * lambda[i] / dual[i]) }
            }
            let next = zip(a, step).map { $0 + primalStep * $1 }
            let left = b.times(next, transposeSelf: true).map { 1 - $0 }
            guard next.allSatisfy({ $0 > 0 && $0.isFinite }), left.allSatisfy({ $0 > 0 }) else { break }
            (a, slack) = (next, left)
            for i in 0..<m { lambda[i] += dualStep * dual[i] }
        }
        squares = a
    }
}
