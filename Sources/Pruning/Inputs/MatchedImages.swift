// Synthetic images changed until the batch normalizations recognize their statistics.
//
//   L(x) = Σ_layers mean_c [ (m_c − μ_c)²/σ_c² + v_c/σ_c² − 1 − log(v_c/σ_c²) ]                                (1)
// m, v: mean and variance of what a batch normalization reads, over all images and places; μ, σ² the stored ones (with ε). Each
// term is twice the divergence KL(N(m, v) ‖ N(μ, σ²)). With M values per channel and C channels
//   ∂L/∂z = α_c + β_c·z,   β_c = (2/(M·C))·(1/σ² − 1/v),   α_c = (2/(M·C))·(m − μ)/σ² − β_c·m                 (2)
// Steps against the gradient by Adam, sizes decaying as a cosine; pixels stay inside the range of images. Stored means and
// variances are all that a batch-normalized network remembers of its data: images that agree with them at every depth excite the
// channels together as the data did, which is what a refit needs.
// The gradient's own forward pass observes the statistics of all images; after the step, those of an eighth of them tell how far
// they moved. (Seeds one step old halve the pace: all pixels move together, and a mean overshoots.)
// Cost per step: 1⅛ forward passes and one backward. Memory: the images, three times.
// Sources: Yin et al., CVPR 2020 (images from batch-normalization statistics); Kingma & Ba, ICLR 2015 (Adam).

import LinearAlgebra
import NeuralNetworks
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Images optimized towards stored batch-normalization statistics.
package struct MatchedImages: Sendable {
    /// How far and how fast.
    package struct Settings: Sendable {
        package var steps = 20
        /// First step, in units of the pixel range.
        package var step = 0.035
        /// Adam's decay of the first and of the second moment.
        package var decay: (Double, Double) = (0.9, 0.99)

        package init() {}
    }

    package let images: ActivationTensor
    /// L before each step, as estimated for its seeds.
    package let mismatches: [Double]

    /// - Parameters:
    ///   - start: normalized images, (N, channels, …).
    ///   - low, high: least and largest value per channel after normalization.
    /// - Throws: ``NetworkError`` when a layer cannot be differentiated or evaluated.
    package init(
        _ start: ActivationTensor, network: Network, low: [Float], high: [Float], settings: Settings = Settings()
    ) throws(NetworkError) {
        let gradient = try InputGradient(network)
        var images = start
        var first = [Float](repeating: 0, count: start.values.count)
        var second = first
        var mismatches: [Double] = []
        let area = start.sampleSize / low.count
        var statistics = settings.steps > 0 ? try gradient.normalizationStatistics(of: images) : [:]
        for iteration in 0..<settings.steps {
            let (loss, seeds) = try Self.mismatch(of: statistics, images.batchCount, network)
            mismatches.append(loss)
            let (slope, observation) = try gradient.gradientAndObservation(at: images, normalizationSeeds: seeds)
            let rate = settings.step * 0.5 * (1 + cos(Double.pi * Double(iteration) / Double(settings.steps)))
            let (decay1, decay2) = (Float(settings.decay.0), Float(settings.decay.1))
            let correction1 = Float(1 / (1 - pow(settings.decay.0, Double(iteration + 1))))
            let correction2 = Float(1 / (1 - pow(settings.decay.1, Double(iteration + 1))))
            for row in 0..<images.batchCount * low.count {
                let c = row % low.count
                let step = Float(rate) * (high[c] - low[c])
                for i in row * area..<(row + 1) * area {
                    let g = slope.values[i]
                    first[i] = decay1 * first[i] + (1 - decay1) * g
                    second[i] = decay2 * second[i] + (1 - decay2) * g * g
                    // Where no gradient has ever been, nothing moves.
                    let size = (second[i] * correction2).squareRoot()
                    let move = size > 0 ? step * first[i] * correction1 / size : 0
                    images.values[i] = Swift.min(high[c], Swift.max(low[c], images.values[i] - move))
                }
            }
            guard iteration + 1 < settings.steps else { break }
            statistics = try gradient.normalizationStatistics(of: images, movedSince: observation)
        }
        self.images = images
        self.mismatches = mismatches
    }

    /// (1) for each of several sets of images.
    package static func mismatches(of starts: [ActivationTensor], network: Network) throws(NetworkError) -> [Double] {
        let gradient = try InputGradient(network)
        var found: [Double] = []
        for images in starts {
            found.append(try mismatch(of: gradient.normalizationStatistics(of: images), images.batchCount, network).0)
        }
        return found
    }

    /// (1) and the seeds (2) by node.
    package static func mismatch(
        of statistics: [Int: ChannelStatistics], _ count: Int, _ network: Network
    ) throws(NetworkError) -> (Double, [Int: InputGradient.NormalizationSeed]) {
        var loss = 0.0
        var seeds: [Int: InputGradient.NormalizationSeed] = [:]
        for (node, own) in statistics.sorted(by: { $0.key < $1.key }) {
            guard case .batchNormalization(let layer) = network.nodes[node].layer, let means = network.parameters[layer.mean]?.values,
                let variances = network.parameters[layer.variance]?.values
            else { continue }
            let places = network.values[network.nodes[node].inputs[0]].shape?.dropFirst().reduce(1, *) ?? 1
            let weight = 1 / Double(means.count)
            let unit = 2 * weight / Double(Swift.max(1, count * places))
            var seed = InputGradient.NormalizationSeed(offset: [], slope: [])
            for c in means.indices {
                let stored = Double(variances[c]) + Double(layer.epsilon)
                let found = Double(own.variance[c]) + Double(layer.epsilon)
                let shift = Double(own.mean[c]) - Double(means[c])
                loss += weight * (shift * shift / stored + found / stored - 1 - Elementary.log(found / stored))
                let slope = unit * (1 / stored - 1 / found)
                seed.slope.append(Float(slope))
                seed.offset.append(Float(unit * shift / stored - slope * Double(own.mean[c])))
            }
            seeds[node] = seed
        }
        return (loss, seeds)
    }
}
