// Whether a target is in the convex hull of points, and how.
//
// Inside      at most rank + 1 points with positive weights, Σw = 1, Σwp = target.
// Outside     the nearest point of the hull, the distance, and the hyperplane through it: the best separation there is.

import LinearAlgebra

/// A target as a convex combination of a few points, or the proof that there is none.
///
/// ```swift
/// switch try ConvexCombination(of: target, points: points) {
/// case .inside(let combination): combination.points      // at most d + 1 of the points, weights of sum 1
/// case .outside(let separation): separation.distance     // and separation.normal, .offset
/// }
/// ```
public enum ConvexCombination: Sendable, Equatable {
    /// The target is in the hull.
    case inside(Inside)
    /// The target is not in the hull, by more than rounding.
    case outside(Separation)

    /// A combination that gives the target.
    public struct Inside: Sendable, Equatable {
        /// The points that take part, with positive weights.
        public let points: WeightedPoints
        /// maxₖ |Σwpₖ − targetₖ| / Σw|pₖ|.
        public let error: Double
        /// |Σw − 1|.
        public let massError: Double
    }

    /// A hyperplane with all points on one side and the target on the other: normalᵀp ≤ offset < normalᵀtarget.
    public struct Separation: Sendable, Equatable {
        /// Unit normal, pointing from the hull to the target.
        public let normal: [Double]
        /// max normalᵀp over the points.
        public let offset: Double
        /// normalᵀtarget − offset: a proven lower bound of the distance from the target to the hull.
        public let distance: Double
        /// The nearest point of the hull that was found, as a combination of the points.
        public let nearest: WeightedPoints
        /// Its distance from the target: an upper bound.
        public let distanceBound: Double
    }
}

extension ConvexCombination {
    /// Places one target with respect to the hull of the columns of `points`.
    ///
    /// With a decomposition whose weights are non-negative at the target (all of the ellipsoid shrunk by 1/ρ², and more)
    /// the answer costs one product and a reduction; else the parametric walk finds it.
    ///
    /// - Parameters:
    ///   - target: d coordinates.
    ///   - points: d×n.
    ///   - decomposition: a John decomposition of the same points about their own center, when there is one.
    /// - Throws: `noPoints`, `dimensionMismatch`, `nonFinite`, `factorization`.
    public init(of target: [Double], points: Matrix, decomposition: JohnDecomposition? = nil) throws(GeometryError) {
        self = try Self.all(of: Matrix(rows: target.count, columns: 1, elements: target), points: points, decomposition: decomposition)[0]
    }

    /// Places many targets, the columns of `targets`, over one point set; what does not depend on the target is done once.
    public static func all(
        of targets: Matrix, points: Matrix, decomposition: JohnDecomposition? = nil
    ) throws(GeometryError) -> [ConvexCombination] {
        guard targets.rows == points.rows else { throw .dimensionMismatch(expected: points.rows, found: targets.rows) }
        guard points.columns > 0 else { throw .noPoints }
        for (matrix, offset) in [(points, 0), (targets, points.columns)] {
            if let bad = matrix.elements.firstIndex(where: { !$0.isFinite }) {
                throw .nonFinite(point: bad / matrix.rows + offset, coordinate: bad % matrix.rows, value: matrix.elements[bad])
            }
        }
        var walk: HullWalk?
        var answers: [ConvexCombination] = []
        for j in 0..<targets.columns {
            let target = Array(targets.column(j))
            if let decomposition, let inside = try byDecomposition(target, points, decomposition) {
                answers.append(.inside(inside))
                continue
            }
            if walk == nil { walk = try HullWalk(points: points) }
            answers.append(try byWalk(target, points, walk!))
        }
        return answers
    }

    // Errors up to here count as rounding: a few units in the last place per point of the combination.
    private static func tolerance(_ points: Matrix) -> Double { 16 * Double.ulpOfOne * Double(points.rows + 1).squareRoot() }

