// Hermite coefficients and moments against quadrature with other nodes, and against Monte Carlo.

import Coresets
import LinearAlgebra
import NeuralNetworks
import Pruning
import TestSupport
import Testing
import RandomNumbers

private let activations: [Activation] = [
    .identity, .relu, .leakyReLU(slope: 0.1), .clippedReLU(maximum: 6), .gelu(approximateTanh: false),
    .gelu(approximateTanh: true), .tanh, .sigmoid, .silu, .hardSwish, .hardSigmoid, .elu(alpha: 0.7),
]

/// E f(g), g ~ N(0, 1), by a fine midpoint rule on [−10, 10]: slow, with nothing in common with the code under test.
private func expectation(_ f: (Double) -> Double) -> Double {
    let steps = 40_000
    let width = 20.0 / Double(steps)
    var sum = 0.0
    var mass = 0.0
    for k in 0..<steps {
        let g = -10 + (Double(k) + 0.5) * width
        // exp(−g²/2) by its own square root recursion would be silly; Gaussian mass is normalized away below.
        let density = gaussian(g)
        sum += density * f(g)
        mass += density
    }
    return sum / mass
}

/// exp(−g²/2) as (1 − g²/2^{k+1})^{2^k} would lose digits; a Taylor series with range halving does not.
private func gaussian(_ g: Double) -> Double {
    let x = -g * g / 2 / 64
    var term = 1.0
    var sum = 1.0
    for k in 1...20 {
        term *= x / Double(k)
        sum += term
    }
    var value = sum
    for _ in 0..<6 { value *= value }
    return value
}

/// Orthonormal Hermite polynomial h_k(g).
private func hermite(_ k: Int, _ g: Double) -> Double {
    var (previous, current) = (0.0, 1.0)
    for j in 0..<k {
        (previous, current) = (current, (g * current - Double(j).squareRoot() * previous) / Double(j + 1).squareRoot())
    }
    return current
}

@Suite struct HermiteExpansionTests {
    @Test(arguments: activations)
    func coefficientsAndVarianceAgreeWithAFineMidpointRule(_ activation: Activation) {
        for (mean, deviation) in [(0.0, 1.0), (-1.3, 0.4), (0.8, 2.5), (2.0, 0.1), (-6.0, 1.0), (3.0, 9.0)] {
            let expansion = HermiteExpansion(of: activation, mean: mean, deviation: deviation, degree: 8)
            // The midpoint rule errs by h²/24·|jump of the slope| at a kink, h = 20/40000, and less elsewhere.
            let scale = deviation + mean.magnitude + 1
            let tolerance = 2.5e-7 * scale * scale
            for k in 0...8 {
                let exact = expectation { activation.value(mean + deviation * $0) * hermite(k, $0) }
                #expect(
                    (expansion.coefficients[k] - exact).magnitude <= tolerance * (1 + hermite(k, 3).magnitude),
                    "\(activation) mean \(mean) deviation \(deviation) degree \(k)")
            }
            let first = expectation { activation.value(mean + deviation * $0) }
            let variance = expectation {
                let difference = activation.value(mean + deviation * $0) - first
                return difference * difference
            }
            #expect((expansion.variance - variance).magnitude <= tolerance * scale, "\(activation) \(mean) \(deviation)")
        }
    }

    @Test(arguments: activations)
    func parsevalTheCoefficientsHoldNoMoreThanTheVariance(_ activation: Activation) {
        for (mean, deviation) in [(0.0, 1.0), (-1.3, 0.4), (2.0, 0.1)] {
            let expansion = HermiteExpansion(of: activation, mean: mean, deviation: deviation, degree: 32)
            let energy = expansion.coefficients.dropFirst().reduce(0) { $0 + $1 * $1 }
            #expect(energy <= expansion.variance * (1 + 1e-9) + 1e-15)
            // A kink leaves a tail like K^{−3/2} relative to the variance of the bend; 32 terms catch all but a few percent.
            #expect(energy >= expansion.variance * 0.97 - 1e-15)
        }
    }

    @Test func aUnitWithoutVarianceIsAConstant() {
        let expansion = HermiteExpansion(of: .relu, mean: 1.5, deviation: 0, degree: 4)
        #expect(expansion.coefficients == [1.5, 0, 0, 0, 0])
        #expect(expansion.variance == 0)
    }

    @Test(arguments: activations)
    func derivativesAgreeWithCentralDifferencesAwayFromKinks(_ activation: Activation) {
        for z in [-4.3, -2.2, -0.7, 0.4, 1.9, 5.1, 7.3] {
            let h = 1e-5
            let slope = (activation.value(z + h) - activation.value(z - h)) / (2 * h)
            // Rounding ulp/h and curvature h² together stay below 1e-9.
            #expect((activation.derivative(z) - slope).magnitude <= 1e-9, "\(activation) at \(z)")
        }
    }
}

@Suite struct GaussianMomentsTests {
    /// A covariance with strong and weak, positive and negative correlations.
    private func preactivation(_ n: Int, seed: UInt64) -> ActivationMoments {
        var generator = TestGenerator(seed: seed)
        let factor = Matrix(rows: n, columns: 3) { _, _ in generator.normal() }
        var covariance = factor.gram(weights: nil).rows == n ? factor.gram() : factor.times(factor, transposeOther: true)
        for i in 0..<n { covariance[i, i] += 0.1 }
        return ActivationMoments(mean: generator.normals(n), covariance: covariance)
    }

