// LeNet-5 (LeCun et al. 1998) in its usual ReLU form.

import TensorFiles

extension Network {
    static func lenet5(_ archive: TensorArchive, inputShape: [Int]?) throws(NetworkError) -> Network {
        var topology = try ArchiveTopology(archive, anchor: "conv1.weight", architecture: "lenet-5")
        let first = try topology.shape("conv1.weight", rank: 4, node: "conv1")
        let second = try topology.shape("conv2.weight", rank: 4, node: "conv2")
        let dense = try topology.shape("fc1.weight", rank: 2, node: "fc1")
        // Without padding 28 → 24 → 12 → 8 → 4 and 32 → … → 5; a 5×5 end on gray images means padding 2 in conv1.
        let isWide = dense[1] == 25 * second[0]
        let side = isWide && first[1] == 3 ? 32 : 28
        let padding = isWide && first[1] != 3 && inputShape.map { $0.last == 28 } ?? true ? 2 : 0
        var value = topology.input(shape: inputShape ?? [first[1], side, side])
        var channels = first[1]
        for (name, padding) in [("conv1", padding), ("conv2", 0)] {
            (value, channels) = try topology.convolution(name, value, channels: channels, padding: padding)
            value = topology.relu(name + ".relu", value)
            value = topology.maximumPooling(name + ".pool", value, window: 2, stride: 2)
        }
        value = topology.append("flatten", .flatten(axis: 1), value)
        var layer = 1
        while topology.has("fc\(layer).weight") {
            if layer > 1 { value = topology.relu("fc\(layer - 1).relu", value) }
            value = topology.linear("fc\(layer)", value)
            layer += 1
        }
        return try topology.network(output: value)
    }
}
