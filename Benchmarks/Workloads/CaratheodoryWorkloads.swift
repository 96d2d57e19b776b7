// Suite `caratheodory`: whole reductions, against the same tree in plain Swift.

import ConvexGeometry
import LinearAlgebra
import ReferenceImplementations
import RandomNumbers

package enum CaratheodoryWorkloads {
    package static var all: [Workload] {
        [10_000, 100_000].map { reduce($0, 20, sweep: "n") } + [reduce(1_000_000, 20, tier: .standard, sweep: "n")]
            + [10, 20, 50, 100].map { reduce(20_000, $0, sweep: "d") } + [reduce(20_000, 200, tier: .standard, sweep: "d")]
            + [reduce(5_000, 500, tier: .standard), covariance(50_000, 20)]
    }

    private static func reduce(_ n: Int, _ d: Int, tier: Tier = .quick, sweep: String? = nil) -> Workload {
        Workload(
            .caratheodory, "reduce", [Size("n", n), Size("d", d)], tier: tier, comparisons: [.plain, .kernels], sweep: sweep
        ) {
            let points = SyntheticPoints.gauss.points(n, d, seed: 41)
            let weights = weights(n)
            @Sendable func answer(_ indices: [Int], _ kept: [Double]) -> Answer {
                Answer { verify(points, d, weights, indices, kept) }
            }
            return Instance(
                bytes: 8 * Double(n * d),
                run: {
                    let reduction = try points.withUnsafeBufferPointer { points in
                        try weights.withUnsafeBufferPointer { weights in
                            try CaratheodoryReduction(points: points, count: n, dimension: d, weights: weights)
                        }
                    }
                    return answer(reduction.indices, reduction.weights)
                },
                plain: {
                    guard let (indices, kept) = TreeCaratheodory.reduce(points: points, dimension: d, weights: weights) else {
                        throw FactorizationError.singular(pivot: 0)
                    }
                    return answer(indices, kept)
                },
                peer: PeerInput(task: .reduce, points: points, dimension: d, weights: weights) { answer in
                    guard let indices = answer.indices, let kept = answer.weights, indices.count == kept.count,
                        indices.allSatisfy((0..<n).contains), indices.count <= d + 1
                    else { return Verification("at most \(d + 1) weighted points", error: .infinity, tolerance: 0) }
                    return verify(points, d, weights, indices, kept)
                })
        }
    }

    private static func covariance(_ n: Int, _ d: Int) -> Workload {
        Workload(.caratheodory, "covariance", [Size("n", n), Size("d", d)], comparisons: [.kernels]) {
            let points = SyntheticPoints.correlated.points(n, d, seed: 42)
            let weights = weights(n)
            return Instance(bytes: 8 * Double(n * d)) {
                let reduction = try points.withUnsafeBufferPointer { points in
                    try weights.withUnsafeBufferPointer { weights in
                        try CaratheodoryReduction(points: points, count: n, dimension: d, weights: weights, lift: .secondMoments)
                    }
                }
                return Answer {
                    // Each product of two coordinates is a coordinate of a lifted set.
                    var worst = verify(points, d, weights, reduction.indices, reduction.weights)
                    var products = [Double](repeating: 0, count: n)
                    for a in 0..<d {
                        for b in 0...a {
                            for j in 0..<n { products[j] = points[a + j * d] * points[b + j * d] }
                            let next = verify(products, 1, weights, reduction.indices, reduction.weights)
                            if next.error > worst.error { worst = next }
                        }
                    }
                    return Verification("max |Σ(w'−w)f| / Σw|f|", error: worst.error, tolerance: worst.tolerance)
                }
            }
        }
    }

    private static func weights(_ n: Int) -> [Double] {
        var generator = WorkloadGenerator(seed: 43)
        return (0..<n).map { _ in 1 - generator.uniform() }
    }

    // Sums of n terms with compensation (Neumaier 1974), so that the checker is more accurate than what it checks.
    private static func verify(_ points: [Double], _ d: Int, _ weights: [Double], _ indices: [Int], _ kept: [Double]) -> Verification {
        let measure = "max |Σ(w'−w)p| / Σw|p|"
        guard kept.allSatisfy({ $0 > 0 }) else { return Verification("a weight is not positive", error: .infinity, tolerance: 0) }
        var worst = 0.0
        for k in -1..<d {
            // k = −1: the mass.
            var sum = CompensatedSum()
            var scale = 0.0
            for j in weights.indices {
                let value = weights[j] * (k < 0 ? 1 : points[k + j * d])
                sum.add(-value)
                scale += value.magnitude
            }
            for (index, weight) in zip(indices, kept) { sum.add(weight * (k < 0 ? 1 : points[k + index * d])) }
            worst = max(worst, sum.value.magnitude / scale)
        }
        return Verification(measure, error: worst, tolerance: 64 * Double(d + 1) * .ulpOfOne)
    }
}

/// A sum that carries what rounding took from it.
struct CompensatedSum {
    private var sum = 0.0
    private var lost = 0.0

    mutating func add(_ term: Double) {
        let next = sum + term
        lost += sum.magnitude >= term.magnitude ? (sum - next) + term : (term - next) + sum
        sum = next
    }

    var value: Double { sum + lost }
}
