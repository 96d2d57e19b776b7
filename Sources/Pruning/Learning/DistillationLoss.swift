// How far the smaller network is from the original on one input.
//
//     ℓ = 10·mean_k ‖s_k − t_k‖²/v_k + 3·mean_o ‖P(z_o − y_o)‖²/u_o                                            (1)
// s_k, t_k matched values inside, z_o, y_o outputs, v and u their total variances in the original. Logits count up to a common shift:
// there P takes off the mean over classes. Where the inputs show every class often enough, so that their mix of classes cannot
// mislead, a classifier also gets
//     + 4·T²·KL(softmax(y/T) ‖ softmax(z/T)),   T = 2                                                          (2)
// and with labels the cross-entropy takes the place of everything inside:
//     ℓ = ½·CE(label, z) + ½·T²·KL(softmax(y/T) ‖ softmax(z/T)).                                               (3)
// Sources: Romero et al., ICLR 2015 (values inside); Hinton, Vinyals & Dean, arXiv 1503.02531 (2, 3). Factors of (1) and (2):
// measured on EfficientNet-Lite0 and ResNet-20.

import LinearAlgebra
import NeuralNetworks

package struct DistillationLoss: Sendable {
    private static let featureWeight = 10.0
    private static let outputWeight = 3.0
    private static let divergenceWeight = 4.0
    private static let labelShare = 0.5
    private static let temperature = 2.0

    /// Per matched value inside: what its squared difference is multiplied by.
    private(set) var featureFactors: [Double]
    /// Per output.
    let outputFactors: [Double]
    let centersOutputs: Bool
    let matchesProbabilities: Bool
    let usesLabels: Bool

    /// - Parameters:
    ///   - features, outputs: total variance of each value in the original, over one input.
    package init(features: [Double], outputs: [Double], centersOutputs: Bool, matchesProbabilities: Bool, usesLabels: Bool) {
        func factors(_ variances: [Double], _ weight: Double) -> [Double] {
            variances.map { $0 > 0 && $0.isFinite ? weight / (Double(variances.count) * $0) : 0 }
        }
        featureFactors = usesLabels ? features.map { _ in 0 } : factors(features, DistillationLoss.featureWeight)
        outputFactors = usesLabels ? outputs.map { _ in 0 } : factors(outputs, DistillationLoss.outputWeight)
        self.centersOutputs = centersOutputs
        self.matchesProbabilities = matchesProbabilities || usesLabels
        self.usesLabels = usesLabels
    }

    /// ℓ of (1) to (3); adds its slope.
    ///
    /// - Parameters:
    ///   - values, slopes: of the smaller network: features, then outputs.
    ///   - targets: of the original, in the same order.
    package func callAsFunction(
        _ values: [UnsafeBufferPointer<Float>], targets: [UnsafeBufferPointer<Float>], label: Int?,
        slopes: [UnsafeMutableBufferPointer<Float>]
    ) -> Double {
        var total = 0.0
        for (k, factor) in featureFactors.enumerated() where factor > 0 {
            total += DistillationLoss.square(values[k], targets[k], factor: factor, slope: slopes[k])
        }
        for (o, factor) in outputFactors.enumerated() {
            let k = featureFactors.count + o
            if factor > 0 {
                let shift = centersOutputs ? DistillationLoss.meanDifference(values[k], targets[k]) : 0
                total += DistillationLoss.square(values[k], targets[k], shift: shift, factor: factor, slope: slopes[k])
            }
            guard matchesProbabilities else { continue }
            let weight = usesLabels ? 1 - DistillationLoss.labelShare : DistillationLoss.divergenceWeight
            total += DistillationLoss.divergence(
                values[k], targets[k], temperature: DistillationLoss.temperature, weight: weight, slope: slopes[k])
            if let label {
                total += DistillationLoss.crossEntropy(values[k], label: label, weight: DistillationLoss.labelShare, slope: slopes[k])
            }
        }
        return total
    }

    /// (1) of a network that answers every input alike: squared errors are variances.
    var ofConstants: Double {
        (featureFactors.contains { $0 > 0 } ? DistillationLoss.featureWeight : 0)
            + (outputFactors.contains { $0 > 0 } ? DistillationLoss.outputWeight : 0)
    }

    /// (1) and (2) of the outputs alone.
    var ofOutputs: DistillationLoss {
        var result = self
        result.featureFactors = []
        return result
    }

    /// Mean of ℓ over samples, without labels.
    ///
    /// - Parameters:
    ///   - values, targets: of the smaller network and the original: features, then outputs.
    func mean(_ values: [ActivationTensor], targets: [ActivationTensor]) -> Double {
        let count = values.first?.batchCount ?? 0
        let slopes = values.map { tensor in
            let slope = UnsafeMutableBufferPointer<Float>.allocate(capacity: tensor.sampleSize)
            slope.initialize(repeating: 0)
            return slope
        }
        defer { for slope in slopes { slope.deallocate() } }
        let total = (0..<count).reduce(0.0) { sum, sample in
            sum + values.withSample(sample) { given in targets.withSample(sample) { self(given, targets: $0, label: nil, slopes: slopes) } }
        }
        return total / Double(max(1, count))
    }

    static func meanDifference(_ z: UnsafeBufferPointer<Float>, _ y: UnsafeBufferPointer<Float>) -> Float {
        var sum = 0.0
        for i in z.indices { sum += Double(z[i]) - Double(y[i]) }
        return Float(sum / Double(max(1, z.count)))
    }

    /// factor·‖z − y − shift‖²; its slope, without that of the shift, which is orthogonal to it.
    private static func square(
        _ z: UnsafeBufferPointer<Float>, _ y: UnsafeBufferPointer<Float>, shift: Float = 0, factor: Double,
        slope: UnsafeMutableBufferPointer<Float>
    ) -> Double {
        let twice = Float(2 * factor)
        var sum = 0.0
        // Runs of 256 in Float lanes, their sums in Double.
        var first = 0
        while first < z.count {
            let last = min(z.count, first + 256)
            var part: Float = 0
            for i in first..<last {
                let difference = z[i] - y[i] - shift
                slope[i] += twice * difference
                part += difference * difference
            }
            sum += Double(part)
            first = last
        }
        return factor * sum
    }

    /// weight·T²·KL(softmax(y/T) ‖ softmax(z/T)); its slope weight·T·(softmax(z/T) − softmax(y/T)).
    private static func divergence(
        _ z: UnsafeBufferPointer<Float>, _ y: UnsafeBufferPointer<Float>, temperature: Double, weight: Double,
        slope: UnsafeMutableBufferPointer<Float>
    ) -> Double {
        let (given, wanted) = (LogSoftmax(z, temperature: temperature), LogSoftmax(y, temperature: temperature))
        var sum = 0.0
        for i in z.indices {
            let (p, q) = (wanted.logarithm(i), given.logarithm(i))
            let probability = Elementary.exp(p)
            sum += probability * (p - q)
            slope[i] += Float(weight * temperature * (Elementary.exp(q) - probability))
        }
        return weight * temperature * temperature * sum
    }

    /// −weight·log softmax(z)[label] and its slope.
    private static func crossEntropy(
        _ z: UnsafeBufferPointer<Float>, label: Int, weight: Double, slope: UnsafeMutableBufferPointer<Float>
    ) -> Double {
        let given = LogSoftmax(z, temperature: 1)
        for i in z.indices { slope[i] += Float(weight * (Elementary.exp(given.logarithm(i)) - (i == label ? 1 : 0))) }
        return -weight * given.logarithm(label)
    }
}

extension [ActivationTensor] {
    /// The values of one sample in every tensor.
    func withSample<Result>(_ sample: Int, _ body: ([UnsafeBufferPointer<Float>]) -> Result) -> Result {
        func view(_ found: [UnsafeBufferPointer<Float>]) -> Result {
            guard found.count < count else { return body(found) }
            let size = self[found.count].sampleSize
            return self[found.count].values.withUnsafeBufferPointer {
                view(found + [UnsafeBufferPointer(rebasing: $0[sample * size..<(sample + 1) * size])])
            }
        }
        return view([])
    }
}

/// log softmax(z/T) without overflow.
struct LogSoftmax {
    private let z: UnsafeBufferPointer<Float>
    private let inverse: Double
    private let normalizer: Double

    init(_ z: UnsafeBufferPointer<Float>, temperature: Double) {
        self.z = z
        let inverse = 1 / temperature
        self.inverse = inverse
        let top = Double(z.max() ?? 0) * inverse
        normalizer = top + Elementary.log(z.reduce(0.0) { $0 + Elementary.exp(Double($1) * inverse - top) })
    }

    func logarithm(_ index: Int) -> Double { Double(z[index]) * inverse - normalizer }
}
