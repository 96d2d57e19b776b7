// A topology in a JSON file, for weights-only files of unknown architectures.
//
//     {
//       "input": [1, 28, 28],                          shape of one input, without the batch axis
//       "layers": [
//         {"type": "convolution", "name": "conv1", "padding": 2, "activation": "relu"},
//         {"type": "max-pool", "size": 2},
//         {"type": "flatten"},
//         {"type": "linear", "name": "fc1", "activation": {"function": "leaky-relu", "slope": 0.1}},
//         {"type": "linear", "name": "fc2"}
//       ],
//       "output": "fc2"                                 optional: the last layer
//     }
//
// Layers read the layer before them, or those named in "from" (a name or a list; "input" is the input). Tensors are named
// after the layer: name.weight, name.bias (used when present), name.running_mean, name.running_var.
//
//     type                  members
//     linear
//     convolution           stride 1, padding 0, dilation 1, groups 1, depthwise false (then multiplier 1)
//     convolution-transpose  stride 1, padding 0, output-padding 0, dilation 1, groups 1
//     batch-norm            epsilon 1e-5
//     layer-norm, rms-norm  axis -1, epsilon 1e-5
//     group-norm            groups, epsilon 1e-5
//     instance-norm         epsilon 1e-5
//     max-pool, average-pool  size, stride (= size), padding 0, ceil false; average-pool: counts-padding true
//     global-average-pool   keeps-axes false
//     add, multiply         from: two or more
//     concatenate           from, axis 1
//     flatten               axis 1
//     reshape               shape, of all axes; the first is the batch's, -1 what is left
//     transpose             axes
//     slice                 start 0, end (null for all), step 1: a number for every axis, the batch's included
//     pad                   before, after (likewise), value 0
//     mean                  axes, keeps-axes false
//     attention             from: queries, keys, values; heads, scale
//     embedding             the input holds row numbers
//     tensor                a tensor as a value: from nothing; tensors is its name
//     activation            function
//     softmax               axis -1
//     dropout               nothing at inference
//
// Every type takes name, from and activation; those with tensors take tensors, what their names start with where that is not the
// layer's own name, and linear layers and convolutions weight and bias, their two names. Sizes are an integer or one per spatial axis, paddings also one per side. `depthwise`: as many groups as channels.

import TensorFiles

/// A parsed description file.
public struct NetworkDescription: Sendable {
    private let root: JSONValue

    /// - Throws: `invalidDescription` when the bytes are not JSON.
    public init(json: [UInt8]) throws(NetworkError) {
        root = try JSONValue.parse(json)
    }

    /// The network that the description and the tensors make.
    /// - Throws: ``NetworkError`` naming the layer, member or tensor that does not fit.
    public func network(archive: TensorArchive) throws(NetworkError) -> Network {
        var members = try JSONMembers(root, place: "top level")
        guard let shapeValue = members.take("input") else {
            throw .invalidDescription(place: "top level", reason: "expected input, the shape of one input, found none")
        }
        guard let shape = JSONMembers.integers(shapeValue), !shape.isEmpty, shape.allSatisfy({ $0 > 0 }) else {
            throw members.invalid("input", "a list of positive integers", shapeValue)
        }
        guard case .array(let layers)? = members.take("layers"), !layers.isEmpty else {
            throw .invalidDescription(place: "top level", reason: "expected layers, a list of at least one, found none")
        }
        let output = try members.text("output")
        try members.finish()

        var reader = DescriptionReader(archive: archive, inputShape: shape)
        for (index, layer) in layers.enumerated() { try reader.read(layer, index: index) }
        return try reader.network(output: output)
    }
}

extension Network {
    /// A network from a file of weights and a description of its topology.
    /// - Throws: ``NetworkError`` naming the layer, member or tensor that does not fit.
    public init(archive: TensorArchive, description: NetworkDescription) throws(NetworkError) {
        self = try description.network(archive: archive)
    }
}
