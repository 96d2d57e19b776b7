// An ellipsoid of dimension r in ℝᵈ, r ≤ d, in one of two forms:
//
//     E = { c + B·z : ‖F·z‖ ≤ 1 },   F upper triangular r×r,   B d×r with orthonormal columns (identity when r = d)     (1)
//     E = { x : ‖diag(1/s)·Vᵀ(x−c)‖ ≤ 1 },   V d×r with orthonormal columns: the axes, and s the semiaxes               (2)
//
// (1) is quick to get from a fit, (2) holds axes of any ratio: the rounding of V shears an axis that is shorter than the
// longest one by a factor q by q·ulp, the rounding of A = FᵀF by q²·ulp.

import LinearAlgebra

/// An ellipsoid { x : (x−c)ᵀA(x−c) ≤ 1 }, possibly flat, that is, lying in an affine subspace of lower dimension.
///
/// ```swift
/// let ball = try Ellipsoid(center: [0, 0], shape: Matrix.identity(2))
/// ball.contains([0.6, 0.8])          // true
/// ball.semiaxes                      // [1, 1]
/// ```
public struct Ellipsoid: Sendable, Equatable {
    /// The center c, in ℝᵈ.
    public let center: [Double]
    /// The shape A, r×r symmetric positive definite, in the coordinates of `basis` when the ellipsoid is flat; `nil` where
    /// Double cannot hold it: entries out of range, or axes so unequal, and slanted, that rounding A destroys the short ones.
    public let shape: Matrix?
    /// Orthonormal basis of the directions of a flat ellipsoid, d×r; `nil` when r = d.
    public let basis: Matrix?
    /// Natural logarithm of the r-dimensional volume; 0 for a single point (r = 0).
    public let logVolume: Double
    let form: Form

    enum Form: Sendable, Equatable {
        /// F of (1), upper triangular with positive diagonal.
        case factor(Matrix)
        /// V and s of (2).
        case axes(Matrix, [Double])
    }

    /// Dimension d of the space around it.
    public var dimension: Int { center.count }

    /// Dimension r of the ellipsoid itself.
    public var rank: Int {
        switch form {
        case .factor(let factor): factor.rows
        case .axes(_, let lengths): lengths.count
        }
    }

    /// An ellipsoid from its center and shape (and basis, when flat).
    /// - Parameters:
    ///   - center: c, d numbers.
    ///   - shape: A, r×r; its lower triangle is read.
    ///   - basis: d×r with orthonormal columns, when r < d.
    /// - Throws: `dimensionMismatch`, `notPositiveDefinite`.
    /// - Complexity: O(r³)
    public init(center: [Double], shape: Matrix, basis: Matrix? = nil) throws(GeometryError) {
        let rank = basis?.columns ?? center.count
        guard shape.rows == rank, shape.columns == rank else { throw .dimensionMismatch(expected: rank, found: shape.rows) }
        if let basis, basis.rows != center.count { throw .dimensionMismatch(expected: center.count, found: basis.rows) }
        guard let cholesky = try? Cholesky(shape) else { throw .notPositiveDefinite }
        self.init(center: center, factor: cholesky.factor.transposed(), basis: basis, shape: shape)
    }

    /// An ellipsoid from its center, axes and semiaxes.
    /// - Parameters:
    ///   - center: c, d numbers.
    ///   - axes: V, d×r with orthonormal columns.
    ///   - semiaxes: s, r lengths > 0.
    /// `shape` is there where Double holds it to 1e-9 of log volume.
    /// - Throws: `dimensionMismatch`, `invalidSemiaxis`, `notOrthonormal`.
    /// - Complexity: O(d·r²)
    public init(center: [Double], axes: Matrix, semiaxes: [Double]) throws(GeometryError) {
        guard axes.rows == center.count else { throw .dimensionMismatch(expected: center.count, found: axes.rows) }
        guard axes.columns == semiaxes.count, axes.columns <= axes.rows else {
            throw .dimensionMismatch(expected: semiaxes.count, found: axes.columns)
        }
        for (k, length) in semiaxes.enumerated() where !(length > 0 && length.isFinite) {
            throw .invalidSemiaxis(index: k, value: length)
        }
        let gram = axes.times(axes, transposeSelf: true)
        let differences = (gram - .identity(axes.columns)).elements
        let defect = differences.reduce(0) { max($0, $1.magnitude) }
        guard differences.allSatisfy(\.isFinite), defect <= Self.orthonormality else { throw .notOrthonormal(defect: defect) }
        let order = semiaxes.indices.sorted { (semiaxes[$0], $1) > (semiaxes[$1], $0) }
        let (directions, lengths) = (axes.selectingColumns(order), order.map { semiaxes[$0] })
        let shape = StoredShape(axes: directions, semiaxes: lengths, tolerance: Self.faithful)
        self.init(center: center, axes: directions, semiaxes: lengths, shape: shape?.matrix)
    }

