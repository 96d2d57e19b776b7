// The least-squares problem of a set of channels while blocks of regressors join or leave it one after the other.
//
// X is the residual covariance R (forward) or the inverse M (backward), Y the residual cross covariance G or W = M·A. Taking block c,
// with X_cc + ridge = L·Lᵀ, K = X_{:c}·L⁻ᵀ and Z = L⁻¹·Y_c,
//   X ← X − K·Kᵀ,   Y ← Y − K·Z,   change(c) = ‖Z‖² = tr (X_cc + ridge)⁻¹·Y_c·Y_cᵀ.                           (1)
// A step needs X_{:c}, the diagonal blocks X_dd, and Y_d·Y_dᵀ of all blocks. Y and the diagonal blocks are kept up to date, and with
// H = Y·Zᵀ from before the step
//   Y_d·Y_dᵀ ← Y_d·Y_dᵀ − K_d·H_dᵀ − H_d·K_dᵀ + K_d·(Z·Zᵀ)·K_dᵀ.                                              (2)
// X_{:c} is made of X as stored and of the K since then, which are applied together, as a product. (2) loses digits where changes are
// far below those of before, so Y_d·Y_dᵀ is formed anew whenever X is.
// Cost per step: 2·s·t·(q + K's waiting) multiply–adds for s regressors, blocks of t, q targets; s²·t for X in all; s·t·q for (2).

import LinearAlgebra

/// X and Y of one problem, up to date for the open blocks.
struct BlockTable {
    let blocks: [Range<Int>]
    /// Factor from squared errors to the objective.
    let unit: Double
    /// Added to the diagonal of a block before it is inverted.
    private let ridge: Double
    private let size: Int
    private let targets: Int
    private var x: [Double]
    private var y: [Double]
    /// X_dd and Y_d·Y_dᵀ, block after block, t×t each.
    private var squares: [Double] = []
    private var energies: [Double] = []
    private let firsts: [Int]
    private var isOpen: [Bool]
    /// K of the steps that X does not show yet, column after column.
    private var waiting: [Double] = []

    /// Columns that wait at most: products then run at full speed, while columns are still made of few.
    private static let most = 96

    /// - Parameters:
    ///   - x, y: size × size and size × targets, column-major.
    ///   - unit: factor from squared errors to the objective.
    init(blocks: [Range<Int>], x: Matrix, y: Matrix, unit: Double, ridge: Double) {
        (self.blocks, self.unit, self.ridge) = (blocks, unit, ridge)
        (size, targets) = (y.rows, y.columns)
        (self.x, self.y) = (x.elements, y.elements)
        var first = 0
        firsts = blocks.map { block in
            defer { first += block.count * block.count }
            return first
        }
        isOpen = [Bool](repeating: true, count: blocks.count)
        squares = [Double](repeating: 0, count: first)
        energies = squares
        formSquares()
    }

    /// Diagonal blocks from X and Y as they are.
    private mutating func formSquares() {
        for (d, block) in blocks.enumerated() where isOpen[d] {
            let t = block.count
            for j in 0..<t {
                for i in 0..<t { squares[firsts[d] + j * t + i] = x[(block.lowerBound + j) * size + block.lowerBound + i] }
            }
            guard targets > 0 else { continue }
            y.withUnsafeBufferPointer { y in
                energies.withUnsafeMutableBufferPointer { result in
                    let rows = y.baseAddress! + block.lowerBound
                    BLAS.gemm(.normal, .transposed, t, t, targets, 1, rows, size, rows, size, 0, result.baseAddress! + firsts[d], t)
                }
            }
        }
    }

    /// (1) for an open block, in units of the objective; 0 for one at rounding level.
    func change(_ c: Int) -> Double {
        let t = blocks[c].count
        if t == 1 {
            let square = squares[firsts[c]] + ridge
            return square > 0 ? Swift.max(0, energies[firsts[c]]) / square * unit : 0
        }
        guard let factor = try? Cholesky(square(c)) else { return 0 }
        let solved = factor.solve(Matrix(rows: t, columns: t, elements: Array(energies[firsts[c]..<firsts[c] + t * t])))
        return Swift.max(0, solved.diagonal.reduce(0, +)) * unit
    }

