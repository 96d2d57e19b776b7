// Which images a network recognizes.
//
// A batch-normalized network remembers the statistics of its data: the kind of images whose statistics are closest serves. Else a
// classifier tells by its answers: on images like those it was trained on it is sure of each (low entropy) and names many classes
// (high entropy of the mean), so that its answers carry information about the image,
//   I = H(mean_x p(·|x)) − mean_x H(p(·|x)),   H in nats                                                        (1)
// Measured with 200 images each: ResNet-20 for CIFAR-10 without batch norm, photographs 1.65, field 0.30 (its data 2.20); LeNet-5
// for MNIST, photographs 0.36, field 0.85 (2.25); EfficientNet-Lite0 without batch norm, photographs 2.33, field 0.05.
// Of the ways to scale pixels (1) found the one of training, too: ResNet-20, 0 to 1: 0.66, −1 to 1: 1.26, torchvision's 1.65, bytes 1.02.
// Source of (1): Bridle, Heading & MacKay, NIPS 1991.

import NeuralNetworks
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How well a network knows images: higher is better, comparable between images for one network only.
package enum ImageRecognition {
    /// Minus the mismatch with the statistics that batch normalizations store.
    /// - Throws: ``NetworkError`` when a layer on the way cannot be evaluated.
    package static func statistics(_ network: Network, _ images: ActivationTensor) throws(NetworkError) -> Double {
        -(try NormalizationMismatch.value(of: images, network: network))
    }

    /// (1), in nats; `nil` unless the network's only output has several values, the logits or the probabilities of classes.
    /// - Throws: `evaluation`.
    package static func information(_ network: Network, _ images: ActivationTensor) throws(PruningError) -> Double? {
        guard network.outputs.count == 1, network.comparableOutputs == network.outputs else { return nil }
        let stream = try ActivationStream(network)
        var (mean, entropy, count): ([Double], Double, Double) = ([], 0, 0)
        for samples in stream.batches(of: images) {
            guard let outputs = try stream(images, samples: samples).observed.first, outputs.sampleSize > 1,
                ClassificationAccuracy.comparesScores(of: outputs.sampleShape)
            else { return nil }
            let classes = outputs.sampleSize
            if mean.isEmpty { mean = [Double](repeating: 0, count: classes) }
            for n in 0..<samples.count {
                let own = probabilities(outputs.values[n * classes..<(n + 1) * classes])
                guard own.allSatisfy(\.isFinite) else { return nil }
                entropy += self.entropy(own)
                for k in own.indices { mean[k] += own[k] }
                count += 1
            }
        }
        guard count > 0 else { return nil }
        return self.entropy(mean.map { $0 / count }) - entropy / count
    }

    /// As they are where they are probabilities, else the softmax.
    static func probabilities(_ outputs: ArraySlice<Float>) -> [Double] {
        let values = outputs.map(Double.init)
        let sum = values.reduce(0, +)
        if values.allSatisfy({ $0 >= 0 }), (sum - 1).magnitude <= 1e-3 { return values.map { $0 / sum } }
        var powers = values
        values.withUnsafeBufferPointer { z in
            powers.withUnsafeMutableBufferPointer { p in _ = Softmax.probabilities(of: z, into: p) }
        }
        return powers
    }

    private static func entropy(_ p: [Double]) -> Double { p.reduce(0) { $1 > 0 ? $0 - $1 * log($1) : $0 } }
}
