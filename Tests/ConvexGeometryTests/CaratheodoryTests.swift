import ConvexGeometry
import Foundation
import LinearAlgebra
import ReferenceImplementations
import TestSupport
import Testing

@Suite struct CaratheodoryTests {
    private static let errorBound = 1e-14
    private static let massBound = 4e-15
    private static let spreadBound = 1e-13

    private func expectExact(
        _ r: CaratheodoryReduction, _ problem: WeightedProblem, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let check = MeasureCheck(problem, indices: r.indices, reduced: r.weights)
        #expect(check.error <= Self.errorBound, "\(problem)", sourceLocation: sourceLocation)
        #expect(check.spreadError <= Self.spreadBound, "\(problem)", sourceLocation: sourceLocation)
        #expect(check.massError <= Self.massBound, "\(problem)", sourceLocation: sourceLocation)
        #expect(r.indices.isEmpty || check.smallestWeight > 0, "\(problem)", sourceLocation: sourceLocation)
        #expect(r.indices.count <= problem.points.rows + 1, "\(problem)", sourceLocation: sourceLocation)
        #expect(zip(r.indices, r.indices.dropFirst()).allSatisfy { $0 < $1 }, "\(problem)", sourceLocation: sourceLocation)
        #expect(
            r.indices.allSatisfy { problem.weights[$0] > 0 }, "a point without weight survives: \(problem)", sourceLocation: sourceLocation)
        // What the reduction says about itself is not better than what is true, up to the rounding of sums over a leaf.
        #expect(check.error <= 4 * r.error + 32 * .ulpOfOne, "\(problem)", sourceLocation: sourceLocation)
        #expect(check.spreadError <= 4 * r.spreadError + 64 * .ulpOfOne, "\(problem)", sourceLocation: sourceLocation)
        #expect(check.massError <= 4 * r.massError + 16 * .ulpOfOne, "\(problem)", sourceLocation: sourceLocation)
    }

    @Test(arguments: WeightedProblem.museum)
    func museum(_ problem: WeightedProblem) throws {
        let reduction = try CaratheodoryReduction(points: problem.points, weights: problem.weights)
        expectExact(reduction, problem)
        #expect(reduction.pointCount == problem.points.columns)
        #expect(reduction.featureCount == problem.points.rows)
    }

    /// LOEWNER_RANDOM_PROBLEMS=12000 swift test --filter randomProblems tries so many; 2000 otherwise. Prints the worst.
    @Test func randomProblems() throws {
        let count = ProcessInfo.processInfo.environment["LOEWNER_RANDOM_PROBLEMS"].flatMap(Int.init) ?? 2000
        var worst = (error: 0.0, spread: 0.0, mass: 0.0)
        for seed in 0..<count {
            let problem = WeightedProblem.random(seed)
            let minimal = seed % 4 == 3
            let reduction = try CaratheodoryReduction(
                points: problem.points, weights: problem.weights, settings: .init(minimal: minimal))
            expectExact(reduction, problem)
            if minimal { #expect(try #require(reduction.rank) >= reduction.indices.count, "\(problem)") }
            let check = MeasureCheck(problem, indices: reduction.indices, reduced: reduction.weights)
            worst = (max(worst.error, check.error), max(worst.spread, check.spreadError), max(worst.mass, check.massError))
        }
        print("worst of \(count) random problems: error \(worst.error), spread error \(worst.spread), mass error \(worst.mass)")
    }

    // Wide rows descend in single precision first: a tenth as many problems as above, 48 to 107 coordinates.
    @Test func randomWideProblems() throws {
        let count = (ProcessInfo.processInfo.environment["LOEWNER_RANDOM_PROBLEMS"].flatMap(Int.init) ?? 2000) / 10
        var worst = (error: 0.0, spread: 0.0, mass: 0.0)
        for seed in 0..<count {
            let problem = WeightedProblem.random(seed, isWide: true)
            let reduction = try CaratheodoryReduction(points: problem.points, weights: problem.weights)
            expectExact(reduction, problem)
            let check = MeasureCheck(problem, indices: reduction.indices, reduced: reduction.weights)
            worst = (max(worst.error, check.error), max(worst.spread, check.spreadError), max(worst.mass, check.massError))
        }
        print("worst of \(count) wide problems: error \(worst.error), spread error \(worst.spread), mass error \(worst.mass)")
    }

    @Test(arguments: [
        ("rank 3 in 20 dimensions", 4), ("one point repeated", 1), ("one-hot", 50), ("a single point", 1), ("three positive weights", 3),
        ("constant coordinates", 5), ("duplicated points and coordinates", 18), ("as many points as coordinates", 10),
        ("offset 1e8", 21), ("column scales 1e-12 to 1e12", 26), ("integer grid", 4),
    ])
    func minimalIsTheRank(_ name: String, _ rank: Int) throws {
        let problem = try #require(WeightedProblem.museum.first { $0.name == name })
        let reduction = try CaratheodoryReduction(points: problem.points, weights: problem.weights, settings: .init(minimal: true))
        #expect(reduction.rank == rank)
        #expect(reduction.indices.count == rank)
        expectExact(reduction, problem)
    }

    @Test(arguments: [(3, 40), (8, 60), (17, 64)])
    func directAgreesWithTheSums(_ d: Int, _ n: Int) throws {
        var g = TestGenerator(seed: 11)
        let problem = WeightedProblem("direct", Matrix(rows: d, columns: n) { _, _ in g.normal() }, (0..<n).map { _ in g.uniform() })
        expectExact(try CaratheodoryReduction(points: problem.points, weights: problem.weights, settings: .init(method: .direct)), problem)
    }

    // D = 48 and 49, 64 and 65 are where small eliminations end, and where row lengths change.
    @Test(arguments: [1, 2, 3, 7, 8, 15, 16, 31, 32, 33, 40, 47, 48, 49, 63, 64, 65, 100])
    func everyWidth(_ d: Int) throws {
        var g = TestGenerator(seed: UInt64(d))
        for n in [0, 1, 2, d, d + 1, d + 2, 2 * d + 3, 40 * d + 5] {
            let problem = WeightedProblem(
                "\(d)×\(n)", Matrix(rows: d, columns: n) { _, _ in g.normal() }, (0..<n).map { _ in g.uniform() })
            let reduction = try CaratheodoryReduction(points: problem.points, weights: problem.weights)
            if n > d { #expect(reduction.indices.count == d + 1) }
            expectExact(reduction, problem)
        }
    }

    @Test func defaultWeightsKeepTheMean() throws {
        var g = TestGenerator(seed: 1)
        let points = Matrix(rows: 4, columns: 333) { _, _ in g.normal() }
        let reduction = try CaratheodoryReduction(points: points)
        expectExact(reduction, WeightedProblem("mean", points, [Double](repeating: 1 / 333, count: 333)))
        #expect((reduction.totalWeight - 1).magnitude <= 333 * .ulpOfOne)
    }

    @Test func nothingToReduce() throws {
        let none = try CaratheodoryReduction(points: Matrix(rows: 3, columns: 0), weights: [])
        #expect(none.indices.isEmpty && none.weights.isEmpty)
        #expect(none.error == 0 && none.massError == 0 && none.spreadError == 0)
        #expect(throws: GeometryError.invalidWeight(index: 0, value: 0)) {
            try CaratheodoryReduction(points: Matrix(rows: 3, columns: 5), weights: [Double](repeating: 0, count: 5))
        }
        let flat = try CaratheodoryReduction(points: Matrix(rows: 0, columns: 9), weights: [Double](repeating: 2, count: 9))
        #expect(flat.indices.count == 1 && flat.weights == [18])
    }

    @Test func singlePrecisionIsReadAsItIs() throws {
        var g = TestGenerator(seed: 3)
        for d in [1, 5, 20, 37] {
            let n = 2000
            let floats = (0..<n * d).map { _ in Float(g.normal() + 100) }
            let weights = (0..<n).map { _ in g.uniform() }
            for lift in [CaratheodoryReduction.Lift.none, .secondMoments] where d < 20 || !isSecondMoments(lift) {
                let single = try floats.withUnsafeBufferPointer { p in
                    try weights.withUnsafeBufferPointer { w in
                        try CaratheodoryReduction(points: p, count: n, dimension: d, weights: w, lift: lift)
                    }
                }
                let points = Matrix(rows: d, columns: n, elements: floats.map(Double.init))
                expectSameSums(single, lift, points, weights)
                if !isSecondMoments(lift) { expectExact(single, WeightedProblem("single \(d)", points, weights)) }
            }
        }
    }

    private func isSecondMoments(_ lift: CaratheodoryReduction.Lift) -> Bool { if case .secondMoments = lift { true } else { false } }

    // Sums of coordinates, and of products of two about the mean when the lift keeps them.
    private func expectSameSums(
        _ r: CaratheodoryReduction, _ lift: CaratheodoryReduction.Lift, _ points: Matrix, _ weights: [Double]
    ) {
        let d = points.rows
        var pairs: [(Int, Int)] = []
        if isSecondMoments(lift) { for a in 0..<d { for b in a..<d { pairs.append((a, b)) } } }
        let center = (0..<d).map { points[$0, 0] }
        let check = MeasureCheck(
            count: points.columns, dimension: d + pairs.count, weights: weights, indices: r.indices, reduced: r.weights
        ) { i, k in
            k < d
                ? points[k, i] : (points[pairs[k - d].0, i] - center[pairs[k - d].0]) * (points[pairs[k - d].1, i] - center[pairs[k - d].1])
        }
        #expect(check.error <= Self.errorBound)
        #expect(check.massError <= Self.massBound)
        #expect(check.smallestWeight > 0)
        #expect(r.indices.count <= d + pairs.count + 1)
    }

    // 64 coordinates are the most whose products are summed in registers; 65 are read tile by tile.
    @Test(arguments: [(1, 1200), (2, 1200), (6, 1200), (9, 1200), (12, 6000), (20, 4000), (64, 50), (65, 50)])
    func secondMomentsKeepTheCovariance(_ d: Int, _ n: Int) throws {
        var g = TestGenerator(seed: 21)
        let points = Matrix(rows: d, columns: n) { k, _ in g.normal() * (k % 2 == 0 ? 1e3 : 1e-3) + (k == 0 ? 1e5 : 0) }
        let weights = (0..<n).map { _ in g.uniform() }
        let reduction = try CaratheodoryReduction(points: points, weights: weights, lift: .secondMoments)
        #expect(reduction.featureCount == d + d * (d + 1) / 2)
        expectSameSums(reduction, .secondMoments, points, weights)
    }

    // Squares that are the same for all points: taken about themselves, or their spread would drown.
    @Test func secondMomentsOfSigns() throws {
        var g = TestGenerator(seed: 23)
        let points = Matrix(rows: 5, columns: 3000) { _, _ in g.next() % 2 == 0 ? 1 : -1 }
        let weights = (0..<3000).map { _ in g.uniform() }
        let reduction = try CaratheodoryReduction(points: points, weights: weights, lift: .secondMoments)
        expectSameSums(reduction, .secondMoments, points, weights)
        #expect(reduction.spreadError <= Self.spreadBound)
    }

    @Test(arguments: [(1, 12), (2, 6), (3, 4)])
    func monomialsIntegratePolynomials(_ d: Int, _ degree: Int) throws {
        var g = TestGenerator(seed: 22)
        let n = 900
        let points = Matrix(rows: d, columns: n) { _, _ in g.uniform() }
        let reduction = try CaratheodoryReduction(points: points, lift: .monomials(degree: degree))
        var exponents: [[Int]] = [[]]
        for _ in 0..<d { exponents = exponents.flatMap { e in (0...(degree - e.reduce(0, +))).map { e + [$0] } } }
        #expect(reduction.featureCount == exponents.count - 1)
        #expect(reduction.indices.count <= exponents.count)
        let check = MeasureCheck(
            count: n, dimension: exponents.count, weights: [Double](repeating: 1 / Double(n), count: n), indices: reduction.indices,
            reduced: reduction.weights
        ) { i, f in
            var value = 1.0
            for k in 0..<d { for _ in 0..<exponents[f][k] { value *= points[k, i] } }
            return value
        }
        #expect(check.error <= Self.errorBound)
    }

    @Test func anyFeatureMap() throws {
        var g = TestGenerator(seed: 23)
        let points = Matrix(rows: 2, columns: 3000) { _, _ in g.normal() }
        let elements = points.elements
        // |p|², and three bumps.
        let reduction = try CaratheodoryReduction(
            points: points,
            lift: .features(count: 4) { range, out in
                for (at, i) in range.enumerated() {
                    let (x, y) = (elements[2 * i], elements[2 * i + 1])
                    out[4 * at] = x * x + y * y
                    for b in 0..<3 { out[4 * at + 1 + b] = 1 / (1 + (x - Double(b)) * (x - Double(b)) + y * y) }
                }
            })
        #expect(reduction.indices.count <= 5)
        let check = MeasureCheck(
            count: 3000, dimension: 4, weights: [Double](repeating: 1 / 3000.0, count: 3000), indices: reduction.indices,
            reduced: reduction.weights
        ) { i, f in
            let (x, y) = (points[0, i], points[1, i])
            return f == 0 ? x * x + y * y : 1 / (1 + (x - Double(f - 1)) * (x - Double(f - 1)) + y * y)
        }
        #expect(check.error <= Self.errorBound && check.massError <= Self.massBound)
    }

    @Test(arguments: [CaratheodoryReduction.Method.oneRead, .direct])
    func costsDecideWhoSurvives(_ method: CaratheodoryReduction.Method) throws {
        var g = TestGenerator(seed: 31)
        let n = method == .direct ? 200 : 4000
        for d in [2, 10, 60] where method == .oneRead || d < 60 {
            let problem = WeightedProblem(
                "costs", Matrix(rows: d, columns: n) { _, _ in g.normal() }, [Double](repeating: 1 / Double(n), count: n))
            let costs = (0..<n).map { _ in g.uniform() }
            var spent: [Double] = []
            for sign in [1.0, -1.0] {
                let reduction = try CaratheodoryReduction(
                    points: problem.points, weights: problem.weights, settings: .init(method: method, costs: costs.map { sign * $0 }))
                expectExact(reduction, problem)
                spent.append(zip(reduction.indices, reduction.weights).reduce(0) { $0 + costs[$1.0] * $1.1 })
            }
            let mean = zip(costs, problem.weights).reduce(0) { $0 + $1.0 * $1.1 }
            #expect(spent[0] < mean && mean < spent[1], "\(d): \(spent), mean \(mean)")
        }
    }

    @Test func blocksGiveWhatTheWholeGives() throws {
        var g = TestGenerator(seed: 41)
        for (keepsSecondMoments, d) in [(false, 1), (false, 12), (true, 4)] {
            let n = 3000
            let points = Matrix(rows: d, columns: n) { _, i in g.normal() + 1e6 + Double(i / 1000) }
            let weights = (0..<n).map { $0 % 7 == 0 ? 0 : g.uniform() }
            var one = CaratheodoryAccumulator(dimension: d, keepsSecondMoments: keepsSecondMoments)
            var first = one, second = one
            var start = 0
            while start < n {
                let end = min(n, start + 1 + Int(g.next() % 400))
                let block = points.selectingColumns(Array(start..<end)), part = Array(weights[start..<end])
                try one.append(block, weights: part)
                if start < n / 2 { try first.append(block, weights: part) } else { try second.append(block, weights: part) }
                start = end
            }
            try first.merge(second)
            for accumulator in [one, first] {
                #expect(accumulator.pointCount == n)
                for (at, index) in accumulator.indices.enumerated() {
                    #expect(Array(accumulator.points.column(at)) == Array(points.column(index)))
                }
                let limit = keepsSecondMoments ? d + d * (d + 1) / 2 + 1 : d + 1
                #expect(accumulator.indices.count <= limit)
                let pairs = keepsSecondMoments ? (0..<d).flatMap { a in (a..<d).map { (a, $0) } } : []
                let check = MeasureCheck(
                    count: n, dimension: d + pairs.count, weights: weights, indices: accumulator.indices, reduced: accumulator.weights
                ) { i, k in
                    k < d
                        ? points[k, i]
                        : (points[pairs[k - d].0, i] - points[pairs[k - d].0, 0]) * (points[pairs[k - d].1, i] - points[pairs[k - d].1, 0])
                }
                #expect(check.error <= Self.errorBound && check.massError <= Self.massBound && check.smallestWeight > 0)
                if !keepsSecondMoments { #expect(check.spreadError <= Self.spreadBound) }
            }
        }
    }

    @Test func aBadBlockLeavesTheAccumulatorAsItWas() throws {
        var accumulator = CaratheodoryAccumulator(dimension: 2)
        try accumulator.append(Matrix(columns: [[1, 2], [3, 4], [5, 7], [0, 1]]))
        let before = (accumulator.indices, accumulator.weights, accumulator.pointCount)
        #expect(throws: GeometryError.self) { try accumulator.append(Matrix(columns: [[1, .nan]])) }
        #expect(throws: GeometryError.self) { try accumulator.append(Matrix(columns: [[1, 2]]), weights: [-1]) }
        #expect(throws: GeometryError.dimensionMismatch(expected: 2, found: 3)) { try accumulator.append(Matrix(columns: [[1, 2, 3]])) }
        #expect(accumulator.indices == before.0 && accumulator.weights == before.1 && accumulator.pointCount == before.2)
    }

    @Test func badInputIsNamed() throws {
        let points = Matrix(columns: [[1, 2], [3, 4], [5, 6]])
        var bad = points
        bad[1, 2] = .infinity
        #expect(throws: GeometryError.nonFinite(point: 2, coordinate: 1, value: .infinity)) { try CaratheodoryReduction(points: bad) }
        #expect(throws: GeometryError.invalidWeight(index: 1, value: -1)) {
            try CaratheodoryReduction(points: points, weights: [1, -1, 1])
        }
        #expect(throws: GeometryError.invalidWeight(index: 0, value: .infinity)) {
            try CaratheodoryReduction(points: points, weights: [.infinity, 1, 1])
        }
        #expect(throws: GeometryError.dimensionMismatch(expected: 3, found: 2)) {
            try CaratheodoryReduction(points: points, weights: [1, 1])
        }
        #expect(throws: GeometryError.dimensionMismatch(expected: 3, found: 1)) {
            try CaratheodoryReduction(points: points, settings: .init(costs: [1]))
        }
        #expect(throws: GeometryError.self) { try CaratheodoryReduction(points: points, settings: .init(costs: [1, .nan, 1])) }
        #expect(throws: GeometryError.self) { try CaratheodoryReduction(points: points, lift: .monomials(degree: 0)) }
        #expect(throws: GeometryError.storageMismatch(expected: 6, found: 5)) {
            try [Double](repeating: 0, count: 5).withUnsafeBufferPointer {
                _ = try CaratheodoryReduction(points: $0, count: 3, dimension: 2)
            }
        }
    }

    // A NaN weight or coordinate anywhere in a long input, in every position of a vector.
    @Test func oneBadNumberAmongMany() throws {
        for at in [0, 1, 7, 8, 511, 1023, 1998, 1999] {
            var points = Matrix(rows: 9, columns: 2000) { k, i in Double((k * 31 + i * 17) % 101) }
            var weights = [Double](repeating: 1, count: 2000)
            weights[at] = .nan
            #expect(throws: GeometryError.self) { try CaratheodoryReduction(points: points, weights: weights) }
            points[at % 9, at] = .nan
            #expect(throws: GeometryError.self) { try CaratheodoryReduction(points: points) }
        }
    }

    @Test func sameInputSameBits() throws {
        let problem = WeightedProblem.random(40)
        let first = try CaratheodoryReduction(points: problem.points, weights: problem.weights)
        #expect(try CaratheodoryReduction(points: problem.points, weights: problem.weights) == first)
    }
}