    private func square(_ c: Int) -> Matrix {
        let t = blocks[c].count
        return Matrix(rows: t, columns: t) { i, j in squares[firsts[c] + j * t + i] + (i == j ? ridge : 0) }
    }

    /// Takes a block: it has joined, or left.
    mutating func take(_ c: Int) {
        isOpen[c] = false
        guard let factor = try? Cholesky(square(c)) else { return }
        eliminate(blocks[c], factor)
    }

    /// Takes a regressor of no block, as one that always takes part.
    mutating func take(regressor i: Int) {
        let value = column(i..<i + 1)[i] + ridge
        guard value > 0, let factor = try? Cholesky(Matrix(rows: 1, columns: 1, elements: [value])) else { return }
        eliminate(i..<i + 1, factor)
    }

    /// X_{:c}, s×t.
    private func column(_ block: Range<Int>) -> [Double] {
        var result = Array(x[block.lowerBound * size..<block.upperBound * size])
        let columns = waiting.count / size
        guard columns > 0 else { return result }
        waiting.withUnsafeBufferPointer { k in
            BLAS.gemm(
                .normal, .transposed, size, block.count, columns, -1, k.baseAddress!, size, k.baseAddress! + block.lowerBound, size, 1,
                &result, size)
        }
        return result
    }

    private mutating func eliminate(_ block: Range<Int>, _ factor: Cholesky) {
        let t = block.count
        // K = X_{:c}·L⁻ᵀ and Z = L⁻¹·Y_c.
        let inverse = factor.inverseFactor()
        let columns = column(block)
        var k = [Double](repeating: 0, count: size * t)
        BLAS.gemm(.normal, .transposed, size, t, t, 1, columns, size, inverse.elements, t, 0, &k, size)
        var z = [Double](repeating: 0, count: t * Swift.max(1, targets))
        var h = [Double](repeating: 0, count: size * t)
        if targets > 0 {
            y.withUnsafeMutableBufferPointer { y in
                let base = y.baseAddress!
                BLAS.gemm(.normal, .normal, t, targets, t, 1, inverse.elements, t, base + block.lowerBound, size, 0, &z, t)
                BLAS.gemm(.normal, .transposed, size, t, targets, 1, base, size, z, t, 0, &h, size)
                BLAS.gemm(.normal, .normal, size, targets, t, -1, k, size, z, t, 1, base, size)
            }
        }
        var zz = [Double](repeating: 0, count: t * t)
        if targets > 0 { BLAS.gemm(.normal, .transposed, t, t, targets, 1, z, t, z, t, 0, &zz, t) }
        update(k, h, zz, t)
        waiting += k
        if waiting.count >= BlockTable.most * size { apply() }
    }

    /// Diagonal blocks after a step, by (1) and (2).
    private mutating func update(_ k: [Double], _ h: [Double], _ zz: [Double], _ t: Int) {
        // K·(Z·Zᵀ) − H, so that (2) adds K_d·(…)ᵀ and takes away H_d·K_dᵀ.
        var half = h
        BLAS.gemm(.normal, .normal, size, t, t, 1, k, size, zz, t, -1, &half, size)
        squares.withUnsafeMutableBufferPointer { squares in
            energies.withUnsafeMutableBufferPointer { energies in
                for (d, block) in blocks.enumerated() where isOpen[d] {
                    let (own, first) = (block.count, block.lowerBound)
                    for j in 0..<own {
                        for i in 0..<own {
                            var (square, energy) = (0.0, 0.0)
                            for l in 0..<t {
                                let (a, b) = (k[l * size + first + i], k[l * size + first + j])
                                square += a * b
                                energy += a * half[l * size + first + j] - h[l * size + first + i] * b
                            }
                            squares[firsts[d] + j * own + i] -= square
                            energies[firsts[d] + j * own + i] += energy
                        }
                    }
                }
            }
        }
    }

    private mutating func apply() {
        let columns = waiting.count / size
        x.withUnsafeMutableBufferPointer { x in
            BLAS.gemm(.normal, .transposed, size, size, columns, -1, waiting, size, waiting, size, 1, x.baseAddress!, size)
        }
        waiting = []
        formSquares()
    }
}
