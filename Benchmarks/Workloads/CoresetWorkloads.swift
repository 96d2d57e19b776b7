// Suite `coreset`: the three constructions and the peeling that turns them into sensitivities.

import ConvexGeometry
import Coresets
import LinearAlgebra

package enum CoresetWorkloads {
    package static var all: [Workload] {
        LInfinityCoreset.Construction.allCases.map { select($0, 10_000, 20) }
            + [1_000, 2_000, 4_000].map { peel($0, 10, sweep: "n") }
            + [select(.axisCaratheodory, 100_000, 50, tier: .standard)]
    }

    private static func select(_ construction: LInfinityCoreset.Construction, _ n: Int, _ d: Int, tier: Tier = .quick) -> Workload {
        Workload(.coreset, construction.rawValue, [Size("n", n), Size("d", d)], tier: tier, comparisons: [.kernels]) {
            let points = Matrix(rows: d, columns: n, elements: SyntheticPoints.correlated.points(n, d, seed: 51))
            return Instance(bytes: 8 * Double(n * d)) {
                let coreset = try LInfinityCoreset(points: points, settings: .init(construction: construction))
                return Answer {
                    Verification(
                        "attained / proven factor", error: attained(points, coreset.indices) / coreset.provenFactor, tolerance: 1)
                }
            }
        }
    }

    private static func peel(_ n: Int, _ d: Int, sweep: String) -> Workload {
        Workload(.coreset, "sensitivities", [Size("n", n), Size("d", d)], comparisons: [.kernels], sweep: sweep) {
            let points = Matrix(rows: d, columns: n, elements: SyntheticPoints.heavy.points(n, d, seed: 52))
            return Instance(bytes: 8 * Double(n * d)) {
                let bounds = try SensitivityBounds(points: points)
                return Answer(iterations: bounds.peels) {
                    Verification(
                        "|pᵀx| / (s·Σ|qᵀx|), largest seen", error: largestShare(points, bounds.sensitivities), tolerance: 1)
                }
            }
        }
    }

    // Random directions and the coordinate axes.
    private static func directions(_ d: Int) -> [[Double]] {
        var generator = SplitMix64(seed: 53)
        return (0..<d).map { axis in (0..<d).map { $0 == axis ? 1 : 0 } } + (0..<64).map { _ in generator.normals(d) }
    }

    private static func values(_ points: Matrix, _ x: [Double]) -> [Double] {
        (0..<points.columns).map { j in
            var sum = 0.0
            for k in 0..<points.rows { sum += points.elements[k + j * points.rows] * x[k] }
            return sum.magnitude
        }
    }

    /// max over directions of max_P |pᵀx| / max_C |qᵀx|.
    private static func attained(_ points: Matrix, _ indices: [Int]) -> Double {
        directions(points.rows).reduce(1) { worst, x in
            let all = values(points, x)
            return max(worst, (all.max() ?? 0) / (indices.map { all[$0] }.max() ?? 0))
        }
    }

    /// max over directions and points of |pᵀx| / (s(p)·Σ|qᵀx|): at most 1 when s bounds the sensitivities.
    private static func largestShare(_ points: Matrix, _ sensitivities: [Double]) -> Double {
        directions(points.rows).reduce(0) { worst, x in
            let all = values(points, x)
            let total = all.reduce(0, +)
            return all.indices.reduce(worst) { sensitivities[$1] > 0 ? max($0, all[$1] / (sensitivities[$1] * total)) : $0 }
        }
    }
}
