// Points in memory as features: their coordinates.

import LinearAlgebra

/// `count` points of `width` numbers, one after the other, in double or single precision; all sums are in double.
struct StoredPoints<Element: PointElement>: FeatureSource {
    let base: UnsafePointer<Element>
    let count: Int
    let width: Int

    // Buffers of no elements have no address, and are never read.
    init(_ buffer: UnsafeBufferPointer<Element>, count: Int, width: Int) {
        base = buffer.baseAddress ?? UnsafePointer(bitPattern: MemoryLayout<Element>.alignment)!
        self.count = count
        self.width = width
    }

    private var end: UnsafePointer<Element> { base + count * width }

    @inline(__always)
    func coordinate(_ point: Int, _ k: Int) -> Double { Double(base[point * width + k]) }

    func moments(
        of bounds: UnsafeBufferPointer<Int>, weights: WeightView, center: UnsafePointer<Double>?, stride: Int,
        sums: UnsafeMutablePointer<Double>, centeredMagnitude: UnsafeMutablePointer<Double>?, magnitude: UnsafeMutablePointer<Double>?
    ) {
        Element.moments(
            base, end: end, dimension: width, bounds: bounds.baseAddress!, runs: bounds.count - 1, weights: weights.base,
            weightStep: weights.step, center: center, stride: stride, sums: sums, centeredMagnitude: centeredMagnitude,
            magnitude: magnitude)
    }

    func rows(
        of runs: inout NodeList, weights: WeightView, center: UnsafePointer<Double>?, shift: UnsafePointer<Double>, stride: Int,
        scratch: UnsafeMutablePointer<Double>, into rows: UnsafeMutablePointer<Double>
    ) {
        guard (1...VectorKernels.longestRunPoint).contains(width) else {
            return rowsOneByOne(
                of: &runs, weights: weights, center: center, shift: shift, stride: stride, scratch: scratch, into: rows)
        }
        runs.count = Element.rows(
            base, end: end, dimension: width, starts: runs.starts, ends: runs.ends, factors: runs.factors, count: runs.count,
            weights: weights.base, weightStep: weights.step, center: center, shift: shift, stride: stride, rows: rows)
    }

    func isComfortable(_ weights: WeightView) -> Bool { !RescaledPoints.isNeeded(self, weights) }

    func firstNonFinite() -> (Int, Int, Double)? {
        for k in 0..<count * width where !base[k].isFinite { return (k / width, k % width, Double(base[k])) }
        return nil
    }
}

extension StoredPoints {
    // A point to take products about: a quarter of a deviation from the mean of a sample of the points. At the mean itself
    // two values of a coordinate that are equally frequent would have the same square.
    func anchor(weights: UnsafeBufferPointer<Double>?) -> [Double] {
        var mean = [Double](repeating: 0, count: width), squares = mean
        let sample = anchorSample(weights)
        for (s, i) in sample.enumerated() {
            for k in 0..<width {
                let step = coordinate(i, k) - mean[k]
                mean[k] += step / Double(s + 1)
                squares[k] += step * (coordinate(i, k) - mean[k])
            }
        }
        return zip(mean, squares).map {
            let anchor = $0 + 0.25 * ($1 / Double(sample.count)).squareRoot()
            return anchor.isFinite ? anchor : $0.isFinite ? $0 : 0
        }
    }

    // A point of every so much weight, so that a mean of them is one of the weighted points; heavy ones come more than once.
    private func anchorSample(_ weights: UnsafeBufferPointer<Double>?) -> [Int] {
        let sampled = Swift.min(count, 256), length = 1024
        let equal = (0..<sampled).map { (2 * $0 + 1) * count / (2 * sampled) }
        guard let weights, weights.count == count else { return equal }
        let masses = stride(from: 0, to: count, by: length).map { start in
            (start..<Swift.min(start + length, count)).reduce(0.0) { $0 + weights[$1] }
        }
        let total = masses.reduce(0, +)
        guard total > 0, total.isFinite else { return equal }
        var (run, i, before, below) = (0, 0, 0.0, 0.0)
        return (0..<sampled).map { s in
            let level = (Double(s) + 0.5) / Double(sampled) * total
            while run < masses.count - 1, before + masses[run] <= level {
                before += masses[run]
                run += 1
                (i, below) = (run * length, before)
            }
            while i < count - 1, below + weights[i] <= level {
                below += weights[i]
                i += 1
            }
            return i
        }
    }
}
