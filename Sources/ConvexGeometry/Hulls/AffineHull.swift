// The affine hull of a point set, found robustly: see PointFrame for the rank rule.

import LinearAlgebra

/// The smallest affine subspace that contains a set of points, up to the rounding of their coordinates.
public struct AffineHull: Sendable, Equatable {
    /// A point of the hull.
    public let origin: [Double]
    /// Dimension r of the hull.
    public let rank: Int
    /// Orthonormal basis of its directions, d×r.
    public let basis: Matrix

    /// Finds the hull of the columns of `points`.
    ///
    /// A direction counts only if the points leave the hull along it by more than 4√d·ulp of their size, coordinates
    /// being scaled to equal magnitude first. One read of the points when they span, a few more when they do not.
    /// - Throws: `noPoints`, `invalidDimension`, `nonFinite`, `notRepresentable` (coordinates beyond 2^±1000).
    public init(of points: Matrix) throws(GeometryError) { try self.init(of: MatrixPoints(points)) }

    /// Finds the hull of the points of `source`.
    ///
    /// - Complexity: n·d² multiply–adds, in blocks.
    public init(of source: some PointSource) throws(GeometryError) {
        guard source.dimension >= 1 else { throw .invalidDimension(source.dimension) }
        guard source.pointCount >= 1 else { throw .noPoints }
        if let error = source.firstNonFinite() { throw error }
        let frame = try PointFrame(source, isCentered: false, seed: 0, team: .single)
        origin = frame.origin
        rank = frame.rank
        basis = frame.basis ?? Matrix.identity(source.dimension)
    }

    /// Coordinates Bᵀ(x − origin) of the projections of the columns of `points`, r×n.
    ///
    /// - Complexity: n·d·rank multiply–adds.
    public func coordinates(of points: Matrix) -> Matrix {
        precondition(points.rows == origin.count, "points must have as many coordinates as the hull's space")
        let shifted = Matrix(rows: points.rows, columns: points.columns) { points[$0, $1] - origin[$0] }
        return basis.times(shifted, transposeSelf: true)
    }

    /// The points of the space with the given hull coordinates, d×n.
    public func points(at coordinates: Matrix) -> Matrix {
        precondition(coordinates.rows == rank, "hull coordinates must have as many entries as the rank")
        let moved = basis.times(coordinates)
        return Matrix(rows: moved.rows, columns: moved.columns) { moved[$0, $1] + origin[$0] }
    }
}
