// Choosing channels when every channel is a block of t regressors: greedy gain, and backward elimination.
//
// Notation of Reconstruction, with one or several least-squares problems (consumers, convolution groups) that share the
// channels, each with a block size of its own; R, G residual covariance and cross covariance given the chosen blocks, M = (C_SS + λI)⁻¹, W = M·A_S. The objective
// changes exactly by
//   gain(c) = ‖L_c⁻¹·G_c‖²,  L_c·L_cᵀ = R_cc + λI        when block c joins,                                  (1)
//   cost(c) = ‖L_c⁻¹·W_c‖²,  L_c·L_cᵀ = M_cc             when block c leaves and the rest is refitted.        (2)
// Afterwards R, G (M, W) lose their projection on the block: BlockTable. Each problem's changes are divided
// by its target energy, so that every consumer counts by its relative error, times a weight where they are not alike.
// Beyond 1024 regressors blocks leave in batches: EliminationBatches.
// Cost: forward m·(n·t)²·t, backward (n·t)³ + (n − m)·(n·t)²·t multiply–adds per problem, all in products.
// Sources: forward: orthogonal least squares, Chen, Billings & Luo, Int. J. Control 50 (1989); backward: optimal brain
// surgeon, Hassibi & Stork, NeurIPS 1992; both with blocks in place of single variables.

import LinearAlgebra

/// Subsets of channels chosen in the moments of channel × tap regressors.
package struct BlockSelection: Sendable {
    /// Channels in the order in which they joined (forward) or left (backward).
    package var order: [Int]
    /// Change of the relative objective, summed over the problems, at each step.
    package var changes: [Double]

    /// A least-squares problem with the regressors of every channel; regressors of no channel always take part.
    package struct Problem: Sendable {
        package var reconstruction: Reconstruction
        /// Per channel: a range of regressors.
        package var blocks: [Range<Int>]
        /// What its relative objective counts among the others'.
        package var weight = 1.0

        package init(_ reconstruction: Reconstruction, blocks: [Range<Int>]) {
            self.reconstruction = reconstruction
            self.blocks = blocks
        }

        /// Factor from squared errors to the objective.
        var unit: Double { weight / Swift.max(reconstruction.targetEnergy, .leastNormalMagnitude) }

        /// Channel c owns regressors c·taps ..< (c + 1)·taps.
        package init(_ reconstruction: Reconstruction, taps: Int) {
            self.init(reconstruction, blocks: (0..<reconstruction.count / taps).map { $0 * taps..<($0 + 1) * taps })
        }
    }

    /// Joins `count` channels, each in turn the one with the largest gain; ties to the lowest index.
    ///
    /// - Parameter last: channels that join when no others are left.
    package static func forward(_ problems: consuming [Problem], count: Int, last: [Int] = []) throws(FactorizationError) -> BlockSelection
    {
        try run(problems, steps: count, isForward: true, preferred: { !last.contains($0) })
    }

    /// Removes channels, each in turn the one whose loss costs least, until `remaining` are left; ties to the lowest index.
    ///
    /// - Parameter first: channels that leave before all others.
    package static func backward(
        _ problems: consuming [Problem], remaining: Int, first: [Int] = []
    ) throws(FactorizationError) -> BlockSelection {
        // One problem of single regressors: the same costs from n×n matrices that shrink, whatever the number of targets.
        if let only = problems.first, problems.count == 1, only.blocks.count == only.reconstruction.count,
            only.blocks.enumerated().allSatisfy({ $1 == $0..<$0 + 1 })
        {
            let path = try BackwardElimination(only.reconstruction, remaining: remaining, first: first)
            return BlockSelection(order: path.order, changes: path.costs.map { $0 * only.unit })
        }
        if problems.contains(where: { $0.reconstruction.count > BackwardElimination.stepwiseLimit }) {
            var relative = copy problems
            for k in relative.indices { relative[k].weight = relative[k].unit }
            if let batches = try? EliminationBatches(relative, remaining: remaining, first: first) {
                return BlockSelection(order: batches.order, changes: batches.changes)
            }
        }
        return try run(
            problems, steps: (problems.first?.blocks.count ?? remaining) - remaining, isForward: false, preferred: { first.contains($0) })
    }

    private static func run(
        _ problems: consuming [Problem], steps: Int, isForward: Bool, preferred isPreferred: (Int) -> Bool
    ) throws(FactorizationError) -> BlockSelection {
        let n = problems.first?.blocks.count ?? 0
        precondition(steps >= 0 && steps <= n, "cannot choose more channels than there are")
        precondition(problems.allSatisfy { $0.blocks.count == n }, "problems must share their channels")
        var tables: [BlockTable] = []
        // Every problem's moments become its table, in their own memory where nobody else holds them.
        problems.reverse()
        while let problem = problems.popLast() { tables.append(try table(problem, isForward: isForward)) }
        var open = Array(0..<n)
        var result = BlockSelection(order: [], changes: [])
        for _ in 0..<steps {
            var totals = [Double](repeating: 0, count: open.count)
            for table in tables { for (k, c) in open.enumerated() { totals[k] += table.change(c) } }
            let eligible = open.indices.filter { isPreferred(open[$0]) }
            let candidates = eligible.isEmpty ? Array(open.indices) : eligible
            var best = candidates[0]
            for k in candidates where isForward ? totals[k] > totals[best] : totals[k] < totals[best] { best = k }
            let chosen = open.remove(at: best)
            result.order.append(chosen)
            result.changes.append(totals[best])
            if !open.isEmpty { for k in tables.indices { tables[k].take(chosen) } }
        }
        return result
    }

    /// A problem at its start: nothing has joined but what always takes part, or everything has.
    private static func table(_ given: consuming Problem, isForward: Bool) throws(FactorizationError) -> BlockTable {
        let (blocks, unit) = (given.blocks, given.unit)
        var problem = (consume given).reconstruction
        let size = problem.count
        problem.cross = fewestTargets(problem.cross)
        // Without a ridge dead or duplicate channels make blocks singular; rounding level is added.
        let floor = Double(size) * Double.ulpOfOne * Swift.max(problem.channels.meanVariance, .leastNormalMagnitude)
        let lambda = Swift.max(problem.ridge, floor)
        guard isForward else {
            var normal = problem.channels.covariance
            problem.channels.covariance = Matrix(rows: 0, columns: 0)
            for i in 0..<size { normal[i, i] += lambda }
            let inverse = try Cholesky.inverse(of: consume normal)
            return BlockTable(blocks: blocks, x: inverse, y: inverse.times(problem.cross), unit: unit, ridge: 0)
        }
        var table = BlockTable(blocks: blocks, x: problem.channels.covariance, y: problem.cross, unit: unit, ridge: lambda)
        var isFree = [Bool](repeating: true, count: size)
        for block in blocks { for i in block { isFree[i] = false } }
        for i in 0..<size where isFree[i] { table.take(regressor: i) }
        return table
    }
}
