// One step of the interior-point method, equation (1) of its master: twice through the same factorization.

/// Directions for u and s, how far to follow each, and the μ they aim at.
struct PredictorCorrectorStep {
    let du: [Double]
    let ds: [Double]
    let lengthOfU: Double
    let lengthOfS: Double
    let target: Double

    /// nil when the system cannot be solved.
    init?(u: [Double], s: [Double], kappa: [Double], order: Int, system: inout NormalSystem, tuning: InteriorPointTuning) {
        let (m, d) = (u.count, Double(order))
        func direction(_ target: Double, _ correction: [Double]?) -> (du: [Double], ds: [Double]) {
            var du = [Double](repeating: 0, count: m)
            for j in 0..<m { du[j] = (target - (correction?[j] ?? 0)) / u[j] - d + kappa[j] }
            system.solve(&du)
            var ds = [Double](repeating: 0, count: m)
            for j in 0..<m { ds[j] = (target - (correction?[j] ?? 0) - s[j] * du[j]) / u[j] - s[j] }
            return (du, ds)
        }
        func limit(_ v: [Double], _ dv: [Double], _ fraction: Double) -> Double {
            var step = 1.0
            for j in 0..<m where dv[j] < 0 { step = Swift.min(step, -fraction * v[j] / dv[j]) }
            return step
        }
        var now = 0.0
        for j in 0..<m { now += u[j] * s[j] }
        now /= Double(m)
        let affine = direction(0, nil)
        guard affine.du.allSatisfy(\.isFinite) else { return nil }
        let (affineU, affineS) = (limit(u, affine.du, tuning.predicted), limit(s, affine.ds, tuning.predicted))
        var after = 0.0
        for j in 0..<m { after += (u[j] + affineU * affine.du[j]) * (s[j] + affineS * affine.ds[j]) }
        after /= Double(m)
        let sigma = after / now
        target = Swift.max(sigma * sigma * sigma, tuning.leastCentering) * now
        (du, ds) = direction(target, (0..<m).map { affine.du[$0] * affine.ds[$0] })
        guard du.allSatisfy(\.isFinite) else { return nil }
        // The fraction of the way to the boundary tends to 1.
        let fraction = Swift.max(tuning.leastWay, 1 - Swift.min(1, target * Double(m) / d))
        (lengthOfU, lengthOfS) = (limit(u, du, fraction), limit(s, ds, fraction))
    }
}
