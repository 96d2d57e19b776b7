// The steps of NullSpaceElimination for wide rows, in double or single precision: nearly all products of matrices.

internal import CKernels

/// What the steps need of an element type.
protocol EliminationElement: BinaryFloatingPoint {
    /// Numbers in a vector of the kernels: blocks begin at multiples of it.
    static var lanes: Int { get }
    static func luPanel(_ a: UnsafeMutablePointer<Self>, _ stride: Int, _ m: Int, _ column: Int, _ width: Int, _ order: UnsafeMutablePointer<Int64>)
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
    static var lanes: Int { 8 }

    static func luPanel(
        _ a: UnsafeMutablePointer<Double>, _ stride: Int, _ m: Int, _ column: Int, _ width: Int, _ order: UnsafeMutablePointer<Int64>
    ) {
        ck_lu_panel_f64(a, stride, m, column, width, order)
    }

    static func leftSolve(
        _ l: UnsafePointer<Double>, _ lStride: Int, _ h: Int, _ x: UnsafeMutablePointer<Double>, _ xStride: Int, _ width: Int
    ) {
        ck_unit_lower_left_solve_f64(l, lStride, h, x, xStride, width)
    }

    static func rightSolve(
        _ t: UnsafeMutablePointer<Double>, _ tStride: Int, _ rows: Int, _ l: UnsafePointer<Double>, _ lStride: Int, _ h: Int
    ) {
        ck_unit_lower_right_solve_f64(t, tStride, rows, l, lStride, h)
    }

    static func exchangeRows(
        _ t: UnsafeMutablePointer<Double>, _ rows: Int, _ weight: UnsafePointer<Double>, _ name: UnsafePointer<Int64>,
        _ cost: UnsafePointer<Double>?, _ basis: inout ck_basis, _ pending: inout ck_exchanges
    ) {
        ck_exchange_rows_f64(t, rows, weight, name, cost, &basis, &pending)
    }

    static func exchangeCoefficients(
        _ t: UnsafePointer<Double>, _ stride: Int, _ rows: Int, _ pending: inout ck_exchanges, _ c: UnsafeMutablePointer<Double>
    ) {
        ck_exchange_coefficients_f64(t, stride, rows, &pending, c)
    }

    static func multiply(
        _ m: Int, _ n: Int, _ k: Int, _ alpha: Double, _ a: UnsafePointer<Double>, _ lda: Int, _ b: UnsafePointer<Double>, _ ldb: Int,
        _ c: UnsafeMutablePointer<Double>, _ ldc: Int
    ) {
        BLAS.gemm(.normal, .normal, m, n, k, alpha, a, lda, b, ldb, 1, c, ldc)
    }
}

extension Float: EliminationElement {
    static var lanes: Int { 16 }

    static func luPanel(
        _ a: UnsafeMutablePointer<Float>, _ stride: Int, _ m: Int, _ column: Int, _ width: Int, _ order: UnsafeMutablePointer<Int64>
    ) {
        ck_lu_panel_f32(a, stride, m, column, width, order)
    }

    static func leftSolve(
        _ l: UnsafePointer<Float>, _ lStride: Int, _ h: Int, _ x: UnsafeMutablePointer<Float>, _ xStride: Int, _ width: Int
    ) {
        ck_unit_lower_left_solve_f32(l, lStride, h, x, xStride, width)
    }

    static func rightSolve(
        _ t: UnsafeMutablePointer<Float>, _ tStride: Int, _ rows: Int, _ l: UnsafePointer<Float>, _ lStride: Int, _ h: Int
    ) {
        ck_unit_lower_right_solve_f32(t, tStride, rows, l, lStride, h)
    }

    static func exchangeRows(
        _ t: UnsafeMutablePointer<Float>, _ rows: Int, _ weight: UnsafePointer<Float>, _ name: UnsafePointer<Int64>,
        _ cost: UnsafePointer<Float>?, _ basis: inout ck_basis, _ pending: inout ck_exchanges
    ) {
        ck_exchange_rows_f32(t, rows, weight, name, cost, &basis, &pending)
    }

    static func exchangeCoefficients(
        _ t: UnsafePointer<Float>, _ stride: Int, _ rows: Int, _ pending: inout ck_exchanges, _ c: UnsafeMutablePointer<Float>
    ) {
        ck_exchange_coefficients_f32(t, stride, rows, &pending, c)
    }

