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
                        "attained / proven factor", error: CoresetCheck.attained(points, coreset.indices) / coreset.provenFactor,
                        tolerance: 1)
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
                        "|pᵀx| / (s·Σ|qᵀx|), largest seen", error: CoresetCheck.largestShare(points, bounds.sensitivities), tolerance: 1)
                }
            }
        }
    }
}
