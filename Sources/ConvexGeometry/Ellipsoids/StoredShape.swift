// A = V·diag(1/s²)·Vᵀ as a matrix of Doubles, and by how much its ellipsoid differs from that of V and s.
//
// With E the rounding of A, |E| ≤ 2·ulp·|V|diag(1/s²)|V|ᵀ entry by entry, quadratic forms differ by at most the norm of
// diag(s)·|V|ᵀ|E||V|·diag(s) and log det by r times that. For axes along the coordinates it is an ulp at any ratio of
// lengths, along others the square of the ratio times that. Signs cancel, and so the matrix that was made is measured: T =
// diag(s)·Vᵀ·A·V·diag(s), in twice the precision, has its log det, and is the identity where nothing was lost.

import LinearAlgebra

struct StoredShape {
    /// A, r×r: in the coordinates of the axes themselves when they span less than the space.
    let matrix: Matrix
    /// |log det A + 2·Σ log s|, or a bound on it.
    let error: Double
    /// Bound on |xᵀAx − Σ (vₖ·x/sₖ)²| where the latter is 1.
    let distortion: Double

    /// nil when the error is more than `tolerance`, or entries leave the range of Double.
    init?(axes: Matrix, semiaxes: [Double], tolerance: Double) {
        let (d, r) = (axes.rows, axes.columns)
        let inverse = semiaxes.map { 1 / $0 / $0 }
        guard inverse.allSatisfy({ $0 > 0x1p-1000 && $0 < 0x1p1000 }) else { return nil }
        guard r == d else {
            matrix = Matrix.diagonal(inverse)
            (error, distortion) = (4 * Double(r) * .ulpOfOne, 4 * .ulpOfOne)
            return
        }
        let magnitudes = Matrix(rows: d, columns: r, elements: axes.elements.map(\.magnitude))
        let entries = magnitudes.gram(weights: inverse)
        let spread = Matrix(rows: d, columns: r) { magnitudes[$0, $1] * semiaxes[$1] }
        let images = spread.times(entries, transposeSelf: true).times(spread)
        // An ulp for the products with 1/s², half of one for the entry, half for what is left of the sums.
        let bound = 2 * Double.ulpOfOne * Self.norm(images)
        guard entries.isFinite, bound <= Self.measurable else { return nil }
        let scaled = Matrix(rows: r, columns: d) { axes[$1, $0] * inverse[$0] }
        var result = CompensatedProduct.product(axes, scaled).rounded
        guard result.isFinite else { return nil }
        result.symmetrizeFromLower()
        matrix = result
        if Double(r) * bound <= Self.negligible {
            (error, distortion) = (Double(r) * bound, bound)
        } else {
            let (high, low) = CompensatedProduct.product(result, axes)
            let form = CompensatedProduct.product(axes.transposed(), high).rounded + axes.times(low, transposeSelf: true)
            let identity = Matrix(rows: r, columns: r) { form[$0, $1] * semiaxes[$0] * semiaxes[$1] }
            guard identity.isFinite, let factor = try? Cholesky(identity) else { return nil }
            // V is orthonormal to an ulp, which leans the short axes of T towards the long ones by that times their ratio.
            let lean = 4 * Double(r) * .ulpOfOne * (semiaxes.max() ?? 1) / (semiaxes.min() ?? 1)
            error = factor.logDeterminant.magnitude + Double(r) * lean
            distortion = Self.norm(identity - .identity(r)) + lean
        }
        guard error <= tolerance else { return nil }
    }

    /// The largest sum of magnitudes of a column.
    private static func norm(_ matrix: Matrix) -> Double {
        (0..<matrix.columns).reduce(0.0) { worst, j in Swift.max(worst, matrix.column(j).reduce(0) { $0 + $1.magnitude }) }
    }

    /// A bound on the distortion up to which measuring is worth it: the first orders tell.
    private static var measurable: Double { 1e-3 }
    /// A bound on the error that nobody needs to know better.
    private static var negligible: Double { 1e-11 }
}
