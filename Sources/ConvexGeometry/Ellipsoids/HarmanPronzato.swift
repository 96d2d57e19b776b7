// Which points can never carry weight at the optimum.
//
// With e = max κ − D (absolute), every point of the optimal support has
//
//     κᵢ ≥ D·(1 + e/2 − √(e·(4 + e − 4/D))/2)
//
// Harman & Pronzato, Stat. Probab. Lett. 77 (2007).

enum HarmanPronzato {
    /// The bound for max κ/D − 1 = `gap`; weights must sum to 1. e is kept above 1e-12·D: at e = 0 rounding would
    /// discard true contact points.
    static func threshold(gap: Double, order: Int) -> Double {
        let d = Double(order)
        let e = Swift.max(gap, 1e-12) * d
        return d * (1 + e / 2 - (e * (4 + e - 4 / d)).squareRoot() / 2)
    }
}
