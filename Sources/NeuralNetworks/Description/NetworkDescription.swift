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
//     convolution           stride 1, padding 0, dilation 1, groups 1
//     batch-norm            epsilon 1e-5
//     layer-norm, rms-norm  axis -1, epsilon 1e-5
//     group-norm            groups, epsilon 1e-5
//     max-pool, average-pool  size, stride (= size), padding 0, ceil false; average-pool: counts-padding true
//     global-average-pool   keeps-axes false
//     add, multiply         from: two or more
//     concatenate           from, axis 1
//     flatten               axis 1
//     activation            function
//     softmax               axis -1
//     dropout               nothing at inference
//
// Every type takes name, from and activation. Sizes are an integer or one per spatial axis.

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

/// Turns layer objects into nodes.
private struct DescriptionReader {
    let archive: TensorArchive
    var builder = NetworkBuilder()
    var values: [String: Network.ValueID] = [:]
    var last: Network.ValueID

    init(archive: TensorArchive, inputShape: [Int]) {
        self.archive = archive
        last = builder.input("input", shape: inputShape)
        values["input"] = last
    }

    mutating func read(_ value: JSONValue, index: Int) throws(NetworkError) {
        var members = try JSONMembers(value, place: "layer \(index)")
        guard let type = try members.text("type") else {
            throw .invalidDescription(place: members.place, reason: "expected a type, found none")
        }
        let name = try members.text("name") ?? "\(type).\(index)"
        guard values[name] == nil else {
            throw .invalidDescription(place: members.place, reason: "expected a name of its own, found \(name) again")
        }
        var inputs = [last]
        if let names = try members.names("from") {
            inputs = []
            for source in names {
                guard let value = values[source] else {
                    throw .invalidDescription(
                        place: members.place, reason: "expected the name of an earlier layer in from, found \(source)")
                }
                inputs.append(value)
            }
        }
        let activation = try members.take("activation").map { value throws(NetworkError) in try Self.activation(value, place: members.place)
        }
        let layer = try layer(type, name, &members)
        try members.finish()
        last = builder.append(name, layer, from: inputs)
        if let activation { last = builder.append(name + ".activation", .activation(activation), from: [last]) }
        values[name] = last
    }

    func network(output: String?) throws(NetworkError) -> Network {
        var end = last
        if let output {
            guard let value = values[output] else {
                throw .invalidDescription(place: "top level", reason: "expected the name of a layer as output, found \(output)")
            }
            end = value
        }
        var parameters: [String: Parameter] = [:]
        for node in builder.nodes {
            for name in node.layer.parameterNames where parameters[name] == nil {
                guard let tensor = archive[name] else { throw .missingTensor(name: name, node: node.name) }
                parameters[name] = try Parameter(tensor, name: name)
            }
        }
        var network = try builder.network(outputs: [end], parameters: parameters)
        network.storesAttributes = false
        return network
    }

    // MARK: Layers