    private static func byDecomposition(
        _ target: [Double], _ points: Matrix, _ decomposition: JohnDecomposition
    ) throws(GeometryError) -> Inside? {
        guard !decomposition.isCentered, decomposition.center.count == target.count else { return nil }
        let weights = decomposition.weights(for: target)
        guard weights.allSatisfy({ $0 >= -Double.ulpOfOne }) else { return nil }
        let few = try decomposition.reduced(weights)
        let inside = try finish(few.indices, few.weights, target, points)
        return inside.error <= tolerance(points) && inside.massError <= tolerance(points) ? inside : nil
    }

    private static func byWalk(_ target: [Double], _ points: Matrix, _ walk: HullWalk) throws(GeometryError) -> ConvexCombination {
        var start: [Int] = []
        switch try walk.walk(to: target) {
        case .reached(let indices, let weights):
            let inside = try finish(indices, weights, target, points)
            if inside.error <= tolerance(points), inside.massError <= tolerance(points) { return .inside(inside) }
            start = indices
        case .left(let indices, _): start = indices
        case nil: break
        }
        let nearest = try NearestPoint(points: points, target: target, start: start)
        let support = WeightedPoints(indices: nearest.indices, weights: nearest.weights)
        let inside = try finish(nearest.indices, nearest.weights, target, points)
        if inside.error <= tolerance(points), inside.massError <= tolerance(points) { return .inside(inside) }
        guard nearest.support < 0 else {
            // On the boundary to within rounding of a badly conditioned simplex: inside, with the error it has.
            guard inside.error <= 0x1p-30, inside.massError <= 0x1p-30 else {
                throw .breakdown("neither a combination nor a separating hyperplane of the target was found")
            }
            return .inside(inside)
        }
        let level = zip(nearest.normal, target).reduce(0) { $0 + $1.0 * $1.1 }
        return .outside(
            Separation(
                normal: nearest.normal, offset: level + nearest.support, distance: -nearest.support, nearest: support.sorted(),
                distanceBound: nearest.offset.reduce(0) { $0 + $1 * $1 }.squareRoot()))
    }

    // Drops what is not positive, corrects the rest against the target, and measures the error.
    private static func finish(_ indices: [Int], _ weights: [Double], _ target: [Double], _ points: Matrix) throws(GeometryError) -> Inside
    {
        let kept = WeightedPoints(
            indices: indices.indices.filter { weights[$0] > 0 }.map { indices[$0] }, weights: weights.filter { $0 > 0 }
        ).sorted()
        guard kept.count > 0 else { return Inside(points: kept, error: .infinity, massError: 1) }
        return try points.elements.withUnsafeBufferPointer { (buffer) throws(GeometryError) in
            let source = StoredPoints(buffer, count: points.columns, width: points.rows)
            var system = SurvivorSystem(kept, source: source, moments: .init(target: target, combination: kept, points: points))
            let errors = try system.correct()
            return Inside(points: system.points, error: errors.error, massError: errors.mass)
        }
    }
}

extension InputMoments {
    // The sums that a convex combination must have: the target, with weight 1. Magnitudes are those of the combination.
    init(target: [Double], combination: WeightedPoints, points: Matrix) {
        let d = points.rows, stride = VectorKernels.stride(d + 1)
        let zeros = [Double](repeating: 0, count: stride)
        self.init(
            high: zeros, low: zeros, centeredMagnitude: zeros, spread: zeros, magnitude: zeros, center: zeros, shift: zeros, width: d)
        let total = combination.totalWeight
        for k in 0..<d {
            center[k] = points[k, combination.indices[0]]
            // target − center in two terms (Knuth's two-sum).
            let difference = target[k] - center[k]
            let part = difference - target[k]
            high[k] = difference
            low[k] = (target[k] - (difference - part)) - (center[k] + part)
            shift[k] = difference
            for (index, weight) in zip(combination.indices, combination.weights) {
                magnitude[k] += weight / total * points[k, index].magnitude
                spread[k] += weight / total * (points[k, index] - target[k]).magnitude
            }
            magnitude[k] = max(magnitude[k], target[k].magnitude)
        }
        high[d] = 1
    }
}
