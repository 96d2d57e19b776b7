// MobileNetV2 (Sandler et al. 2018) with torchvision's names.

import TensorFiles

extension Network {
    static func mobileNetV2(_ archive: TensorArchive, inputShape: [Int]?) throws(NetworkError) -> Network {
        var topology = try ArchiveTopology(archive, anchor: "features.0.0.weight", architecture: "mobilenet-v2")
        let stem = try topology.shape("features.0.0.weight", rank: 4, node: "features.0.0")
        var value = topology.input(shape: inputShape ?? [stem[1], 224, 224])
        var channels = stem[1]
        (value, channels) = try topology.normalizedConvolution("features.0.0", "features.0.1", value, channels: channels, stride: 2)
        // Blocks per stage, stride of the first one, and whether the block expands before its depthwise convolution.
        let stages = [(1, 1, false), (2, 2, true), (3, 2, true), (4, 2, true), (3, 1, true), (3, 2, true), (1, 1, true)]
        var index = 1
        for (count, stride, expands) in stages {
            for block in 0..<count {
                let name = "features.\(index).conv"
                let input = value
                var part = 0
                if expands {
                    (value, channels) = try topology.normalizedConvolution("\(name).0.0", "\(name).0.1", value, channels: channels)
                    part = 1
                }
                (value, channels) = try topology.normalizedConvolution(
                    "\(name).\(part).0", "\(name).\(part).1", value, channels: channels, stride: block == 0 ? stride : 1)
                (value, channels) = try topology.normalizedConvolution(
                    "\(name).\(part + 1)", "\(name).\(part + 2)", value, channels: channels, isActivated: false)
                if block > 0 { value = topology.append("features.\(index).add", .add, value, input) }
                index += 1
            }
        }
        (value, channels) = try topology.normalizedConvolution("features.\(index).0", "features.\(index).1", value, channels: channels)
        value = topology.append("pool", .globalAveragePooling(keepsSpatialAxes: false), value)
        value = topology.linear("classifier.1", value)
        return try topology.network(output: value)
    }
}

extension ArchiveTopology {
    /// Convolution with "same" padding, batch normalization, ReLU6.
    fileprivate mutating func normalizedConvolution(
        _ name: String, _ normalization: String, _ input: Network.ValueID, channels: Int, stride: Int = 1, isActivated: Bool = true
    ) throws(NetworkError) -> (Network.ValueID, channels: Int) {
        let kernel = try shape(name + ".weight", rank: 4, node: name)[2]
        var (value, width) = try convolution(name, input, channels: channels, stride: stride, padding: kernel / 2)
        value = try batchNormalization(normalization, value)
        if isActivated { value = append(normalization + ".relu6", .activation(.clippedReLU(maximum: 6)), value) }
        return (value, width)
    }
}
