import Coresets
import ConvexGeometry
import LinearAlgebra
import TestSupport
import Testing
import RandomNumbers

@Suite struct SensitivityTests {
    private static func points(_ d: Int, _ n: Int, _ seed: UInt64) -> Matrix {
        var g = TestGenerator(seed: seed)
        return Matrix(rows: d, columns: n) { k, _ in
            let x = g.normal(); return x * x * x * Double(k + 1)
        }
    }

    private static func directions(_ d: Int, _ count: Int) -> [[Double]] {
        var g = TestGenerator(seed: 99)
        return (0..<d).map { axis in (0..<d).map { $0 == axis ? 1 : 0 } } + (0..<count).map { _ in g.normals(d) }
    }

    // |pᵀx| ≤ s(p)·Σ|qᵀx| for every direction tried: that is what a sensitivity bounds.
    @Test(arguments: LInfinityCoreset.Construction.allCases, [MinimumVolumeEllipsoid.Centering.origin, .free])
    func boundsHold(_ construction: LInfinityCoreset.Construction, _ centering: MinimumVolumeEllipsoid.Centering) throws {
        for (d, n) in [(1, 20), (2, 60), (4, 120), (7, 200)] {
            let points = Self.points(d, n, UInt64(d))
            let bounds = try SensitivityBounds(points: points, settings: .init(construction: construction, centering: centering))
            #expect(bounds.sensitivities.count == n && bounds.rounds.count == n)
            #expect(bounds.coresetSizes.reduce(0, +) + bounds.leftoverCount == n)
            #expect(bounds.peels == bounds.coresetSizes.count && bounds.isInformative)
            for round in 1...bounds.peels { #expect(bounds.rounds.count { $0 == round } >= bounds.coresetSizes[round - 1]) }
            for x in Self.directions(d, 200) {
                let values = (0..<n).map { j in (0..<d).reduce(0) { $0 + points[$1, j] * x[$1] }.magnitude }
                let total = values.reduce(0, +)
                for j in 0..<n { #expect(values[j] <= bounds.sensitivities[j] * total * (1 + 1e-12)) }
            }
        }
    }

    @Test func peelingIsFormulaSix() throws {
        let points = Self.points(3, 90, 4)
        let bounds = try SensitivityBounds(points: points)
        #expect(bounds.rank == 3 && bounds.threshold == 8)
        #expect(bounds.leftoverCount <= 8)
        #expect((bounds.alpha - max(2 * 3 * 3.0.squareRoot(), bounds.provenFactor ?? 0)).magnitude < 1e-12)
        for (s, round) in zip(bounds.sensitivities, bounds.rounds) { #expect(s == bounds.alpha / Double(round)) }
        #expect(bounds.total == bounds.sensitivities.reduce(0, +))
        #expect(bounds.cappedTotal <= min(bounds.total, 90))
        // Each round's coreset is the coreset of what was left.
        var left = Array(0..<90)
        for round in 1...bounds.peels {
            let coreset = try LInfinityCoreset(points: points.selectingColumns(left))
            #expect(coreset.indices.allSatisfy { bounds.rounds[left[$0]] == round })
            #expect(coreset.indices.count == bounds.coresetSizes[round - 1])
            let gone = Set(coreset.indices.map { left[$0] })
            left.removeAll { gone.contains($0) }
        }
        #expect(left.count == bounds.leftoverCount)
    }

    @Test func thresholdsAndObserver() throws {
        let points = Self.points(3, 200, 5)
        #expect(try SensitivityBounds(points: points, threshold: .coarse).threshold == 18)
        let none = try SensitivityBounds(points: points, threshold: .count(200))
        #expect(none.peels == 0 && !none.isInformative && none.provenFactor == nil && none.rounds.allSatisfy { $0 == 1 })
        var seen: [Int] = []
        let stopped = try SensitivityBounds(points: points) { progress in
            seen.append(progress.pointsLeft)
            return seen.count < 3
        }
        #expect(stopped.peels == 2 && seen.count == 3 && seen[0] == 200 && seen[1] < 200)
        let all = try SensitivityBounds(points: points, threshold: .count(0))
        #expect(all.leftoverCount == 0)
        #expect(throws: CoresetError.invalidCount(name: "threshold", expected: "0 or more", found: -1)) {
            try SensitivityBounds(points: points, threshold: .count(-1))
        }
    }

    @Test func degenerateInputs() throws {
        // Zero points, one point many times, fewer points than dimensions, a flat set.
        let zeros = try SensitivityBounds(points: Matrix(rows: 3, columns: 10))
        #expect(zeros.sensitivities.allSatisfy { $0 == 0 } && zeros.rounds.allSatisfy { $0 == 0 } && zeros.rank == 0)
        let same = try SensitivityBounds(points: Matrix(rows: 2, columns: 40) { k, _ in Double(k + 1) })
        #expect(same.rank == 1 && same.sensitivities.allSatisfy { $0 >= 1 / 40.0 })
        let few = try SensitivityBounds(points: Self.points(9, 4, 6))
        #expect(few.peels == 0 && few.rank == 4)
        let low = Self.points(2, 100, 7)
        let lift = Matrix(rows: 6, columns: 2) { k, j in Double((k * 5 + j * 3) % 7) - 3 }
        let flat = try SensitivityBounds(points: lift.times(low))
        #expect(flat.rank == 2 && flat.peels > 2)
        var mixed = Self.points(3, 60, 8)
        for k in 0..<3 { mixed[k, 17] = 0 }
        let partly = try SensitivityBounds(points: mixed)
        #expect(partly.sensitivities[17] == 0 && partly.rounds[17] == 0)
        #expect(throws: CoresetError.geometry(.noPoints)) { try SensitivityBounds(points: Matrix(rows: 2, columns: 0)) }
        mixed[1, 3] = .nan
        #expect(throws: CoresetError.self) { try SensitivityBounds(points: mixed) }
    }
}

@Suite struct SensitivitySamplingTests {
    private static let sensitivities: [Double] = [0.5, 0, 1, 2, 0.25, 4, 0, 0.25]

    @Test func drawsFollowTheSensitivities() throws {
        var generator = SeededGenerator(seed: 1)
        let draws = 200_000
        let sample = try SensitivitySampling.draw(count: draws, sensitivities: Self.sensitivities, generator: &generator)
        #expect(sample.indices == [0, 2, 3, 4, 5, 7], "what has no sensitivity is never drawn")
        #expect(sample.counts.reduce(0, +) == draws && sample.drawCount == draws)
        // Pearson's χ² with 5 degrees of freedom: 30 is exceeded with probability 1.5e-5, and the seed is fixed.
        var chiSquare = 0.0
        for (i, count) in zip(sample.indices, sample.counts) {
            let expected = Double(draws) * Self.sensitivities[i] / 8
            chiSquare += (Double(count) - expected) * (Double(count) - expected) / expected
        }
        #expect(chiSquare < 30)
        for (at, i) in sample.indices.enumerated() {
            let u = Double(sample.counts[at]) * 8 / (Double(draws) * Self.sensitivities[i])
            #expect((sample.weights[at] - u).magnitude <= 8 * u.ulp)
        }
    }

    // E Σ u·f = Σ f over the points that can be drawn; the mean over many samples must come close.
    @Test func weightsAreUnbiased() throws {
        let f: [Double] = [3, 100, -1, 2, 5, 0.5, 7, 1]
        let total = [0, 2, 3, 4, 5, 7].reduce(0) { $0 + f[$1] }
        var generator = SeededGenerator(seed: 2)
        var mean = 0.0, square = 0.0
        let runs = 4000
        for _ in 0..<runs {
            let sample = try SensitivitySampling.draw(count: 10, sensitivities: Self.sensitivities, generator: &generator)
            let value = zip(sample.indices, sample.weights).reduce(0) { $0 + f[$1.0] * $1.1 }
            mean += value / Double(runs)
            square += value * value / Double(runs)
        }
        #expect((mean - total).magnitude <= 5 * ((square - mean * mean) / Double(runs)).squareRoot())
    }

    @Test func sameSeedSameSample() throws {
        var first = SeededGenerator(seed: 77), second = SeededGenerator(seed: 77), other = SeededGenerator(seed: 78)
        let s = (0..<500).map { Double(1 + $0 % 13) }
        let a = try SensitivitySampling.draw(count: 100, sensitivities: s, generator: &first)
        #expect(try SensitivitySampling.draw(count: 100, sensitivities: s, generator: &second) == a)
        #expect(try SensitivitySampling.draw(count: 100, sensitivities: s, generator: &other) != a)
    }

    @Test func distinctDrawsStopAtTheCount() throws {
        var generator = SeededGenerator(seed: 3)
        for count in 0...8 {
            let sample = try SensitivitySampling.drawDistinct(count: count, sensitivities: Self.sensitivities, generator: &generator)
            #expect(sample.indices.count == count)
            #expect(sample.mode == .distinct)
            #expect(zip(sample.indices, sample.indices.dropFirst()).allSatisfy { $0 < $1 })
            if count <= 6 { #expect(sample.indices.allSatisfy { Self.sensitivities[$0] > 0 }) }
        }
        // One point in a million draws: ends all the same.
        let rare = try SensitivitySampling.drawDistinct(count: 3, sensitivities: [1, 1e-12, 1e-300], generator: &generator)
        #expect(rare.indices == [0, 1, 2])
    }

    @Test func topTiesGoToNormThenIndex() throws {
        let s: [Double] = [1, 3, 3, 3, 0]
        #expect(try SensitivitySampling.top(count: 1, sensitivities: s).indices == [1])
        #expect(try SensitivitySampling.top(count: 2, sensitivities: s, norms: [9, 1, 2, 2, 9]).indices == [2, 3])
        #expect(try SensitivitySampling.top(count: 1, sensitivities: s, norms: [9, 1, 2, 2, 9]).indices == [2])
        let all = try SensitivitySampling.top(count: 5, sensitivities: s)
        #expect(all.indices == [0, 1, 2, 3, 4] && all.weights.allSatisfy { $0 == 1 } && all.drawCount == 0)
        #expect(try SensitivitySampling.top(count: 0, sensitivities: s).indices.isEmpty)
    }

    @Test func badInputIsNamed() throws {
        var g = SeededGenerator(seed: 0)
        #expect(throws: CoresetError.self) { try SensitivitySampling.draw(count: -1, sensitivities: [1], generator: &g) }
        #expect(throws: CoresetError.self) { try SensitivitySampling.draw(count: 1, sensitivities: [0, 0], generator: &g) }
        #expect(throws: CoresetError.self) { try SensitivitySampling.draw(count: 1, sensitivities: [1, -1], generator: &g) }
        #expect(throws: CoresetError.self) { try SensitivitySampling.draw(count: 1, sensitivities: [.nan], generator: &g) }
        #expect(throws: CoresetError.self) { try SensitivitySampling.drawDistinct(count: 3, sensitivities: [1, 1], generator: &g) }
        #expect(throws: CoresetError.self) { try SensitivitySampling.top(count: 3, sensitivities: [1, 1]) }
        #expect(throws: CoresetError.self) { try SensitivitySampling.top(count: 1, sensitivities: [1, 1], norms: [1]) }
        #expect(try SensitivitySampling.draw(count: 0, sensitivities: [0], generator: &g).indices.isEmpty)
    }

    @Test func guaranteeOfASampleIsBernstein() throws {
        var g = TestGenerator(seed: 5)
        let points = Matrix(rows: 3, columns: 400) { _, _ in g.normal() }
        let bounds = try SensitivityBounds(points: points)
        var generator = SeededGenerator(seed: 9)
        let large = try Coreset.sample(count: 20_000_000, bounds: bounds, generator: &generator)
        guard case .sample(let claim) = large.guarantee else {
            Issue.record("expected a guarantee of a sample, found \(large.guarantee)")
            return
        }
        let (epsilon, delta) = (claim.epsilon, claim.failureProbability)
        // The defining equation mε² = 2t(1 + ε/3)·ln(2/δ), with ln 40 = 3.68887945….
        #expect(delta == 0.05)
        let m = 20_000_000.0
        #expect(
            (m * epsilon * epsilon - 2 * bounds.total * (1 + epsilon / 3) * 3.6888794541139363).magnitude <= 1e-9 * m * epsilon * epsilon)
        #expect(!large.guarantee.isVacuous)
        let small = try Coreset.sample(count: 5, bounds: bounds, generator: &generator)
        #expect(small.guarantee.isVacuous && small.guarantee.statement.contains("vacuous"))
        // And it holds: the weighted sums of the large sample are that close in every direction tried.
        for x in [[1.0, 0, 0], [0, 1, 0], [1, -2, 3]] {
            func value(_ i: Int) -> Double { (0..<3).reduce(0) { $0 + points[$1, i] * x[$1] }.magnitude }
            let full = (0..<400).reduce(0) { $0 + value($1) }
            let sampled = zip(large.points.indices, large.points.weights).reduce(0) { $0 + value($1.0) * $1.1 }
            #expect((sampled - full).magnitude <= epsilon * full)
        }
    }
}
