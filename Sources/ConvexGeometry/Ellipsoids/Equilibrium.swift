// Weights near the optimum from the leverages of any weights, without a Hessian.
//
// Alone, point i would be in equilibrium (κᵢ = D) at uᵢ + 1/D − 1/κᵢ, by Sherman–Morrison; that the others move as well
// is one factor α for all, fixed by Σu = 1:
//
//     uᵢ ← max(0, uᵢ + 1/D − α/κᵢ)                                                                       (1)

enum Equilibrium {
    /// Moves weights the given fraction of the way to (1); points that lose their weight lose it at once.
    static func approach(_ u: inout [Double], kappa: [Double], order: Int, fraction: Double) {
        let d = Double(order)
        func mass(_ alpha: Double) -> Double {
            var sum = 0.0
            for j in u.indices { sum += Swift.max(0, u[j] + 1 / d - alpha / kappa[j]) }
            return sum
        }
        var (low, high) = (0.0, (kappa.max() ?? d) * (1 / d + (u.max() ?? 0)))
        for _ in 0..<40 {
            let middle = 0.5 * (low + high)
            if mass(middle) > 1 { low = middle } else { high = middle }
        }
        for j in u.indices {
            let target = Swift.max(0, u[j] + 1 / d - low / kappa[j])
            u[j] = target == 0 ? 0 : u[j] + fraction * (target - u[j])
        }
        let total = u.reduce(0, +)
        for j in u.indices { u[j] /= total }
    }
}
