import ConvexGeometry
import LinearAlgebra
import TestSupport
import Testing

@Suite struct ConvexCombinationTests {
    private static func gauss(_ d: Int, _ n: Int, _ seed: UInt64) -> Matrix {
        var g = TestGenerator(seed: seed)
        return Matrix(rows: d, columns: n) { k, _ in g.normal() * (k % 2 == 0 ? 1 : 100) }
    }

    private func expectCombination(_ c: ConvexCombination.Inside, _ target: [Double], _ points: Matrix) {
        #expect(c.points.count <= points.rows + 1)
        #expect(c.points.weights.allSatisfy { $0 > 0 })
        let bound = 1e-13
        var mass = TwoTermSum()
        for w in c.points.weights { mass.add(w) }
        #expect((mass.value - 1).magnitude <= bound)
        for k in target.indices {
            var sum = TwoTermSum(), scale = 0.0
            for (i, w) in zip(c.points.indices, c.points.weights) {
                sum.add(w, times: points[k, i])
                scale += w * points[k, i].magnitude
            }
            sum.add(-target[k])
            #expect(sum.value.magnitude <= bound * max(scale, target[k].magnitude) + 1e-16 * points.maximumMagnitude)
        }
    }

    private func expectSeparation(_ s: ConvexCombination.Separation, _ target: [Double], _ points: Matrix) {
        func level(_ x: [Double]) -> Double { zip(s.normal, x).reduce(0) { $0 + $1.0 * $1.1 } }
        #expect((s.normal.reduce(0) { $0 + $1 * $1 } - 1).magnitude <= 1e-14)
        let slack = 1e-13 * (points.maximumMagnitude + target.reduce(0) { max($0, $1.magnitude) }) * Double(points.rows)
        for i in 0..<points.columns { #expect(level(Array(points.column(i))) <= s.offset + slack) }
        #expect(s.distance > 0)
        #expect((level(target) - s.offset - s.distance).magnitude <= slack)
        #expect(s.distance <= s.distanceBound + slack)
        let nearest = s.nearest.weightedSum(of: points)
        let gap = zip(nearest, target).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
        #expect((gap - s.distanceBound).magnitude <= slack)
        #expect(s.distanceBound <= s.distance * (1 + 1e-9) + slack, "the hyperplane is the best there is")
    }

    @Test(arguments: [(1, 50), (2, 100), (5, 400), (17, 900)])
    func insideAndOutside(_ d: Int, _ n: Int) throws {
        let points = Self.gauss(d, n, 7)
        var g = TestGenerator(seed: 8)
        for _ in 0..<10 {
            let shares = (0..<n).map { _ in
                let u = g.uniform(); return u * u * u * u
            }
            let total = shares.reduce(0, +)
            let target = (0..<d).map { k in (0..<n).reduce(0) { $0 + shares[$1] / total * points[k, $1] } }
            guard case .inside(let inside) = try ConvexCombination(of: target, points: points) else {
                Issue.record("a convex combination is called outside")
                continue
            }
            expectCombination(inside, target, points)
            let far = (0..<d).map { _ in g.normal() * 1000 }
            guard far.contains(where: { $0.magnitude > 600 }) else { continue }
            guard case .outside(let separation) = try ConvexCombination(of: far, points: points) else {
                Issue.record("a point beyond all is called inside")
                continue
            }
            expectSeparation(separation, far, points)
        }
    }

    @Test func verticesFacesAndJustOutside() throws {
        let cube = Matrix(rows: 3, columns: 8) { k, i in Double((i >> k) & 1) }
        let cases: [([Double], Bool)] = [
            ([0, 0, 0], true), ([1, 1, 1], true), ([0.5, 0.5, 0], true), ([0.25, 1, 0.75], true), ([0.5, 0, 0], true),
            ([0.5, 0.5, 0.5], true), ([1 + 1e-9, 0.5, 0.5], false), ([0.5, -1e-6, 0.5], false), ([2, 2, 2], false),
        ]
        for (target, isInside) in cases {
            switch try ConvexCombination(of: target, points: cube) {
            case .inside(let inside):
                #expect(isInside, "\(target)")
                if isInside { expectCombination(inside, target, cube) }
            case .outside(let separation):
                #expect(!isInside, "\(target)")
                expectSeparation(separation, target, cube)
            }
        }
        guard case .outside(let corner) = try ConvexCombination(of: [2, 2, 2], points: cube) else { throw GeometryError.noPoints }
        #expect((corner.distance - 3.0.squareRoot()).magnitude < 1e-14)
        guard case .outside(let face) = try ConvexCombination(of: [0.5, -0.25, 0.5], points: cube) else { throw GeometryError.noPoints }
        #expect((face.distance - 0.25).magnitude < 1e-14)
    }

    @Test func flatPoints() throws {
        // The plane x + y + z = 1 in ℝ³, and one point only.
        var g = TestGenerator(seed: 9)
        let shares = Matrix(rows: 2, columns: 60) { _, _ in g.normal() }
        let plane = Matrix(rows: 3, columns: 60) { k, i in k < 2 ? shares[k, i] : 1 - shares[0, i] - shares[1, i] }
        let mean = (0..<3).map { k in (0..<60).reduce(0) { $0 + plane[k, $1] } / 60 }
        guard case .inside(let inside) = try ConvexCombination(of: mean, points: plane) else {
            Issue.record("the mean is called outside")
            return
        }
        #expect(inside.points.count <= 3)
        expectCombination(inside, mean, plane)
        let off = mean.map { $0 + 0.1 }
        guard case .outside(let separation) = try ConvexCombination(of: off, points: plane) else {
            Issue.record("a point off the plane is called inside")
            return
        }
        expectSeparation(separation, off, plane)
        #expect((separation.distance - 0.1 * 3.0.squareRoot()).magnitude < 1e-12)
        let single = Matrix(columns: [[3, 4]])
        guard case .inside = try ConvexCombination(of: [3, 4], points: single) else {
            Issue.record("a point is outside of itself")
            return
        }
        guard case .outside(let away) = try ConvexCombination(of: [0, 0], points: single) else {
            Issue.record("the origin is in the hull of another point")
            return
        }
        #expect((away.distance - 5).magnitude < 1e-14)
    }

    @Test func manyTargetsAtOnce() throws {
        let points = Self.gauss(4, 300, 10)
        var g = TestGenerator(seed: 11)
        let targets = Matrix(rows: 4, columns: 20) { k, j in g.normal() * (k % 2 == 0 ? 1 : 100) * (j < 10 ? 0.3 : 5) }
        let fit = try MinimumVolumeEllipsoid(points: points)
        let john = try JohnDecomposition(points: points, support: fit.support, weights: fit.weights)
        for decomposition in [nil, john] {
            let answers = try ConvexCombination.all(of: targets, points: points, decomposition: decomposition)
            #expect(answers.count == 20)
            for (j, answer) in answers.enumerated() {
                switch answer {
                case .inside(let inside): expectCombination(inside, Array(targets.column(j)), points)
                case .outside(let separation): expectSeparation(separation, Array(targets.column(j)), points)
                }
                let alone = try ConvexCombination(of: Array(targets.column(j)), points: points)
                #expect(alone.isInside == answer.isInside)
            }
            #expect(answers.contains { $0.isInside } && answers.contains { !$0.isInside })
        }
    }

    @Test func badInputIsNamed() throws {
        let points = Matrix(columns: [[1, 2], [3, 4]])
        #expect(throws: GeometryError.noPoints) { try ConvexCombination(of: [1, 2], points: Matrix(rows: 2, columns: 0)) }
        #expect(throws: GeometryError.dimensionMismatch(expected: 2, found: 1)) { try ConvexCombination(of: [1], points: points) }
        #expect(throws: GeometryError.self) { try ConvexCombination(of: [1, .nan], points: points) }
        #expect(throws: GeometryError.nonFinite(point: 1, coordinate: 0, value: -.infinity)) {
            try ConvexCombination(of: [1, 1], points: Matrix(columns: [[1, 2], [-.infinity, 4]]))
        }
    }
}

