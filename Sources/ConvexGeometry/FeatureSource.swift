// Where a reduction reads its feature vectors from: points in memory, or a map of them formed tile by tile.

import LinearAlgebra

/// n feature vectors of `width` entries. Conformers read; they never store anything of size n × width.
protocol FeatureSource {
    var count: Int { get }
    var width: Int { get }

    /// Whether the features are about a point near their mean already, up to the signs of squares.
    var isAboutMean: Bool { get }

    /// sum ← Σ wᵢ(fᵢ − c) over a range of points, c the origin when there is none; the magnitudes added up when asked for; returns Σ wᵢ.
    func moments(
        of range: Range<Int>, weights: WeightView, center: UnsafePointer<Double>?, stride: Int, sum: UnsafeMutablePointer<Double>,
        centeredMagnitude: UnsafeMutablePointer<Double>?, magnitude: UnsafeMutablePointer<Double>?
    ) -> Double

    /// The first entry that is not finite, as (point, coordinate, value).
    func firstNonFinite() -> (Int, Int, Double)?
}

extension FeatureSource {
    var isAboutMean: Bool { false }

    /// f − c of one point, zeros up to `stride`.
    func copyFeatures(of point: Int, about center: UnsafePointer<Double>?, stride: Int, into row: UnsafeMutablePointer<Double>) {
        var one = 1.0
        withUnsafePointer(to: &one) {
            _ = moments(
                of: point..<point + 1, weights: WeightView(base: $0, step: 0), center: center, stride: stride, sum: row,
                centeredMagnitude: nil, magnitude: nil)
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

/// The points themselves, in double precision.
struct DoublePoints: FeatureSource {
    let base: UnsafePointer<Double>
    let count: Int
    let width: Int

    // Buffers of no elements have no address, and are never read.
    init(_ buffer: UnsafeBufferPointer<Double>, count: Int, width: Int) {
        base = buffer.baseAddress ?? UnsafePointer(bitPattern: MemoryLayout<Double>.alignment)!
        self.count = count
        self.width = width
    }

    @inline(__always)
    func moments(
        of range: Range<Int>, weights: WeightView, center: UnsafePointer<Double>?, stride: Int, sum: UnsafeMutablePointer<Double>,
        centeredMagnitude: UnsafeMutablePointer<Double>?, magnitude: UnsafeMutablePointer<Double>?
    ) -> Double {
        VectorKernels.moments(
            base + range.lowerBound * width, end: base + count * width, dimension: width, count: range.count,
            weights: weights.from(range.lowerBound), weightStep: weights.step, center: center, stride: stride, sum: sum,
            centeredMagnitude: centeredMagnitude, magnitude: magnitude)
    }

    func firstNonFinite() -> (Int, Int, Double)? {
        for k in 0..<count * width where !base[k].isFinite { return (k / width, k % width, base[k]) }
        return nil
    }
}

/// The points themselves, in single precision; all sums are in double.
struct FloatPoints: FeatureSource {
    let base: UnsafePointer<Float>
    let count: Int
    let width: Int

    // Buffers of no elements have no address, and are never read.
    init(_ buffer: UnsafeBufferPointer<Float>, count: Int, width: Int) {
        base = buffer.baseAddress ?? UnsafePointer(bitPattern: MemoryLayout<Float>.alignment)!
        self.count = count
        self.width = width
    }

    @inline(__always)
    func moments(
        of range: Range<Int>, weights: WeightView, center: UnsafePointer<Double>?, stride: Int, sum: UnsafeMutablePointer<Double>,
        centeredMagnitude: UnsafeMutablePointer<Double>?, magnitude: UnsafeMutablePointer<Double>?
    ) -> Double {
        VectorKernels.moments(
            base + range.lowerBound * width, end: base + count * width, dimension: width, count: range.count,
            weights: weights.from(range.lowerBound), weightStep: weights.step, center: center, stride: stride, sum: sum,
            centeredMagnitude: centeredMagnitude, magnitude: magnitude)
    }

    func firstNonFinite() -> (Int, Int, Double)? {
        for k in 0..<count * width where !base[k].isFinite { return (k / width, k % width, Double(base[k])) }
        return nil
    }
}
