// The steps of NullSpaceElimination for wide rows: nearly all products of matrices.

internal import CKernels

/// Row-major rows of one elimination and the steps on them; owns nothing.
struct BlockedElimination<Element: EliminationElement> {
    let rows: UnsafeMutablePointer<Element>
    let order: UnsafeMutablePointer<Int64>
    let width: Int
    let stride: Int
    /// Room for two more columns than a panel has, each as long as there are rows in whole vectors.
    let scratch: UnsafeMutablePointer<Element>

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
            Element.luPanel(rows, stride, m, columns.lowerBound, width, order, scratch)
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
