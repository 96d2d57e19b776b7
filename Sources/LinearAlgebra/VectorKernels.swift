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
    /// `weightStep` is 1, or 0 to use the first weight for all points. NaN is returned for a negative or NaN weight.
    @inline(__always)
    package static func moments(
        _ points: UnsafePointer<Double>, end: UnsafePointer<Double>, dimension: Int, count: Int, weights: UnsafePointer<Double>,
        weightStep: Int, center: UnsafePointer<Double>, stride: Int, sum: UnsafeMutablePointer<Double>,
        centeredMagnitude: UnsafeMutablePointer<Double>?, magnitude: UnsafeMutablePointer<Double>?
    ) -> Double {
        ck_moments_f64(points, end, dimension, count, weights, weightStep, center, stride, sum, centeredMagnitude, magnitude)
    }

    /// The same for points in single precision; sums are in double.
    @inline(__always)
    package static func moments(
        _ points: UnsafePointer<Float>, end: UnsafePointer<Float>, dimension: Int, count: Int, weights: UnsafePointer<Double>,
        weightStep: Int, center: UnsafePointer<Double>, stride: Int, sum: UnsafeMutablePointer<Double>,
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

    /// row ← sum/mass − shift, then 1 at `dimension` and zeros up to `stride`.
    @inline(__always)
    package static func meanRow(
        _ sum: UnsafePointer<Double>, mass: Double, shift: UnsafePointer<Double>, dimension: Int, stride: Int,
        row: UnsafeMutablePointer<Double>
    ) {
        ck_mean_row(sum, mass, shift, dimension, stride, row)
    }

    /// sum ← a + b.
    @inline(__always)
    package static func add(_ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, width: Int, sum: UnsafeMutablePointer<Double>) {
        ck_add(a, b, width, sum)
    }
}
