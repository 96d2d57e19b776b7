// Where a reduction reads its feature vectors from: points in memory, or a map of them formed tile by tile.

import LinearAlgebra

/// n feature vectors of `width` entries. Conformers read; they never store anything of size n × width.
protocol FeatureSource {
    var count: Int { get }
    var width: Int { get }

    /// Whether the features are about a point near their mean already, up to the signs of squares.
    var isAboutMean: Bool { get }

    /// Row i of `sums` ← Σ w(f − c, 1) over the points from bounds[i] to bounds[i + 1], c the origin when there is none, and
    /// zeros up to `stride`; the magnitudes of all are added up when asked for.
    func moments(
        of bounds: UnsafeBufferPointer<Int>, weights: WeightView, center: UnsafePointer<Double>?, stride: Int,
        sums: UnsafeMutablePointer<Double>, centeredMagnitude: UnsafeMutablePointer<Double>?, magnitude: UnsafeMutablePointer<Double>?)

    /// Row i ← factor·Σ w(f − c − shift, 1) of run i of points, zeros up to `stride`; runs without weight are taken off
    /// the list. `scratch` has room for a row.
    func rows(
        of runs: inout NodeList, weights: WeightView, center: UnsafePointer<Double>?, shift: UnsafePointer<Double>, stride: Int,
        scratch: UnsafeMutablePointer<Double>, into rows: UnsafeMutablePointer<Double>)

    /// Whether sums of products of the coordinates behind the features, and of the weights, stay in the range of Double with all their
    /// digits. One read.
    func isComfortable(_ weights: WeightView) -> Bool

    /// The first entry that is not finite, as (point, coordinate, value).
    func firstNonFinite() -> (Int, Int, Double)?

    /// The same for the points behind the features.
    func firstNonFinitePoint() -> (Int, Int, Double)?
}

extension FeatureSource {
    var isAboutMean: Bool { false }

    func firstNonFinitePoint() -> (Int, Int, Double)? { firstNonFinite() }

    func rows(
        of runs: inout NodeList, weights: WeightView, center: UnsafePointer<Double>?, shift: UnsafePointer<Double>, stride: Int,
        scratch: UnsafeMutablePointer<Double>, into rows: UnsafeMutablePointer<Double>
    ) {
        rowsOneByOne(of: &runs, weights: weights, center: center, shift: shift, stride: stride, scratch: scratch, into: rows)
    }

    func rowsOneByOne(
        of runs: inout NodeList, weights: WeightView, center: UnsafePointer<Double>?, shift: UnsafePointer<Double>, stride: Int,
        scratch: UnsafeMutablePointer<Double>, into rows: UnsafeMutablePointer<Double>
    ) {
        let count = runs.count
        runs.count = 0
        for i in 0..<count {
            let (start, end, factor) = (runs.starts[i], runs.ends[i], runs.factors[i])
            sum(of: start..<end, weights: weights, center: center, stride: stride, into: scratch)
            guard scratch[width] * factor > 0 else { continue }
            VectorKernels.weightedRow(
                scratch, mass: scratch[width], factor: factor, shift: shift, dimension: width, stride: stride,
                row: rows + runs.count * stride)
            runs.append(start, end, factor)
        }
    }

    /// sum ← Σ w(f − c, 1) over a range of points, zeros up to `stride`.
    func sum(
        of range: Range<Int>, weights: WeightView, center: UnsafePointer<Double>?, stride: Int, into sum: UnsafeMutablePointer<Double>
    ) {
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 2) { bounds in
            bounds[0] = range.lowerBound
            bounds[1] = range.upperBound
            moments(
                of: UnsafeBufferPointer(bounds), weights: weights, center: center, stride: stride, sums: sum, centeredMagnitude: nil,
                magnitude: nil)
        }
    }

    /// (f − c, 1) of one point, zeros up to `stride`.
    func copyFeatures(of point: Int, about center: UnsafePointer<Double>?, stride: Int, into row: UnsafeMutablePointer<Double>) {
        withUnsafePointer(to: 1.0) {
            sum(of: point..<point + 1, weights: WeightView(base: $0, step: 0), center: center, stride: stride, into: row)
        }
    }
}

/// Weights of n points: stored, or one value for all.
struct WeightView {
    let base: UnsafePointer<Double>
    /// 1 for stored weights, 0 for one value.
    let step: Int

    @inline(__always)
    subscript(i: Int) -> Double { base[i * step] }

    @inline(__always)
    func from(_ i: Int) -> UnsafePointer<Double> { base + i * step }
}