extension ConvexCombination {
    fileprivate var isInside: Bool { if case .inside = self { true } else { false } }
}

@Suite struct JohnDecompositionTests {
    private static func points(_ d: Int, _ n: Int, offset: Double = 0) -> Matrix {
        var g = TestGenerator(seed: UInt64(d * 1000 + n))
        return Matrix(rows: d, columns: n) { k, _ in g.normal() * Double(1 + k) + offset }
    }

    private static func decompose(_ points: Matrix, centered: Bool) throws -> JohnDecomposition {
        let fit = try MinimumVolumeEllipsoid(points: points, settings: .init(centering: centered ? .origin : .free))
        return try JohnDecomposition(points: points, support: fit.support, weights: fit.weights, isCentered: centered)
    }

    @Test(arguments: [(1, 30, false), (2, 50, false), (6, 200, false), (12, 500, false), (3, 60, true), (9, 300, true)])
    func verticesAreCombinationsOfFewPoints(_ d: Int, _ n: Int, _ centered: Bool) throws {
        let points = Self.points(d, n, offset: centered ? 0 : 50)
        let john = try Self.decompose(points, centered: centered)
        #expect(john.rank == d)
        let vertices = john.axisVertices()
        #expect(vertices.columns == 2 * d)
        for vertex in 0..<2 * d {
            let (indices, weights) = try john.combination(vertex: vertex)
            #expect(indices.count <= d + 1)
            #expect(weights.reduce(0) { $0 + $1.magnitude } <= 1 + 1e-12)
            if !centered {
                #expect(weights.allSatisfy { $0 > 0 })
                #expect((weights.reduce(0, +) - 1).magnitude <= 1e-13)
            }
            for k in 0..<d {
                var sum = TwoTermSum(), scale = 0.0
                for (i, w) in zip(indices, weights) {
                    sum.add(w, times: points[k, i])
                    scale += w.magnitude * points[k, i].magnitude
                }
                #expect((sum.value - vertices[k, vertex]).magnitude <= 1e-13 * max(scale, vertices[k, vertex].magnitude))
            }
        }
    }

