// Where a network narrows without an activation.

import NeuralNetworks

extension Network {
    /// Whether a group is the narrow end of a linear map in two factors: no activation between its producers and its consumers, fewer
    /// channels than each producer reads and than each consumer makes (the projections of inverted bottlenecks, low-rank factors).
    func isLinearBottleneck(_ group: ChannelGroup) -> Bool {
        guard !group.producers.isEmpty, !group.consumers.isEmpty, (try? activations(of: group))?.isEmpty == true else { return false }
        // A head of an attention is one channel of the group and many of its layers.
        let width = group.count * (group.slices.map { $0.map.offsets.count * $0.map.run }.min() ?? 1)
        return group.producers.allSatisfy { channels(of: $0).map { $0.inputs > width } ?? false }
            && group.consumers.allSatisfy { channels(of: $0).map { $0.outputs > width } ?? false }
    }

    /// Channels that a linear layer or convolution reads and makes.
    private func channels(of node: Int) -> (inputs: Int, outputs: Int)? {
        switch nodes[node].layer {
        case .linear(let layer):
            guard let shape = parameters[layer.weight]?.shape, shape.count == 2 else { return nil }
            let widths = layer.widths(of: shape)
            return (widths.inputs, widths.outputs)
        case .convolution(let layer):
            guard let shape = parameters[layer.weight]?.shape, shape.count >= 3 else { return nil }
            return (shape[1] * layer.groups, shape[0])
        default: return nil
        }
    }
}
