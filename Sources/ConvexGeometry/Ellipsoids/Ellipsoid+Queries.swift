// Membership, gauge and axes of an ellipsoid.

import LinearAlgebra

extension Ellipsoid {
    /// The gauge √((x−c)ᵀA(x−c)): at most 1 inside, 1 on the boundary; the distance of x from the center in the metric of the ellipsoid.
    ///
    /// For a flat ellipsoid this is the gauge of the projection of x onto its affine hull; see `distanceToHull`.
    /// - Complexity: O(d·r)
    public func gauge(of point: [Double]) -> Double {
        precondition(point.count == dimension, "point must have as many coordinates as the ellipsoid")
        return gauges(of: Matrix(rows: dimension, columns: 1, elements: point))[0]
    }

    /// The gauges of many points, the columns of `points`, d×n.
    /// - Complexity: O(n·d·r) through BLAS in cache-sized blocks; in sums of twice the precision, some twenty times slower,
    ///   where axes differ by more than 1e5.
    public func gauges(of points: Matrix) -> [Double] {
        precondition(points.rows == dimension, "points must have as many coordinates as the ellipsoid")
        guard rank > 0 else { return [Double](repeating: 0, count: points.columns) }
        if case .axes(let axes, let lengths) = form, lengths[0] > Self.delicateRatio * lengths[lengths.count - 1] {
            return carefulGauges(of: points, axes, lengths)
        }
        let map = mapToUnitBall
        let isTriangular = if case .factor = form { basis == nil } else { false }
        let (d, r, n) = (dimension, rank, points.columns)
        var result = [Double](repeating: 0, count: n)
        let blockSize = Swift.max(256, 32768 / d)
        var shifted = [Double](repeating: 0, count: d * Swift.min(blockSize, n))
        var image = [Double](repeating: 0, count: r * Swift.min(blockSize, n))
        for start in stride(from: 0, to: n, by: blockSize) {
            let count = Swift.min(blockSize, n - start)
            points.elements.withUnsafeBufferPointer {
                LeverageKernels.shift($0.baseAddress! + start * d, dimension: d, count: count, origin: center, into: &shifted)
            }
            multiply(map.elements, isTriangular ? .upper : .full, r, d, shifted, count, into: &image)
            image.withUnsafeBufferPointer { z in
                for j in 0..<count { result[start + j] = BLAS.nrm2(r, z.baseAddress! + j * r, 1) }
            }
        }
        return result
    }

    /// Ratio of semiaxes up to which plain sums are right to 1e-10.
    private static var delicateRatio: Double { 1e5 }

    private func carefulGauges(of points: Matrix, _ axes: Matrix, _ lengths: [Double]) -> [Double] {
        let (d, r, n) = (dimension, rank, points.columns)
        // Powers of two keep V as it is and products in range.
        let scales = lengths.map(powerOfTwo(atLeast:))
        let map = Matrix(rows: r, columns: d) { axes[$1, $0] / scales[$0] }
        var image = [Double](repeating: 0, count: r * n)
        CompensatedProduct.affineImage(map.elements, r, d, center, points.elements, n, into: &image)
        return (0..<n).map { j in
            let z = (0..<r).map { image[$0 + j * r] * (scales[$0] / lengths[$0]) }
            return BLAS.nrm2(r, z, 1)
        }
    }

    /// Whether each point lies in the ellipsoid, up to a relative `tolerance` on the gauge and, off the affine hull of a flat one, up to
    /// `tolerance` times its shortest semiaxis and what rounding explains.
    ///
    /// - Parameter hullRounding: how far rounding may have moved a point off the hull; by default `hullRounding()`.
    /// - Complexity: n·d·rank multiply–adds.
    public func contains(_ points: Matrix, tolerance: Double = 64 * .ulpOfOne, hullRounding: Double? = nil) -> [Bool] {
        let inside = gauges(of: points).map { $0 <= 1 + tolerance }
        guard basis != nil else { return inside }
        let allowance = tolerance * (semiaxes.last ?? 0) + (hullRounding ?? self.hullRounding())
        return zip(inside, (0..<points.columns)).map { inside, j in
            inside && distanceToHull(of: Array(points.column(j))) <= allowance
        }
    }

