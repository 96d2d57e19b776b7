// A = V·diag(1/s²)·Vᵀ as a matrix of Doubles, and by how much its ellipsoid may differ from that of V and s.
//
// With E the rounding of A, |E| ≤ 2·ulp·|V|diag(1/s²)|V|ᵀ entry by entry, quadratic forms differ by at most the norm of
// diag(s)·|V|ᵀ|E||V|·diag(s) and log det by r times that. For axes along the coordinates it is an ulp at any ratio of
// lengths, along others the square of the ratio times that.

import LinearAlgebra

struct StoredShape {
    /// A, r×r: in the coordinates of the axes themselves when they span less than the space.
    let matrix: Matrix
    /// Bound on |log det A + 2·Σ log s|.
    let error: Double

    /// nil when the error is more than `tolerance`, or entries leave the range of Double.
    init?(axes: Matrix, semiaxes: [Double], tolerance: Double) {
        let (d, r) = (axes.rows, axes.columns)
        let inverse = semiaxes.map { 1 / $0 / $0 }
        guard inverse.allSatisfy({ $0 > 0x1p-1000 && $0 < 0x1p1000 }) else { return nil }
        guard r == d else {
            matrix = Matrix.diagonal(inverse)
            error = 4 * Double(r) * .ulpOfOne
            return
        }
        let magnitudes = Matrix(rows: d, columns: r, elements: axes.elements.map(\.magnitude))
        let entries = magnitudes.gram(weights: inverse)
        let spread = Matrix(rows: d, columns: r) { magnitudes[$0, $1] * semiaxes[$1] }
        let images = spread.times(entries, transposeSelf: true).times(spread)
        let norm = (0..<r).reduce(0.0) { worst, j in Swift.max(worst, images.column(j).reduce(0, +)) }
        // An ulp for the products with 1/s², half of one for the entry, half for what is left of the sums.
        error = 2 * Double(r) * .ulpOfOne * norm
        guard entries.isFinite, error <= tolerance else { return nil }
        let scaled = Matrix(rows: r, columns: d) { axes[$1, $0] * inverse[$0] }
        var result = CompensatedProduct.product(axes, scaled).rounded
        guard result.isFinite else { return nil }
        result.symmetrizeFromLower()
        matrix = result
    }
}
