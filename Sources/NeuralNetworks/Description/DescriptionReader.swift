// From the layers of a description file to the nodes of a network.

import TensorFiles

/// Turns layer objects into nodes.
struct DescriptionReader {
    let archive: TensorArchive
    private static let typesWithTensors: Set<String> = [
        "linear", "convolution", "convolution-transpose", "batch-norm", "layer-norm", "rms-norm", "group-norm", "instance-norm",
        "embedding",
        "tensor",
    ]
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
        var inputs = type == "tensor" ? [] : [last]
        if type != "tensor", let names = try members.names("from") {
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
        let tensors = Self.typesWithTensors.contains(type) ? try members.text("tensors") : nil
        let layer = try layer(type, tensors ?? name, &members)
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
        return try builder.network(output: end, reading: archive)
    }

    // MARK: Layers

    /// - Parameter name: what the names of the layer's tensors start with.
    private func layer(
        _ type: String, _ name: String, _ members: inout JSONMembers
    ) throws(NetworkError) -> Layer {
        switch type {
        case "linear":
            let (weight, bias) = try weightAndBias(name, &members)
            return .linear(Linear(weight: weight, bias: bias))
        case "convolution":
            return .convolution(try convolution(name, &members))
        case "convolution-transpose":
            return .convolutionTranspose(try convolutionTranspose(name, &members))
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
        case "instance-norm":
            return normalization(.instance, axis: 1, name, epsilon: try members.number("epsilon"))
        case "max-pool", "average-pool":
            return .pooling(try pooling(isMaximum: type == "max-pool", &members))
        case "global-average-pool":
            return .globalAveragePooling(keepsSpatialAxes: try members.boolean("keeps-axes") ?? false)
        case "attention":
            return .attention(
                heads: try members.required("heads", try members.integer("heads")),
                scale: try members.required("scale", try members.number("scale")))
        case "embedding":
            return .embedding(weight: name + ".weight")
        case "tensor":
            return .constant(parameter: name)
        case "activation":
            guard let function = members.take("function") else {
                throw .invalidDescription(place: members.place, reason: "expected a function, found none")
            }
            return .activation(try Self.activation(function, place: members.place))
        default:
            guard let layer = try arrangement(type, &members) else {
                throw .invalidDescription(
                    place: members.place,
                    reason: "expected a type such as linear, convolution or batch-norm, found \(type)"
                        + (Spelling.suggestion(for: type, among: NetworkDescription.types).map { "; did you mean \($0)?" } ?? ""))
            }
            return layer
        }
    }

    /// Layers without tensors; nil for a type that is none.
    private func arrangement(_ type: String, _ members: inout JSONMembers) throws(NetworkError) -> Layer? {
        switch type {
        case "add": return .add
        case "multiply": return .multiply
        case "concatenate": return .concatenation(axis: try members.integer("axis") ?? 1)
        case "flatten": return .flatten(axis: try members.integer("axis") ?? 1)
        case "reshape": return .reshape(shape: try members.list("shape"))
        case "transpose": return .transpose(permutation: try members.list("axes"))
        case "slice": return .slice(try ranges(&members))
        case "pad":
            return .padding(
                before: try members.list("before"), after: try members.list("after"), value: try members.number("value") ?? 0)
        case "mean":
            return .reduction(
                Reduction(kind: .mean, axes: try members.list("axes"), keepsAxes: try members.boolean("keeps-axes") ?? false))
        case "softmax": return .softmax(axis: try members.integer("axis") ?? -1)
        case "dropout": return .identity
        default: return nil
        }
    }

    private func convolution(_ name: String, _ members: inout JSONMembers) throws(NetworkError) -> Convolution {
        let (weight, bias) = try weightAndBias(name, &members)
        let shape = try convolutionShape(weight, name)
        let spatial = shape.count - 2
        let groups = try members.integer("groups") ?? 1
        // As many groups as there are channels: one filter or more for each, also after some have gone.
        let isDepthwise = try members.boolean("depthwise") ?? false
        guard !isDepthwise || groups == 1 else {
            throw .invalidDescription(place: members.place, reason: "expected groups or depthwise, found both")
        }
        let multiplier = isDepthwise ? try members.integer("multiplier") ?? 1 : 1
        guard multiplier > 0 else {
            throw .invalidDescription(place: members.place, reason: "expected a multiplier of at least 1, found \(multiplier)")
        }
        return Convolution(
            weight: weight, bias: bias,
            strides: try members.integers("stride", count: spatial) ?? [Int](repeating: 1, count: spatial),
            padding: try members.padding(axes: spatial),
            dilations: try members.integers("dilation", count: spatial) ?? [Int](repeating: 1, count: spatial),
            groups: isDepthwise ? shape[0] / multiplier : groups)
    }

    private func convolutionTranspose(_ name: String, _ members: inout JSONMembers) throws(NetworkError) -> ConvolutionTranspose {
        let (weight, bias) = try weightAndBias(name, &members)
        let spatial = try convolutionShape(weight, name).count - 2
        return ConvolutionTranspose(
            weight: weight, bias: bias,
            strides: try members.integers("stride", count: spatial) ?? [Int](repeating: 1, count: spatial),
            padding: try members.padding(axes: spatial),
            outputPadding: try members.integers("output-padding", count: spatial) ?? [Int](repeating: 0, count: spatial),
            dilations: try members.integers("dilation", count: spatial) ?? [Int](repeating: 1, count: spatial),
            groups: try members.integer("groups") ?? 1)
    }

    /// Names of a layer's two tensors: given each, or made of the layer's name, the bias where there is one.
    private func weightAndBias(_ name: String, _ members: inout JSONMembers) throws(NetworkError) -> (weight: String, bias: String?) {
        let weight = try members.text("weight")
        // A layer whose weight has a name of its own has no bias unless it is named, too.
        let bias = try members.text("bias") ?? (weight == nil ? optional(name + ".bias") : nil)
        return (weight ?? name + ".weight", bias)
    }

    private func convolutionShape(_ weight: String, _ name: String) throws(NetworkError) -> [Int] {
        guard let tensor = archive[weight] else { throw .missingTensor(name: weight, node: name) }
        guard tensor.shape.count == 3 || tensor.shape.count == 4 else {
            throw .wrongTensorShape(name: weight, node: name, expected: "three or four axes", found: tensor.shape)
        }
        return tensor.shape
    }

    private func ranges(_ members: inout JSONMembers) throws(NetworkError) -> [SliceRange] {
        let starts = try members.optionalList("start")
        let ends = try members.optionalList("end")
        let steps = try members.optionalList("step")
        let counts = Set([starts, ends, steps].compactMap { $0?.count })
        guard counts.count == 1, let count = counts.first else {
            throw .invalidDescription(place: members.place, reason: "expected start, end or step as lists with a number for every axis")
        }
        return (0..<count).map { axis in
            SliceRange(start: starts?[axis] ?? 0, end: ends?[axis] ?? .max, step: steps?[axis] ?? 1)
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
        let padding = try members.padding(axes: window.count)
        let countsPadding = isMaximum ? true : try members.boolean("counts-padding") ?? true
        return Pooling(
            kind: isMaximum ? .maximum : .average(countsPadding: countsPadding), window: window,
            strides: try members.integers("stride", count: window.count) ?? window, padding: padding,
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
