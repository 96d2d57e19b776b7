// Choosing channels when every channel is a block of t regressors: greedy gain, and backward elimination.
//
// Notation of Reconstruction, with one or several least-squares problems (consumers, convolution groups) that share the
// channels; R, G residual covariance and cross covariance given the chosen blocks, M = (C_SS + λI)⁻¹, W = M·A_S. The objective
// changes exactly by
//   gain(c) = ‖L_c⁻¹·G_c‖²,  L_c·L_cᵀ = R_cc + λI        when block c joins,                                  (1)
//   cost(c) = ‖L_c⁻¹·W_c‖²,  L_c·L_cᵀ = M_cc             when block c leaves and the rest is refitted.        (2)
// Afterwards R, G (M, W) lose their projection on the block: X ← X − X_{:c}·(X_cc)⁻¹·X_{c:}. Each problem's changes are divided
// by its target energy, so that every consumer counts by its relative error.
// Cost: forward m·(n·t)²·t, backward (n·t)³ + (n − m)·(n·t)²·t multiply–adds per problem, and as much again for wide targets.
// Sources: forward: orthogonal least squares, Chen, Billings & Luo, Int. J. Control 50 (1989); backward: optimal brain
// surgeon, Hassibi & Stork, NeurIPS 1992; both with blocks in place of single variables.

import LinearAlgebra

/// Subsets of channels chosen in the moments of channel × tap regressors.
package struct BlockSelection: Sendable {
    /// Channels in the order in which they joined (forward) or left (backward).
    package var order: [Int]
    /// Change of the relative objective, summed over the problems, at each step.
    package var changes: [Double]

    /// Joins `count` channels, each in turn the one with the largest gain; ties to the lowest index.
    package static func forward(_ problems: [Reconstruction], taps: Int, count: Int) throws(FactorizationError) -> BlockSelection {
        try run(problems, taps: taps, steps: count, isForward: true)
    }

    /// Removes channels, each in turn the one whose loss costs least, until `remaining` are left; ties to the lowest index.
    package static func backward(_ problems: [Reconstruction], taps: Int, remaining: Int) throws(FactorizationError) -> BlockSelection {
        let n = (problems.first?.count ?? 0) / taps
        return try run(problems, taps: taps, steps: n - remaining, isForward: false)
    }

    private static func run(
        _ problems: [Reconstruction], taps t: Int, steps: Int, isForward: Bool
    ) throws(FactorizationError) -> BlockSelection {
        let n = (problems.first?.count ?? 0) / t
        precondition(steps >= 0 && steps <= n, "cannot choose more channels than there are")
        var tables: [Table] = []
        for problem in problems { tables.append(try Table(problem, taps: t, isForward: isForward)) }
        var open = Array(0..<n)
        var result = BlockSelection(order: [], changes: [])
        for _ in 0..<steps {
            var totals = [Double](repeating: 0, count: open.count)
            for table in tables { for (k, c) in open.enumerated() { totals[k] += table.change(c) } }
            var best = 0
            for k in open.indices where isForward ? totals[k] > totals[best] : totals[k] < totals[best] { best = k }
            let chosen = open.remove(at: best)
            result.order.append(chosen)
            result.changes.append(totals[best])
            for k in tables.indices { tables[k].eliminate(chosen, open: open) }
        }
        return result
    }

    /// [R | G] or [M | W] of one problem, rows of open blocks up to date.
    private struct Table {
        let taps: Int
        let size: Int
        let targets: Int
        let energy: Double
        /// Added to the diagonal of a block before it is inverted.
        let ridge: Double
        /// size × (size + targets), column-major.
        var values: [Double]

        init(_ problem: Reconstruction, taps: Int, isForward: Bool) throws(FactorizationError) {
            self.taps = taps
            size = problem.count
            targets = problem.cross.columns
            energy = Swift.max(problem.targetEnergy, .leastNormalMagnitude)
            // Without a ridge dead or duplicate channels make blocks singular; rounding level is added.
            let floor = Double(size) * Double.ulpOfOne * Swift.max(problem.channels.meanVariance, .leastNormalMagnitude)
            let lambda = Swift.max(problem.ridge, floor)
            if isForward {
                ridge = lambda
                values = problem.channels.covariance.elements + problem.cross.elements
            } else {
                ridge = 0
                var normal = problem.channels.covariance
                for i in 0..<size { normal[i, i] += lambda }
                let inverse = try Cholesky(normal).inverse()
                values = inverse.elements + inverse.times(problem.cross).elements
            }
        }

        private func block(_ c: Int) -> Matrix {
            Matrix(rows: taps, columns: taps) { i, j in
                values[(c * taps + j) * size + c * taps + i] + (i == j ? ridge : 0)
            }
        }

        private func rows(_ c: Int, from column: Int, count: Int) -> Matrix {
            Matrix(rows: taps, columns: count) { i, j in values[(column + j) * size + c * taps + i] }
        }

        /// (1) or (2), relative to the target energy; 0 for a block at rounding level.
        func change(_ c: Int) -> Double {
            guard let factor = try? Cholesky(block(c)) else { return 0 }
            var sum = 0.0
            factor.factor.elements.withUnsafeBufferPointer { l in
                values.withUnsafeBufferPointer { x in
                    withUnsafeTemporaryAllocation(of: Double.self, capacity: taps) { y in
                        // Forward substitution, one target at a time: t is small.
                        for k in 0..<targets {
                            let base = (size + k) * size + c * taps
                            for i in 0..<taps {
                                var value = x[base + i]
                                for j in 0..<i { value -= l[j * taps + i] * y[j] }
                                y[i] = value / l[i * taps + i]
                                sum += y[i] * y[i]
                            }
                        }
                    }
                }
            }
            return sum / energy
        }

        /// X ← X − X_{:c}·(X_cc)⁻¹·X_{c:}.
        mutating func eliminate(_ c: Int, open: [Int]) {
            guard let factor = try? Cholesky(block(c)), !open.isEmpty else { return }
            let width = size + targets
            let solved = factor.solve(rows(c, from: 0, count: width))
            let columns = Array(values[c * taps * size..<(c + 1) * taps * size])
            values.withUnsafeMutableBufferPointer { x in
                solved.elements.withUnsafeBufferPointer { s in
                    BLAS.gemm(.normal, .normal, size, width, taps, -1, columns, size, s.baseAddress!, taps, 1, x.baseAddress!, size)
                }
            }
        }
    }
}
