// Residual networks (He et al. 2016): the CIFAR family and the ImageNet family.

import TensorFiles

extension Network {
    /// Depth 6n + 2: n basic blocks in each of three stages.
    static func cifarResNet(_ archive: TensorArchive, depth: Int, inputShape: [Int]?) throws(NetworkError) -> Network {
        var topology = try ArchiveTopology(archive, anchor: "conv1.weight", architecture: "resnet\(depth)-cifar")
        let stem = try topology.shape("conv1.weight", rank: 4, node: "conv1")
        var value = topology.input(shape: inputShape ?? [stem[1], 32, 32])
        var channels: Int
        (value, channels) = try topology.convolution("conv1", value, channels: stem[1], padding: 1)
        value = try topology.batchNormalization("bn1", value)
        value = topology.relu("relu1", value)
        let blocks = (depth - 2) / 6
        for stage in 1...3 {
            for index in 0..<blocks {
                let stride = stage > 1 && index == 0 ? 2 : 1
                (value, channels) = try topology.residualBlock(
                    "layer\(stage).\(index)", value, channels: channels, stride: stride, isBottleneck: false)
            }
            try topology.expectNoBlock("layer\(stage).\(blocks)", "\(blocks) blocks per stage in resnet\(depth)-cifar")
        }
        value = topology.append("pool", .globalAveragePooling(keepsSpatialAxes: false), value)
        value = topology.linear(topology.has("linear.weight") ? "linear" : "fc", value)
        return try topology.network(output: value)
    }

    /// ResNet-18…152; wide and grouped variants differ in their tensors only.
    static func resNet(_ archive: TensorArchive, depth: Int, inputShape: [Int]?) throws(NetworkError) -> Network {
        let blocks: [Int: [Int]] = [18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3]]
        guard let stages = blocks[depth] else { throw .unknownArchitecture(name: "resnet\(depth)") }
        var topology = try ArchiveTopology(archive, anchor: "conv1.weight", architecture: "resnet\(depth)")
        let stem = try topology.shape("conv1.weight", rank: 4, node: "conv1")
        var value = topology.input(shape: inputShape ?? [stem[1], 224, 224])
        var channels: Int
        (value, channels) = try topology.convolution("conv1", value, channels: stem[1], stride: 2, padding: stem[2] / 2)
        value = try topology.batchNormalization("bn1", value)
        value = topology.relu("relu1", value)
        value = topology.maximumPooling("maxpool", value, window: 3, stride: 2, padding: 1)
        for (stage, count) in stages.enumerated() {
            for index in 0..<count {
                (value, channels) = try topology.residualBlock(
                    "layer\(stage + 1).\(index)", value, channels: channels, stride: stage > 0 && index == 0 ? 2 : 1,
                    isBottleneck: depth >= 50)
            }
            try topology.expectNoBlock("layer\(stage + 1).\(count)", "\(count) blocks in stage \(stage + 1) of resnet\(depth)")
        }
        value = topology.append("avgpool", .globalAveragePooling(keepsSpatialAxes: false), value)
        value = topology.linear("fc", value)
        return try topology.network(output: value)
    }
}

extension ArchiveTopology {
    /// conv–bn–relu–conv–bn (bottleneck: three convolutions), plus shortcut, then ReLU.
    mutating func residualBlock(
        _ name: String, _ input: Network.ValueID, channels: Int, stride: Int, isBottleneck: Bool
    ) throws(NetworkError) -> (Network.ValueID, channels: Int) {
        var value = input
        var width = channels
        let convolutions = isBottleneck ? 3 : 2
        for index in 1...convolutions {
            // The stride sits in the 3×3 convolution: the first of a basic block, the second of a bottleneck.
            let kernel = try shape("\(name).conv\(index).weight", rank: 4, node: "\(name).conv\(index)")[2]
            (value, width) = try convolution(
                "\(name).conv\(index)", value, channels: width, stride: index == convolutions - 1 ? stride : 1, padding: kernel / 2)
            value = try batchNormalization("\(name).bn\(index)", value)
            if index < convolutions { value = relu("\(name).relu\(index)", value) }
        }
        var shortcut = input
        if let projection = ["shortcut", "downsample"].first(where: { has("\(name).\($0).0.weight") }) {
            (shortcut, _) = try convolution("\(name).\(projection).0", input, channels: channels, stride: stride)
            shortcut = try batchNormalization("\(name).\(projection).1", shortcut)
        } else if stride > 1 || width != channels {
            shortcut = try parameterFreeShortcut(name, input, channels: channels, width: width, stride: stride)
        }
        let sum = append("\(name).add", .add, value, shortcut)
        return (relu("\(name).relu\(convolutions)", sum), width)
    }

    /// Option A: every second row and column, and zeros for the new channels, half of them in front.
    private mutating func parameterFreeShortcut(
        _ name: String, _ input: Network.ValueID, channels: Int, width: Int, stride: Int
    ) throws(NetworkError) -> Network.ValueID {
        let missing = width - channels
        guard missing >= 0, missing % 2 == 0 else {
            throw .wrongTensorShape(
                name: "\(prefix)\(name).conv2.weight", node: name,
                expected: "\(channels) outputs and an even number more, as the parameter-free shortcut pads,", found: [width])
        }
        var value = append(
            "\(name).shortcut.slice", .slice([SliceRange(), SliceRange(), SliceRange(step: stride), SliceRange(step: stride)]), input)
        if missing > 0 {
            let padding = [0, missing / 2, 0, 0]
            value = append("\(name).shortcut.pad", .padding(before: padding, after: padding, value: 0), value)
        }
        return value
    }

    /// A deeper network must not load as a shallower one.
    func expectNoBlock(_ name: String, _ expected: String) throws(NetworkError) {
        guard !has("\(name).conv1.weight") else {
            throw .unrecognizedNetwork(reason: "expected \(expected), found a further one, \(name)")
        }
    }
}
