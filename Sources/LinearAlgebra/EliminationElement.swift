// What an elimination needs of the numbers it is done in: the kernels, and products of matrices.

package import CKernels

/// Double, or Float at half the price.
package protocol EliminationElement: BinaryFloatingPoint {
    /// Numbers in a vector of the kernels: blocks begin at multiples of it.
    static var lanes: Int { get }
    /// Widths up to this are narrow: one call for all takes less time than products of matrices.
    static var narrowWidth: Int { get }
    /// The whole elimination of narrow rows in one call, as ck_eliminate_small.
    static func eliminateNarrow(
        _ a: UnsafeMutablePointer<Self>, _ m: Int, _ weight: UnsafePointer<Self>, _ cost: UnsafePointer<Self>?,
        _ columns: UnsafeMutablePointer<Self>, _ order: UnsafeMutablePointer<Int64>, _ basis: inout ck_basis)
    static func luPanel(
        _ a: UnsafeMutablePointer<Self>, _ stride: Int, _ m: Int, _ column: Int, _ width: Int, _ order: UnsafeMutablePointer<Int64>,
        _ scratch: UnsafeMutablePointer<Self>)
    static func leftSolve(
        _ l: UnsafePointer<Self>, _ lStride: Int, _ h: Int, _ x: UnsafeMutablePointer<Self>, _ xStride: Int, _ width: Int)
    static func rightSolve(
        _ t: UnsafeMutablePointer<Self>, _ tStride: Int, _ rows: Int, _ l: UnsafePointer<Self>, _ lStride: Int, _ h: Int)
    static func exchangeRows(
        _ t: UnsafeMutablePointer<Self>, _ rows: Int, _ weight: UnsafePointer<Self>, _ name: UnsafePointer<Int64>,
        _ cost: UnsafePointer<Self>?, _ basis: inout ck_basis, _ pending: inout ck_exchanges)
    static func exchangeCoefficients(
        _ t: UnsafePointer<Self>, _ stride: Int, _ rows: Int, _ pending: inout ck_exchanges, _ c: UnsafeMutablePointer<Self>)
    /// C ← α·A·B + C, column-major.
    static func multiply(
        _ m: Int, _ n: Int, _ k: Int, _ alpha: Self, _ a: UnsafePointer<Self>, _ lda: Int, _ b: UnsafePointer<Self>, _ ldb: Int,
        _ c: UnsafeMutablePointer<Self>, _ ldc: Int)
}

extension Double: EliminationElement {
    package static var lanes: Int { 8 }
    package static var narrowWidth: Int { 48 }

    package static func eliminateNarrow(
        _ a: UnsafeMutablePointer<Double>, _ m: Int, _ weight: UnsafePointer<Double>, _ cost: UnsafePointer<Double>?,
        _ columns: UnsafeMutablePointer<Double>, _ order: UnsafeMutablePointer<Int64>, _ basis: inout ck_basis
    ) {
        ck_eliminate_small(a, m, weight, cost, columns, order, &basis)
    }

    package static func luPanel(
        _ a: UnsafeMutablePointer<Double>, _ stride: Int, _ m: Int, _ column: Int, _ width: Int, _ order: UnsafeMutablePointer<Int64>,
        _ scratch: UnsafeMutablePointer<Double>
    ) {
        ck_lu_panel_f64(a, stride, m, column, width, order, scratch)
    }

    package static func leftSolve(
        _ l: UnsafePointer<Double>, _ lStride: Int, _ h: Int, _ x: UnsafeMutablePointer<Double>, _ xStride: Int, _ width: Int
    ) {
        ck_unit_lower_left_solve_f64(l, lStride, h, x, xStride, width)
    }

    package static func rightSolve(
        _ t: UnsafeMutablePointer<Double>, _ tStride: Int, _ rows: Int, _ l: UnsafePointer<Double>, _ lStride: Int, _ h: Int
    ) {
        ck_unit_lower_right_solve_f64(t, tStride, rows, l, lStride, h)
    }

