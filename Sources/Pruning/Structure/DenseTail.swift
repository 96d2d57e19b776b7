// The linear layers that end a network.

import NeuralNetworks

/// Linear layers that end the network, first to last, each read by the next alone, with nothing but a batch normalization and then
/// an activation between. Empty when the network has not one output, made by a linear layer with a bias and at least two outputs.
struct DenseTail: Sendable {
    /// A linear layer with a bias, what its outputs pass before the next one reads them, and its size.
    struct Member: Sendable {
        var node: Network.Node
        var layer: Linear
        var bias: String
        /// Index of the batch normalization right behind it.
        var normalization: Int?
        var activation: Activation
        /// What the activation reads.
        var preactivation: Network.ValueID
        var inputs: Int
        var outputs: Int

        /// Where the weight of an output and an input is stored.
        func position(_ output: Int, _ input: Int) -> Int {
            let strides = layer.strides(outputs: outputs, inputs: inputs)
            return output * strides.output + input * strides.input
        }
    }

    private(set) var members: [Member] = []

    init(_ network: Network) {
        guard network.outputs.count == 1 else { return }
        var (activation, normalization): (Activation?, Int?)
        var value = network.outputs[0]
        while let index = network.nodes.lastIndex(where: { $0.outputs.contains(value) }), network.nodes[index].inputs.count == 1 {
            let node = network.nodes[index]
            let readers = network.nodes.reduce(0) { $0 + $1.inputs.count { $0 == value } }
            guard readers == (value == network.outputs[0] ? 0 : 1) else { return }
            switch node.layer {
            case .linear(let layer):
                guard let bias = layer.bias, let shape = network.parameters[layer.weight]?.shape, shape.count == 2,
                    !members.contains(where: { $0.layer.weight == layer.weight })
                else { return }
                let (outputs, inputs) = layer.widths(of: shape)
                guard !members.isEmpty || outputs >= 2 else { return }
                members.insert(
                    Member(
                        node: node, layer: layer, bias: bias, normalization: normalization, activation: activation ?? .identity,
                        preactivation: network.nodes[normalization ?? index].outputs[0], inputs: inputs, outputs: outputs), at: 0)
                (activation, normalization) = (nil, nil)
            case .batchNormalization(let layer) where normalization == nil && !members.isEmpty:
                // A scale of zero hides what is before it.
                guard layer.scale.map({ network.parameters[$0]?.values.allSatisfy(\.isNormal) ?? false }) ?? true else { return }
                normalization = index
            case .activation(let function) where activation == nil && normalization == nil && !members.isEmpty: activation = function
            case .identity where !members.isEmpty: break
            default: return
            }
            value = node.inputs[0]
        }
    }

    /// Where the tail begins; `nil` when it is empty.
    func firstNode(in network: Network) -> Int? {
        members.first.flatMap { first in network.nodes.lastIndex { $0.outputs == first.node.outputs } }
    }

    /// Classes told apart by the network's only output; `nil` when it is not the vector of a linear layer.
    var classCount: Int? { members.last?.outputs }
}
