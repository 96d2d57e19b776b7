// Khachiyan's method for the minimum-volume enclosing ellipsoid, in plain Swift: no BLAS, no rank-one updates, no tricks.
//
//     κᵢ = qᵢᵀM⁻¹qᵢ, qᵢ = (pᵢ, 1);  j = argmax κ;  β = (κⱼ − D)/(D(κⱼ − 1));  u ← (1−β)u + βeⱼ
//
// Every step factors M anew and evaluates every κ: O(nD² + D³). Source: Khachiyan, Math. Oper. Res. 21 (1996).

/// The reference answer: weights and the gap they reach.
public struct KhachiyanEllipsoid {
    /// One weight per point, sum 1.
    public let weights: [Double]
    /// max κ/D − 1.
    public let gap: Double
    /// Steps made.
    public let iterations: Int

    /// Runs until the gap is at most `gap` or `iterationLimit` steps are done; `nil` when the points do not span.
    /// - Parameters:
    ///   - points: d×n by columns.
    ///   - isCentered: whether the center is fixed at the origin.
    public init?(points: [Double], dimension d: Int, isCentered: Bool = false, gap tolerance: Double, iterationLimit: Int) {
        let n = points.count / d
        let order = d + (isCentered ? 0 : 1)
        var lifted = [Double](repeating: 1, count: n * order)
        for j in 0..<n { for k in 0..<d { lifted[k + j * order] = points[k + j * d] } }
        var u = [Double](repeating: 1 / Double(n), count: n)
        var step = 0
        while true {
            guard let kappa = Self.leverages(lifted, order, u) else { return nil }
            var j = 0
            for i in 0..<n where kappa[i] > kappa[j] { j = i }
            let reached = kappa[j] / Double(order) - 1
            if reached <= tolerance || step == iterationLimit {
                (weights, gap, iterations) = (u, reached, step)
                return
            }
            let beta = (kappa[j] - Double(order)) / (Double(order) * (kappa[j] - 1))
            for i in 0..<n { u[i] *= 1 - beta }
            u[j] += beta
            step += 1
        }
    }

    /// qᵢᵀM(u)⁻¹qᵢ for every column of `lifted`; `nil` when M is singular.
    public static func leverages(_ lifted: [Double], _ order: Int, _ u: [Double]) -> [Double]? {
        var moment = [Double](repeating: 0, count: order * order)
        for j in 0..<u.count where u[j] > 0 {
            for b in 0..<order { for a in 0..<order { moment[a + b * order] += u[j] * lifted[a + j * order] * lifted[b + j * order] } }
        }
        guard let l = ReferenceLinearAlgebra.cholesky(moment, order: order) else { return nil }
        var kappa = [Double](repeating: 0, count: u.count)
        var z = [Double](repeating: 0, count: order)
        for j in 0..<u.count {
            for k in 0..<order {
                z[k] = lifted[k + j * order]
                for i in 0..<k { z[k] -= l[k + i * order] * z[i] }
                z[k] /= l[k + k * order]
                kappa[j] += z[k] * z[k]
            }
        }
        return kappa
    }
}
