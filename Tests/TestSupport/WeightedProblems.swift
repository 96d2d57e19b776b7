// Weighted point sets, plain and nasty, for everything that reduces or decomposes measures.

import LinearAlgebra

/// n points of dimension d as columns, and weights.
package struct WeightedProblem: Sendable, CustomStringConvertible {
    package let name: String
    package let points: Matrix
    package let weights: [Double]

    package init(_ name: String, _ points: Matrix, _ weights: [Double]) {
        self.name = name
        self.points = points
        self.weights = weights
    }

    package var description: String { name }
}

extension WeightedProblem {
    private static func normal(_ d: Int, _ n: Int, _ g: inout TestGenerator) -> Matrix {
        Matrix(rows: d, columns: n) { _, _ in g.normal() }
    }

    private static func even(_ n: Int) -> [Double] { [Double](repeating: 1 / Double(n), count: n) }

    private static func power(_ base: Double, _ exponent: Int) -> Double {
        var result = 1.0
        for _ in 0..<exponent { result *= base }
        return result
    }

    // 10^x, well enough for test data: whole decades by products, what is left by the exponential series.
    private static func tenTo(_ x: Double) -> Double {
        let whole = x.rounded(.down)
        var result = 1.0
        for _ in 0..<Int(whole.magnitude) { result *= whole < 0 ? 0.1 : 10 }
        let y = (x - whole) * 2.302585092994046
        var term = 1.0, sum = 1.0
        for k in 1...24 { term *= y / Double(k); sum += term }
        return result * sum
    }

    /// Every kind of trouble that is known, at sizes that test quickly.
    package static var museum: [WeightedProblem] {
        var g = TestGenerator(seed: 5)
        let n = 1500
        var problems: [WeightedProblem] = []
        func add(_ name: String, _ points: Matrix, _ weights: [Double]? = nil) {
            problems.append(WeightedProblem(name, points, weights ?? even(points.columns)))
        }
        add("as many points as coordinates", normal(10, 10, &g))
        add("one point more than needed", normal(10, 12, &g))
        add("a single point", normal(7, 1, &g))
        add("dimension one", normal(1, 500, &g))
        let one = g.normals(10)
        add("one point repeated", Matrix(rows: 10, columns: 1000) { k, _ in one[k] })
        add("half the weights zero", normal(10, n, &g), (0..<n).map { $0 % 2 == 0 ? 0 : 2 / Double(n) })
        add("three positive weights", normal(10, n, &g), (0..<n).map { [700: 1.0, 701: 2, 702: 3][$0] ?? 0 })
        add("offset 1e8", Matrix(rows: 20, columns: n) { _, _ in g.normal() + 1e8 })
        add("offset 1e8 in one coordinate", Matrix(rows: 6, columns: n) { k, _ in g.normal() + (k == 3 ? 1e8 : 0) })
        add("column scales 1e-12 to 1e12", Matrix(rows: 25, columns: n) { k, _ in g.normal() * tenTo(Double(k - 12)) })
        add("weights over 300 decades", normal(10, n, &g), (0..<n).map { _ in tenTo(-300 * g.uniform()) })
        add(
            "weights of infinite mean", normal(10, n, &g),
            (0..<n).map { _ in
                let u = max(1e-9, g.uniform()); return 1 / (u * u.squareRoot())
            })
        add("one dominating point", Matrix(rows: 10, columns: n) { _, i in i == n - 1 ? 1e12 : g.normal() })
        add("one dominating weight", normal(8, n, &g), (0..<n).map { $0 == 300 ? 1e12 : 1 })
        let low = normal(20, 3, &g)
        add("rank 3 in 20 dimensions", low.times(normal(3, n, &g)))
        add("zeros and ones", Matrix(rows: 30, columns: n) { _, _ in g.uniform() < 0.5 ? 0 : 1 })
        add("one-hot", Matrix(rows: 50, columns: n) { k, i in k == (i * 7919) % 50 ? 1 : 0 }, (0..<n).map { _ in g.uniform() })
        add("Vandermonde of degree 40", Matrix(rows: 40, columns: n) { k, i in power(Double(i) / Double(n - 1), k + 1) })
        var monomials: [(Int, Int)] = []
        for total in 1...12 { for a in 0...total { monomials.append((a, total - a)) } }
        add(
            "monomials of degree 12 on a grid",
            Matrix(rows: monomials.count, columns: 1600) { k, i in
                power(Double(i % 40) / 39, monomials[k].0) * power(Double(i / 40) / 39, monomials[k].1)
            })
        add("Cauchy", Matrix(rows: 20, columns: n) { _, _ in g.normal() / (g.normal() + 1e-9) })
        let base = normal(20, 60, &g)
        add("duplicated points and coordinates", Matrix(rows: 20, columns: n) { k, i in base[k < 17 ? k : k - 17, (i * 31) % 60] })
        add("constant coordinates", Matrix(rows: 8, columns: n) { k, _ in k % 2 == 0 ? 3.7 : g.normal() })
        add("integer grid", Matrix(rows: 3, columns: 1000) { k, i in Double([i % 10, (i / 10) % 10, i / 100][k]) })
        add(
            "on a sphere",
            {
                var p = normal(6, n, &g)
                for i in 0..<n {
                    let length = p.column(i).reduce(0) { $0 + $1 * $1 }.squareRoot()
                    for k in 0..<6 { p[k, i] /= length }
                }
                return p
            }())
        add("a slab 1e-10 thick", Matrix(rows: 5, columns: n) { k, _ in g.normal() * (k == 4 ? 1e-10 : 1) })
        add("tiny numbers", Matrix(rows: 5, columns: n) { _, _ in g.normal() * 1e-200 })
        add("large numbers", Matrix(rows: 5, columns: n) { _, _ in g.normal() * 1e200 })
        return problems
    }