    static func multiply(
        _ m: Int, _ n: Int, _ k: Int, _ alpha: Float, _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int,
        _ c: UnsafeMutablePointer<Float>, _ ldc: Int
    ) {
        BLAS.gemm(.normal, .normal, m, n, k, alpha, a, lda, b, ldb, 1, c, ldc)
    }
}

/// Row-major rows of one elimination and the steps on them; owns nothing.
struct BlockedElimination<Element: EliminationElement> {
    let rows: UnsafeMutablePointer<Element>
    let order: UnsafeMutablePointer<Int64>
    let width: Int
    let stride: Int

    private static var panelWidth: Int { 16 }
    private static var solveWidth: Int { 32 }
    static var block: Int { 32 }

    private func half(_ width: Int) -> Int { (width / 2 + Element.lanes - 1) / Element.lanes * Element.lanes }

    /// P·A = [L₁; L₂]·U of the first m rows, then T = L₂L₁⁻¹ in the place of L₂.
    func expressNonbasic(rowCount m: Int) {
        factor(columns: 0..<width, rowCount: m)
        solveRight(rows + width * stride, rowCount: m - width, factor: rows, order: width)
    }

    /// P·A = L·U, recursively by columns.
    func factor(columns: Range<Int>, rowCount m: Int) {
        let width = columns.count
        if width <= Self.panelWidth {
            Element.luPanel(rows, stride, m, columns.lowerBound, width, order)
            return
        }
        let half = half(width)
        let middle = columns.lowerBound + half
        factor(columns: columns.lowerBound..<middle, rowCount: m)
        let corner = rows + columns.lowerBound * stride + columns.lowerBound
        solveLeft(corner, order: half, corner + half, columnCount: columns.upperBound - middle)
        // Row-major C ← C − A·B is column-major Cᵀ ← Cᵀ − Bᵀ·Aᵀ.
        Element.multiply(
            columns.upperBound - middle, m - middle, half, -1, corner + half, stride,
            rows + middle * stride + columns.lowerBound, stride, rows + middle * stride + middle, stride)
        factor(columns: middle..<columns.upperBound, rowCount: m)
    }

    // X ← L⁻¹·X with L unit lower, X order×columnCount.
    private func solveLeft(_ l: UnsafeMutablePointer<Element>, order: Int, _ x: UnsafeMutablePointer<Element>, columnCount: Int) {
        if order <= Self.solveWidth {
            Element.leftSolve(l, stride, order, x, stride, (columnCount + Element.lanes - 1) / Element.lanes * Element.lanes)
            return
        }
        let half = half(order)
        solveLeft(l, order: half, x, columnCount: columnCount)
        Element.multiply(
            columnCount, order - half, half, -1, x, stride, l + half * stride, stride, x + half * stride, stride)
        solveLeft(l + half * stride + half, order: order - half, x + half * stride, columnCount: columnCount)
    }

    // T ← T·L⁻¹ with L unit lower, T rowCount×order.
    func solveRight(_ t: UnsafeMutablePointer<Element>, rowCount: Int, factor l: UnsafeMutablePointer<Element>, order: Int) {
        if order <= Self.solveWidth {
            Element.rightSolve(t, stride, rowCount, l, stride, order)
            return
        }
        let half = half(order)
        solveRight(t + half, rowCount: rowCount, factor: l + half * stride + half, order: order - half)
        Element.multiply(half, rowCount, order - half, -1, l + half * stride, stride, t + half, stride, t, stride)
        solveRight(t, rowCount: rowCount, factor: l, order: half)
    }

    /// Pushes the weights of the rows after the first `width` to zero, blocks of exchanges held back.
    func exchange(
        rowCount m: Int, nonbasic: UnsafePointer<Element>, costs: UnsafePointer<Element>?, coefficients: UnsafeMutablePointer<Element>,
        _ basis: inout ck_basis, _ pending: inout ck_exchanges
    ) {
        let t = rows + width * stride
        var k = 0
        while k < m - width {
            let size = min(Self.block, m - width - k)
            pending.count = 0
            Element.exchangeRows(t + k * stride, size, nonbasic + k, order + width + k, costs.map { $0 + k }, &basis, &pending)
            k += size
            let rest = m - width - k
            guard pending.count > 0, rest > 0 else { continue }
            let later = t + k * stride
            Element.exchangeCoefficients(later, stride, rest, &pending, coefficients)
            let z = pending.z.assumingMemoryBound(to: Element.self)
            Element.multiply(width, rest, pending.count, 1, z, stride, coefficients, Self.block, later, stride)
        }
    }
}