    /// How far points of a flat ellipsoid may be from its affine hull for no other reason than rounding; 0 when r = d.
    ///
    /// Twice the noise that a fit takes for flat (`RoundingOfPoints`), which is relative to the largest coordinates: here those of the
    /// ellipsoid, each by the part of it that points off the hull. An offset in a direction of the hull does not blur the others.
    /// To that, what the rounding of the axes comes to at their ends.
    /// - Parameter precision: ulp of 1 of the numbers that the points are stored in.
    public func hullRounding(precision: Double = .ulpOfOne) -> Double {
        guard let basis else { return 0 }
        let (d, principal) = (Double(dimension), principalAxes())
        var size = 0.0
        for k in 0..<dimension {
            let reach = principal.lengths.indices.map { principal.lengths[$0] * principal.directions[k, $0] }
            // Coordinates are scaled by the power of two above the largest.
            let largest = 2 * (center[k].magnitude + BLAS.nrm2(reach.count, reach, 1))
            let row = basis.row(k)
            let off = largest * Swift.max(0, 1 - row.reduce(0) { $0 + $1 * $1 }).squareRoot()
            size = BLAS.nrm2(2, [size, off], 1)
        }
        return 2 * precision * (8 * d + (2 + d / 4) * d.squareRoot()) * size + 8 * d * .ulpOfOne * (principal.lengths.first ?? 0)
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

    /// F, upper triangular r×r with positive diagonal, A = FᵀF; in the coordinates of `basis` when flat. As accurate as A itself:
    /// see `axes` for ellipsoids with very short ones.
    /// - Complexity: O(r³) where the ellipsoid is stored by its axes.
    public var factor: Matrix {
        switch form {
        case .factor(let factor): factor
        case .axes(_, let lengths) where basis != nil: Matrix.diagonal(lengths.map { 1 / $0 })
        case .axes: mapToUnitBall.triangularFactor()
        }
    }

    /// The linear map that takes x − c to the unit ball, r×d: F·Bᵀ, or diag(1/s)·Vᵀ.
    public var mapToUnitBall: Matrix {
        switch form {
        case .factor(let factor): basis.map { factor.times($0, transposeOther: true) } ?? factor
        case .axes(let axes, let lengths): Matrix(rows: rank, columns: dimension) { axes[$1, $0] / lengths[$0] }
        }
    }

    /// Semiaxes of an ellipsoid, longest first.
    public struct PrincipalAxes: Sendable, Equatable {
        /// Lengths of the semiaxes, descending.
        public let lengths: [Double]
        /// Unit directions as columns, d×r, in the order of `lengths`.
        public let directions: Matrix
    }

    /// The directions of the axes as columns, d×r, orthonormal, in the order of `semiaxes`.
    /// - Complexity: O(r³), or O(1) where the ellipsoid is stored by its axes; ask once.
    public var axes: Matrix { principalAxes().directions }

    /// Lengths of the semiaxes, descending: c ± semiaxesₖ·axesₖ are the vertices.
    /// - Complexity: O(r³), or O(1) where the ellipsoid is stored by its axes; ask once.
    public var semiaxes: [Double] { principalAxes().lengths }

    /// Axes and semiaxes together. From one-sided rotations of F, so that short axes keep their accuracy.
    /// - Complexity: O(r³), or O(1) where the ellipsoid is stored by its axes.
    public func principalAxes() -> PrincipalAxes {
        switch form {
        case .axes(let axes, let lengths): return PrincipalAxes(lengths: lengths, directions: axes)
        case .factor(let factor):
            // Rotations converge for finite entries; there is no length to report for others.
            guard let found = try? JacobiDecomposition(factor) else {
                return PrincipalAxes(
                    lengths: [Double](repeating: .nan, count: rank), directions: basis ?? .identity(dimension))
            }
            let order = Array((0..<rank).reversed())
            let directions = found.vectors.selectingColumns(order)
            return PrincipalAxes(
                lengths: order.map { 1 / found.values[$0] }, directions: basis.map { $0.times(directions) } ?? directions)
        }
    }

    /// Covariance of the uniform distribution over the ellipsoid, d×d: B·A⁻¹·Bᵀ/(r + 2).
    /// - Complexity: O(d²·r + r³)
    public func covariance() -> Matrix {
        let axes = principalAxes()
        return axes.directions.gram(weights: axes.lengths.map { $0 * $0 / Double(rank + 2) })
    }
}
