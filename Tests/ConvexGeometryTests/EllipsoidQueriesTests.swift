import ConvexGeometry
import Foundation
import LinearAlgebra
import TestSupport
import Testing

@Suite struct EllipsoidQueriesTests {
    private static func ellipsoid(_ d: Int, seed: UInt64) throws -> Ellipsoid {
        try MinimumVolumeEllipsoid(points: Matrix(columns: PointMuseum.gaussian(40 * d, d, seed: seed))).ellipsoid
    }

    /// Every sampled point is inside, uniform: the fraction within half the gauge is 2⁻ʳ, and the covariance that of the ellipsoid.
    @Test(arguments: [1, 2, 5]) func samples(_ d: Int) throws {
        let e = try Self.ellipsoid(d, seed: 3).translated(by: [Double](repeating: 7, count: d))
        var generator = TestGenerator(seed: 4)
        let n = 20_000
        let points = e.sample(n, using: &generator)
        #expect(points.rows == d && points.columns == n)
        let gauges = e.gauges(of: points)
        #expect(gauges.allSatisfy { $0 <= 1 + 1e-12 })
        let share = (0..<d).reduce(1.0) { value, _ in value / 2 }
        let found = Double(gauges.count { $0 <= 0.5 }) / Double(n)
        // Five standard deviations of a binomial share.
        #expect((found - share).magnitude <= 5 * (share * (1 - share) / Double(n)).squareRoot())
        let covariance = e.covariance()
        for k in 0..<d {
            let variance = (0..<n).reduce(0) { $0 + (points[k, $1] - e.center[k]) * (points[k, $1] - e.center[k]) } / Double(n)
            #expect((variance / covariance[k, k] - 1).magnitude <= 0.05)
        }
        #expect((e.volume.logarithm - e.logVolume).magnitude <= 1e-12)
    }

    /// The shadow holds the shadows of all points of the boundary, and its vertices are shadows of boundary points.
    @Test func projections() throws {
        let e = try Self.ellipsoid(4, seed: 5)
        let kept = [3, 1]
        let shadow = try e.projection(onto: kept)
        #expect(shadow.dimension == 2 && shadow.rank == 2)
        let covariance = e.covariance()
        // Shadows of an ellipsoid have the submatrix of A⁻¹: of the covariance, up to r + 2.
        let own = shadow.covariance()
        for (i, a) in kept.enumerated() {
            #expect((shadow.center[i] - e.center[a]).magnitude == 0)
            for (j, b) in kept.enumerated() {
                #expect((own[i, j] * 4 - covariance[a, b] * 6).magnitude <= 1e-11 * covariance.maximumMagnitude)
            }
        }
        let flat = try Ellipsoid(center: [1, 2, 3], axes: Matrix(columns: [[0, 0, 1]]), semiaxes: [2])
        let point = try flat.projection(onto: [0, 1])
        #expect(point.rank == 0 && point.center == [1, 2])
        #expect(try flat.projection(onto: [2]).semiaxes == [2])
    }

    /// A point is in the section exactly when the point with the fixed coordinates put back is in the ellipsoid.
    @Test func slices() throws {
        let e = try Self.ellipsoid(4, seed: 6)
        let fixed = [1: e.center[1] + 0.3, 2: e.center[2] - 0.2]
        let section = try #require(try e.slice(fixing: fixed))
        #expect(section.dimension == 2 && section.rank == 2)
        var generator = TestGenerator(seed: 7)
        var (inside, outside) = (0, 0)
        for _ in 0..<500 {
            let y = (0..<2).map { section.center[$0] + 1.5 * section.semiaxes[0] * (2 * generator.uniform() - 1) }
            let x = [y[0], fixed[1]!, fixed[2]!, y[1]]
            let gauge = e.gauge(of: x)
            guard (gauge - 1).magnitude > 1e-9 else { continue }
            #expect((section.gauge(of: y) <= 1) == (gauge <= 1))
            if gauge <= 1 { inside += 1 } else { outside += 1 }
        }
        #expect(inside > 50 && outside > 50)
        #expect(try e.slice(fixing: [0: e.center[0] + 100]) == nil)
        let all = Dictionary(uniqueKeysWithValues: e.center.enumerated().map { ($0, $1) })
        #expect(try e.slice(fixing: all)?.rank == 0)
        #expect(try e.slice(fixing: [:])?.rank == 4)
    }

