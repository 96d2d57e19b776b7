// Exact D-optimal designs: N runs at given candidates so that the information Σ nᵢqᵢqᵢᵀ has a large determinant.
//
//     approximate optimum u:  log det M(u) + r·log(1 + ε) ≥ log det M*,  M(u) = Σuᵢqᵢqᵢᵀ                  (1)
//     efficiency of counts n, Σnᵢ = N:  (det(Σnᵢqᵢqᵢᵀ/N) / det M*)^(1/r) ≥ exp((log det(…) − log det M(u))/r)/(1 + ε)   (2)
//
// Method     Counts by Pukelsheim & Rieder's efficient rounding of u, or by the runs that add most, one after the other; then
//            Fedorov's exchange: the pair of a run and a candidate whose exchange multiplies the determinant most,
//                1 + κⱼ − κᵢ − (κᵢκⱼ − κᵢⱼ²),   κ in the metric of the present information,              (3)
//            until none is worth it. Random starts go through the same; the best is kept. Everything in coordinates in which
//            M(u) = I, so the determinant of the counts is the efficiency.
// Cost       an exchange O((n + m)·r² + m·n·r) for n candidates and m distinct runs; about N of them.
// Limits     a local optimum: what is proven is (2), against every design.
// Sources    Fedorov, Theory of Optimal Experiments (1972); Pukelsheim & Rieder, Biometrika 79 (1992); Kiefer & Wolfowitz (1960).

import LinearAlgebra

/// Which candidates to run how often, and how good that is at least.
///
/// ```swift
/// let fit = try MinimumVolumeEllipsoid(points: regressors, settings: .init(centering: .origin))
/// let design = try ExactDesign(regressors: regressors, runs: 12, optimum: fit)
/// design.counts        // runs of each of `indices`
/// design.efficiency    // proven lower bound of its D-efficiency
/// ```
public struct ExactDesign: Sendable, Equatable {
    /// Candidates with at least one run, ascending.
    public let indices: [Int]
    /// Their runs, in the same order, ≥ 1, Σ = N.
    public let counts: [Int]
    /// Lower bound (2) of the D-efficiency relative to the best design of any weights.
    public let efficiency: Double
    /// Exchanges made, over all starts.
    public let exchanges: Int

    /// Searches a design of `runs` runs.
    /// - Parameters:
    ///   - regressors: candidates as columns, p×n.
    ///   - runs: N, at least the rank r of the candidates, less than 2³¹.
    ///   - optimum: the fit of the same candidates centered at the origin, whose weights are the approximate design.
    ///   - starts: how many random starts are tried beside the two that are not.
    ///   - generator: where they are drawn from.
    /// - Throws: `invalidSetting`, `dimensionMismatch`, `factorization`.
    public init(
        regressors: Matrix, runs: Int, optimum: MinimumVolumeEllipsoid, starts: Int = 4,
        using generator: inout some RandomNumberGenerator
    ) throws(GeometryError) {
        guard optimum.centering == .origin else {
            throw .invalidSetting(name: "optimum", expected: "a fit centered at the origin", found: 0)
        }
        guard optimum.ellipsoid.dimension == regressors.rows else {
            throw .dimensionMismatch(expected: optimum.ellipsoid.dimension, found: regressors.rows)
        }
        let r = optimum.rank
        guard runs >= r, r > 0 else { throw .invalidSetting(name: "runs", expected: "\(Swift.max(1, r)) or more", found: Double(runs)) }
        guard runs <= Int(Int32.max) else { throw .invalidSetting(name: "runs", expected: "fewer than 2^31", found: Double(runs)) }
        // Coordinates in which M(u) = I: those of the John decomposition, σ⁻¹Vᵀq.
        let john = try JohnDecomposition(
            points: regressors, support: optimum.support, weights: optimum.weights, isCentered: true)
        guard john.rank == r else { throw .breakdown("the support spans \(john.rank) of \(r) dimensions") }
        // The efficiency is a quotient of determinants, which any exact map leaves as it is: products in twice the precision, where plain
        // ones would lose the digits that the regressors are ill-conditioned by.
        let q = john.rounding <= Self.harmlessRounding ? john.normalized(regressors) : john.carefullyNormalized(regressors)
        var best: (counts: [Int], logDeterminant: Double)?
        var exchanges = 0
        var attempts = [Self.rounded(optimum.weights, optimum.support, runs, q.columns), Self.greedy(q, runs)]
        for _ in 0..<starts { attempts.append(Self.random(q, runs, &generator)) }
        for start in attempts {
            guard var search = ExchangeSearch(q, counts: start) else { continue }
            exchanges += search.run()
            if search.logDeterminant > best?.logDeterminant ?? -.infinity { best = (search.counts, search.logDeterminant) }
        }
        guard let best else { throw .breakdown("no start of \(runs) runs spans the candidates") }
        indices = best.counts.indices.filter { best.counts[$0] > 0 }
        counts = indices.map { best.counts[$0] }
        // M(u) is I up to rounding; its own determinant takes that out.
        let moment = q.selectingColumns(optimum.support).gram(weights: optimum.weights)
        guard let information = try? Cholesky(moment) else { throw .breakdown("the information of the weights is singular") }
        let optimal = 2 * information.factor.diagonal.reduce(0) { $0 + Elementary.log($1) }
        let total = optimum.weights.reduce(0, +)
        let log = best.logDeterminant - Double(r) * Elementary.log(Double(runs)) - (optimal - Double(r) * Elementary.log(total))
        // What plain products leave of each of the two, and the sums of both.
        let allowance = 4 * Swift.min(john.rounding, Self.harmlessRounding) + 16 * Double(r + 8) * .ulpOfOne
        efficiency = Swift.min(1, Elementary.exp(log / Double(r) - allowance) / (1 + optimum.certificate.gap))
        self.exchanges = exchanges
    }

