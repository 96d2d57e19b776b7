// What a coreset or a sensitivity promises, tried out in many directions with plain loops.

import LinearAlgebra

enum CoresetCheck {
    // Random directions and the coordinate axes.
    private static func directions(_ d: Int) -> [[Double]] {
        var generator = WorkloadGenerator(seed: 53)
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
    static func attained(_ points: Matrix, _ indices: [Int]) -> Double {
        directions(points.rows).reduce(1) { worst, x in
            let all = values(points, x)
            return max(worst, (all.max() ?? 0) / (indices.map { all[$0] }.max() ?? 0))
        }
    }

    /// max over directions and points of |pᵀx| / (s(p)·Σ|qᵀx|): at most 1 when s bounds the sensitivities.
    static func largestShare(_ points: Matrix, _ sensitivities: [Double]) -> Double {
        directions(points.rows).reduce(0) { worst, x in
            let all = values(points, x)
            let total = all.reduce(0, +)
            return all.indices.reduce(worst) { sensitivities[$1] > 0 ? max($0, all[$1] / (sensitivities[$1] * total)) : $0 }
        }
    }
}
