// An ellipsoid of dimension r in ℝᵈ, r ≤ d:
//
//     E = { c + B·z : ‖F·z‖ ≤ 1 },   F upper triangular r×r,   B d×r with orthonormal columns (identity when r = d)
//
// F is kept beside the shape A = FᵀF because A squares its condition number.

import LinearAlgebra

/// An ellipsoid { x : (x−c)ᵀA(x−c) ≤ 1 }, possibly flat, that is, lying in an affine subspace of lower dimension.
///
/// ```swift
/// let ball = try Ellipsoid(center: [0, 0], shape: Matrix.identity(2))
/// ball.contains([0.6, 0.8])          // true
/// try ball.principalAxes().lengths   // [1, 1]
/// ```
public struct Ellipsoid: Sendable, Equatable {
    /// The center c, in ℝᵈ.
    public let center: [Double]
    /// The shape A, r×r symmetric positive definite; in the coordinates of `basis` when the ellipsoid is flat.
    public let shape: Matrix
    /// Orthonormal basis of the directions of a flat ellipsoid, d×r; `nil` when r = d.
    public let basis: Matrix?
    /// F, upper triangular r×r with positive diagonal, A = FᵀF.
    public let factor: Matrix
    /// Natural logarithm of the r-dimensional volume; 0 for a single point (r = 0).
    public let logVolume: Double

    /// Dimension d of the space around it.
    public var dimension: Int { center.count }
    /// Dimension r of the ellipsoid itself.
    public var rank: Int { factor.rows }

    /// An ellipsoid from its center and shape (and basis, when flat).
    /// - Throws: `dimensionMismatch`, `notPositiveDefinite`.
    public init(center: [Double], shape: Matrix, basis: Matrix? = nil) throws(GeometryError) {
        let rank = basis?.columns ?? center.count
        guard shape.rows == rank, shape.columns == rank else { throw .dimensionMismatch(expected: rank, found: shape.rows) }
        if let basis, basis.rows != center.count { throw .dimensionMismatch(expected: center.count, found: basis.rows) }
        guard let cholesky = try? Cholesky(shape) else { throw .notPositiveDefinite }
        self.init(center: center, factor: cholesky.factor.transposed(), basis: basis, shape: shape)
    }

    /// Wraps an upper triangular factor with positive diagonal; `logVolume` when it is known more accurately.
    init(center: [Double], factor: Matrix, basis: Matrix?, shape: Matrix? = nil, logVolume: Double? = nil) {
        self.center = center
        self.factor = factor
        self.basis = basis
        self.shape = shape ?? Self.shape(of: factor)
        self.logVolume = logVolume ?? Self.logUnitBallVolume(factor.rows) - factor.diagonal.reduce(0) { $0 + Elementary.log($1) }
    }

    /// FᵀF with exactly equal triangles.
    private static func shape(of factor: Matrix) -> Matrix {
        let n = factor.rows
        var result = Matrix(rows: n, columns: n)
        guard n > 0 else { return result }
        BLAS.syrk(.lower, .transposed, n, n, 1, factor.elements, n, 0, &result.elements, n)
        result.symmetrizeFromLower()
        return result
    }

    /// log of the volume of the unit ball in ℝʳ: r/2·log π − log Γ(r/2 + 1).
    public static func logUnitBallVolume(_ r: Int) -> Double {
        // V₀ = 1, V₁ = 2, V_r = V_{r−2}·2π/r.
        var result = r % 2 == 0 ? 0 : Elementary.log(2)
        for k in stride(from: r % 2 == 0 ? 2 : 3, through: r, by: 2) { result += Elementary.log(2 * .pi / Double(k)) }
        return result
    }

    /// The ellipsoid with the same center and every axis multiplied by `scale` > 0.
    public func scaled(by scale: Double) -> Ellipsoid {
        precondition(scale > 0 && scale.isFinite, "scale must be positive and finite")
        return Ellipsoid(
            center: center, factor: (1 / scale) * factor, basis: basis, shape: (1 / (scale * scale)) * shape,
            logVolume: logVolume + Double(rank) * Elementary.log(scale))
    }

    /// The same ellipsoid moved by `offset`.
    public func translated(by offset: [Double]) -> Ellipsoid {
        precondition(offset.count == dimension, "offset must have as many coordinates as the ellipsoid")
        return Ellipsoid(center: zip(center, offset).map { $0 + $1 }, factor: factor, basis: basis, shape: shape, logVolume: logVolume)
    }
}
