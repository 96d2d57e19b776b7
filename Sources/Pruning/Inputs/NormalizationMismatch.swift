// How far images are from what a network's batch normalizations remember of its training data.
//
//   r_c = w_c·(m_c − μ_c)/σ_c,   q_c = w_c·(s_c/σ_c − 1),   w_c = |γ_c|/max(|γ_c|, 0.01)                      (1)
//   L = mean over layers of mean over channels of h(r_c) + h(q_c),   h(t) = t²/2 where |t| ≤ 1, else |t| − ½   (2)
// m, s: mean and deviation of what a batch normalization reads, over all images and places; μ, σ the stored ones (with ε). γ is
// its scale: r and q are shifts of its output in units of the output's own deviation, or of 0.01 where that is smaller (channels
// that training turned off have tiny γ and σ, and would outweigh all others). Squares count a channel that is ten deviations
// off as a hundred: on EfficientNet-Lite0 a few channels made up most of such a sum and every step, so the steps were theirs.
// With M values per channel, C channels and K layers
//   ∂L/∂x = A/M + B·(x − m)/(M·s),   A = h′(r)·w/(σ·C·K),   B = h′(q)·w/(σ·C·K)                              (3)
// Source of the idea: Yin et al., CVPR 2020.

import NeuralNetworks

/// The robust mismatch (2) of statistics that a network was seen to have.
package enum NormalizationMismatch {
    /// Scales of a batch normalization below it count as this: outputs that never move by more are noise to what reads them.
    private static let leastScale = 0.01
    /// (2) of what a network was trained on is at most about this. Measured on data that training did not see: ResNet-20 for CIFAR-10
    /// .011 (500 images), EfficientNet-Lite0 .013 (100 photographs); crops of photographs as matching leaves them .006 and .014. Of
    /// images that are not like the data: PP-OCR's direction network .045 on photographs, .036 when they are matched, and the
    /// agreement on those was 11 to 16 points above that on lines of text.
    package static let mostOfData = 0.02

    /// (2) and the seeds (3) by node.
    ///
    /// - Parameters:
    ///   - statistics: mean and variance of what batch normalizations read, by node.
    ///   - values: M of (3) by node.
    /// - Complexity: O(channels).
    package static func value(
        of statistics: [Int: ChannelStatistics], network: Network, values: [Int: Int]
    ) -> (mismatch: Double, seeds: [Int: InputGradient.NormalizationSeed]) {
        var sum = 0.0
        var seeds: [Int: InputGradient.NormalizationSeed] = [:]
        for (node, own) in statistics.sorted(by: { $0.key < $1.key }) {
            guard case .batchNormalization(let layer) = network.nodes[node].layer, let means = network.parameters[layer.mean]?.values,
                let variances = network.parameters[layer.variance]?.values, !means.isEmpty
            else { continue }
            let scales = layer.scale.flatMap { network.parameters[$0]?.values }
            let share = 1 / (Double(means.count) * Double(statistics.count))
            let unit = 1 / Double(Swift.max(1, values[node] ?? 1))
            var seed = InputGradient.NormalizationSeed(offset: [], slope: [])
            for c in means.indices {
                let stored = layer.deviation(variances[c])
                let found = layer.deviation(own.variance[c])
                let scale = Double(scales?[c].magnitude ?? 1)
                let weight = scale / Swift.max(scale, leastScale)
                let shift = weight * (Double(own.mean[c]) - Double(means[c])) / stored
                let stretch = weight * (found / stored - 1)
                sum += share * (huber(shift) + huber(stretch))
                let pull = share * weight / stored * unit
                let slope = pull * huberSlope(stretch) / found
                seed.slope.append(Float(slope))
                seed.offset.append(Float(pull * huberSlope(shift) - slope * Double(own.mean[c])))
            }
            seeds[node] = seed
        }
        return (sum, seeds)
    }

    private static func huber(_ t: Double) -> Double { t.magnitude <= 1 ? t * t / 2 : t.magnitude - 0.5 }
    private static func huberSlope(_ t: Double) -> Double { Swift.min(1, Swift.max(-1, t)) }

    /// (2) of images.
    ///
    /// - Throws: ``NetworkError`` when a layer on the way to a batch normalization cannot be evaluated.
    package static func value(of images: ActivationTensor, network: Network) throws(NetworkError) -> Double {
        let gradient = try InputGradient(network, inputShape: images.sampleShape)
        return try value(
            of: gradient.normalizationStatistics(of: images), network: network,
            values: gradient.valuesPerSample.mapValues { $0 * images.batchCount }
        ).mismatch
    }
}
