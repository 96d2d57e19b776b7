// Shadows and sections of an ellipsoid along coordinates.
//
// Shadow on coordinates I: the image of the unit ball under the rows I of V·diag(s), so its axes are their left singular
// vectors, and no matrix is squared. Section x_J = t: with W the map to the unit ball and W = [W_K W_J] by coordinates,
// ‖W_K(y − c_K) + W_J(t − c_J)‖ ≤ 1 is an ellipsoid in y, by a QR of W_K.

import LinearAlgebra

extension Ellipsoid {
    /// The shadow of the ellipsoid on some coordinates: all x_I of its points x.
    ///
    /// The shadow may be flat where the ellipsoid is.
    /// - Parameter coordinates: distinct indices below d, in the order that the result has them.
    /// - Throws: `factorization`.
    /// - Complexity: O(d·r²)
    public func projection(onto coordinates: [Int]) throws(GeometryError) -> Ellipsoid {
        checkCoordinates(coordinates)
        let axes = principalAxes()
        let rows = Matrix(rows: coordinates.count, columns: rank) { axes.directions[coordinates[$0], $1] * axes.lengths[$1] }
        let decomposition: SingularValueDecomposition
        do { decomposition = try SingularValueDecomposition(rows) } catch { throw .factorization(error) }
        // What rounding makes of directions in which a flat ellipsoid casts no shadow.
        let least = Double(rank + coordinates.count) * .ulpOfOne * (decomposition.values.first ?? 0)
        let kept = decomposition.values.prefix { $0 > least }.count
        return try Ellipsoid(
            center: coordinates.map { center[$0] }, axes: decomposition.u.selectingColumns(Array(0..<kept)),
            semiaxes: Array(decomposition.values.prefix(kept)))
    }

    /// The section of the ellipsoid in which some coordinates have given values, in the other coordinates, ascending.
    ///
    /// - Parameter values: what coordinates are fixed at. Precondition: the ellipsoid is not flat.
    /// - Returns: nil where the ellipsoid has no such point; a single point (rank 0) where it is touched only.
    /// - Throws: `factorization`.
    /// - Complexity: O(d³)
    public func slice(fixing values: [Int: Double]) throws(GeometryError) -> Ellipsoid? {
        precondition(basis == nil, "sections of flat ellipsoids are not defined by coordinates alone")
        let fixed = values.keys.sorted()
        checkCoordinates(fixed)
        let free = (0..<dimension).filter { values[$0] == nil }
        let map = mapToUnitBall
        let image = map.selectingColumns(fixed).times(fixed.map { values[$0]! - center[$0] })
        guard !free.isEmpty else {
            let isInside = BLAS.nrm2(image.count, image, 1) <= 1
            return isInside ? try Ellipsoid(center: [], axes: Matrix(rows: 0, columns: 0), semiaxes: []) : nil
        }
        let columns = map.selectingColumns(free)
        let basis = columns.orthonormalColumns()
        let triangle = basis.times(columns, transposeSelf: true)
        let inside = basis.times(image, transposeSelf: true)
        let rest = zip(image, basis.times(inside)).map { $0 - $1 }
        let gauge = BLAS.nrm2(rest.count, rest, 1)
        guard gauge <= 1 else { return nil }
        let inverse: Matrix
        let found: JacobiDecomposition
        do {
            found = try JacobiDecomposition(triangle)
            var upper = triangle
            try LAPACK.trtri(.upper, .nonUnit, free.count, &upper.elements, free.count)
            for j in 0..<free.count { for i in (j + 1)..<Swift.max(free.count, j + 1) { upper[i, j] = 0 } }
            inverse = upper
        } catch { throw .factorization(error) }
        let shift = inverse.times(inside)
        let middle = free.indices.map { center[free[$0]] - shift[$0] }
        let radius = ((1 - gauge) * (1 + gauge)).squareRoot()
        guard radius > 0 else { return try Ellipsoid(center: middle, axes: Matrix(rows: free.count, columns: 0), semiaxes: []) }
        let order = Array(found.values.indices.reversed())
        return try Ellipsoid(
            center: middle, axes: found.vectors.selectingColumns(order), semiaxes: order.map { radius / found.values[$0] })
    }

    private func checkCoordinates(_ coordinates: [Int]) {
        precondition(
            Set(coordinates).count == coordinates.count && coordinates.allSatisfy((0..<dimension).contains),
            "coordinates must be distinct and below the dimension")
    }
}
