// Loops that BLAS has no routine for, in Swift types; the C behind them is compiled once per CPU generation.

internal import CKernels

/// Weighted sums and two-term arithmetic. Widths count doubles; buffers are padded with zeros to multiples of 8.
package enum VectorKernels {
    /// The row length to use for rows of `width` doubles: a multiple of 8 that does not fold onto few cache sets.
    package static func stride(_ width: Int) -> Int {
        let padded = (width + 7) & ~7
        return padded >= 64 && padded % 64 == 0 ? padded + 8 : padded
    }

    /// (high, low) += x·row in two-term arithmetic, about 32 digits.
    @inline(__always)
    package static func addCompensated(
        _ x: Double, _ row: UnsafePointer<Double>, width: Int, high: UnsafeMutablePointer<Double>, low: UnsafeMutablePointer<Double>
    ) {
        ck_axpy_compensated(x, row, width, high, low)
    }

    /// images (rank×count) ← T·(p − origin) for every point, T rank×dimension and all by columns, as if computed in twice the precision
    /// and rounded once; what rounding lost goes to `remainders` where there is room for it.
    ///
    /// - Complexity: 12 flops for every entry of T and point.
    package static func compensatedImages(
        _ transform: UnsafePointer<Double>, rank: Int, dimension: Int, origin: UnsafePointer<Double>, points: UnsafePointer<Double>,
        count: Int, into images: UnsafeMutablePointer<Double>, remainders: UnsafeMutablePointer<Double>? = nil
    ) {
        ck_compensated_images(transform, rank, dimension, origin, points, count, images, remainders)
    }

    /// xᵀAx for x = high + low and the lower triangle of a symmetric A, likewise.
    package static func compensatedQuadraticForm(
        _ matrix: UnsafePointer<Double>, order: Int, high: UnsafePointer<Double>, low: UnsafePointer<Double>
    ) -> Double {
        ck_compensated_quadratic_form(matrix, order, high, low)
    }

    /// row ← factor·(sum − mass·shift), row[dimension] ← factor·mass, and zeros up to `stride`.
    @inline(__always)
    package static func weightedRow(
        _ sum: UnsafePointer<Double>, mass: Double, factor: Double, shift: UnsafePointer<Double>, dimension: Int, stride: Int,
        row: UnsafeMutablePointer<Double>
    ) {
        ck_weighted_row(sum, mass, factor, shift, dimension, stride, row)
    }

    /// The same in single precision, column k times scale[k].
    @inline(__always)
    package static func weightedRow(
        _ sum: UnsafePointer<Double>, mass: Double, factor: Double, shift: UnsafePointer<Double>, scale: UnsafePointer<Double>,
        dimension: Int, stride: Int, row: UnsafeMutablePointer<Float>
    ) {
        ck_weighted_row_f32(sum, mass, factor, shift, scale, dimension, stride, row)
    }

    /// sum ← sum + values, widened.
    @inline(__always)
    package static func add(_ values: UnsafePointer<Float>, count: Int, to sum: UnsafeMutablePointer<Double>) {
        ck_add_f32(values, count, sum)
    }

    /// deviations ← values − center; they are added to `sum`, and their squares to `squares`. No two may overlap.
    @inline(__always)
    package static func center(
        _ values: UnsafePointer<Double>, by center: UnsafePointer<Double>, count: Int, into deviations: UnsafeMutablePointer<Double>,
        sum: UnsafeMutablePointer<Double>, squares: UnsafeMutablePointer<Double>?
    ) {
        ck_center_f64(values, center, count, deviations, sum, squares)
    }

    /// The same, deviations in single precision.
    @inline(__always)
    package static func center(
        _ values: UnsafePointer<Double>, by center: UnsafePointer<Double>, count: Int, into deviations: UnsafeMutablePointer<Float>,
        sum: UnsafeMutablePointer<Double>, squares: UnsafeMutablePointer<Double>?
    ) {
        ck_center_f32(values, center, count, deviations, sum, squares)
    }

    /// Values that count their exponents from the same one.
    package static let compactBlock = Int(CK_COMPACT_BLOCK)

    /// Values in 16 bits, eleven of which count: zero where they are 2³⁰ times smaller than the largest of their block.
    ///
    /// - Returns: whether all of them are numbers below 2¹⁰⁰; only then the result is of use.
    package static func compact(
        _ values: UnsafePointer<Float>, count: Int, into codes: UnsafeMutablePointer<UInt16>, bases: UnsafeMutablePointer<Int32>
    ) -> Bool {
        ck_compact(values, count, codes, bases) != 0
    }

    /// Values out of 16 bits.
    package static func expand(
        _ codes: UnsafePointer<UInt16>, bases: UnsafePointer<Int32>, count: Int, into values: UnsafeMutablePointer<Float>
    ) {
        ck_expand(codes, bases, count, values)
    }

    /// sum ← sum of `count` rows of `stride` entries.
    @inline(__always)
    package static func sumRows(_ rows: UnsafePointer<Double>, count: Int, stride: Int, sum: UnsafeMutablePointer<Double>) {
        ck_sum_rows(rows, count, stride, sum)
    }

    /// sum += Σ |row − mass·shift| over rows of weighted sums, mass = row[dimension].
    @inline(__always)
    package static func addDeviations(
        _ rows: UnsafePointer<Double>, count: Int, shift: UnsafePointer<Double>, dimension: Int, stride: Int,
        sum: UnsafeMutablePointer<Double>
    ) {
        ck_add_deviations(rows, count, shift, dimension, stride, sum)
    }
}