    // (1) holds for any design, not only for the optimal one.
    @Test func anyDesignGivesExactWeights() throws {
        let points = Self.points(4, 40)
        var g = TestGenerator(seed: 5)
        let john = try JohnDecomposition(points: points, support: Array(0..<40), weights: (0..<40).map { _ in g.uniform() })
        for _ in 0..<5 {
            let target = (0..<4).map { _ in g.normal() }
            let w = john.weights(for: target)
            #expect((w.reduce(0, +) - 1).magnitude <= 1e-12)
            for k in 0..<4 {
                let value = (0..<40).reduce(0) { $0 + w[$1] * points[k, $1] }
                #expect((value - target[k]).magnitude <= 1e-12 * (1 + target[k].magnitude))
            }
        }
        let vertices = john.axisVertices()
        for j in 0..<vertices.columns { #expect(john.weights(for: Array(vertices.column(j))).allSatisfy { $0 >= -1e-15 }) }
    }

    @Test(arguments: [(3, false), (5, false), (3, true), (6, true)])
    func thinningKeepsTheEllipsoid(_ d: Int, _ centered: Bool) throws {
        // On a sphere every point is a contact point, and any number of them may carry weight.
        var g = TestGenerator(seed: 12)
        let n = 300
        var points = Matrix(rows: d, columns: n) { _, _ in g.normal() }
        for i in 0..<n {
            let length = points.column(i).reduce(0) { $0 + $1 * $1 }.squareRoot()
            for k in 0..<d { points[k, i] /= length }
        }
        let john = try Self.decompose(points, centered: centered)
        let (support, weights) = try john.thinned()
        let lifted = centered ? d : d + 1
        #expect(support.count <= lifted * (lifted + 1) / 2)
        #expect(weights.allSatisfy { $0 > 0 })
        let thin = try JohnDecomposition(points: points, support: support, weights: weights, isCentered: centered)
        for k in 0..<d {
            #expect((thin.center[k] - john.center[k]).magnitude <= 1e-12)
            for l in 0..<d {
                let (a, b) = (thin.axes.times(thin.axes, transposeOther: true), john.axes.times(john.axes, transposeOther: true))
                #expect((a[k, l] - b[k, l]).magnitude <= (centered ? 1e-5 : 1e-12))
            }
        }
    }
}
