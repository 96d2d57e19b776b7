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