    @Test(arguments: [Activation.relu, .leakyReLU(slope: 0.2), .gelu(approximateTanh: false), .tanh, .sigmoid])
    func momentsAgreeWithMonteCarlo(_ activation: Activation) throws {
        let n = 5
        let moments = preactivation(n, seed: 7)
        let image = GaussianMoments.image(of: moments, under: activation)
        let factor = try Cholesky(moments.covariance).factor
        var generator = SeededGenerator(seed: 11)
        let draws = 200_000
        var accumulator = MomentAccumulator(channels: n)
        for _ in 0..<20 {
            let noise = Matrix(rows: n, columns: draws / 20) { _, _ in generator.normal() }
            var z = factor.times(noise)
            for s in 0..<z.columns { for i in 0..<n { z[i, s] = activation.value(z[i, s] + moments.mean[i]) } }
            accumulator.add(z)
        }
        let sampled = accumulator.moments
        for i in 0..<n {
            let sigma = image.covariance[i, i].squareRoot()
            // Five standard errors of a mean, and of a product of two entries with kurtosis below 9.
            #expect((image.mean[i] - sampled.mean[i]).magnitude <= 5 * sigma / Double(draws).squareRoot())
            for j in 0..<n {
                let other = image.covariance[j, j].squareRoot()
                #expect(
                    (image.covariance[i, j] - sampled.covariance[i, j]).magnitude
                        <= (5 * 3 / Double(draws).squareRoot() + 1e-3) * sigma * other, "entry \(i), \(j)")
            }
        }
    }

    @Test func covariancesAgreeWithTwoDimensionalQuadratureAtCorrelationsUpToOne() {
        for rho in [-1.0, -0.9, -0.3, 0.0, 0.5, 0.95, 1.0] {
            let (m, s) = ([0.3, -0.5], [1.2, 0.8])
            let moments = ActivationMoments(
                mean: m, covariance: Matrix(rows: 2, columns: 2) { $0 == $1 ? s[$0] * s[$0] : rho * s[0] * s[1] })
            let image = GaussianMoments.image(of: moments, under: .relu)
            let rest = (1 - rho * rho).squareRoot()
            // Grid of 400² midpoints on [−8, 8]².
            var (sum, mass, mean0, mean1) = (0.0, 0.0, 0.0, 0.0)
            for a in 0..<400 {
                let x = -8 + (Double(a) + 0.5) * 0.04
                let h0 = max(0, m[0] + s[0] * x)
                for b in 0..<400 {
                    let y = -8 + (Double(b) + 0.5) * 0.04
                    let h1 = max(0, m[1] + s[1] * (rho * x + rest * y))
                    let w = gaussian(x) * gaussian(y)
                    sum += w * h0 * h1
                    mean0 += w * h0
                    mean1 += w * h1
                    mass += w
                }
            }
            let exact = sum / mass - mean0 / mass * mean1 / mass
            let scale = (image.covariance[0, 0] * image.covariance[1, 1]).squareRoot()
            // The truncated tail of the series: below 2e-3 at |ρ| = 1, and the grid's own 1e-4.
            #expect((image.covariance[0, 1] - exact).magnitude <= 2.2e-3 * scale, "correlation \(rho)")
        }
    }

    @Test func theCovarianceIsPositiveSemidefiniteAndSymmetricForDuplicatesAndDeadUnits() throws {
        let base = [1.0, 1.0, -1.0, 0.0, 0.5]
        let moments = ActivationMoments(
            mean: [0.2, 0.2, -0.1, 1.0, -40], covariance: Matrix(rows: 5, columns: 5) { base[$0] * base[$1] })
        for activation in activations {
            let image = GaussianMoments.image(of: moments, under: activation)
            #expect(image.covariance.isFinite)
            #expect(image.covariance == image.covariance.transposed())
            let eigen = try SymmetricEigendecomposition(image.covariance)
            let largest = eigen.values.last ?? 0
            #expect((eigen.values.first ?? 0) >= -64 * 5 * Double.ulpOfOne * max(largest, 1), "\(activation)")
            // Identical units have identical moments.
            #expect((image.covariance[0, 1] - image.covariance[0, 0]).magnitude <= 1e-12 * max(image.covariance[0, 0], 1))
        }
    }

    @Test func anAffineImageHasTheMomentsOfAnAffineImage() {
        let moments = preactivation(4, seed: 3)
        let w = Matrix(rows: 2, columns: 4) { Double($0 + 2 * $1) - 3 }
        let image = moments.affineImage(weight: w, bias: [1, -1])
        for a in 0..<2 {
            var mean = a == 0 ? 1.0 : -1.0
            for i in 0..<4 { mean += w[a, i] * moments.mean[i] }
            #expect((image.mean[a] - mean).magnitude <= 64 * Double.ulpOfOne * 16)
            for b in 0..<2 {
                var sum = 0.0
                for i in 0..<4 { for j in 0..<4 { sum += w[a, i] * moments.covariance[i, j] * w[b, j] } }
                #expect((image.covariance[a, b] - sum).magnitude <= 1e-12 * moments.covariance.maximumMagnitude * 100)
            }
        }
    }
}