    package static func exchangeRows(
        _ t: UnsafeMutablePointer<Double>, _ rows: Int, _ weight: UnsafePointer<Double>, _ name: UnsafePointer<Int64>,
        _ cost: UnsafePointer<Double>?, _ basis: inout ck_basis, _ pending: inout ck_exchanges
    ) {
        ck_exchange_rows_f64(t, rows, weight, name, cost, &basis, &pending)
    }

    package static func exchangeCoefficients(
        _ t: UnsafePointer<Double>, _ stride: Int, _ rows: Int, _ pending: inout ck_exchanges, _ c: UnsafeMutablePointer<Double>
    ) {
        ck_exchange_coefficients_f64(t, stride, rows, &pending, c)
    }

    package static func multiply(
        _ m: Int, _ n: Int, _ k: Int, _ alpha: Double, _ a: UnsafePointer<Double>, _ lda: Int, _ b: UnsafePointer<Double>, _ ldb: Int,
        _ c: UnsafeMutablePointer<Double>, _ ldc: Int
    ) {
        BLAS.gemm(.normal, .normal, m, n, k, alpha, a, lda, b, ldb, 1, c, ldc)
    }
}

extension Float: EliminationElement {
    package static var lanes: Int { 16 }
    // Single precision only decides for wide rows, where half the price matters.
    package static var narrowWidth: Int { 0 }

    package static func eliminateNarrow(
        _ a: UnsafeMutablePointer<Float>, _ m: Int, _ weight: UnsafePointer<Float>, _ cost: UnsafePointer<Float>?,
        _ columns: UnsafeMutablePointer<Float>, _ order: UnsafeMutablePointer<Int64>, _ basis: inout ck_basis
    ) {
        preconditionFailure("no narrow elimination in single precision")
    }

    package static func luPanel(
        _ a: UnsafeMutablePointer<Float>, _ stride: Int, _ m: Int, _ column: Int, _ width: Int, _ order: UnsafeMutablePointer<Int64>,
        _ scratch: UnsafeMutablePointer<Float>
    ) {
        ck_lu_panel_f32(a, stride, m, column, width, order, scratch)
    }

    package static func leftSolve(
        _ l: UnsafePointer<Float>, _ lStride: Int, _ h: Int, _ x: UnsafeMutablePointer<Float>, _ xStride: Int, _ width: Int
    ) {
        ck_unit_lower_left_solve_f32(l, lStride, h, x, xStride, width)
    }

    package static func rightSolve(
        _ t: UnsafeMutablePointer<Float>, _ tStride: Int, _ rows: Int, _ l: UnsafePointer<Float>, _ lStride: Int, _ h: Int
    ) {
        ck_unit_lower_right_solve_f32(t, tStride, rows, l, lStride, h)
    }

    package static func exchangeRows(
        _ t: UnsafeMutablePointer<Float>, _ rows: Int, _ weight: UnsafePointer<Float>, _ name: UnsafePointer<Int64>,
        _ cost: UnsafePointer<Float>?, _ basis: inout ck_basis, _ pending: inout ck_exchanges
    ) {
        ck_exchange_rows_f32(t, rows, weight, name, cost, &basis, &pending)
    }

    package static func exchangeCoefficients(
        _ t: UnsafePointer<Float>, _ stride: Int, _ rows: Int, _ pending: inout ck_exchanges, _ c: UnsafeMutablePointer<Float>
    ) {
        ck_exchange_coefficients_f32(t, stride, rows, &pending, c)
    }

    package static func multiply(
        _ m: Int, _ n: Int, _ k: Int, _ alpha: Float, _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int,
        _ c: UnsafeMutablePointer<Float>, _ ldc: Int
    ) {
        BLAS.gemm(.normal, .normal, m, n, k, alpha, a, lda, b, ldb, 1, c, ldc)
    }
}