@Suite struct CaratheodoryRangeTests {
    private func points(_ seed: UInt64, _ d: Int, _ n: Int) -> Matrix {
        var g = TestGenerator(seed: seed)
        return Matrix(rows: d, columns: n) { _, _ in g.normal() }
    }

    /// Multiplying points and weights by powers of two changes nothing but the scale of the weights, to the ends of the range.
    @Test(arguments: [(-1060, 0), (-1000, -1000), (0, -900), (1000, 900), (1015, -700), (-500, -550)])
    func powersOfTwo(_ coordinates: Int, _ weights: Int) throws {
        // Few digits: denormal numbers hold them, too.
        let p = points(1, 3, 200)
        let coarse = Matrix(rows: 3, columns: 200, elements: p.elements.map { (64 * $0).rounded() / 64 })
        let w = (0..<200).map { Double(1 + $0 % 7) }
        func scaled(_ values: [Double], _ exponent: Int) -> [Double] {
            values.map { Double(sign: .plus, exponent: exponent, significand: $0) }
        }
        let far = Matrix(rows: 3, columns: 200, elements: scaled(coarse.elements, coordinates))
        for lift in [CaratheodoryReduction.Lift.none, .secondMoments, .monomials(degree: 3)] {
            let near = try CaratheodoryReduction(points: coarse, weights: w, lift: lift)
            let reduced = try CaratheodoryReduction(points: far, weights: scaled(w, weights), lift: lift)
            #expect(reduced.error <= 1e-13 && reduced.massError <= 1e-13 && reduced.spreadError <= 1e-13)
            #expect(reduced.indices.count <= near.featureCount + 1)
            // The sums themselves, at a scale where they can be formed.
            let back = scaled(reduced.weights, -weights)
            for k in 0..<3 {
                let sum = zip(reduced.indices, back).reduce(0) { $0 + $1.1 * coarse[k, $1.0] }
                let wanted = (0..<200).reduce(0) { $0 + w[$1] * coarse[k, $1] }
                let size = (0..<200).reduce(0) { $0 + w[$1] * coarse[k, $1].magnitude }
                #expect((sum - wanted).magnitude <= 1e-12 * size)
            }
        }
    }

