// Whether a network reads pixels as bytes, by its first convolution, where no answers tell.
//
// Training brings biases and what images make of the weights to comparable size, batch normalization does so by construction, and
// folding it away keeps that. Pixels 255 times too dark leave biases alone:
//   r = median over channels of σ_c/|b_c|,   σ_c deviation of channel c on photographs from 0 to 1, b_c its bias                  (1)
// Measured: a detector of text for bytes 0.005; networks for 0 to 1, −1 to 1 or torchvision's scale from 0.09 (a MobileNet) over 0.2 to 0.3
// (EfficientNet-Lite, ResNet-20 and 56) to 1.4 and more (YOLO, MTCNN, LeNet-5). The ways to scale but for bytes lie too close to each
// other for (1).
// Cost: the first convolution on a few images.

import NeuralNetworks

enum PixelScale {
    /// Limit to (1): the geometric mean of what was measured on either side.
    private static let leastOfUnit = 0.02

    /// Whether pixels of 0 to 1 are too dark for the first convolution; false without biases to compare with.
    ///
    /// - Parameter images: photographs with values in [0, 1].
    /// - Throws: `evaluation`.
    static func isOfBytes(_ network: Network, _ images: ActivationTensor) throws(PruningError) -> Bool {
        for node in network.nodes {
            guard case .convolution(let layer) = node.layer else { continue }
            guard let bias = layer.bias.flatMap({ network.parameters[$0]?.values }) else { return false }
            let found = try deviations(of: node.outputs[0], on: images, network)
            let shares = zip(found, bias).filter { $1 != 0 }.map { $0 / Double($1.magnitude) }.sorted()
            return !shares.isEmpty && shares[shares.count / 2] < leastOfUnit
        }
        return false
    }

    /// Deviation of every channel over images and places.
    private static func deviations(
        of value: Network.ValueID, on images: ActivationTensor, _ network: Network
    ) throws(PruningError) -> [Double] {
        let stream = try ActivationStream(network, observing: [value])
        var (sums, squares, count): ([Double], [Double], Double) = ([], [], 0)
        try stream.forEachBatch(of: images) { activations in
            guard let output = activations[value], output.shape.count > 2 else { return }
            let (channels, places) = (output.shape[1], output.shape.dropFirst(2).reduce(1, *))
            if sums.isEmpty { (sums, squares) = ([Double](repeating: 0, count: channels), [Double](repeating: 0, count: channels)) }
            for (index, x) in output.values.enumerated() {
                let channel = index / places % channels
                sums[channel] += Double(x)
                squares[channel] += Double(x) * Double(x)
            }
            count += Double(output.batchCount * places)
        }
        guard count > 0 else { return [] }
        return sums.indices.map { Swift.max(0, squares[$0] / count - sums[$0] * sums[$0] / (count * count)).squareRoot() }
    }
}
