// Features in place of coordinates: formed tile by tile, never stored.
//
// Second moments and monomials are spanned by what is well conditioned rather than by what is written down: products
// of coordinates about a center, and products of Chebyshev polynomials on the bounding box. Both span the same space
// as the powers themselves (together with the constant, which is always kept), so the same sums are kept, with errors
// that an offset or a high degree cannot blow up. The errors reported are those of these features.

import LinearAlgebra

extension CaratheodoryReduction {
    /// What is kept besides the total weight.
    public enum Lift: Sendable {
        /// The coordinates: the weighted sum of the points.
        case none
        /// The coordinates and all products of two of them: mean and covariance. d + d(d+1)/2 features.
        case secondMoments
        /// All monomials of total degree 1 … degree.
        case monomials(degree: Int)
        /// `count` features of each point of a range, written point after point into the buffer.
        case features(count: Int, _ evaluate: @Sendable (Range<Int>, UnsafeMutableBufferPointer<Double>) -> Void)
    }

    // Reduces the features that a lift makes of points in memory, at other scales where sums leave the range of Double.
    static func reduce<Element: PointElement>(
        _ points: StoredPoints<Element>, weights: UnsafeBufferPointer<Double>?, lift: Lift, settings: Settings
    ) throws(GeometryError) -> CaratheodoryReduction {
        try checkMemory(count: points.count, features: featureCount(lift, dimension: points.width), settings: settings)
        if let result = try reduceWeighted(points, weights: weights, lift: lift, settings: settings) { return result }
        let attempt = Attempt(weightExponent: 0, mayLeaveRange: false)
        if let result = try reduce(points, weights: weights, lift: lift, settings: settings, attempt) { return result }
        guard let rescaled = RescaledPoints(points, weights: weights) else {
            let asIs = Attempt(weightExponent: 0, mayLeaveRange: true)
            return try reduce(points, weights: weights, lift: lift, settings: settings, asIs)!
        }
        return try withPointers(rescaled.elements, rescaled.weights) { (elements, weights) throws(GeometryError) in
            let attempt = Attempt(weightExponent: rescaled.weightExponent, mayLeaveRange: true)
            if case .features = lift { return try reduce(points, weights: weights, lift: lift, settings: settings, attempt)! }
            let copy = StoredPoints(elements, count: points.count, width: points.width)
            return try reduce(copy, weights: weights, lift: lift, settings: settings, attempt)!
        }
    }

    /// A reduction of points at some scale.
    struct Attempt {
        /// The weights are multiplied by 2 to this power.
        let weightExponent: Int
        /// Whether sums beyond the safe range of Double are to be worked with; otherwise they end the attempt.
        let mayLeaveRange: Bool
    }

    // nil when sums leave the range of Double, or come near its lower end.
    private static func reduce<Element: PointElement>(
        _ points: StoredPoints<Element>, weights: UnsafeBufferPointer<Double>?, lift: Lift, settings: Settings, _ attempt: Attempt
    ) throws(GeometryError) -> CaratheodoryReduction? {
        let n = points.count
        switch lift {
        case .none:
            return try assemble(points, weights: weights, settings: settings, attempt)
        case .secondMoments:
            let features = SecondMomentFeatures(of: points, about: points.anchor(weights: weights))
            return try assemble(features, weights: weights, settings: settings, attempt)
        case .monomials(let degree):
            guard let basis = ChebyshevBasis(points: points, degree: degree) else { return nil }
            let source = TiledFeatures(count: n, width: basis.count, base: points) { range, out in
                basis.evaluate(points, range, into: out)
            }
            return try assemble(source, weights: weights, settings: settings, attempt)
        case .features(let count, let evaluate):
            let source = TiledFeatures(count: n, width: count, base: points) { range, out in
                evaluate(range, UnsafeMutableBufferPointer(start: out, count: range.count * count))
            }
            return try assemble(source, weights: weights, settings: settings, attempt)
        }
    }