    private func layer(_ type: String, _ name: String, _ members: inout JSONMembers) throws(NetworkError) -> Layer {
        switch type {
        case "linear":
            return .linear(Linear(weight: name + ".weight", bias: optional(name + ".bias")))
        case "convolution":
            guard let weight = archive[name + ".weight"] else { throw .missingTensor(name: name + ".weight", node: name) }
            let spatial = weight.shape.count - 2
            guard spatial == 1 || spatial == 2 else {
                throw .wrongTensorShape(name: name + ".weight", node: name, expected: "three or four axes", found: weight.shape)
            }
            let padding = try members.integers("padding", count: spatial) ?? [Int](repeating: 0, count: spatial)
            return .convolution(
                Convolution(
                    weight: name + ".weight", bias: optional(name + ".bias"),
                    strides: try members.integers("stride", count: spatial) ?? [Int](repeating: 1, count: spatial),
                    padding: padding + padding,
                    dilations: try members.integers("dilation", count: spatial) ?? [Int](repeating: 1, count: spatial),
                    groups: try members.integer("groups") ?? 1))
        case "batch-norm":
            return .batchNormalization(
                BatchNormalization(
                    scale: optional(name + ".weight"), shift: optional(name + ".bias"), mean: name + ".running_mean",
                    variance: name + ".running_var", epsilon: try members.number("epsilon") ?? 1e-5))
        case "layer-norm", "rms-norm":
            return normalization(
                type == "rms-norm" ? .rms : .layer, axis: try members.integer("axis") ?? -1, name, epsilon: try members.number("epsilon"))
        case "group-norm":
            guard let groups = try members.integer("groups"), groups > 0 else {
                throw .invalidDescription(place: members.place, reason: "expected groups of at least 1, found none")
            }
            return normalization(.group(groups), axis: 1, name, epsilon: try members.number("epsilon"))
        case "max-pool", "average-pool":
            return .pooling(try pooling(isMaximum: type == "max-pool", &members))
        case "global-average-pool":
            return .globalAveragePooling(keepsSpatialAxes: try members.boolean("keeps-axes") ?? false)
        case "add":
            return .add
        case "multiply":
            return .multiply
        case "concatenate":
            return .concatenation(axis: try members.integer("axis") ?? 1)
        case "flatten":
            return .flatten(axis: try members.integer("axis") ?? 1)
        case "activation":
            guard let function = members.take("function") else {
                throw .invalidDescription(place: members.place, reason: "expected a function, found none")
            }
            return .activation(try Self.activation(function, place: members.place))
        case "softmax":
            return .softmax(axis: try members.integer("axis") ?? -1)
        case "dropout":
            return .identity
        default:
            throw .invalidDescription(
                place: members.place, reason: "expected a type such as linear, convolution or batch-norm, found \(type)")
        }
    }

    private func optional(_ name: String) -> String? { archive[name] == nil ? nil : name }

    private func normalization(_ kind: Normalization.Kind, axis: Int, _ name: String, epsilon: Float?) -> Layer {
        .normalization(
            Normalization(
                kind: kind, axis: axis, scale: optional(name + ".weight"), shift: optional(name + ".bias"), epsilon: epsilon ?? 1e-5))
    }

    private func pooling(isMaximum: Bool, _ members: inout JSONMembers) throws(NetworkError) -> Pooling {
        guard let size = members.take("size") else {
            throw .invalidDescription(place: members.place, reason: "expected a size, found none")
        }
        // A list of one is a 1-D pooling.
        let window: [Int]
        if let side = size.integer { window = [side, side] } else { window = JSONMembers.integers(size) ?? [] }
        guard (1...2).contains(window.count), window.allSatisfy({ $0 > 0 && $0 < 1 << 31 }) else {
            throw members.invalid("size", "a positive integer, or one per spatial axis,", size)
        }
        let padding = try members.integers("padding", count: window.count) ?? window.map { _ in 0 }
        let countsPadding = isMaximum ? true : try members.boolean("counts-padding") ?? true
        return Pooling(
            kind: isMaximum ? .maximum : .average(countsPadding: countsPadding), window: window,
            strides: try members.integers("stride", count: window.count) ?? window, padding: padding + padding,
            ceilMode: try members.boolean("ceil") ?? false)
    }

    /// A name, or an object with the function and its constant.
    static func activation(_ value: JSONValue, place: String) throws(NetworkError) -> Activation {
        if let name = value.text { return try activation(named: name, constant: nil, place: place) }
        var members = try JSONMembers(value, place: place + ", activation")
        guard let name = try members.text("function") else {
            throw .invalidDescription(place: members.place, reason: "expected a function, found none")
        }
        let key = ["leaky-relu": "slope", "elu": "alpha", "clipped-relu": "maximum"][name]
        var constant: Float?
        if let key { constant = try members.number(key) }
        try members.finish()
        return try activation(named: name, constant: constant, place: place)
    }

    private static func activation(named name: String, constant: Float?, place: String) throws(NetworkError) -> Activation {
        guard let activation = Activation(named: name, constant: constant) else {
            throw .invalidDescription(
                place: place, reason: "expected an activation among \(Activation.names.joined(separator: ", ")), found \(name)")
        }
        return activation
    }
}
