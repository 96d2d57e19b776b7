// A network's topology as the text of a description file: the way back.

extension NetworkDescription {
    /// Names of layer types.
    static let types = [
        "linear", "convolution", "convolution-transpose", "batch-norm", "layer-norm", "rms-norm", "group-norm", "instance-norm", "max-pool",
        "average-pool", "global-average-pool", "add", "multiply", "concatenate", "flatten", "reshape", "transpose", "slice", "pad", "mean",
        "attention", "embedding", "tensor", "activation", "softmax", "dropout",
    ]

    /// The description file of a network with one input and one output: ``init(json:)`` and the network's tensors give it back.
    ///
    /// - Throws: `invalidNetwork` where it has more of them or an input of unknown shape; `invalidNode` naming the first layer that a
    ///   description has no type for, or whose tensors are not named as a description names them (`name.weight`, `name.bias`, …).
    /// - Complexity: O(nodes).
    public static func text(of network: Network) throws(NetworkError) -> String {
        guard network.inputs.count == 1, network.outputs.count == 1 else {
            throw .invalidNetwork(
                reason: "expected one input and one output to describe, found \(network.inputs.count) and \(network.outputs.count)")
        }
        guard let shape = network.values[network.inputs[0]].shape else {
            throw .invalidNetwork(reason: "expected an input of known shape to describe, found one without")
        }
        var writer = DescriptionWriter(network: network)
        var lines: [String] = []
        for node in network.nodes { lines.append("    " + (try writer.layer(node))) }
        var text = "{\n  \"input\": \(DescriptionWriter.list(shape)),\n  \"layers\": [\n\(lines.joined(separator: ",\n"))\n  ]"
        let output = try writer.source(network.outputs[0], node: "the output")
        if network.nodes.last?.outputs != network.outputs { text += ",\n  \"output\": \(DescriptionWriter.quoted(output))" }
        return text + "\n}\n"
    }
}

/// Turns nodes into layer objects.
private struct DescriptionWriter {
    let network: Network
    /// The layer that a value comes out of, by the name that others read it under.
    private var names: [Network.ValueID: String]
    private var taken: Set<String> = ["input"]
    private var last = "input"

    init(network: Network) {
        self.network = network
        names = [network.inputs[0]: "input"]
    }

    /// The name of the layer that a value comes from.
    func source(_ value: Network.ValueID, node: String) throws(NetworkError) -> String {
        guard let name = names[value] else {
            throw .invalidNode(name: node, reason: "expected values of layers with one output, found \(network.values[value].name)")
        }
        return name
    }