    /// Weights whose sum is more than Double holds are not reduced to infinite ones.
    @Test func weightsWhoseSumOverflows() {
        for method in [CaratheodoryReduction.Method.oneRead, .direct] {
            var settings = CaratheodoryReduction.Settings()
            settings.method = method
            #expect(
                performing: {
                    try CaratheodoryReduction(
                        points: points(2, 5, 300), weights: [Double](repeating: 1e308, count: 300), settings: settings)
                }, throws: { if case GeometryError.notRepresentable = $0 { true } else { false } })
        }
    }

    /// Denormal weights leave no room for the weights of fewer points: said, not hidden.
    @Test func denormalWeights() throws {
        let tiny = [Double](repeating: .leastNonzeroMagnitude, count: 300)
        #expect(
            performing: { try CaratheodoryReduction(points: points(2, 5, 300), weights: tiny) },
            throws: { if case GeometryError.notRepresentable = $0 { true } else { false } })
        let few = Matrix(columns: [[.leastNonzeroMagnitude], [0], [3 * .leastNonzeroMagnitude]])
        let reduced = try CaratheodoryReduction(points: few)
        let sum = zip(reduced.indices, reduced.weights).reduce(0) { $0 + $1.1 * (few[0, $1.0] / .leastNonzeroMagnitude) }
        #expect((sum - 4.0 / 3).magnitude <= 1e-14)
    }

    @Test func memoryIsLimited() throws {
        let p = points(3, 5, 100)
        for degree in [20, 99, 1000] {
            #expect(
                performing: {
                    try CaratheodoryReduction(points: p, lift: .monomials(degree: degree), settings: .init(memoryLimit: 10_000_000))
                },
                throws: {
                    switch $0 {
                    case GeometryError.tooMuchMemory, GeometryError.tooLarge: true
                    default: false
                    }
                })
        }
        #expect(
            try CaratheodoryReduction(points: p, lift: .monomials(degree: 2), settings: .init(memoryLimit: 10_000_000)).featureCount == 20)
    }

    /// Every second point has no weight and is far away: what is left must be what it is without them.
    @Test(arguments: [1e9, 1e200]) func pointsOfZeroWeightTakeNoPart(_ far: Double) throws {
        let near = points(11, 3, 200)
        let all = Matrix(rows: 3, columns: 400) { k, i in near[k, i / 2] + (i % 2 == 1 ? far : 0) }
        let weights = (0..<400).map { $0 % 2 == 0 ? 1.0 : 0 }
        for lift in [CaratheodoryReduction.Lift.secondMoments, .monomials(degree: 2)] {
            let whole = try CaratheodoryReduction(points: all, weights: weights, lift: lift)
            let alone = try CaratheodoryReduction(points: near, weights: [Double](repeating: 1, count: 200), lift: lift)
            #expect(whole.indices == alone.indices.map { 2 * $0 } && whole.weights == alone.weights && whole.pointCount == 400)
            #expect(covarianceError(near, [Double](repeating: 1, count: 200), alone) <= 1e-13)
        }
        var (whole, alone) = (
            CaratheodoryAccumulator(dimension: 3, keepsSecondMoments: true), CaratheodoryAccumulator(dimension: 3, keepsSecondMoments: true)
        )
        try whole.append(all, weights: weights)
        try alone.append(near)
        #expect(whole.points == alone.points && whole.weights == alone.weights && whole.indices == alone.indices.map { 2 * $0 })
        var bad = all
        bad[1, 7] = .nan
        let error = #expect(throws: GeometryError.self) { try CaratheodoryReduction(points: bad, weights: weights, lift: .secondMoments) }
        #expect(error.map { "\($0)".contains("at point 7, coordinate 1") } == true)
    }

    /// The same for weights that hardly count: products are taken about the weighted mean.
    @Test func farPointsOfLittleWeightCostNoDigits() throws {
        let near = points(12, 3, 200)
        let all = Matrix(rows: 3, columns: 400) { k, i in near[k, i % 200] + (i < 200 ? 1e9 : 0) }
        let weights = (0..<400).map { $0 < 200 ? 1e-40 : 1.0 }
        let reduction = try CaratheodoryReduction(points: all, weights: weights, lift: .secondMoments)
        #expect(covarianceError(all, weights, reduction) <= 1e-12)
    }

    /// The largest difference of covariances, by plain sums.
    private func covarianceError(_ p: Matrix, _ w: [Double], _ reduction: CaratheodoryReduction) -> Double {
        func covariance(_ indices: [Int], _ weights: [Double]) -> [Double] {
            let mass = weights.reduce(0, +), d = p.rows
            let mean = (0..<d).map { k in zip(indices, weights).reduce(0) { $0 + $1.1 * p[k, $1.0] } / mass }
            return (0..<d * d).map { kl in
                zip(indices, weights).reduce(0) { $0 + $1.1 * (p[kl / d, $1.0] - mean[kl / d]) * (p[kl % d, $1.0] - mean[kl % d]) } / mass
            }
        }
        return zip(covariance(Array(0..<p.columns), w), covariance(reduction.indices, reduction.weights))
            .reduce(0) { max($0, ($1.0 - $1.1).magnitude) }
    }
}
