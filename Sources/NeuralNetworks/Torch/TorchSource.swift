// A network as the source of a PyTorch module.
//
// Modules of torch.nn where a layer is one and its tensors are named as such a module's are, functions of torch for everything else.
// Names in the state dictionary are the network's own where the tensors will be read from a file of weights.

/// The source of a `torch.nn.Module` that computes what a network computes.
///
/// ```swift
/// let source = try TorchSource(network, weights: "small.safetensors", keepsNames: true)
/// print(source.text)
/// ```
public struct TorchSource: Sendable {
    /// A tensor of the module.
    public struct Tensor: Sendable, Equatable {
        /// In the state dictionary.
        public var name: String
        /// In `Network.parameters`.
        public var parameter: String
        /// Rows and columns change places on the way from one to the other.
        public var isTransposed: Bool
    }

    /// The Python file.
    public let text: String
    /// What the state dictionary holds.
    public let tensors: [Tensor]

    /// Writes the source.
    ///
    /// - Parameters:
    ///   - network: with shapes of its inputs; samples of that shape, any number of them, are what the module takes.
    ///   - weights: the file that the module's `load` reads when it is told no other, as seen from the Python file.
    ///   - keepsNames: whether tensors keep the network's names, in which case none is transposed; otherwise layers get names of
    ///     modules, and the file of weights must be made of `tensors`.
    /// - Throws: `unsupported` naming the node and the operation that torch has no counterpart of; as `inferringShapes`.
    /// - Complexity: O(nodes).
    public init(_ network: Network, weights: String, keepsNames: Bool) throws(NetworkError) {
        try self.init(network, weights: weights, keepsNames: keepsNames, wholes: [])
    }

    /// The source of a model of ONNX, whose inputs and outputs it takes and gives in the model's shapes.
    /// - Parameters, throws: as above; tensors have names of modules.
    public init(_ model: ONNXNetwork, weights: String) throws(NetworkError) {
        try self.init(model.network, weights: weights, keepsNames: false, wholes: model.wholes)
    }

    /// - Parameter wholes: inputs and outputs that have all their axes in one sample.
    private init(_ network: Network, weights: String, keepsNames: Bool, wholes: Set<Network.ValueID>) throws(NetworkError) {
        var writer = TorchWriter(try network.inferringShapes(), keepsNames: keepsNames, wholes: wholes)
        for (index, node) in writer.network.nodes.enumerated() {
            do { try writer.append(node, index) } catch .unsupported {
                throw .unsupported(node: node.name, operation: node.layer.operationName)
            }
        }
        text = writer.text(weights: weights)
        tensors = writer.tensors
    }

    /// Values of the tensors as the module wants them.
    public func state(of network: Network) -> [(name: String, parameter: Parameter)] {
        tensors.compactMap { tensor in
            guard let parameter = network.parameters[tensor.parameter] else { return nil }
            return (tensor.name, tensor.isTransposed ? parameter.transposed() : parameter)
        }
    }
}
