import ConvexGeometry
import LinearAlgebra
import TestSupport
import Testing

@Suite struct EllipsoidTests {
    @Test func unitBallVolumes() {
        // V₀ … V₅ = 1, 2, π, 4π/3, π²/2, 8π²/15
        let pi = Double.pi
        for (r, volume) in [1, 2, pi, 4 * pi / 3, pi * pi / 2, 8 * pi * pi / 15].enumerated() {
            #expect((Ellipsoid.logUnitBallVolume(r) - volume.logarithm).magnitude <= 8 * .ulpOfOne)
        }
    }

    @Test func axesGaugeAndScaling() throws {
        // Semiaxes 2 and 1/2 along the coordinate axes.
        let e = try Ellipsoid(center: [1, -1], shape: Matrix.diagonal([0.25, 4]))
        #expect((e.logVolume - Double.pi.logarithm).magnitude <= 4 * .ulpOfOne)
        let axes = e.principalAxes()
        #expect(axes.lengths == [2, 0.5])
        #expect(axes.directions.elements.map(\.magnitude) == [1, 0, 0, 1])
        #expect(e.gauge(of: [3, -1]) == 1)
        #expect(e.gauge(of: [1, -0.5]) == 1)
        #expect(e.contains(Matrix(columns: [[1, -1], [3.1, -1]])) == [true, false])
        #expect(e.scaled(by: 2).gauge(of: [5, -1]) == 1)
        #expect((e.scaled(by: 2).logVolume - e.logVolume - 2 * 2.0.logarithm).magnitude <= 4 * .ulpOfOne)
        #expect(e.translated(by: [1, 1]).center == [2, 0])
        let covariance = e.covariance()
        #expect((covariance[0, 0] - 1).magnitude <= 8 * .ulpOfOne && (covariance[1, 1] - 0.0625).magnitude <= 8 * .ulpOfOne)
    }

    @Test func flatEllipsoidKnowsItsHull() throws {
        let half = 0.5.squareRoot()
        let e = try Ellipsoid(center: [0, 0, 1], shape: Matrix.identity(1), basis: Matrix(columns: [[half, half, 0]]))
        #expect(e.rank == 1 && e.dimension == 3)
        #expect(e.contains([0.5, 0.5, 1]))
        #expect(!e.contains([0.5, 0.5, 1.1]))
        #expect((e.distanceToHull(of: [1, -1, 2]) - 3.0.squareRoot()).magnitude <= 8 * .ulpOfOne)
        #expect(e.gauge(of: [5, -5, 9]) <= 8 * .ulpOfOne)
    }

    /// Axes of any ratio along any directions: what the matrix cannot hold.
    @Test func axesHoldWhatTheShapeCannot() throws {
        let (c, s) = (0.6, 0.8)
        let axes = Matrix(columns: [[-s, c], [c, s]])
        let thin = try Ellipsoid(center: [1, 2], axes: axes, semiaxes: [1e-9, 3])
        #expect(thin.semiaxes == [3, 1e-9])
        #expect(thin.axes.elements == [c, s, -s, c])
        #expect(thin.shape == nil)
        #expect((thin.gauge(of: [1 + 3 * c, 2 + 3 * s]) - 1).magnitude <= 1e-6)
        #expect((thin.logVolume - (Double.pi * 3e-9).logarithm).magnitude <= 8 * .ulpOfOne * thin.logVolume.magnitude)
        let mild = try Ellipsoid(center: [1, 2], axes: axes, semiaxes: [1, 3])
        let shape = try #require(mild.shape)
        let same = try Ellipsoid(center: [1, 2], shape: shape)
        for (a, b) in zip(same.semiaxes, mild.semiaxes) { #expect((a - b).magnitude <= 16 * .ulpOfOne) }
        #expect(try Ellipsoid(center: [0, 0], axes: .identity(2), semiaxes: [1e-200, 1]).shape == nil)
        #expect(throws: GeometryError.invalidSemiaxis(index: 1, value: 0)) { try Ellipsoid(center: [0, 0], axes: axes, semiaxes: [1, 0]) }
        #expect(throws: GeometryError.self) {
            try Ellipsoid(center: [0, 0], axes: Matrix(columns: [[1, 0], [1, 0]]), semiaxes: [1, 1])
        }
        #expect(throws: GeometryError.self) {
            try Ellipsoid(center: [0, 0], axes: Matrix(columns: [[.nan, 0], [0, 1]]), semiaxes: [1, 1])
        }
    }

    @Test func badShapesAreRefused() {
        #expect(throws: GeometryError.notPositiveDefinite) { try Ellipsoid(center: [0, 0], shape: Matrix.diagonal([1, -1])) }
        #expect(throws: GeometryError.dimensionMismatch(expected: 2, found: 3)) {
            try Ellipsoid(center: [0, 0], shape: Matrix.identity(3))
        }
    }
}

@Suite struct AffineHullTests {
    @Test(arguments: PointMuseum.valid) func rankAndContainment(_ exhibit: PointExhibit) throws {
        let points = Matrix(columns: exhibit.columns)
        let hull = try AffineHull(of: points)
        #expect(hull.rank == exhibit.rank)
        let gram = hull.basis.times(hull.basis, transposeSelf: true)
        for i in 0..<hull.rank { for j in 0..<hull.rank { #expect((gram[i, j] - (i == j ? 1 : 0)).magnitude <= 64 * .ulpOfOne) } }
        // Every point is its own projection, to the rounding of its coordinates.
        let back = hull.points(at: hull.coordinates(of: points))
        let size = points.maximumMagnitude
        #expect((back - points).maximumMagnitude <= 64 * Double(exhibit.dimension) * .ulpOfOne * size)
    }

    @Test func refusesNonFinite() {
        for exhibit in PointMuseum.invalid {
            #expect(throws: GeometryError.self) { try AffineHull(of: Matrix(columns: exhibit.columns)) }
        }
    }
}
