// Channels as points, and the guarantee of a kept set.

import LinearAlgebra
import Pruning
import TestSupport
import Testing

@Suite struct NeuronPointsTests {
    private func random(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix {
        var generator = TestGenerator(seed: seed)
        return Matrix(rows: rows, columns: columns) { _, _ in generator.normal() }
    }

    /// Largest difference of two Gram matrices, which fix points up to rotation.
    private func gramDistance(_ a: Matrix, _ b: Matrix) -> Double {
        (a.times(a, transposeSelf: true) - b.times(b, transposeSelf: true)).maximumMagnitude
    }

    @Test func atFullRankThePointsHaveTheInnerProductsOfTheirDefinition() throws {
        // n = 20 points in 5 dimensions: the informative rank (8) does not bind.
        let incoming = random(5, 20, seed: 1)
        let outgoing = random(4, 20, seed: 2)
        let loadings = random(3, 20, seed: 3)
        let covariance = loadings.times(loadings, transposeSelf: true)
        let scale = 1e-10
        func points(_ representation: PointRepresentation) throws -> Matrix {
            try NeuronPoints(representation, incoming: incoming, outgoing: outgoing, covariance: covariance, rank: .energy(1)).points
        }
        #expect(gramDistance(try points(.incoming), incoming) <= scale)
        #expect(gramDistance(try points(.outgoing), outgoing) <= scale)
        var product = incoming
        for i in 0..<20 {
            var norm = 0.0
            for k in 0..<4 { norm += outgoing[k, i] * outgoing[k, i] }
            for k in 0..<5 { product[k, i] *= norm.squareRoot() }
        }
        #expect(gramDistance(try points(.product), product) <= scale)
    }

    @Test func functionPointsReproduceOutgoingTimesCovarianceAsFarAsTheRankAllows() throws {
        let outgoing = random(1, 20, seed: 4)
        let loadings = random(2, 20, seed: 5)
        let covariance = loadings.times(loadings, transposeSelf: true)
        let points = try NeuronPoints(
            .function, incoming: random(2, 20, seed: 6), outgoing: outgoing, covariance: covariance, rank: .energy(1))
        #expect(points.rank == 2)
        let gram = points.points.times(points.points, transposeSelf: true)
        for i in 0..<20 {
            for j in 0..<20 {
                #expect((gram[i, j] - outgoing[0, i] * outgoing[0, j] * covariance[i, j]).magnitude <= 1e-9)
            }
        }
        #expect((points.retainedEnergy - 1).magnitude <= 1e-12)
    }

    @Test func ranksFixedByEnergyAndNeverBeyondTheInformativeOne() throws {
        let incoming = random(30, 12, seed: 7)
        func points(_ rule: RankRule) throws -> NeuronPoints {
            try NeuronPoints(.incoming, incoming: incoming, outgoing: incoming, covariance: nil, rank: rule)
        }
        #expect(try points(.fixed(3)).rank == 3)
        #expect(try points(.fixed(100)).rank == NeuronPoints.largestInformativeRank(count: 12))
        #expect(NeuronPoints.largestInformativeRank(count: 12) == 4)
        #expect(NeuronPoints.largestInformativeRank(count: 1) == 1)
        let half = try points(.energy(0.3))
        #expect(half.retainedEnergy >= 0.3)
        let fewer = try points(.fixed(max(1, half.rank - 1))).retainedEnergy
        #expect(half.rank == 1 || fewer < 0.3)
        #expect(throws: PruningError.self) {
            try NeuronPoints(.function, incoming: incoming, outgoing: incoming, covariance: nil, rank: .fixed(2))
        }
    }

    @Test func zeroPointsOnePointOneDimension() throws {
        let zero = try NeuronPoints(
            .product, incoming: Matrix(rows: 3, columns: 5), outgoing: Matrix(rows: 2, columns: 5), covariance: nil, rank: .fixed(2))
        #expect(zero.points.maximumMagnitude == 0 && zero.rank == 1)
        let single = try NeuronPoints(
            .incoming, incoming: random(3, 1, seed: 8), outgoing: random(3, 1, seed: 9), covariance: nil, rank: .fixed(2))
        #expect(single.rank == 1 && single.count == 1)
    }

    @Test(arguments: [UInt64](1...6))
    func noDirectionContradictsTheProvenFactor(_ seed: UInt64) throws {
        let points = random(4, 30, seed: seed)
        let kept = [0, 3, 4, 7, 11, 19, 23]
        let factor = try #require(ProvenFactor(points: points, kept: kept).value)
        var generator = TestGenerator(seed: seed + 100)
        var attained = 0.0
        for _ in 0..<2000 {
            let x = generator.normals(4)
            let responses = points.times(x, transposeSelf: true).map(\.magnitude)
            attained = max(attained, (responses.max() ?? 0) / (kept.map { responses[$0] }.max() ?? 1))
        }
        #expect(attained <= factor * (1 + 1e-12))
        // Loose by a small multiple at most: otherwise the number would tell nobody anything.
        #expect(factor <= 20 * attained)
    }

    @Test func noFactorWhereTheKeptPointsDoNotSpanOneWhereNothingWasRemoved() {
        let points = Matrix(columns: [[1, 0], [2, 0], [0, 1], [3, 0]])
        #expect(ProvenFactor(points: points, kept: [0, 1, 3]).value == nil)
        #expect(ProvenFactor(points: points, kept: [0]).value == nil)
        #expect(ProvenFactor(points: points, kept: [0, 1, 2, 3]) == .factor(1))
        // (3, 0) against (1, 0): exactly three.
        let factor = ProvenFactor(points: points, kept: [0, 2]).value ?? 0
        #expect(factor >= 3 && factor <= 3 + 1e-9)
    }
}
