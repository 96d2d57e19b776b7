// Images that a classifier would take for members of its classes, from declared pixel statistics and the weights alone.
//
// Draws g₀ ~ N(0, Σ) of the latent field of `PixelField` climb towards a class c, held back by the prior they came from, as in
// `AscendedSamples`:
//   maximize  β·log softmax(f(T(g)))[c] − ½(g − g₀)ᵀΣ⁻¹(g − g₀)                                               (1)
//   a ← (1 − η)·a + η·β·T′(g)·∇log softmax(f(T(g)))[c],   g = g₀ + Σ·a
// Cost per step: one forward and one backward pass. Memory: the images, four times.
// Source: Bardsley, Solonen, Haario & Laine, SIAM J. Sci. Comput. 36, 2014 ("randomize, then optimize").

import NeuralNetworks
import RandomNumbers

/// Class-ascended images of a correlated prior.
package struct AscendedImages: Sendable {
    /// How far to climb.
    package struct Settings: Sendable {
        /// β of (1).
        package var strength = 6.0
        package var steps = 15

        package init() {}
    }

    /// Network inputs, after normalization.
    package let images: ActivationTensor

    /// Draws `count` images; classes take turns.
    ///
    /// - Parameters:
    ///   - field: what is declared about the pixels.
    ///   - classCount: outputs of the network, which are logits.
    ///   - generator: the only source of randomness.
    /// - Throws: ``NetworkError`` when the network cannot be differentiated.
    package init(
        _ network: Network, field: PixelField, count: Int, classCount: Int, settings: Settings = Settings(),
        using generator: inout SeededGenerator
    ) throws(NetworkError) {
        let start = field.draw(count: count, using: &generator)
        var latent = start
        var images = field.images(latent)
        let gradient = try InputGradient(network)
        // As for dense networks: β times the curvature asks for shorter steps.
        let eta = Float(0.5 / Swift.max(settings.strength, 1))
        let gain = eta * Float(settings.strength)
        var pull = [Float](repeating: 0, count: latent.count)
        for _ in 0..<settings.steps {
            let slope = try gradient.gradient(
                at: images,
                outputSeed: { sample, outputs, seed in
                    _ = seed.update(fromContentsOf: outputs)
                    DenseChain.residual(seed, target: sample % classCount)
                })
            let tangent = field.derivative(latent)
            for i in pull.indices { pull[i] = (1 - eta) * pull[i] + gain * tangent[i] * slope.values[i] }
            latent = field.covariance(times: pull)
            for i in latent.indices { latent[i] += start[i] }
            images = field.images(latent)
        }
        self.images = images
    }
}