    /// One layer as an object on a line.
    mutating func layer(_ node: Network.Node) throws(NetworkError) -> String {
        guard node.outputs.count == 1 else {
            throw .invalidNode(name: node.name, reason: "expected a layer with one output to describe, found \(node.outputs.count)")
        }
        var (type, tensors, members) = try parts(node)
        // Layers are called as their tensors are, where that name is free.
        var name = tensors ?? node.name
        if taken.contains(name) { name = node.name }
        var number = 2
        while taken.contains(name) { (name, number) = ("\(node.name).\(number)", number + 1) }
        taken.insert(name)

        var sources: [String] = []
        for value in node.inputs { sources.append(try source(value, node: node.name)) }
        names[node.outputs[0]] = name
        if let tensors, tensors != name { members.insert(("tensors", Self.quoted(tensors)), at: 0) }
        // A layer reads the one before it unless something else is said.
        if !sources.isEmpty, sources != [last] {
            let list = sources.count == 1 ? Self.quoted(sources[0]) : "[\(sources.map(Self.quoted).joined(separator: ", "))]"
            members.insert(("from", list), at: 0)
        }
        last = name
        type = Self.quoted(type)
        let all = [("type", type), ("name", Self.quoted(name))] + members
        return "{" + all.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}"
    }

    // MARK: Types

    private typealias Members = [(String, String)]

    private func parts(_ node: Network.Node) throws(NetworkError) -> (type: String, tensors: String?, members: Members) {
        switch node.layer {
        case .linear(let layer):
            guard !layer.isTransposed else { throw refusal(node, "a weight of shape (outputs, inputs)", "one of (inputs, outputs)") }
            let (tensors, names) = Self.names(layer.weight, layer.bias)
            return ("linear", tensors, names)
        case .convolution(let layer):
            let (tensors, names) = Self.names(layer.weight, layer.bias)
            return ("convolution", tensors, names + (try members(node, layer)))
        case .convolutionTranspose(let layer):
            let members =
                steps("stride", layer.strides) + padding(layer.padding) + steps("output-padding", layer.outputPadding, default: 0)
                + steps("dilation", layer.dilations) + (layer.groups == 1 ? [] : [("groups", "\(layer.groups)")])
            let (tensors, names) = Self.names(layer.weight, layer.bias)
            return ("convolution-transpose", tensors, names + members)
        case .batchNormalization(let layer):
            let tensors = try prefix(
                node,
                [("running_mean", layer.mean), ("running_var", layer.variance), ("weight", layer.scale), ("bias", layer.shift)])
            return ("batch-norm", tensors, epsilon(layer.epsilon))
        case .normalization(let layer):
            return try parts(node, layer)
        case .activation(let activation):
            return ("activation", nil, [("function", try function(activation, node))])
        case .pooling(let layer):
            return try parts(node, layer)
        case .globalAveragePooling(let keepsSpatialAxes):
            return ("global-average-pool", nil, keepsSpatialAxes ? [("keeps-axes", "true")] : [])
        case .add: return ("add", nil, [])
        case .multiply: return ("multiply", nil, [])
        case .concatenation(let axis): return ("concatenate", nil, axis == 1 ? [] : [("axis", "\(axis)")])
        case .flatten(let axis): return ("flatten", nil, axis == 1 ? [] : [("axis", "\(axis)")])
        case .reshape(let shape): return ("reshape", nil, [("shape", Self.list(shape))])
        case .transpose(let permutation): return ("transpose", nil, [("axes", Self.list(permutation))])
        case .slice(let ranges): return ("slice", nil, Self.members(ranges))
        case .padding(let before, let after, let value):
            guard value.isFinite else { throw refusal(node, "padding with a finite value", "\(value)") }
            return (
                "pad", nil, [("before", Self.list(before)), ("after", Self.list(after))] + (value == 0 ? [] : [("value", "\(value)")])
            )
        case .reduction(let layer) where layer.kind == .mean:
            return ("mean", nil, [("axes", Self.list(layer.axes))] + (layer.keepsAxes ? [("keeps-axes", "true")] : []))
        case .attention(let heads, let scale): return ("attention", nil, [("heads", "\(heads)"), ("scale", "\(scale)")])
        case .embedding(let weight): return ("embedding", try prefix(node, [("weight", weight)]), [])
        case .constant(let parameter): return ("tensor", parameter, [])
        case .softmax(let axis): return ("softmax", nil, axis == -1 ? [] : [("axis", "\(axis)")])
        case .identity: return ("dropout", nil, [])
        case .split, .elementwise, .reduction, .alongAxis, .matrixProduct, .gather, .interpolation, .depthToSpace, .spaceToDepth,
            .recurrent, .extent, .barrier:
            throw refusal(node, "a layer that descriptions have a type for", node.layer.operationName)
        }
    }

    private func members(_ node: Network.Node, _ layer: Convolution) throws(NetworkError) -> Members {
        let shape = try network.parameter(layer.weight, of: node).shape
        var groups: Members = layer.groups == 1 ? [] : [("groups", "\(layer.groups)")]
        if layer.groups > 1, shape[1] == 1, shape[0] % layer.groups == 0 {
            let multiplier = shape[0] / layer.groups
            groups = [("depthwise", "true")] + (multiplier == 1 ? [] : [("multiplier", "\(multiplier)")])
        }
        return steps("stride", layer.strides) + padding(layer.padding) + steps("dilation", layer.dilations) + groups
    }

    private func parts(_ node: Network.Node, _ layer: Normalization) throws(NetworkError) -> (String, String?, Members) {
        let tensors = try prefix(node, [("weight", layer.scale), ("bias", layer.shift)])
        let axis: Members = layer.axis == -1 ? [] : [("axis", "\(layer.axis)")]
        switch layer.kind {
        case .layer: return ("layer-norm", tensors, axis + epsilon(layer.epsilon))
        case .rms: return ("rms-norm", tensors, axis + epsilon(layer.epsilon))
        case .group(let groups): return ("group-norm", tensors, [("groups", "\(groups)")] + epsilon(layer.epsilon))
        case .instance: return ("instance-norm", tensors, epsilon(layer.epsilon))
        }
    }

    private func parts(_ node: Network.Node, _ layer: Pooling) throws(NetworkError) -> (String, String?, Members) {
        guard layer.dilations.allSatisfy({ $0 == 1 }) else { throw refusal(node, "a pooling without dilation", "\(layer.dilations)") }
        // One number would mean two axes.
        var members: Members = [("size", layer.window.count == 2 ? Self.uniform(layer.window) : Self.list(layer.window))]
        if layer.strides != layer.window { members.append(("stride", Self.uniform(layer.strides))) }
        members += padding(layer.padding)
        if layer.ceilMode { members.append(("ceil", "true")) }
        switch layer.kind {
        case .maximum: return ("max-pool", nil, members)
        case .average(let countsPadding): return ("average-pool", nil, members + (countsPadding ? [] : [("counts-padding", "false")]))
        case .norm: throw refusal(node, "a pooling by maximum or average", "one by a norm")
        }
    }

    private func function(_ activation: Activation, _ node: Network.Node) throws(NetworkError) -> String {
        func object(_ key: String, _ value: Float) -> String { "{\"function\": \"\(activation.name)\", \"\(key)\": \(value)}" }
        switch activation {
        case .leakyReLU(let slope): return object("slope", slope)
        case .elu(let alpha): return object("alpha", alpha)
        case .clippedReLU(maximum: 6): return "\"relu6\""
        case .clippedReLU(let maximum): return object("maximum", maximum)
        case .function: throw refusal(node, "an activation among \(Activation.names.joined(separator: ", "))", activation.name)
        default: return "\"\(activation.name)\""
        }
    }

    // MARK: Text

    /// What the names of a layer's tensors have in common. All of them must be named as a description names them.
    private func prefix(_ node: Network.Node, _ tensors: [(leaf: String, name: String?)]) throws(NetworkError) -> String? {
        guard let first = tensors.first(where: { $0.name != nil }), let name = first.name else { return nil }
        let suffix = "." + first.leaf
        let prefix = name.hasSuffix(suffix) ? String(name.dropLast(suffix.count)) : ""
        for (leaf, name) in tensors {
            guard let name else { continue }
            guard !prefix.isEmpty, name == "\(prefix).\(leaf)" else { throw refusal(node, "a tensor named LAYER.\(leaf)", name) }
        }
        return prefix
    }

    /// What a weight and a bias are called after, or their names one by one.
    private static func names(_ weight: String, _ bias: String?) -> (tensors: String?, members: Members) {
        let stem = weight.hasSuffix(".weight") ? String(weight.dropLast(7)) : ""
        if !stem.isEmpty, bias == nil || bias == stem + ".bias" { return (stem, []) }
        return (nil, [("weight", quoted(weight))] + (bias.map { [("bias", quoted($0))] } ?? []))
    }

    private func refusal(_ node: Network.Node, _ expected: String, _ found: String) -> NetworkError {
        .invalidNode(name: node.name, reason: "expected \(expected), found \(found)")
    }

    private func steps(_ key: String, _ values: [Int], default standard: Int = 1) -> Members {
        values.allSatisfy { $0 == standard } ? [] : [(key, Self.uniform(values))]
    }

    private func padding(_ values: [Int]) -> Members {
        if values.allSatisfy({ $0 == 0 }) { return [] }
        let half = values.count / 2
        return [("padding", values.prefix(half) == values.suffix(half) ? Self.uniform(Array(values.prefix(half))) : Self.list(values))]
    }

    private func epsilon(_ value: Float) -> Members { value == 1e-5 ? [] : [("epsilon", "\(value)")] }

    private static func members(_ ranges: [SliceRange]) -> Members {
        var members: Members = [("start", list(ranges.map(\.start)))]
        if ranges.contains(where: { $0.end < 1 << 31 }) {
            members.append(("end", "[\(ranges.map { $0.end < 1 << 31 ? "\($0.end)" : "null" }.joined(separator: ", "))]"))
        }
        if ranges.contains(where: { $0.step != 1 }) { members.append(("step", list(ranges.map(\.step)))) }
        return members
    }

    /// One number where all are the same.
    private static func uniform(_ values: [Int]) -> String { Set(values).count == 1 ? "\(values[0])" : list(values) }

    static func list(_ values: [Int]) -> String { "[\(values.map(String.init).joined(separator: ", "))]" }

    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
