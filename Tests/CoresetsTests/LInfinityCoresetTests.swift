import ConvexGeometry
import Coresets
import LinearAlgebra
import TestSupport
import Testing
import RandomNumbers

@Suite struct LInfinityCoresetTests {
    private static func points(_ d: Int, _ n: Int, _ seed: UInt64, offset: Double = 0) -> Matrix {
        var g = TestGenerator(seed: seed)
        return Matrix(rows: d, columns: n) { k, _ in
            let x = g.normal(); return x * (1 + x * x) * Double(k + 1) + offset
        }
    }

    // max over P divided by max over C, in many directions; with `bias` of |pᵀx + b|.
    private static func attained(_ points: Matrix, _ indices: [Int], withBias: Bool) -> Double {
        var g = TestGenerator(seed: 123)
        let d = points.rows
        var directions = (0..<d).map { axis in (0..<d).map { $0 == axis ? 1.0 : 0 } }
        directions += (0..<400).map { _ in g.normals(d) }
        directions += (0..<min(points.columns, 100)).map { Array(points.column($0)) }
        var worst = 0.0
        for x in directions {
            let values = (0..<points.columns).map { j in (0..<d).reduce(0) { $0 + points[$1, j] * x[$1] } }
            let shifts =
                withBias ? [0, -values.reduce(0, +) / Double(values.count), -(values.max()! + values.min()!) / 2, g.normal()] : [0]
            for b in shifts {
                let inside = indices.reduce(0) { max($0, (values[$1] + b).magnitude) }
                let all = values.reduce(0) { max($0, ($1 + b).magnitude) }
                if all > 0 { worst = max(worst, all / inside) }
            }
        }
        return worst
    }

    @Test(arguments: LInfinityCoreset.Construction.allCases, [(1, 30), (2, 80), (3, 10), (5, 300), (9, 500), (20, 1000)])
    func provenFactorHolds(_ construction: LInfinityCoreset.Construction, _ size: (Int, Int)) throws {
        let (d, n) = size
        for centering in [MinimumVolumeEllipsoid.Centering.origin, .free] {
            let points = Self.points(d, n, UInt64(d), offset: centering == .free ? 3 : 0)
            let coreset = try LInfinityCoreset(points: points, settings: .init(construction: construction, centering: centering))
            #expect(coreset.rank == d && coreset.pointCount == n)
            #expect(zip(coreset.indices, coreset.indices.dropFirst()).allSatisfy { $0 < $1 })
            #expect(coreset.weights.allSatisfy { $0 > 0 } && (coreset.weights.reduce(0, +) - 1).magnitude <= 1e-12)
            let lifted = centering == .origin ? d : d + 1
            let limit =
                switch construction {
                case .axisCaratheodory: centering == .origin ? d * (d + 1) : 2 * d * (d + 1)
                case .johnSupport: lifted * (lifted + 1) / 2
                case .volumeSubset: lifted
                }
            #expect(coreset.indices.count <= limit)
            // The statement of `axisCaratheodory` is about pᵀx; the other two cover pᵀx + b with a free center.
            let withBias = centering == .free && construction != .axisCaratheodory
            let attained = Self.attained(points, coreset.indices, withBias: withBias)
            #expect(attained <= coreset.provenFactor * (1 + 1e-12), "\(construction) \(centering): \(attained)")
            // The factor is the one of the field: no larger than what the construction promises at gap 1e-4.
            let promised =
                switch construction {
                case .axisCaratheodory: centering == .origin ? Double(d) * 1.0001 : Double(d) * Double(d).squareRoot() * 1.01
                case .johnSupport: Double(lifted).squareRoot() * 1.0001
                case .volumeSubset: Double(lifted) * 1.05 * (1 + 1e-9)
                }
            #expect(coreset.provenFactor <= max(1, promised), "\(construction) \(centering)")
        }
    }

    @Test(arguments: LInfinityCoreset.Construction.allCases)
    func measuredFactorIsBetweenOneAndProven(_ construction: LInfinityCoreset.Construction) throws {
        let points = Self.points(6, 400, 3)
        let coreset = try LInfinityCoreset(points: points, settings: .init(construction: construction))
        var generator = SeededGenerator(seed: 4), again = SeededGenerator(seed: 4)
        let measured = try coreset.measuredFactor(points: points, generator: &generator)
        #expect(measured >= 1 && measured <= coreset.provenFactor)
        #expect(try coreset.measuredFactor(points: points, generator: &again) == measured)
        #expect(throws: CoresetError.self) { try coreset.measuredFactor(points: Self.points(6, 3, 1), generator: &generator) }
    }

    // Answers known by hand: the cross-polytope and the cube.
    @Test(arguments: LInfinityCoreset.Construction.allCases)
    func knownSets(_ construction: LInfinityCoreset.Construction) throws {
        var cross = Matrix(rows: 4, columns: 4 + 30)
        var g = TestGenerator(seed: 6)
        for k in 0..<4 { cross[k, k] = 1 }
        for j in 4..<34 { for k in 0..<4 { cross[k, j] = g.normal() * 0.1 } }
        let coreset = try LInfinityCoreset(points: cross, settings: .init(construction: construction))
        #expect(coreset.indices == [0, 1, 2, 3], "only the ±e reach the ellipsoid, which is the unit ball")
    }

