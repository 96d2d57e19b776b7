// Minimum-volume enclosing ellipsoid by column generation and an interior-point master, in plain Swift.
//
// The same method as the accelerated engine, without BLAS and LAPACK: one read ranks all points in the metric of a
// sample, a pool keeps the farthest, the master solves
//
//     maximize  log det Σ uᵢqᵢqᵢᵀ − D·Σu,  u ≥ 0,  qᵢ = (pᵢ, 1) ∈ ℝᴰ,   κᵢ = qᵢᵀM⁻¹qᵢ
//     (K∘K + diag(s/u))·Δu = (μ − c)/u − D + κ,   K = QᵀM⁻¹Q                                          (1)
//
// on a working set that violators join, and a last read certifies max κ/D − 1 over all points. Limits: the points must
// span ℝᵈ and be of moderate condition (the moment matrix is factored as it is); free center only.
// Source of (1): Sun & Freund, Oper. Res. 52 (2004).

/// The reference answer of a second-order method: weights of the support and the gap they reach over all points.
public struct ColumnGenerationEllipsoid {
    /// Points with positive weight.
    public let support: [Int]
    /// Their weights, sum 1.
    public let weights: [Double]
    /// max κ/D − 1 over all points.
    public let gap: Double
    /// Steps made.
    public let iterations: Int

    /// Fits `points` (d×n by columns); `nil` when a factorization fails or 200 iterations were not enough.
    public init?(points: [Double], dimension d: Int, gap tolerance: Double) {
        var solver = Solver(points: points, dimension: d)
        guard let answer = solver.solve(tolerance) else { return nil }
        self = answer
    }

    fileprivate init(support: [Int], weights: [Double], gap: Double, iterations: Int) {
        (self.support, self.weights, self.gap, self.iterations) = (support, weights, gap, iterations)
    }
}

private struct Solver {
    let points: [Double]
    let d: Int
    let n: Int
    let order: Int
    var iterations = 0

    init(points: [Double], dimension: Int) {
        self.points = points
        d = dimension
        n = points.count / dimension
        order = dimension + 1
    }

    mutating func solve(_ tolerance: Double) -> ColumnGenerationEllipsoid? {
        let step = max(1, n / max(20 * order, 2000))
        let sample = Array(stride(from: 0, to: n, by: step))
        guard let metric = inverseFactor(sample, [Double](repeating: 1 / Double(sample.count), count: sample.count)) else { return nil }
        let everything = Array(0..<n)
        var kappa = leverages(metric, everything)
        var pool = largest(kappa, min(n, max(5000, 60 * order, n / 25)), everything)
        var work = largest(pool.map { kappa[$0] }, min(pool.count, 6 * order), pool)
        var weights = [Double](repeating: 1 / Double(work.count), count: work.count)
        var target = max(0.3 * tolerance, 3e-2)
        while iterations < 200 {
            guard let solved = master(work, weights, target) else { return nil }
            (work, weights) = solved
            guard let factor = inverseFactor(work, weights) else { return nil }
            let inPool = leverages(factor, pool)
            let poolGap = (inPool.max() ?? 0) / Double(order) - 1
            if target <= 0.3 * tolerance, poolGap <= 0.5 * tolerance {
                kappa = leverages(factor, everything)
                let gap = (kappa.max() ?? 0) / Double(order) - 1
                if gap <= tolerance {
                    return ColumnGenerationEllipsoid(support: work, weights: weights, gap: max(0, gap), iterations: iterations)
                }
                pool = Array(Set(largest(kappa, min(n, max(5000, 60 * order, n / 25)), everything)).union(work)).sorted()
            }
            let present = Set(work)
            let prices = leverages(factor, pool)
            let bound = Double(order) * (1 + 0.3 * tolerance)
            let violators = pool.indices.filter { prices[$0] > bound && !present.contains(pool[$0]) }
            let added = largest(violators.map { prices[$0] }, min(violators.count, max(400, 8 * order)), violators.map { pool[$0] })
            work += added
            weights += [Double](repeating: 0, count: added.count)
            target = max(0.3 * tolerance, min(0.05 * poolGap, target))
        }
        return nil
    }

    /// The members of `indices` with the `count` largest values.
    private func largest(_ values: [Double], _ count: Int, _ indices: [Int]) -> [Int] {
        values.indices.sorted { (-values[$0], $0) < (-values[$1], $1) }.prefix(count).map { indices[$0] }.sorted()
    }

    /// L⁻¹ by rows with LLᵀ = Σ uᵢqᵢqᵢᵀ.
    private func inverseFactor(_ indices: [Int], _ u: [Double]) -> [Double]? {
        var moment = [Double](repeating: 0, count: order * order)
        for (index, weight) in zip(indices, u) where weight > 0 {
            for b in 0..<order {
                let scale = weight * (b < d ? points[index * d + b] : 1)
                for a in 0..<d { moment[a + b * order] += scale * points[index * d + a] }
                moment[d + b * order] += scale
            }
        }
        guard let l = ReferenceLinearAlgebra.cholesky(moment, order: order) else { return nil }
        var inverse = [Double](repeating: 0, count: order * order)
        for j in 0..<order {
            inverse[j + j * order] = 1 / l[j + j * order]
            for i in (j + 1)..<max(order, j + 1) {
                var sum = 0.0
                for k in j..<i { sum += l[i + k * order] * inverse[k + j * order] }
                inverse[i + j * order] = -sum / l[i + i * order]
            }
        }
        return inverse
    }