    /// How many features a lift makes of d coordinates.
    /// - Throws: `invalidSetting`, `invalidDimension`, `tooLarge` from 2³¹ on.
    static func featureCount(_ lift: Lift, dimension d: Int) throws(GeometryError) -> Int {
        switch lift {
        case .none: return d
        case .features(let count, _):
            guard count >= 0 else { throw .invalidDimension(count) }
            return count
        case .secondMoments: return try monomialCount(dimension: d, degree: 2)
        case .monomials(let degree):
            guard degree >= 1 else { throw .invalidSetting(name: "monomials", expected: "of degree 1 or more", found: Double(degree)) }
            return try monomialCount(dimension: d, degree: degree)
        }
    }

    // C(d + degree, degree) − 1.
    private static func monomialCount(dimension d: Int, degree: Int) throws(GeometryError) -> Int {
        var count = 1
        for k in 0..<Swift.min(d, degree) {
            // count·(larger + k + 1)/(k + 1) is a binomial coefficient, so the division is exact.
            let (product, overflow) = count.multipliedReportingOverflow(by: Swift.max(d, degree) + k + 1)
            guard !overflow else { throw .tooLarge(.max) }
            count = product / (k + 1)
        }
        guard count - 1 < Int(Int32.max) / 2 else { throw .tooLarge(count - 1) }
        return count - 1
    }

    // Four squares of order D (rows to eliminate, their factors, the system of the survivors), which are taken whatever the number of
    // points, and the sums of the leaves or the features of the points, whichever are fewer.
    private static func checkMemory(count n: Int, features: Int, settings: Settings) throws(GeometryError) {
        guard let limit = settings.memoryLimit else { return }
        let (width, rows) = (Double(features + 1), Double(n))
        let bytes = 8 * (4 * width * width + width * Swift.min(rows, 64 * width) + 6 * width)
        guard bytes <= Double(limit) else { throw .tooMuchMemory(bytes: bytes, limit: limit) }
    }
}

/// Features formed for some points at a time.
struct TiledFeatures<Base: FeatureSource>: FeatureSource {
    let count: Int
    let width: Int
    private let base: Base
    private let evaluate: (Range<Int>, UnsafeMutablePointer<Double>) -> Void
    private let tile: Tile

    // One buffer for the life of the source, small enough for the first-level cache unless the features are many.
    private final class Tile {
        let points: Int
        let features: UnsafeMutablePointer<Double>
        let sum: UnsafeMutablePointer<Double>

        init(width: Int) {
            points = max(8, 4096 / max(1, width) & ~3)
            features = .allocate(capacity: max(1, points * width))
            sum = .allocate(capacity: VectorKernels.stride(width + 1))
        }

        deinit {
            features.deallocate()
            sum.deallocate()
        }
    }

    init(count: Int, width: Int, base: Base, evaluate: @escaping (Range<Int>, UnsafeMutablePointer<Double>) -> Void) {
        self.count = count
        self.width = width
        self.base = base
        self.evaluate = evaluate
        tile = Tile(width: width)
    }

    func moments(
        of bounds: UnsafeBufferPointer<Int>, weights: WeightView, center: UnsafePointer<Double>?, stride: Int,
        sums: UnsafeMutablePointer<Double>, centeredMagnitude: UnsafeMutablePointer<Double>?, magnitude: UnsafeMutablePointer<Double>?
    ) {
        for run in 0..<bounds.count - 1 {
            let sum = sums + run * stride
            var start = bounds[run], isFirst = true
            while start < bounds[run + 1] || isFirst {
                let part = start..<min(bounds[run + 1], start + tile.points)
                evaluate(part, tile.features)
                withUnsafeTemporaryAllocation(of: Int.self, capacity: 2) { whole in
                    whole[0] = 0
                    whole[1] = part.count
                    Double.moments(
                        tile.features, end: tile.features + part.count * width, dimension: width, bounds: whole.baseAddress!, runs: 1,
                        weights: weights.from(start), weightStep: weights.step, center: center, stride: stride,
                        sums: isFirst ? sum : tile.sum, centeredMagnitude: centeredMagnitude, magnitude: magnitude)
                }
                if !isFirst { for k in 0...width { sum[k] += tile.sum[k] } }
                isFirst = false
                start = part.upperBound
            }
        }
    }

