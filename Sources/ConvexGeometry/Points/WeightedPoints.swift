// A sparse measure: some of n points, with positive weights.

import LinearAlgebra

/// Points of a set, named by index, with a positive weight each.
public struct WeightedPoints: Sendable, Equatable {
    /// Indices into the point set, ascending.
    public let indices: [Int]
    /// Weights in the same order.
    public let weights: [Double]

    /// Precondition: as many weights as indices.
    public init(indices: [Int], weights: [Double]) {
        precondition(indices.count == weights.count, "one weight per index")
        self.indices = indices
        self.weights = weights
    }

    /// Number of points.
    public var count: Int { indices.count }

    /// Σ wᵢ.
    public var totalWeight: Double { weights.reduce(0, +) }

    /// Σ wᵢpᵢ over columns of the matrix that the indices refer to. Cost O(count·d).
    public func weightedSum(of points: Matrix) -> [Double] {
        var sum = [Double](repeating: 0, count: points.rows)
        for (index, weight) in zip(indices, weights) {
            for (k, value) in points.column(index).enumerated() { sum[k] += weight * value }
        }
        return sum
    }

    /// The same measure with indices replaced by `names[index]`.
    public func renamed(_ names: [Int]) -> WeightedPoints {
        WeightedPoints(indices: indices.map { names[$0] }, weights: weights)
    }

    /// The same measure with indices ascending.
    public func sorted() -> WeightedPoints {
        let order = indices.indices.sorted { indices[$0] < indices[$1] }
        return WeightedPoints(indices: order.map { indices[$0] }, weights: order.map { weights[$0] })
    }
}