    /// Rounding of coordinates that a bound of six digits need not know.
    private static var harmlessRounding: Double { 1e-12 }

    /// ⌈(N − m/2)·u⌉, then one by one up where (n − 1)/u is least, or down where n/u is most … exactly: Pukelsheim & Rieder.
    private static func rounded(_ u: [Double], _ support: [Int], _ runs: Int, _ n: Int) -> [Int] {
        let m = Double(u.count)
        var counts = u.map { Swift.max(1, Int(((Double(runs) - 0.5 * m) * $0).rounded(.up))) }
        var total = counts.reduce(0, +)
        while total < runs {
            let next = u.indices.min { Double(counts[$0]) / u[$0] < Double(counts[$1]) / u[$1] }!
            counts[next] += 1
            total += 1
        }
        while total > runs {
            let next = u.indices.max { Double(counts[$0] - 1) / u[$0] < Double(counts[$1] - 1) / u[$1] }!
            counts[next] -= 1
            total -= 1
        }
        var result = [Int](repeating: 0, count: n)
        for (index, count) in zip(support, counts) { result[index] = count }
        return result
    }

    /// r candidates of large volume by pivoting, then the candidate with the largest κ, one after the other.
    private static func greedy(_ q: Matrix, _ runs: Int) -> [Int] {
        var counts = [Int](repeating: 0, count: q.columns)
        guard let qr = try? PivotedQR(q) else { return counts }
        for index in qr.permutation.prefix(q.rows) { counts[index] = 1 }
        extend(&counts, q, runs)
        return counts
    }

    /// Random candidates, then as above.
    private static func random(_ q: Matrix, _ runs: Int, _ generator: inout some RandomNumberGenerator) -> [Int] {
        var counts = [Int](repeating: 0, count: q.columns)
        // Enough to span with certainty only by pivoting among themselves.
        let drawn = (0..<Swift.min(q.columns, 3 * q.rows)).map { _ in Int.random(in: 0..<q.columns, using: &generator) }
        let distinct = Set(drawn).sorted()
        guard let qr = try? PivotedQR(q.selectingColumns(distinct)) else { return counts }
        for position in qr.permutation.prefix(q.rows) { counts[distinct[position]] = 1 }
        extend(&counts, q, runs)
        return counts
    }

    private static func extend(_ counts: inout [Int], _ q: Matrix, _ runs: Int) {
        var total = counts.reduce(0, +)
        while total < runs {
            guard let search = ExchangeSearch(q, counts: counts) else { return }
            // A few at a time once there are many: the next best are nearly as good as the best.
            let kappa = search.leverages
            let best = LargestValues.indices(kappa, Swift.max(1, Swift.min(runs - total, total / 8)))
            for index in best { counts[index] += 1 }
            total += best.count
        }
    }
}

/// Fedorov's exchange on counts.
private struct ExchangeSearch {
    private let q: Matrix
    private(set) var counts: [Int]
    private var information: Cholesky
    /// L⁻¹q of all candidates.
    private var images: Matrix
    private(set) var leverages: [Double]

    /// Gain below which an exchange is not worth one: a determinant is known to about this.
    private static var least: Double { 1e-9 }

    init?(_ q: Matrix, counts: [Int]) {
        self.q = q
        self.counts = counts
        guard let factor = Self.factor(q, counts) else { return nil }
        information = factor
        images = factor.inverseFactor().times(q)
        leverages = Self.norms(images)
    }

    /// log det Σnᵢqᵢqᵢᵀ
    var logDeterminant: Double { 2 * information.factor.diagonal.reduce(0) { $0 + Elementary.log($1) } }

    /// Exchanges until none is worth it; returns how many.
    mutating func run() -> Int {
        // Each gains; a limit only against cycles of rounding.
        let limit = 20 * counts.reduce(0, +) + 100
        for made in 0..<limit {
            guard let (out, into) = bestPair() else { return made }
            counts[out] -= 1
            counts[into] += 1
            guard let factor = Self.factor(q, counts), 2 * factor.factor.diagonal.reduce(0, { $0 + Elementary.log($1) }) > logDeterminant
            else {
                counts[out] += 1
                counts[into] -= 1
                return made
            }
            information = factor
            images = factor.inverseFactor().times(q)
            leverages = Self.norms(images)
        }
        return limit
    }

    /// argmax of (3).
    private func bestPair() -> (Int, Int)? {
        var best = (gain: Self.least, out: -1, into: -1)
        for out in counts.indices where counts[out] > 0 {
            let products = images.times(Array(images.column(out)), transposeSelf: true)
            for into in counts.indices where into != out {
                let (a, b) = (leverages[out], leverages[into])
                let gain = b - a - (a * b - products[into] * products[into])
                if gain > best.gain { best = (gain, out, into) }
            }
        }
        return best.out >= 0 ? (best.out, best.into) : nil
    }

    private static func factor(_ q: Matrix, _ counts: [Int]) -> Cholesky? {
        let support = counts.indices.filter { counts[$0] > 0 }
        guard support.count >= q.rows else { return nil }
        let moment = q.selectingColumns(support).gram(weights: support.map { Double(counts[$0]) })
        guard let factor = try? Cholesky(moment) else { return nil }
        // In coordinates in which the optimum is the identity, a singular start shows as a tiny pivot.
        return factor.factor.diagonal.allSatisfy { $0 > 1e-7 } ? factor : nil
    }

    private static func norms(_ images: Matrix) -> [Double] {
        (0..<images.columns).map { images.column($0).reduce(0) { $0 + $1 * $1 } }
    }
}
