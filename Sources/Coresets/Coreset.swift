// A coreset: chosen points, their weights, and what is proven about them.

import ConvexGeometry
import LinearAlgebra
import RandomNumbers

/// Points that stand for a larger set, with the guarantee that goes with them.
public struct Coreset: Sendable, Equatable {
    /// Columns of the input, ascending, and their weights.
    public let points: WeightedPoints
    /// What is proven, and for which representation of the input.
    public let guarantee: Guarantee
    /// Number of points in the input.
    public let pointCount: Int

    /// Number of chosen points.
    public var count: Int { points.count }

    /// A coreset of a set of `pointCount` points, with what is proven about it.
    public init(points: WeightedPoints, guarantee: Guarantee, pointCount: Int) {
        self.points = points
        self.guarantee = guarantee
        self.pointCount = pointCount
    }

    /// The ℓ∞-coreset of the columns of `points`; weights are shares of sum 1.
    ///
    /// - Complexity: as ``LInfinityCoreset``.
    public static func maximum(
        of points: Matrix, settings: LInfinityCoreset.Settings = .init(), representation: String = "the points as given"
    ) throws(CoresetError) -> Coreset {
        let coreset = try LInfinityCoreset(points: points, settings: settings)
        return Coreset(
            points: WeightedPoints(indices: coreset.indices, weights: coreset.weights),
            guarantee: Guarantee(coreset, representation: representation), pointCount: points.columns)
    }

    /// A sample for sums of |pᵀx|: `count` draws by the given sensitivities, or draws until `count` points are different.
    ///
    /// - Complexity: as ``SensitivityBounds``, the ellipsoids of all peels; drawing costs O(n).
    public static func sample(
        count: Int, bounds: SensitivityBounds, untilDistinct: Bool = false, representation: String = "the points as given",
        generator: inout some RandomNumberGenerator
    ) throws(CoresetError) -> Coreset {
        let sample =
            untilDistinct
            ? try SensitivitySampling.drawDistinct(count: count, sensitivities: bounds.sensitivities, generator: &generator)
            : try SensitivitySampling.draw(count: count, sensitivities: bounds.sensitivities, generator: &generator)
        return Coreset(
            points: WeightedPoints(indices: sample.indices, weights: sample.weights),
            guarantee: Guarantee(sample, bounds: bounds, representation: representation), pointCount: bounds.sensitivities.count)
    }
}
