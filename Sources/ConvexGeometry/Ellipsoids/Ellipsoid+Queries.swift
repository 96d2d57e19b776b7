// Membership, gauge and axes of an ellipsoid.

import LinearAlgebra

extension Ellipsoid {
    /// The gauge ‖F·Bᵀ(x−c)‖ = √((x−c)ᵀA(x−c)): at most 1 inside, 1 on the boundary.
    ///
    /// For a flat ellipsoid this is the gauge of the projection of x onto its affine hull; see `distanceToHull`.
    public func gauge(of point: [Double]) -> Double {
        precondition(point.count == dimension, "point must have as many coordinates as the ellipsoid")
        return gauges(of: Matrix(rows: dimension, columns: 1, elements: point))[0]
    }

    /// The gauges of many points, the columns of `points`. Cost up to 2·n·d² flops through BLAS in cache-sized blocks.
    public func gauges(of points: Matrix) -> [Double] {
        precondition(points.rows == dimension, "points must have as many coordinates as the ellipsoid")
        var result = [Double](repeating: 0, count: points.columns)
        guard rank > 0 else { return result }
        let map = mapToUnitBall
        let (d, r, n) = (dimension, rank, points.columns)
        let blockSize = Swift.max(256, 32768 / d)
        var shifted = [Double](repeating: 0, count: d * Swift.min(blockSize, n))
        var image = [Double](repeating: 0, count: r * Swift.min(blockSize, n))
        for start in stride(from: 0, to: n, by: blockSize) {
            let count = Swift.min(blockSize, n - start)
            points.elements.withUnsafeBufferPointer {
                LeverageKernels.shift($0.baseAddress! + start * d, dimension: d, count: count, origin: center, into: &shifted)
            }
            multiply(map.elements, basis == nil ? .upper : .full, r, d, shifted, count, into: &image)
            image.withUnsafeBufferPointer { z in
                for j in 0..<count { result[start + j] = BLAS.nrm2(r, z.baseAddress! + j * r, 1) }
            }
        }
        return result
    }

    /// Whether each point lies in the ellipsoid, up to a relative `tolerance` on the gauge and, for a flat ellipsoid,
    /// up to `tolerance` times the size of the coordinates off its affine hull.
    public func contains(_ points: Matrix, tolerance: Double = 64 * .ulpOfOne) -> [Bool] {
        let inside = gauges(of: points).map { $0 <= 1 + tolerance }
        guard basis != nil else { return inside }
        return zip(inside, (0..<points.columns)).map { inside, j in
            guard inside else { return false }
            let point = Array(points.column(j))
            let size = zip(point, center).reduce(0) { Swift.max($0, Swift.max($1.0.magnitude, $1.1.magnitude)) }
            return distanceToHull(of: point) <= tolerance * Double(dimension) * size
        }
    }

    /// Whether the point lies in the ellipsoid; see `contains(_:tolerance:)` for many points.
    public func contains(_ point: [Double], tolerance: Double = 64 * .ulpOfOne) -> Bool {
        contains(Matrix(rows: point.count, columns: 1, elements: point), tolerance: tolerance)[0]
    }

    /// Euclidean distance from the affine subspace that a flat ellipsoid lies in; 0 when r = d.
    public func distanceToHull(of point: [Double]) -> Double {
        precondition(point.count == dimension, "point must have as many coordinates as the ellipsoid")
        guard let basis else { return 0 }
        var residual = zip(point, center).map { $0 - $1 }
        // Twice is enough: the second projection removes what rounding left of the first.
        for _ in 0..<2 where rank > 0 {
            let inside = basis.times(basis.times(residual, transposeSelf: true))
            for k in residual.indices { residual[k] -= inside[k] }
        }
        return BLAS.nrm2(residual.count, residual, 1)
    }

    /// F·Bᵀ, r×d: the linear map that takes x − c to the unit ball.
    public var mapToUnitBall: Matrix {
        guard let basis else { return factor }
        return factor.times(basis, transposeOther: true)
    }

    /// Semiaxes of an ellipsoid, longest first.
    public struct PrincipalAxes: Sendable, Equatable {
        /// Lengths of the semiaxes, descending.
        public let lengths: [Double]
        /// Unit directions as columns, d×r, in the order of `lengths`.
        public let directions: Matrix
    }

    /// The semiaxes: c ± lengthₖ·directionₖ are the vertices. From the singular values of F, so that short axes keep
    /// their accuracy.
    /// - Throws: `factorization` when the singular value iteration does not converge.
    public func principalAxes() throws(GeometryError) -> PrincipalAxes {
        guard rank > 0 else { return PrincipalAxes(lengths: [], directions: Matrix(rows: dimension, columns: 0)) }
        let decomposition: SingularValueDecomposition
        do { decomposition = try SingularValueDecomposition(factor) } catch { throw .factorization("\(error)") }
        let r = rank
        let directions = Matrix(rows: r, columns: r) { i, j in decomposition.vt[r - 1 - j, i] }
        return PrincipalAxes(
            lengths: decomposition.values.reversed().map { 1 / $0 },
            directions: basis?.times(directions) ?? directions)
    }

    /// Covariance of the uniform distribution over the ellipsoid, d×d: B·A⁻¹·Bᵀ/(r + 2).
    /// - Throws: `factorization`.
    public func covariance() throws(GeometryError) -> Matrix {
        let axes = try principalAxes()
        return axes.directions.gramOfColumns(scaledBy: axes.lengths.map { $0 * $0 / Double(rank + 2) })
    }
}

extension Matrix {
    /// V·diag(w)·Vᵀ, w ≥ 0.
    fileprivate func gramOfColumns(scaledBy weights: [Double]) -> Matrix { gram(weights: weights) }
}