    func isComfortable(_ weights: WeightView) -> Bool { base.isComfortable(weights) }

    func firstNonFinitePoint() -> (Int, Int, Double)? { base.firstNonFinitePoint() }

    func firstNonFinite() -> (Int, Int, Double)? {
        if let found = base.firstNonFinite() { return found }
        for i in 0..<count {
            evaluate(i..<i + 1, tile.features)
            for k in 0..<width where !tile.features[k].isFinite { return (i, k, tile.features[k]) }
        }
        return nil
    }
}

/// Products T_{a₁}(y₁)⋯T_{a_d}(y_d) of total degree 1 … degree, y the coordinates mapped to [−1, 1] by the bounding box.
struct ChebyshevBasis: Sendable {
    private let degree: Int
    private let dimension: Int
    private let middle: [Double]
    private let scale: [Double]
    /// Feature f = (feature `parent[f]`, or 1 when −1) · T_{order[f]}(y_{axis[f]}).
    private var parent: [Int] = []
    private var axis: [Int] = []
    private var order: [Int] = []

    var count: Int { parent.count }

    // nil when the box of the points is too small, or too large, to be mapped to [−1, 1] with all digits.
    init?<Element: PointElement>(points: StoredPoints<Element>, degree: Int) {
        self.degree = degree
        dimension = points.width
        var low = [Double](repeating: .infinity, count: dimension), high = [Double](repeating: -.infinity, count: dimension)
        for i in 0..<points.count {
            for k in 0..<dimension {
                let value = points.coordinate(i, k)
                low[k] = min(low[k], value)
                high[k] = max(high[k], value)
            }
        }
        let extents = zip(low, high).map { $1 / 2 - $0 / 2 }
        guard extents.allSatisfy({ $0 == 0 || (0x1p-960...0x1p960).contains($0) || !$0.isFinite }) else { return nil }
        middle = zip(low, high).map {
            let m = $0 / 2 + $1 / 2; return m.isFinite ? m : 0
        }
        scale = zip(low, high).map {
            let half = $1 / 2 - $0 / 2; return half > 0 && half.isFinite ? 1 / half : 0
        }
        // Every product of powers once: the axes of a product ascend.
        var frontier: [(feature: Int, lastAxis: Int, degree: Int)] = [(-1, -1, 0)]
        while let (feature, lastAxis, used) = frontier.popLast() {
            for next in (lastAxis + 1)..<max(dimension, lastAxis + 1) where used < degree {
                for power in 1...(degree - used) {
                    parent.append(feature)
                    axis.append(next)
                    order.append(power)
                    frontier.append((parent.count - 1, next, used + power))
                }
            }
        }
    }

    func evaluate<Element: PointElement>(_ points: StoredPoints<Element>, _ range: Range<Int>, into out: UnsafeMutablePointer<Double>) {
        withUnsafeTemporaryAllocation(of: Double.self, capacity: max(1, dimension * (degree + 1))) { values in
            var target = out
            for i in range {
                for k in 0..<dimension {
                    let t = values.baseAddress! + k * (degree + 1)
                    let y = (points.coordinate(i, k) - middle[k]) * scale[k]
                    t[0] = 1
                    t[1] = y
                    for a in 2..<max(2, degree + 1) { t[a] = 2 * y * t[a - 1] - t[a - 2] }
                }
                for f in 0..<count {
                    let value = values[axis[f] * (degree + 1) + order[f]]
                    target[f] = parent[f] < 0 ? value : target[parent[f]] * value
                }
                target += count
            }
        }
    }
}
