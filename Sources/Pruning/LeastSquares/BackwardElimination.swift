// Backward elimination of channels for the least-squares refit.
//
// With S kept, M = (C_SS + λI)⁻¹ and V' = A_Sᵀ·M, removing i and refitting raises the objective exactly by
//   cost(i) = ‖V'_i‖²/M_ii                                                                              (1)
//   M ← M − M_i·M_iᵀ/M_ii,   V' ← V' − V'_i·M_iᵀ/M_ii                                                     (2)
// and only W = V'ᵀV' is needed of V'. With m = M_i/M_ii and p = W_i − (W_ii/2)·m, (2) is
//   M ← M − M_ii·m·mᵀ,   W ← W − m·pᵀ − p·mᵀ.                                                            (3)
// A step needs the diagonals of M and W, which are kept up to date, and column i of both, which is made of the stored
// matrices and the steps since they were stored; those are applied together, as products. W is formed from V' itself:
// (C + λI)⁻¹·B·(C + λI)⁻¹ would square a condition number that duplicate channels make 1/λ.
// Beyond 1024 channels steps are taken in batches: EliminationBatches.
// Cost n³ + 3n²q flops to set up, then about 2n³ in products to empty the set; memory 2n² numbers beside the inverse's.
// Source: optimal brain surgeon, Hassibi & Stork, NeurIPS 1992, for the quadratic objective of Reconstruction.

import LinearAlgebra

