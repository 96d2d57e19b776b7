// Hermite expansion of an activation under a Gaussian pre-activation.
//
//   φ(m + s·g) = Σ_k a_k·h_k(g),   g ~ N(0, 1),   h_k = He_k/√k! orthonormal                              (1)
//   E φ = a₀,   Var φ = Σ_{k≥1} a_k²,   Cov(φ(zᵢ), φ(zⱼ)) = Σ_{k≥1} a_k(i)·a_k(j)·ρᵢⱼᵏ                   (2)
//
// ReLU, with t = m/s:  a₀ = mΦ(t) + sϕ(t),  a₁ = sΦ(t),  a_k = s·He_{k−2}(−t)·ϕ(t)/√k! for k ≥ 2         (3)
// because d²/dg² of max(m + s·g, 0) is s·δ(g + t). Every piecewise linear φ is a sum of shifted ReLUs, so (3)
// covers leaky and clipped ReLU and the hard sigmoid; the others are integrated numerically.
//
// Sources: Mehler's formula for (2); e.g. Daniely, Frostig & Singer, NeurIPS 2016 (dual activations).

import LinearAlgebra
import NeuralNetworks

/// The leading Hermite coefficients of one unit and what they leave over.
package struct HermiteExpansion {
    /// a₀ … a_K.
    package var coefficients: [Double]
    /// Var φ, exact (not the truncated sum).
    package var variance: Double

    /// Σ_{k>K} a_k², the part of the variance that the kept terms miss; never negative.
    package var remainder: Double {
        Swift.max(0, variance - coefficients.dropFirst().reduce(0) { $0 + $1 * $1 })
    }

    private init(coefficients: [Double], variance: Double) {
        self.coefficients = coefficients
        self.variance = variance
    }

    /// Expansion of φ(m + s·g) up to degree `degree` ≥ 1; s ≥ 0.
    package init(of activation: Activation, mean: Double, deviation: Double, degree: Int) {
        guard deviation > 0 else {
            self.init(
                coefficients: [activation.value(mean)] + [Double](repeating: 0, count: degree), variance: 0)
            return
        }
        if let linear = activation.piecewiseLinear {
            self.init(of: linear, mean: mean, deviation: deviation, degree: degree)
        } else {
            self.init(quadratureOf: activation, mean: mean, deviation: deviation, degree: degree)
        }
    }

    private init(of function: PiecewiseLinear, mean: Double, deviation s: Double, degree: Int) {
        var a = [Double](repeating: 0, count: degree + 1)
        a[0] = function.intercept + function.slope * mean
        a[1] = function.slope * s
        for (knee, weight) in function.knees {
            let m = mean - knee
            let t = m / s
            let (cumulative, density) = (NormalDistribution.cumulative(t), NormalDistribution.density(t))
            a[0] += weight * (m * cumulative + s * density)
            a[1] += weight * s * cumulative
            // h_{k−2}(−t) by the three-term recurrence √k·h_k = x·h_{k−1} − √(k−1)·h_{k−2}.
            var (previous, current) = (0.0, 1.0)
            for k in 2..<Swift.max(degree + 1, 2) {
                a[k] += weight * s * density * current / (Double(k) * Double(k - 1)).squareRoot()
                let j = Double(k - 1)
                (previous, current) = (current, (-t * current - (j - 1).squareRoot() * previous) / j.squareRoot())
            }
        }
        self.init(coefficients: a, variance: function.variance(mean: mean, deviation: s))
    }

    private init(quadratureOf activation: Activation, mean: Double, deviation s: Double, degree: Int) {
        let rule = GaussLegendre.gaussianRule(breaks: activation.quadratureBreaks.map { ($0 - mean) / s })
        var a = [Double](repeating: 0, count: degree + 1)
        for (g, weight) in rule {
            let term = weight * activation.value(mean + s * g)
            var (previous, current) = (0.0, 1.0)
            for k in 0...degree {
                a[k] += term * current
                let j = Double(k + 1)
                (previous, current) = (current, (g * current - (j - 1).squareRoot() * previous) / j.squareRoot())
            }
        }
        let expectation = a[0]
        let variance = rule.reduce(0.0) { sum, node in
            let difference = activation.value(mean + s * node.point) - expectation
            return sum + node.weight * difference * difference
        }
        self.init(coefficients: a, variance: variance)
    }
}

extension PiecewiseLinear {
    /// Var f(m + s·g), s > 0, segment by segment from partial Gaussian moments.
    package func variance(mean: Double, deviation s: Double) -> Double {
        var expectation = intercept + slope * mean
        for (knee, weight) in knees {
            let t = (mean - knee) / s
            expectation += weight * ((mean - knee) * NormalDistribution.cumulative(t) + s * NormalDistribution.density(t))
        }
        // On a segment f − E f = α + β·g; the integrals of 1, g, g² over (from, to) are differences of Φ, −ϕ, Φ − g·ϕ.
        var total = 0.0
        var from = -Double.infinity
        var (alpha, beta) = (intercept + slope * mean - expectation, slope * s)
        for index in 0...knees.count {
            let to = index < knees.count ? (knees[index].knee - mean) / s : Double.infinity
            let (low, high) = (NormalDistribution.density(from), NormalDistribution.density(to))
            // Φ(to) − Φ(from) without cancellation in the upper tail.
            let mass =
                from > 0
                ? NormalDistribution.cumulative(-from) - NormalDistribution.cumulative(-to)
                : NormalDistribution.cumulative(to) - NormalDistribution.cumulative(from)
            let first = low - high
            let second = mass + (from.isFinite ? from * low : 0) - (to.isFinite ? to * high : 0)
            total += alpha * alpha * mass + 2 * alpha * beta * first + beta * beta * second
            if index < knees.count {
                let (knee, weight) = knees[index]
                alpha += weight * (mean - knee)
                beta += weight * s
                from = to
            }
        }
        return Swift.max(0, total)
    }
}