    /// Error in log volume up to which a shape is said to be that of axes and semiaxes.
    private static var faithful: Double { 1e-9 }

    /// How far VᵀV may be from the identity: what single precision leaves of orthonormal columns.
    static var orthonormality: Double { 1e-6 }

    /// Form (1); `logVolume` when it is known more accurately.
    init(center: [Double], factor: Matrix, basis: Matrix?, shape: Matrix? = nil, logVolume: Double? = nil) {
        self.center = center
        form = .factor(factor)
        self.basis = basis
        self.shape = shape ?? Self.shape(of: factor)
        self.logVolume = logVolume ?? Self.logUnitBallVolume(factor.rows) - factor.diagonal.reduce(0) { $0 + Elementary.log($1) }
    }

    /// Form (2), semiaxes descending.
    init(center: [Double], axes: Matrix, semiaxes: [Double], shape: Matrix?) {
        self.center = center
        form = .axes(axes, semiaxes)
        basis = axes.columns < axes.rows ? axes : nil
        self.shape = shape
        logVolume = Self.logUnitBallVolume(semiaxes.count) + semiaxes.reduce(0) { $0 + Elementary.log($1) }
    }

    /// FᵀF with exactly equal triangles; nil when an entry is out of range.
    private static func shape(of factor: Matrix) -> Matrix? {
        let n = factor.rows
        var result = Matrix(rows: n, columns: n)
        guard n > 0 else { return result }
        guard factor.diagonal.allSatisfy({ $0 * $0 > 0x1p-1000 }) else { return nil }
        BLAS.syrk(.lower, .transposed, n, n, 1, factor.elements, n, 0, &result.elements, n)
        result.symmetrizeFromLower()
        return result.isFinite ? result : nil
    }

    /// log of the volume of the unit ball in ℝʳ: r/2·log π − log Γ(r/2 + 1).
    /// - Complexity: O(r)
    public static func logUnitBallVolume(_ r: Int) -> Double {
        // V₀ = 1, V₁ = 2, V_r = V_{r−2}·2π/r.
        var result = r % 2 == 0 ? 0 : Elementary.log(2)
        for k in stride(from: r % 2 == 0 ? 2 : 3, through: r, by: 2) { result += Elementary.log(2 * .pi / Double(k)) }
        return result
    }

    /// The ellipsoid with the same center and every axis multiplied by `scale` > 0.
    public func scaled(by scale: Double) -> Ellipsoid {
        precondition(scale > 0 && scale.isFinite, "scale must be positive and finite")
        switch form {
        case .factor(let factor):
            return Ellipsoid(
                center: center, factor: (1 / scale) * factor, basis: basis, shape: shape.map { (1 / (scale * scale)) * $0 },
                logVolume: logVolume + Double(rank) * Elementary.log(scale))
        case .axes(let axes, let lengths):
            return Ellipsoid(
                center: center, axes: axes, semiaxes: lengths.map { $0 * scale }, shape: shape.map { (1 / (scale * scale)) * $0 })
        }
    }

    /// The same ellipsoid moved by `offset`, its center rounded to Double.
    public func translated(by offset: [Double]) -> Ellipsoid {
        precondition(offset.count == dimension, "offset must have as many coordinates as the ellipsoid")
        let moved = zip(center, offset).map { $0 + $1 }
        switch form {
        case .factor(let factor): return Ellipsoid(center: moved, factor: factor, basis: basis, shape: shape, logVolume: logVolume)
        case .axes(let axes, let lengths): return Ellipsoid(center: moved, axes: axes, semiaxes: lengths, shape: shape)
        }
    }
}
