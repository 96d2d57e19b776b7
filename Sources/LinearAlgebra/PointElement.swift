// What stored points are read with: loops of one source for both precisions, all sums in double.

internal import CKernels

/// A number that points are stored in, and the kernels that read such points.
///
/// Runs of points go from bounds[i] to bounds[i + 1], or from starts[i] to ends[i]. `end` is one past the last readable
/// number. `weightStep` is 1, or 0 to use the first weight for all points.
package protocol PointElement: BinaryFloatingPoint, Sendable {
    /// Row i of `sums` ← Σ w(x − c) of run i, Σ w (NaN when a weight is negative or NaN), zeros up to `stride`; Σ w|x − c|
    /// and Σ w|x| of all are added to the other two.
    ///
    /// Without a center it is the origin, and `magnitude` must be `nil`, as both are the same.
    static func moments(
        _ points: UnsafePointer<Self>, end: UnsafePointer<Self>, dimension: Int, bounds: UnsafePointer<Int>, runs: Int,
        weights: UnsafePointer<Double>, weightStep: Int, center: UnsafePointer<Double>?, stride: Int, sums: UnsafeMutablePointer<Double>,
        centeredMagnitude: UnsafeMutablePointer<Double>?, magnitude: UnsafeMutablePointer<Double>?)

    /// Row i ← factor·(Σ w(x − c) − Σ w·shift) of run i with factor = factors[i], then factor·Σ w, zeros up to `stride`. Runs
    /// without weight get no row and are taken off the lists. For points of 1 to `VectorKernels.longestRunPoint` numbers.
    /// - Returns: how many runs are left.
    static func rows(
        _ points: UnsafePointer<Self>, end: UnsafePointer<Self>, dimension: Int, starts: UnsafeMutablePointer<Int>,
        ends: UnsafeMutablePointer<Int>, factors: UnsafeMutablePointer<Double>, count: Int, weights: UnsafePointer<Double>,
        weightStep: Int, center: UnsafePointer<Double>?, shift: UnsafePointer<Double>, stride: Int, rows: UnsafeMutablePointer<Double>
    ) -> Int

    /// z = x − anchor and all products zᵢzⱼ, i ≤ j, of `count` points, one point after the other.
    static func secondMoments(
        _ points: UnsafePointer<Self>, dimension: Int, count: Int, anchor: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>)

    /// sum ← Σ wᵢ(z, zzᵀ) of a run of points, the upper triangle row after row; their magnitudes are added to `magnitude`.
    /// For points of up to `VectorKernels.longestSecondMomentPoint` numbers. Returns Σ wᵢ, NaN for a negative or NaN weight.
    static func secondMomentSums(
        _ points: UnsafePointer<Self>, dimension: Int, count: Int, weights: UnsafePointer<Double>, weightStep: Int,
        anchor: UnsafePointer<Double>, sum: UnsafeMutablePointer<Double>, magnitude: UnsafeMutablePointer<Double>?
    ) -> Double
}

extension VectorKernels {
    /// Most coordinates that ``PointElement/rows`` takes.
    package static let longestRunPoint = Int(CK_LONGEST_RUN_POINT)
    /// Most coordinates that ``PointElement/secondMomentSums`` takes.
    package static let longestSecondMomentPoint = Int(CK_SECOND_MOMENT_LONGEST)
}

extension Double: PointElement {
    package static func moments(
        _ points: UnsafePointer<Double>, end: UnsafePointer<Double>, dimension: Int, bounds: UnsafePointer<Int>, runs: Int,
        weights: UnsafePointer<Double>, weightStep: Int, center: UnsafePointer<Double>?, stride: Int, sums: UnsafeMutablePointer<Double>,
        centeredMagnitude: UnsafeMutablePointer<Double>?, magnitude: UnsafeMutablePointer<Double>?
    ) {
        ck_moments_f64(points, end, dimension, bounds, runs, weights, weightStep, center, stride, sums, centeredMagnitude, magnitude)
    }

    package static func rows(
        _ points: UnsafePointer<Double>, end: UnsafePointer<Double>, dimension: Int, starts: UnsafeMutablePointer<Int>,
        ends: UnsafeMutablePointer<Int>, factors: UnsafeMutablePointer<Double>, count: Int, weights: UnsafePointer<Double>,
        weightStep: Int, center: UnsafePointer<Double>?, shift: UnsafePointer<Double>, stride: Int, rows: UnsafeMutablePointer<Double>
    ) -> Int {
        ck_rows_of_runs_f64(points, end, dimension, starts, ends, factors, count, weights, weightStep, center, shift, stride, rows)
    }

    package static func secondMoments(
        _ points: UnsafePointer<Double>, dimension: Int, count: Int, anchor: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>
    ) {
        ck_second_moments_f64(points, dimension, count, anchor, out)
    }

    package static func secondMomentSums(
        _ points: UnsafePointer<Double>, dimension: Int, count: Int, weights: UnsafePointer<Double>, weightStep: Int,
        anchor: UnsafePointer<Double>, sum: UnsafeMutablePointer<Double>, magnitude: UnsafeMutablePointer<Double>?
    ) -> Double {
        ck_second_moment_sums_f64(points, dimension, count, weights, weightStep, anchor, sum, magnitude)
        return ck_mass(weights, weightStep, count)
    }
}

extension Float: PointElement {
    package static func moments(
        _ points: UnsafePointer<Float>, end: UnsafePointer<Float>, dimension: Int, bounds: UnsafePointer<Int>, runs: Int,
        weights: UnsafePointer<Double>, weightStep: Int, center: UnsafePointer<Double>?, stride: Int, sums: UnsafeMutablePointer<Double>,
        centeredMagnitude: UnsafeMutablePointer<Double>?, magnitude: UnsafeMutablePointer<Double>?
    ) {
        ck_moments_f32(points, end, dimension, bounds, runs, weights, weightStep, center, stride, sums, centeredMagnitude, magnitude)
    }

    package static func rows(
        _ points: UnsafePointer<Float>, end: UnsafePointer<Float>, dimension: Int, starts: UnsafeMutablePointer<Int>,
        ends: UnsafeMutablePointer<Int>, factors: UnsafeMutablePointer<Double>, count: Int, weights: UnsafePointer<Double>,
        weightStep: Int, center: UnsafePointer<Double>?, shift: UnsafePointer<Double>, stride: Int, rows: UnsafeMutablePointer<Double>
    ) -> Int {
        ck_rows_of_runs_f32(points, end, dimension, starts, ends, factors, count, weights, weightStep, center, shift, stride, rows)
    }

    package static func secondMoments(
        _ points: UnsafePointer<Float>, dimension: Int, count: Int, anchor: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>
    ) {
        ck_second_moments_f32(points, dimension, count, anchor, out)
    }

    package static func secondMomentSums(
        _ points: UnsafePointer<Float>, dimension: Int, count: Int, weights: UnsafePointer<Double>, weightStep: Int,
        anchor: UnsafePointer<Double>, sum: UnsafeMutablePointer<Double>, magnitude: UnsafeMutablePointer<Double>?
    ) -> Double {
        ck_second_moment_sums_f32(points, dimension, count, weights, weightStep, anchor, sum, magnitude)
        return ck_mass(weights, weightStep, count)
    }
}