    /// Problem number `seed` of an endless supply of random nasty ones.
    package static func random(_ seed: Int, isWide: Bool = false) -> WeightedProblem {
        var g = TestGenerator(seed: UInt64(seed) &* 0x9E37_79B9 &+ 17)
        let d = isWide ? 48 + Int(g.next() % 60) : 1 + Int(g.next() % (seed % 16 == 0 ? 70 : 14))
        let n = 1 + Int(g.next() % UInt64(isWide ? 6000 : seed % 8 == 0 ? 3000 : 300))
        let kind = g.next() % 12
        let rank = 1 + Int(g.next() % UInt64(d))
        let mixing = normal(d, rank, &g)
        let shift = (0..<d).map { _ in g.next() % 3 == 0 ? tenTo(16 * g.uniform() - 8) : 0 }
        let scale = (0..<d).map { _ in tenTo(20 * g.uniform() - 10) }
        let distinct = 1 + Int(g.next() % UInt64(max(1, n / 2)))
        var p = normal(d, n, &g)
        switch kind {
        case 0: break
        case 1: p = Matrix(rows: d, columns: n) { k, i in p[k, i] + shift[k] }
        case 2: p = Matrix(rows: d, columns: n) { k, i in p[k, i] * scale[k] }
        case 3: p = mixing.times(normal(rank, n, &g))
        case 4: p = Matrix(rows: d, columns: n) { _, _ in Double(g.next() % 3) }
        case 5: p = Matrix(rows: d, columns: n) { k, i in p[k, i % distinct] }
        case 6: p = Matrix(rows: d, columns: n) { k, i in k == (i * 7919) % d ? 1 : 0 }
        case 7: p = Matrix(rows: d, columns: n) { k, i in power(Double(i) / Double(n), k + 1) }
        case 8: p = Matrix(rows: d, columns: n) { k, i in p[k, i] / (g.normal() + 1e-9) }
        case 9: p = Matrix(rows: d, columns: n) { k, i in (p[k, i] * 4).rounded() * scale[k] + shift[k] }
        case 10: p = Matrix(rows: d, columns: n) { k, i in i == 0 ? p[k, i] * 1e10 : p[k, i] }
        default: p = Matrix(rows: d, columns: n) { k, i in p[k, i] * (k % 2 == 0 ? 1 : 1e-13) + (k % 3 == 0 ? p[0, i] : 0) }
        }
        let style = g.next() % 6
        let weights = (0..<n).map { i -> Double in
            switch style {
            case 0: return 1 / Double(n)
            case 1: return g.uniform()
            case 2: return g.next() % 2 == 0 ? 0 : g.uniform()
            case 3: return tenTo(-300 * g.uniform())
            case 4: let u = max(1e-9, g.uniform()); return 1 / (u * u)
            default: return Double(1 + g.next() % 4)
            }
        }
        return WeightedProblem("random \(seed): kind \(kind), \(d)×\(n), weights \(style)", p, weights)
    }
}
