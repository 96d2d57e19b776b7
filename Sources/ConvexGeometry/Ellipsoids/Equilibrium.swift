// Weights near the optimum from the leverages of any weights, without a Hessian.
//
// Alone, point i would be in equilibrium (κᵢ = D) at uᵢ + 1/D − 1/κᵢ, by Sherman–Morrison; that the others move as well
// is one factor α for all, fixed by Σu = 1:
//
//     uᵢ ← max(0, uᵢ + 1/D − α/κᵢ)                                                                       (1)
//
// Their sum is convex in α, falls, and is linear between points that lose their weight: Newton's steps from below stay below and
// end once no more points drop out.

enum Equilibrium {
    /// Steps towards α at most; a handful is the rule.
    private static let steps = 40

    /// Moves weights the given fraction of the way to (1); points that lose their weight lose it at once.
    static func approach(_ u: inout [Double], kappa: [Double], order: Int, fraction: Double) {
        let share = 1 / Double(order)
        let count = u.count
        kappa.withUnsafeBufferPointer { kappa in
            u.withUnsafeMutableBufferPointer { u in
                var alpha = 0.0
                for _ in 0..<steps {
                    var (mass, slope) = (0.0, 0.0)
                    for j in 0..<count {
                        let weight = u[j] + share
                        // Without a branch: which points drop out cannot be foretold.
                        let isOpen = weight * kappa[j] > alpha
                        mass += isOpen ? weight - alpha / kappa[j] : 0
                        slope += isOpen ? 1 / kappa[j] : 0
                    }
                    let next = alpha + (mass - 1) / slope
                    guard next > alpha, next.isFinite else { break }
                    alpha = next
                }
                for j in 0..<count {
                    let target = Swift.max(0, u[j] + share - alpha / kappa[j])
                    u[j] = target == 0 ? 0 : u[j] + fraction * (target - u[j])
                }
            }
        }
        let total = u.reduce(0, +)
        for j in u.indices { u[j] /= total }
    }
}
