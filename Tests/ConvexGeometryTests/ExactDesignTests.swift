import ConvexGeometry
import LinearAlgebra
import TestSupport
import Testing

@Suite struct ExactDesignTests {
    /// All regressors of a full quadratic on a grid of levels in [−1, 1].
    private static func quadratic(_ factors: Int, levels: Int) -> Matrix {
        let level = { (i: Int) -> Double in 2 * Double(i) / Double(levels - 1) - 1 }
        var grid: [[Double]] = [[]]
        for _ in 0..<factors { grid = grid.flatMap { g in (0..<levels).map { g + [level($0)] } } }
        let columns = grid.map { x -> [Double] in
            var q = [1] + x
            for i in x.indices { for j in i..<x.count { q.append(x[i] * x[j]) } }
            return q
        }
        return Matrix(columns: columns)
    }

    private static func fit(_ regressors: Matrix) throws -> MinimumVolumeEllipsoid {
        try MinimumVolumeEllipsoid(points: regressors, settings: .init(centering: .origin))
    }

    /// log det Σ nᵢqᵢqᵢᵀ by plain elimination.
    private static func logDeterminant(_ q: Matrix, _ indices: [Int], _ counts: [Int]) -> Double {
        let p = q.rows
        var m = [[Double]](repeating: [Double](repeating: 0, count: p), count: p)
        for (i, n) in zip(indices, counts) { for a in 0..<p { for b in 0..<p { m[a][b] += Double(n) * q[a, i] * q[b, i] } } }
        var result = 0.0
        for k in 0..<p {
            result += m[k][k].logarithm
            for i in (k + 1)..<max(p, k + 1) {
                let factor = m[i][k] / m[k][k]
                for j in k..<p { m[i][j] -= factor * m[k][j] }
            }
        }
        return result
    }

    /// The straight line on [−1, 1]: half of the runs at each end.
    @Test func line() throws {
        let q = Matrix(columns: (0...20).map { [1, Double($0) / 10 - 1] })
        var generator = TestGenerator(seed: 1)
        let design = try ExactDesign(regressors: q, runs: 10, optimum: try Self.fit(q), using: &generator)
        #expect(design.indices == [0, 20] && design.counts == [5, 5])
        #expect(design.efficiency > 1 - 1e-6)
    }

    /// What is claimed about the efficiency is what the counts have, relative to the bound of the weights.
    @Test(arguments: [(2, 3, 6), (2, 3, 13), (2, 11, 9), (3, 3, 10), (3, 5, 27), (2, 5, 200)])
    func efficiencyIsTrue(_ factors: Int, _ levels: Int, _ runs: Int) throws {
        let q = Self.quadratic(factors, levels: levels)
        let optimum = try Self.fit(q)
        var generator = TestGenerator(seed: 2)
        let design = try ExactDesign(regressors: q, runs: runs, optimum: optimum, using: &generator)
        #expect(design.counts.reduce(0, +) == runs && design.counts.allSatisfy { $0 >= 1 })
        #expect(design.indices == design.indices.sorted() && Set(design.indices).count == design.indices.count)
        let p = Double(q.rows)
        let own = Self.logDeterminant(q, design.indices, design.counts) - p * Double(runs).logarithm
        var weighted = 0.0
        do {
            // log det M(u) from scaled integers would lose digits: by the same elimination on √u-scaled columns.
            let scaled = Matrix(rows: q.rows, columns: optimum.support.count) {
                q[$0, optimum.support[$1]] * optimum.weights[$1].squareRoot()
            }
            weighted = Self.logDeterminant(scaled, Array(0..<optimum.support.count), [Int](repeating: 1, count: optimum.support.count))
        }
        let claimed = p * (design.efficiency * (1 + optimum.certificate.gap)).logarithm
        #expect((claimed - (own - weighted)).magnitude <= 1e-8)
        #expect(design.efficiency > (runs < 2 * q.rows ? 0.8 : 0.94))
        // No single exchange is worth anything.
        var counts = [Int](repeating: 0, count: q.columns)
        for (i, n) in zip(design.indices, design.counts) { counts[i] = n }
        for (out, into) in [(design.indices[0], 0), (design.indices.last!, q.columns / 2), (design.indices[1], q.columns - 1)] {
            var other = counts
            other[out] -= 1
            other[into] += 1
            let support = other.indices.filter { other[$0] > 0 }
            let changed = Self.logDeterminant(q, support, support.map { other[$0] })
            #expect(!(changed > own + p * Double(runs).logarithm + 1e-8))
        }
    }

    @Test func refusals() throws {
        let q = Self.quadratic(2, levels: 3)
        var generator = TestGenerator(seed: 3)
        let optimum = try Self.fit(q)
        #expect(throws: GeometryError.self) { try ExactDesign(regressors: q, runs: 5, optimum: optimum, using: &generator) }
        let free = try MinimumVolumeEllipsoid(points: q)
        #expect(throws: GeometryError.self) { try ExactDesign(regressors: q, runs: 50, optimum: free, using: &generator) }
    }

    /// Candidates on a needle, condition 10¹³: the efficiency against the sum of squares of all 2×2 minors (Cauchy & Binet), each of
    /// which is exact.
    @Test func illConditionedEfficienciesAreProven() throws {
        var g = TestGenerator(seed: 5)
        let q = Matrix(
            columns: (0..<40).map { i in
                let along = Double((i * 17) % 41 - 20)
                return [along * 0x1p44 + (64 * g.normal()).rounded(), along * 0x1p43 + (64 * g.normal()).rounded()]
            })
        let optimum = try Self.fit(q)
        #expect(optimum.rank == 2)
        func determinant(_ indices: [Int], _ weights: [Double]) -> Double {
            let total = weights.reduce(0, +)
            var sum = 0.0
            for (a, i) in indices.enumerated() {
                for (b, j) in indices.enumerated() where b > a {
                    // Kahan's difference of products.
                    let product = q[1, i] * q[0, j]
                    let minor = (-product).addingProduct(q[0, i], q[1, j]) + product.addingProduct(-q[1, i], q[0, j])
                    sum += weights[a] * weights[b] * minor * minor / (total * total)
                }
            }
            return sum
        }
        for runs in [3, 7, 20] {
            let design = try ExactDesign(regressors: q, runs: runs, optimum: optimum, using: &g)
            let ratio =
                determinant(design.indices, design.counts.map { Double($0) }) / determinant(optimum.support, optimum.weights)
            let efficiency = ratio.squareRoot() / (1 + optimum.certificate.gap)
            #expect(design.efficiency <= efficiency * (1 + 1e-13))
            #expect(design.efficiency >= efficiency * (1 - 1e-10))
        }
    }
}