    @Test(arguments: LInfinityCoreset.Construction.allCases)
    func degenerateInputs(_ construction: LInfinityCoreset.Construction) throws {
        let settings = LInfinityCoreset.Settings(construction: construction)
        let one = try LInfinityCoreset(points: Matrix(columns: [[3, -4]]), settings: settings)
        #expect(one.indices == [0] && one.rank == 1)
        let zeros = try LInfinityCoreset(points: Matrix(rows: 2, columns: 5), settings: settings)
        #expect(zeros.indices.count == 1 && zeros.provenFactor == 1)
        let same = try LInfinityCoreset(points: Matrix(rows: 3, columns: 50) { k, _ in Double(k + 1) }, settings: settings)
        #expect(
            same.rank == 1
                && Self.attained(Matrix(rows: 3, columns: 50) { k, _ in Double(k + 1) }, same.indices, withBias: false) <= same.provenFactor
                    * (1 + 1e-12)
        )
        // A plane in ℝ⁵; the same points 20 times; coordinates of very different size.
        let low = Self.points(2, 90, 8), frame = Matrix(rows: 5, columns: 2) { k, j in Double((3 * k + 5 * j) % 7) - 3 }
        let base = Self.points(3, 40, 9)
        let sets = [
            (frame.times(low), 2), (Matrix(rows: 3, columns: 800) { k, i in base[k, i % 40] }, 3),
            (Matrix(rows: 3, columns: 40) { k, i in base[k, i] * [1e-9, 1, 1e9][k] }, 3), (Self.points(8, 5, 10), 5),
        ]
        for (points, rank) in sets {
            let coreset = try LInfinityCoreset(points: points, settings: settings)
            #expect(coreset.rank == rank)
            #expect(Self.attained(points, coreset.indices, withBias: false) <= coreset.provenFactor * (1 + 1e-9))
        }
    }

    @Test func badInputIsNamed() throws {
        #expect(throws: CoresetError.geometry(.noPoints)) { try LInfinityCoreset(points: Matrix(rows: 2, columns: 0)) }
        #expect(throws: CoresetError.geometry(.nonFinite(point: 1, coordinate: 0, value: .infinity))) {
            try LInfinityCoreset(points: Matrix(columns: [[1, 2], [.infinity, 3]]))
        }
        let points = Self.points(2, 10, 1)
        for gap in [0, -1, Double.infinity] {
            #expect(throws: CoresetError.self) { try LInfinityCoreset(points: points, settings: .init(gap: gap)) }
        }
        #expect(throws: CoresetError.self) {
            try LInfinityCoreset(points: points, settings: .init(construction: .volumeSubset, coefficientSlack: 0))
        }
    }

    @Test func guaranteesSaySoWhenNothingIsSaved() throws {
        let all = try Coreset.maximum(of: Matrix.identity(3))
        #expect(all.guarantee.isVacuous && all.guarantee.statement.contains("nothing is saved"))
        let some = try Coreset.maximum(of: Self.points(2, 100, 2), representation: "test points")
        guard case .maximum(let claim) = some.guarantee else {
            Issue.record("expected a guarantee of maxima, found \(some.guarantee)")
            return
        }
        #expect(!some.guarantee.isVacuous && claim.pointCount == 100 && claim.size == some.count)
        #expect(some.guarantee.statement.contains("test points") && some.guarantee.statement.contains("100 points"))
        #expect(some.points.count == some.count && some.pointCount == 100)
        let top = try SensitivitySampling.top(count: 3, sensitivities: [1, 2, 3, 4])
        let bounds = try SensitivityBounds(points: Self.points(1, 4, 2))
        #expect(Guarantee(top, bounds: bounds, representation: "r") == .none(representation: "r"))
    }

    /// Two small points that differ by what the large one, which is their sum, cannot tell: x = (1, −1) is 0 at that one.
    @Test(arguments: LInfinityCoreset.Construction.allCases, [3e14, 1e15])
    func smallPointsCountBesideLargeOnes(_ construction: LInfinityCoreset.Construction, _ size: Double) throws {
        let points = Matrix(columns: [[1, 2], [2, 1], [size, size]])
        let coreset = try LInfinityCoreset(points: points, settings: .init(construction: construction))
        #expect(coreset.rank == 2)
        let largest = coreset.indices.reduce(0) { max($0, (points[0, $1] - points[1, $1]).magnitude) }
        #expect(coreset.provenFactor * largest >= 1)
        if construction == .johnSupport {
            try points.elements.withUnsafeBufferPointer {
                let pieces = try ConcatenatedPoints([
                    BorrowedPoints(.init(rebasing: $0[..<4]), count: 2, dimension: 2),
                    BorrowedPoints(.init(rebasing: $0[4...]), count: 1, dimension: 2),
                ])
                let joined = try LInfinityCoreset(johnSupportOf: pieces)
                #expect(joined.indices == coreset.indices && joined.rank == 2)
            }
        }
    }

    /// Squares of these coordinates leave the range of Double.
    @Test(arguments: LInfinityCoreset.Construction.allCases, [0x1p512, 0x1p-540])
    func sizesDoNotMatter(_ construction: LInfinityCoreset.Construction, _ size: Double) throws {
        let points = Self.points(6, 500, 12)
        let settings = LInfinityCoreset.Settings(construction: construction)
        let (own, other) = (
            try LInfinityCoreset(points: points, settings: settings), try LInfinityCoreset(points: size * points, settings: settings)
        )
        #expect(other.rank == 6 && other.indices == own.indices)
        #expect((other.provenFactor / own.provenFactor - 1).magnitude <= 1e-9)
    }

    /// Beside a point of length 10²⁰ the others still count, and its own coefficients are those of a unit vector.
    @Test func volumesOfUnequalPointsKeepTheirFactor() throws {
        var points = Self.points(3, 51, 1)
        for k in 0..<3 { points[k, 50] = 1e20 }
        let coreset = try LInfinityCoreset(points: points, settings: .init(construction: .volumeSubset))
        #expect(coreset.rank == 3 && coreset.indices.contains(50))
        #expect(coreset.provenFactor <= 3 * 1.05 * (1 + 1e-9))
    }
}
