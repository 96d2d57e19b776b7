// Loops that BLAS has no routine for, in Swift types; the C behind them is compiled once per CPU generation.

internal import CKernels

/// Weighted sums and two-term arithmetic. Widths count doubles; buffers are padded with zeros to multiples of 8.
package enum VectorKernels {
    /// The row length to use for rows of `width` doubles: a multiple of 8 that does not fold onto few cache sets.
    package static func stride(_ width: Int) -> Int {
        let padded = (width + 7) & ~7
        return padded >= 64 && padded % 64 == 0 ? padded + 8 : padded
    }

    /// sum ← Σ wᵢ(xᵢ − c) over a run of points, and Σ wᵢ|xᵢ − c|, Σ wᵢ|xᵢ| added to the other two; returns Σ wᵢ.
    ///
    /// `weightStep` is 1, or 0 to use the first weight for all points. Without a center it is the origin, and
    /// `magnitude` must be `nil`, as both are the same. NaN is returned for a negative or NaN weight.
    @inline(__always)
    package static func moments(
        _ points: UnsafePointer<Double>, end: UnsafePointer<Double>, dimension: Int, count: Int, weights: UnsafePointer<Double>,
        weightStep: Int, center: UnsafePointer<Double>?, stride: Int, sum: UnsafeMutablePointer<Double>,
        centeredMagnitude: UnsafeMutablePointer<Double>?, magnitude: UnsafeMutablePointer<Double>?
    ) -> Double {
        ck_moments_f64(points, end, dimension, count, weights, weightStep, center, stride, sum, centeredMagnitude, magnitude)
    }

    /// The same for points in single precision; sums are in double.
    @inline(__always)
    package static func moments(
        _ points: UnsafePointer<Float>, end: UnsafePointer<Float>, dimension: Int, count: Int, weights: UnsafePointer<Double>,
        weightStep: Int, center: UnsafePointer<Double>?, stride: Int, sum: UnsafeMutablePointer<Double>,
        centeredMagnitude: UnsafeMutablePointer<Double>?, magnitude: UnsafeMutablePointer<Double>?
    ) -> Double {
        ck_moments_f32(points, end, dimension, count, weights, weightStep, center, stride, sum, centeredMagnitude, magnitude)
    }

    /// (high, low) += x·row in two-term arithmetic, about 32 digits.
    @inline(__always)
    package static func addCompensated(
        _ x: Double, _ row: UnsafePointer<Double>, width: Int, high: UnsafeMutablePointer<Double>, low: UnsafeMutablePointer<Double>
    ) {
        ck_axpy_compensated(x, row, width, high, low)
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

    /// z = x − anchor and all products zᵢzⱼ, i ≤ j, of `count` points, one point after the other.
    @inline(__always)
    package static func secondMoments(
        _ points: UnsafePointer<Double>, dimension: Int, count: Int, anchor: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>
    ) {
        ck_second_moments_f64(points, dimension, count, anchor, out)
    }

    /// The same for points in single precision.
    @inline(__always)
    package static func secondMoments(
        _ points: UnsafePointer<Float>, dimension: Int, count: Int, anchor: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>
    ) {
        ck_second_moments_f32(points, dimension, count, anchor, out)
    }

    /// Most coordinates that ``secondMomentSums`` takes.
    package static let longestSecondMomentPoint = Int(CK_SECOND_MOMENT_LONGEST)

    /// sum ← Σ wᵢ(z, zzᵀ) of a run of points, z = x − anchor, the upper triangle row after row; their magnitudes are added
    /// to `magnitude`. Returns Σ wᵢ, NaN for a negative or NaN weight.
    @inline(__always)
    package static func secondMomentSums(
        _ points: UnsafePointer<Double>, dimension: Int, count: Int, weights: UnsafePointer<Double>, weightStep: Int,
        anchor: UnsafePointer<Double>, sum: UnsafeMutablePointer<Double>, magnitude: UnsafeMutablePointer<Double>?
    ) -> Double {
        ck_second_moment_sums_f64(points, dimension, count, weights, weightStep, anchor, sum, magnitude)
        return ck_mass(weights, weightStep, count)
    }

    /// The same for points in single precision.
    @inline(__always)
    package static func secondMomentSums(
        _ points: UnsafePointer<Float>, dimension: Int, count: Int, weights: UnsafePointer<Double>, weightStep: Int,
        anchor: UnsafePointer<Double>, sum: UnsafeMutablePointer<Double>, magnitude: UnsafeMutablePointer<Double>?
    ) -> Double {
        ck_second_moment_sums_f32(points, dimension, count, weights, weightStep, anchor, sum, magnitude)
        return ck_mass(weights, weightStep, count)
    }
}
