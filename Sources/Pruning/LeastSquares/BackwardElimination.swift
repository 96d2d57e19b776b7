// Backward elimination of channels for the least-squares refit.
//
// With S kept, M = (C_SS + λI)⁻¹ and V' = A_Sᵀ·M, removing i and refitting raises the objective exactly by
//   cost(i) = ‖V'_i‖²/M_ii                                                                              (1)
//   M ← M − M_i·M_iᵀ/M_ii,   V' ← V' − V'_i·M_iᵀ/M_ii                                                     (2)
// and only W = V'ᵀV' is needed of V', so every step is O(|S|²). W is formed from V' itself: (C + λI)⁻¹·B·(C + λI)⁻¹ would
// square a condition number that duplicate channels make 1/λ. Cost n³ + 3n²q flops to set up, then 2n³ to empty the set.
// Source: optimal brain surgeon, Hassibi & Stork, NeurIPS 1992, for the quadratic objective of Reconstruction.

import LinearAlgebra

/// Channels in the order backward elimination removes them, with the cost of each removal.
package struct BackwardElimination: Sendable {
    /// Channels in the order of removal.
    package var order: [Int]
    /// Increase of the objective by each removal.
    package var costs: [Double]

    /// Removes channels until `remaining` are left.
    ///
    /// - Parameter first: channels that leave before all others.
    package init(_ problem: Reconstruction, remaining: Int, first: [Int] = []) throws(FactorizationError) {
        let n = problem.count
        precondition(remaining >= 0 && remaining <= n, "cannot keep more channels than there are")
        order = []
        costs = []
        guard n > remaining else { return }
        var normal = problem.channels.covariance
        // Without a ridge a dead or duplicate channel makes C singular; a trace is added so that it goes first: enough to
        // leave three digits to (2), too little to change an order that the data determines.
        let floor = 1e-12 * Swift.max(problem.channels.meanVariance, .leastNormalMagnitude)
        let ridge = Swift.max(problem.ridge, floor)
        for i in 0..<n { normal[i, i] += ridge }
        let factor = try Cholesky(normal)
        var inverse = factor.inverse()
        var weights = factor.solve(problem.cross).gram()
        var open = Array(0..<n)
        var columnM = [Double](repeating: 0, count: n)
        var columnW = [Double](repeating: 0, count: n)
        var waiting = Set(first)
        while open.count > remaining {
            var (position, least) = (0, Double.infinity)
            for (k, i) in open.enumerated() where waiting.isEmpty || waiting.contains(i) {
                let cost = Swift.max(0, weights[i, i]) / inverse[i, i]
                if cost < least { (position, least) = (k, cost) }
            }
            let removed = open.remove(at: position)
            waiting.remove(removed)
            order.append(removed)
            costs.append(least)
            let pivot = inverse[removed, removed]
            let energy = weights[removed, removed]
            for i in open {
                columnM[i] = inverse[i, removed] / pivot
                columnW[i] = weights[i, removed]
            }
            inverse.elements.withUnsafeMutableBufferPointer { m in
                weights.elements.withUnsafeMutableBufferPointer { w in
                    for j in open {
                        let (mj, wj) = (columnM[j], columnW[j])
                        for i in open {
                            m[i + j * n] -= columnM[i] * mj * pivot
                            w[i + j * n] += columnM[i] * (mj * energy - wj) - columnW[i] * mj
                        }
                    }
                }
            }
        }
    }
}