    /// z = L⁻¹q of the given points, D×m.
    private func images(_ inverse: [Double], _ indices: [Int]) -> [Double] {
        var z = [Double](repeating: 0, count: order * indices.count)
        for (j, index) in indices.enumerated() {
            for k in 0..<order {
                let scale = k < d ? points[index * d + k] : 1
                for i in k..<order { z[i + j * order] += scale * inverse[i + k * order] }
            }
        }
        return z
    }

    private func leverages(_ inverse: [Double], _ indices: [Int]) -> [Double] {
        var result = [Double](repeating: 0, count: indices.count)
        var z = [Double](repeating: 0, count: order)
        for (j, index) in indices.enumerated() {
            for k in 0..<order { z[k] = inverse[k + d * order] }
            for k in 0..<d {
                let scale = points[index * d + k]
                for i in k..<order { z[i] += scale * inverse[i + k * order] }
            }
            for k in 0..<order { result[j] += z[k] * z[k] }
        }
        return result
    }

    /// The points of the working set that carry weight, and their weights, sum 1, with max κ/D − 1 ≤ `tolerance` on it.
    private mutating func master(_ start: [Int], _ startWeights: [Double], _ tolerance: Double) -> ([Int], [Double])? {
        var work = start
        var m = work.count
        let bound = Double(order)
        let total = startWeights.reduce(0, +)
        var u = startWeights.map { 0.8 * $0 / total + 0.2 / Double(m) }
        for _ in 0..<6 {
            guard let factor = inverseFactor(work, u) else { return nil }
            let kappa = leverages(factor, work)
            for j in 0..<m { u[j] *= kappa[j] / bound }
        }
        var s: [Double] = []
        var mu = 0.0
        while iterations < 200 {
            let sum = u.reduce(0, +)
            for j in 0..<m { u[j] /= sum }
            guard let factor = inverseFactor(work, u) else { return nil }
            var kappa = leverages(factor, work)
            let gap = (kappa.max() ?? 0) / bound - 1
            if gap <= tolerance {
                let kept = (0..<m).filter { u[$0] > 1e-13 }
                return (kept.map { work[$0] }, kept.map { u[$0] })
            }
            // Points that very likely carry no weight leave; pricing brings back mistakes.
            let (meanU, meanS) = (1 / Double(m), s.reduce(0, +) / Double(max(1, s.count)))
            let kept = (0..<m).filter { s.isEmpty || u[$0] * meanS >= 1e-3 * s[$0] * meanU || kappa[$0] >= bound * (1 - 3 * gap) }
            if kept.count >= order, Double(kept.count) < 0.93 * Double(m) {
                (work, u, kappa) = (kept.map { work[$0] }, kept.map { u[$0] }, kept.map { kappa[$0] })
                if !s.isEmpty { s = kept.map { s[$0] } }
                m = kept.count
            }
            if s.isEmpty {
                mu = 0.3 * bound / Double(m) * max(0.02, min(1, gap))
                s = (0..<m).map { max(bound - kappa[$0], mu / u[$0]) }
            }
            guard let next = step(&u, &s, images(factor, work), kappa) else { return nil }
            mu = next
            iterations += 1
        }
        return nil
    }

    /// One predictor–corrector step of (1); returns the new μ.
    private func step(_ u: inout [Double], _ s: inout [Double], _ z: [Double], _ kappa: [Double]) -> Double? {
        let m = u.count
        let bound = Double(order)
        // Lower triangle of K∘K, column by column: K = ZᵀZ.
        var matrix = [Double](repeating: 0, count: m * m)
        for j in 0..<m {
            for i in j..<m {
                var sum = 0.0
                for k in 0..<order { sum += z[k + i * order] * z[k + j * order] }
                matrix[i + j * m] = sum * sum
            }
            matrix[j + j * m] += s[j] / u[j]
        }
        guard let factor = ReferenceLinearAlgebra.cholesky(matrix, order: m) else { return nil }
        func direction(_ target: Double, _ correction: [Double]) -> (du: [Double], ds: [Double]) {
            let right = (0..<m).map { (target - correction[$0]) / u[$0] - bound + kappa[$0] }
            let du = ReferenceLinearAlgebra.solve(choleskyFactor: factor, order: m, right)
            return (du, (0..<m).map { (target - correction[$0] - s[$0] * du[$0]) / u[$0] - s[$0] })
        }
        func limit(_ v: [Double], _ dv: [Double], _ fraction: Double) -> Double {
            (0..<m).reduce(1) { dv[$1] < 0 ? min($0, -fraction * v[$1] / dv[$1]) : $0 }
        }
        let now = zip(u, s).reduce(0) { $0 + $1.0 * $1.1 } / Double(m)
        let affine = direction(0, [Double](repeating: 0, count: m))
        let (a, b) = (limit(u, affine.du, 0.999), limit(s, affine.ds, 0.999))
        let after = (0..<m).reduce(0) { $0 + (u[$1] + a * affine.du[$1]) * (s[$1] + b * affine.ds[$1]) } / Double(m)
        let sigma = after / now
        let target = max(sigma * sigma * sigma, 1e-4) * now
        let (du, ds) = direction(target, (0..<m).map { affine.du[$0] * affine.ds[$0] })
        let fraction = max(0.995, 1 - min(1, target * Double(m) / bound))
        let (stepU, stepS) = (limit(u, du, fraction), limit(s, ds, fraction))
        for j in 0..<m {
            u[j] += stepU * du[j]
            s[j] += stepS * ds[j]
        }
        return target
    }
}
