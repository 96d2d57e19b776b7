// VGG-11…19 (Simonyan & Zisserman 2015), for ImageNet and CIFAR, with or without batch normalization.

import TensorFiles

extension Network {
    /// Convolutions per stage; a 2×2 maximum pooling ends every stage.
    private static let vggStages: [Int: [Int]] = [11: [1, 1, 2, 2, 2], 13: [2, 2, 2, 2, 2], 16: [2, 2, 3, 3, 3], 19: [2, 2, 4, 4, 4]]

    static func vgg(_ archive: TensorArchive, depth: Int, inputShape: [Int]?) throws(NetworkError) -> Network {
        guard let stages = vggStages[depth] else { throw .unknownArchitecture(name: "vgg\(depth)") }
        var topology = try ArchiveTopology(archive, anchor: "features.0.weight", architecture: "vgg\(depth)")
        // Indices count convolution, normalization, activation and pooling modules alike.
        let isNormalized = topology.has("features.1.running_mean")
        let stem = try topology.shape("features.0.weight", rank: 4, node: "features.0")
        let classifier = try classifierNames(topology)
        let dense = try topology.shape(classifier[0] + ".weight", rank: 2, node: classifier[0])
        let lastConvolution = stages.reduce(0) { $0 + $1 * (isNormalized ? 3 : 2) + 1 } - 1 - (isNormalized ? 3 : 2)
        let last = try topology.shape("features.\(lastConvolution).weight", rank: 4, node: "features.\(lastConvolution)")
        // Five poolings: a side of 32·s ends as s×s, which the first classifier layer tells.
        var side = 1
        while (side + 1) * (side + 1) * last[0] <= dense[1] { side += 1 }

        var value = topology.input(shape: inputShape ?? [stem[1], 32 * side, 32 * side])
        var channels = stem[1]
        var index = 0
        for (stage, count) in stages.enumerated() {
            for _ in 0..<count {
                (value, channels) = try topology.convolution("features.\(index)", value, channels: channels, padding: 1)
                index += 1
                if isNormalized {
                    value = try topology.batchNormalization("features.\(index)", value)
                    index += 1
                }
                value = topology.relu("features.\(index)", value)
                index += 1
            }
            value = topology.maximumPooling("pool\(stage + 1)", value, window: 2, stride: 2)
            index += 1
        }
        guard !topology.has("features.\(index).weight") else {
            throw .unrecognizedNetwork(reason: "expected \(depth - 3) convolutions in vgg\(depth), found a further one, features.\(index)")
        }
        value = topology.append("flatten", .flatten(axis: 1), value)
        for (position, name) in classifier.enumerated() {
            value = topology.linear(name, value)
            if position < classifier.count - 1 { value = topology.relu(name + ".relu", value) }
        }
        return try topology.network(output: value)
    }

    /// `classifier` alone, or `classifier.0`, `classifier.3`, … by number.
    private static func classifierNames(_ topology: ArchiveTopology) throws(NetworkError) -> [String] {
        if topology.has("classifier.weight") { return ["classifier"] }
        let numbers = (0..<16).filter { topology.has("classifier.\($0).weight") }
        guard !numbers.isEmpty else { throw .missingTensor(name: topology.prefix + "classifier.weight", node: "classifier") }
        return numbers.map { "classifier.\($0)" }
    }
}
