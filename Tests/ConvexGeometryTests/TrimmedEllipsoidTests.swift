import ConvexGeometry
import LinearAlgebra
import TestSupport
import Testing

@Suite struct TrimmedEllipsoidTests {
    /// A quarter of the points far away in one place, which draws mean and covariance of all towards it: all of them are left out.
    @Test(arguments: [2, 4], MinimumVolumeEllipsoid.Centering.allCases)
    func outliersAreLeftOut(_ d: Int, _ centering: MinimumVolumeEllipsoid.Centering) throws {
        let good = PointMuseum.gaussian(150, d, seed: 1)
        let bad = PointMuseum.gaussian(50, d, seed: 2).map { $0.map { 0.1 * $0 + 12 } }
        let points = Matrix(columns: bad + good)
        var generator = TestGenerator(seed: 3)
        let trimmed = try TrimmedEllipsoid(
            points: points, keeping: 140, settings: .init(centering: centering), using: &generator)
        #expect(trimmed.kept.count == 140 && trimmed.kept.allSatisfy { $0 >= 50 })
        #expect(trimmed.fit.status == .solved)
        #expect(trimmed.fit.support.allSatisfy(Set(trimmed.kept).contains))
        let kept = points.selectingColumns(trimmed.kept)
        #expect(trimmed.fit.ellipsoid.gauges(of: kept).allSatisfy { $0 <= 1 + 1e-9 })
        let all = try MinimumVolumeEllipsoid(points: Matrix(columns: good), settings: .init(centering: centering))
        #expect(trimmed.fit.ellipsoid.logVolume < all.ellipsoid.logVolume)
        // A fixed point: no other point is nearer than the farthest kept one.
        let gauges = trimmed.fit.ellipsoid.gauges(of: points)
        let inside = Set(trimmed.kept)
        #expect(gauges.indices.filter { !inside.contains($0) }.allSatisfy { gauges[$0] >= 1 - 1e-6 })
    }

    @Test func allPoints() throws {
        let points = Matrix(columns: PointMuseum.gaussian(60, 3, seed: 4))
        var generator = TestGenerator(seed: 5)
        let all = try TrimmedEllipsoid(points: points, keeping: 60, using: &generator)
        let plain = try MinimumVolumeEllipsoid(points: points)
        #expect(all.kept == Array(0..<60) && all.fit.ellipsoid == plain.ellipsoid && all.fit.support == plain.support)
    }

    @Test func refusals() {
        let points = Matrix(columns: PointMuseum.gaussian(20, 3, seed: 6))
        var generator = TestGenerator(seed: 7)
        for count in [-1, 3, 10, 21] {
            #expect(throws: GeometryError.self) { try TrimmedEllipsoid(points: points, keeping: count, using: &generator) }
        }
        var bad = points
        bad[1, 4] = .nan
        #expect(throws: GeometryError.self) { try TrimmedEllipsoid(points: bad, keeping: 15, using: &generator) }
    }
}