/// Channels in the order backward elimination removes them, with the cost of each removal.
package struct BackwardElimination: Sendable {
    /// Channels in the order of removal.
    package var order: [Int] = []
    /// Increase of the objective by each removal.
    package var costs: [Double] = []

    /// Regressors up to which every step looks at all of them.
    static let stepwiseLimit = 1024

    /// Removes channels until `remaining` are left; ties to the lowest index.
    ///
    /// - Parameter first: channels that leave before all others.
    /// - Complexity: about 5n³ flops for up to 1024 channels; beyond, `init(batches:remaining:first:sizes:precisions:)`.
    package init(_ problem: Reconstruction, remaining: Int, first: [Int] = []) throws(FactorizationError) {
        guard problem.count > BackwardElimination.stepwiseLimit else {
            try self.init(stepwise: problem, remaining: remaining, first: first)
            return
        }
        try self.init(batches: problem, remaining: remaining, first: first)
    }

    /// The same in batches; where no precision serves, every step is taken among all channels.
    package init(
        batches problem: Reconstruction, remaining: Int, first: [Int] = [], sizes: EliminationBatches.Sizes = .usual,
        precisions: [ShrinkingInverse.Precision]? = nil
    ) throws(FactorizationError) {
        let given = [BlockSelection.Problem(problem, taps: 1)]
        if let batches = try? EliminationBatches(given, remaining: remaining, first: first, sizes: sizes, precisions: precisions) {
            (order, costs) = (batches.order, batches.changes)
            return
        }
        self = try BackwardElimination(stepwise: problem, remaining: remaining, first: first)
    }

    /// The same, every step among all channels.
    package init(stepwise problem: Reconstruction, remaining: Int, first: [Int] = []) throws(FactorizationError) {
        let n = problem.count
        precondition(remaining >= 0 && remaining <= n, "cannot keep more channels than there are")
        guard n > remaining else { return }
        var normal = problem.channels.covariance
        for i in 0..<n { normal[i, i] += problem.eliminationRidge }
        let factor = try Cholesky(consume normal)
        let weights = factor.solve(problem.cross).gram()
        var table = Table(inverse: factor.inverse(), weights: weights)
        var waiting = Set(first)
        while table.channels.count - table.removed > remaining {
            let (position, cost) = table.cheapest(among: waiting)
            waiting.remove(table.channels[position])
            order.append(table.channels[position])
            costs.append(cost)
            table.remove(position)
        }
    }

    /// M and W as they were after some step, and the steps since then.
    struct Table {
        /// Names of the rows and columns.
        private(set) var channels: [Int]
        /// How many of them have been removed since the matrices were made smaller.
        private(set) var removed = 0

        private var inverse: Matrix
        private var weights: Matrix
        private var isOpen: [Bool]
        private var inverseDiagonal: [Double]
        private var weightDiagonal: [Double]
        /// m and p of the steps that wait, one column each, and their M_ii.
        private var m: [Double] = []
        private var p: [Double] = []
        private var pivots: [Double] = []

        /// Steps applied at once: products then run at full speed, while columns are still made of few.
        private static let most = 64

        init(inverse: Matrix, weights: Matrix) {
            channels = Array(0..<inverse.rows)
            isOpen = [Bool](repeating: true, count: inverse.rows)
            (inverseDiagonal, weightDiagonal) = (inverse.diagonal, weights.diagonal)
            (self.inverse, self.weights) = (inverse, weights)
        }

        /// The open channel of the least cost (1), one of `few` unless there are none.
        func cheapest(among few: Set<Int>) -> (position: Int, cost: Double) {
            var (position, least) = (-1, Double.infinity)
            for i in channels.indices where isOpen[i] && (few.isEmpty || few.contains(channels[i])) {
                let cost = Swift.max(0, weightDiagonal[i]) / inverseDiagonal[i]
                if position < 0 || cost < least { (position, least) = (i, cost) }
            }
            return (position, least)
        }

        mutating func remove(_ i: Int) {
            let n = channels.count
            let waiting = pivots.count
            var column = Array(inverse.elements[i * n..<(i + 1) * n])
            var energy = Array(weights.elements[i * n..<(i + 1) * n])
            if waiting > 0 {
                let own = (0..<waiting).map { (m[$0 * n + i], p[$0 * n + i]) }
                let scaled = (0..<waiting).map { pivots[$0] * own[$0].0 }
                BLAS.gemv(.normal, n, waiting, -1, m, n, scaled, 1, 1, &column, 1)
                BLAS.gemv(.normal, n, waiting, -1, m, n, own.map { $0.1 }, 1, 1, &energy, 1)
                BLAS.gemv(.normal, n, waiting, -1, p, n, own.map { $0.0 }, 1, 1, &energy, 1)
            }
            isOpen[i] = false
            removed += 1
            let pivot = inverseDiagonal[i]
            let half = weightDiagonal[i] / 2
            for j in 0..<n {
                // Rows that are gone stay out of the products.
                let own = isOpen[j] ? column[j] / pivot : 0
                column[j] = own
                energy[j] = isOpen[j] ? energy[j] - half * own : 0
                inverseDiagonal[j] -= pivot * own * own
                weightDiagonal[j] -= 2 * own * energy[j]
            }
            m += column
            p += energy
            pivots.append(pivot)
            if pivots.count == Self.most { apply() }
        }

        /// Applies the steps that wait, and makes the matrices smaller where a quarter of their rows is gone.
        private mutating func apply() {
            let (n, waiting) = (channels.count, pivots.count)
            var scaled = m
            for k in 0..<waiting { for i in k * n..<(k + 1) * n { scaled[i] *= pivots[k] } }
            inverse.elements.withUnsafeMutableBufferPointer { x in
                BLAS.gemm(.normal, .transposed, n, n, waiting, -1, scaled, n, m, n, 1, x.baseAddress!, n)
            }
            let (left, right) = (m + p, p + m)
            weights.elements.withUnsafeMutableBufferPointer { x in
                BLAS.gemm(.normal, .transposed, n, n, 2 * waiting, -1, left, n, right, n, 1, x.baseAddress!, n)
            }
            (m, p, pivots) = ([], [], [])
            guard 4 * removed >= n else { return }
            let kept = channels.indices.filter { isOpen[$0] }
            inverse = Matrix(rows: kept.count, columns: kept.count) { inverse[kept[$0], kept[$1]] }
            weights = Matrix(rows: kept.count, columns: kept.count) { weights[kept[$0], kept[$1]] }
            (inverseDiagonal, weightDiagonal) = (kept.map { inverseDiagonal[$0] }, kept.map { weightDiagonal[$0] })
            channels = kept.map { channels[$0] }
            isOpen = [Bool](repeating: true, count: kept.count)
            removed = 0
        }
    }
}

extension Reconstruction {
    /// λ as elimination needs it.
    ///
    /// Without a ridge a dead or duplicate channel makes C singular; a trace is added so that it goes first: enough to leave three
    /// digits to (2) of BackwardElimination, too little to change an order that the data determines.
    var eliminationRidge: Double { Swift.max(ridge, 1e-12 * Swift.max(channels.meanVariance, .leastNormalMagnitude)) }
}
