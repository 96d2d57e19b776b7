// Inputs that a classifier would take for members of its classes, drawn from nothing but a prior and the weights.
//
// A draw x₀ ~ N(μ₀, Σ₀) looks like no training image. We move it to a maximizer of
//   β·log softmax(f(x))[c] − ½(x − x₀)ᵀΣ₀⁻¹(x − x₀)                                                         (1)
// for a class c, by damped fixed-point steps of its stationarity condition x = x₀ + β·Σ₀·∇log softmax(f(x))[c]:
// "randomize, then optimize" (Bardsley, Solonen, Haario & Laine, SIAM J. Sci. Comput. 36, 2014), which approximates draws
// from the posterior of x given its class. A network depends on x through y = W₁x + b₁ alone, so with δ = ∂/∂y and
// K = W₁Σ₀W₁ᵀ the iteration runs in as many dimensions as the first layer has neurons:
//   a ← (1 − η)·a + η·β·δ(y),   y = y₀ + K·a,   finally x = x₀ + Σ₀·W₁ᵀ·a                                   (2)
// Cost per step: two passes through the network and 2·n₁²·N flops.

import LinearAlgebra
import NeuralNetworks
import RandomNumbers

/// Class-ascended samples of a Gaussian input prior.
package struct AscendedSamples: Sendable {
    /// N inputs, row-major (N, d).
    package var inputs: [Float]
    package var count: Int

    /// How far to climb.
    package struct Settings: Sendable {
        /// β of (1); 0 draws from the prior.
        package var strength = 6.0
        package var steps = 30

        package init() {}
    }

    /// Draws `count` inputs; classes take turns.
    ///
    /// - Parameters:
    ///   - prior: mean μ₀ and covariance Σ₀ of the (normalized) inputs.
    ///   - generator: the only source of randomness.
    /// - Throws: `FactorizationError` when Σ₀ is not positive semidefinite.
    package init(
        _ chain: DenseChain, prior: ActivationMoments, count: Int, settings: Settings = Settings(),
        using generator: inout SeededGenerator
    ) throws(FactorizationError) {
        let d = prior.count
        self.count = count
        inputs = try AscendedSamples.gaussian(prior, count: count, using: &generator)
        guard settings.strength > 0, chain.classCount > 1, count > 0 else { return }
        let n = chain.stages[0].outputs
        // Σ₀·W₁ᵀ (d×n) and K (n×n).
        let spread = prior.covariance.times(chain.firstWeight, transposeOther: true)
        let lift = spread.elements.map(Float.init)
        let kernel = chain.firstWeight.times(spread).elements.map(Float.init)
        inputs.withUnsafeMutableBufferPointer { inputs in
            guard let first = inputs.baseAddress else { return }
            let all = SharedPointer(first)
            BLASConfiguration.share((count + Self.block - 1) / Self.block) { part in
                let samples = part * Self.block..<Swift.min(count, (part + 1) * Self.block)
                let a = Self.climb(chain, all.pointer + samples.lowerBound * d, samples: samples, kernel: kernel, settings)
                BLAS.gemm(
                    .normal, .normal, d, samples.count, n, 1, lift, d, a, n, 1, all.pointer + samples.lowerBound * d, d)
            }
        }
    }

    /// Samples that climb together: what a step reads and writes of them stays in the second level of the cache.
    private static let block = 512

    /// The steps (2) of some samples from `inputs` on, and a at their end, n₁ rows.
    private static func climb(
        _ chain: DenseChain, _ inputs: UnsafePointer<Float>, samples: Range<Int>, kernel: [Float], _ settings: Settings
    ) -> [Float] {
        let first = chain.stages[0]
        let n = first.outputs
        let classes = samples.map { $0 % chain.classCount }
        let start = first.forward(
            Array(UnsafeBufferPointer(start: inputs, count: samples.count * first.inputs)), samples: samples.count)
        let beta = Float(settings.strength)
        // Half a step is stable where the log-probability is flat; β times the curvature asks for shorter ones.
        let eta = 0.5 / Swift.max(beta, 1)
        var a = [Float](repeating: 0, count: n * samples.count)
        var y = start
        for _ in 0..<settings.steps {
            let slope = chain.classGradient(at: y, classes: classes)
            for i in a.indices { a[i] = (1 - eta) * a[i] + eta * beta * slope[i] }
            y = start
            BLAS.gemm(.normal, .normal, n, samples.count, n, 1, kernel, n, a, n, 1, &y, n)
        }
        return a
    }

    /// Draws from N(m, C), row-major (count, d).
    private static func gaussian(
        _ moments: ActivationMoments, count: Int, using generator: inout SeededGenerator
    ) throws(FactorizationError) -> [Float] {
        let d = moments.count
        guard d > 0, count > 0 else { return [] }
        var covariance = moments.covariance
        // Strong correlation makes Σ₀ numerically singular; a millionth of its mean variance is below Float32's interest.
        for i in 0..<d { covariance[i, i] += 1e-6 * moments.meanVariance }
        let factor = try Cholesky(covariance).factor.elements.map(Float.init)
        var noise = [Float](repeating: 0, count: d * count)
        for k in noise.indices { noise[k] = Float(generator.normal()) }
        BLAS.trmm(.left, .lower, .normal, .nonUnit, d, count, 1, factor, d, &noise, d)
        let mean = moments.mean.map(Float.init)
        for s in 0..<count { for i in 0..<d { noise[s * d + i] += mean[i] } }
        return noise
    }
}