    @Test func jsonRoundTrip() throws {
        for e in [
            try Self.ellipsoid(3, seed: 8), try Ellipsoid(center: [0, 1], axes: .identity(2), semiaxes: [1e200, 1e-200]),
            try Ellipsoid(center: [0, 1, 2], axes: Matrix(columns: [[0.6, 0.8, 0]]), semiaxes: [3]),
        ] {
            let back = try JSONDecoder().decode(Ellipsoid.self, from: JSONEncoder().encode(e))
            #expect(back.center == e.center && back.semiaxes == e.semiaxes && back.axes == e.axes && back.shape == e.shape)
            // What is read is what is written again.
            #expect(try JSONDecoder().decode(Ellipsoid.self, from: JSONEncoder().encode(back)) == back)
        }
        for bad in [
            #"{"center":[0,0],"axes":[[1,0],[0,1]],"semiaxes":[1,-1]}"#, #"{"center":[0,0],"axes":[[1,0],[1,0]],"semiaxes":[1,1]}"#,
            #"{"center":[0,0],"axes":[[1],[0]],"semiaxes":[1,1]}"#, #"{"center":[0],"axes":[[1,0],[0,1]],"semiaxes":[1,1]}"#,
            #"{"center":[0,0],"axes":[[1,0],[0,1]],"semiaxes":[1,1],"shape":[[1,2],[3,4]]}"#,
        ] {
            #expect(throws: DecodingError.self) { try JSONDecoder().decode(Ellipsoid.self, from: Data(bad.utf8)) }
        }
    }

    /// Off a flat counts what rounding explains there: neither the size of coordinates along it, nor that of the point alone.
    @Test func flatsAreAsThickAsRounding() throws {
        let times = Matrix(columns: (0..<20).map { [1.7e9 + 1000 * Double($0), 5] })
        let line = try MinimumVolumeEllipsoid(points: times).ellipsoid
        #expect(line.rank == 1)
        #expect(line.contains(times, tolerance: 1e-9).allSatisfy { $0 })
        #expect(!line.contains([1.7e9 + 5000, 8], tolerance: 1e-9))
        #expect(!line.contains([1.7e9 + 5000, 5.001], tolerance: 1e-9))
        // The last point is off by less than the others' rounding, and by more than its own.
        let slanted = Matrix(columns: [[3, 1], [-3, -1], [6, 2], [-6, -2], [0x1p-54, 0]])
        let fit = try MinimumVolumeEllipsoid(points: slanted)
        #expect(fit.rank == 1)
        #expect(fit.ellipsoid.contains(slanted, tolerance: 1e-9).allSatisfy { $0 })
        #expect(fit.ellipsoid.hullRounding() >= fit.certificate.distanceFromFlat / 4)
        // Points in single precision leave the plane by more.
        var g = TestGenerator(seed: 8)
        let plane = Matrix(rows: 3, columns: 200) { _, _ in g.normal() }
        let singles: [Float] = (0..<200).flatMap { j in
            [Float(plane[0, j]), Float(plane[1, j]), Float(plane[0, j] / 3 + 0.7 * plane[1, j])]
        }
        let flat = try singles.withUnsafeBufferPointer { try MinimumVolumeEllipsoid(points: $0, count: 200, dimension: 3) }.ellipsoid
        #expect(flat.rank == 2)
        let same = Matrix(rows: 3, columns: 200, elements: singles.map { Double($0) })
        let rounding = flat.hullRounding(precision: Double(Float.ulpOfOne))
        #expect(flat.contains(same, tolerance: 1e-9, hullRounding: rounding).allSatisfy { $0 })
        #expect(!flat.contains(same, tolerance: 1e-9).allSatisfy { $0 })
    }
}
