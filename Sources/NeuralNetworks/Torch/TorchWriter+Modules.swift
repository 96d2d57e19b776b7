// Layers with weights: modules of torch.nn where the tensors are called as theirs are, functions on tensors otherwise.

extension TorchWriter {
    private typealias Leaf = (leaf: String, parameter: String, isTransposed: Bool)

    /// Calls the module of a layer, made if need be; false where the layer's tensors are not named like a module's.
    private mutating func call(_ node: Network.Node, _ constructor: String, _ leaves: [Leaf], input: String) -> Bool {
        guard let path = modulePath(node, leaves), let module = module(path, constructor, leaves: leaves) else { return false }
        assign(node, "\(module)(\(input))")
        return true
    }

    /// Where a module must be for its tensors to have their names, or a place named for the node.
    private func modulePath(_ node: Network.Node, _ leaves: [Leaf]) -> String? {
        guard let first = leaves.first else { return nil }
        let suffix = "." + first.leaf
        let path = first.parameter.hasSuffix(suffix) ? String(first.parameter.dropLast(suffix.count)) : ""
        let words = path.split(separator: ".", omittingEmptySubsequences: false)
        let isPath = !words.isEmpty && words.allSatisfy { !$0.isEmpty }
        let isNatural = isPath && leaves.allSatisfy { $0.parameter == path + "." + $0.leaf }
        if isNatural { return keepsNames && leaves.contains(where: \.isTransposed) ? nil : path }
        if keepsNames { return nil }
        return isPath ? path : PythonText.identifier(node.name)
    }

    mutating func appendLinear(_ node: Network.Node, _ layer: Linear) throws(NetworkError) {
        let shape = try network.parameter(layer.weight, of: node).shape
        let (outputs, inputs) = layer.widths(of: shape)
        let leaves: [Leaf] = [("weight", layer.weight, layer.isTransposed)] + (layer.bias.map { [("bias", $0, false)] } ?? [])
        let input = variable(node.inputs[0])
        if call(node, "nn.Linear(\(inputs), \(outputs)\(layer.bias == nil ? ", bias=False" : ""))", leaves, input: input) { return }
        let bias = try optional(layer.bias, node)
        let weight = try tensor(layer.weight, node) + (layer.isTransposed ? ".T" : "")
        assign(node, "F.linear(\(input), \(weight)\(bias.map { ", " + $0 } ?? ""))")
    }

    mutating func appendConvolution(_ node: Network.Node, _ layer: Convolution) throws(NetworkError) {
        let shape = try network.parameter(layer.weight, of: node).shape
        let spatial = shape.count - 2
        let (before, after) = (Array(layer.padding.prefix(spatial)), Array(layer.padding.suffix(spatial)))
        var input = variable(node.inputs[0])
        if before != after { input = Self.padded(input, before: before, after: after, value: 0) }
        let padding = before == after && before.contains { $0 > 0 } ? ", padding=\(PythonText.window(before))" : ""
        let stride = layer.strides.contains { $0 != 1 } ? ", stride=\(PythonText.window(layer.strides))" : ""
        let dilation = layer.dilations.contains { $0 != 1 } ? ", dilation=\(PythonText.window(layer.dilations))" : ""
        let groups = layer.groups > 1 ? ", groups=\(layer.groups)" : ""
        let options = stride + padding + dilation + groups
        let leaves: [Leaf] = [("weight", layer.weight, false)] + (layer.bias.map { [("bias", $0, false)] } ?? [])
        let constructor =
            "nn.Conv\(spatial)d(\(shape[1] * layer.groups), \(shape[0]), \(PythonText.window(Array(shape[2...])))\(options)\(layer.bias == nil ? ", bias=False" : ""))"
        if call(node, constructor, leaves, input: input) { return }
        let bias = try optional(layer.bias, node) ?? "None"
        assign(node, "F.conv\(spatial)d(\(input), \(try tensor(layer.weight, node)), \(bias)\(options))")
    }

    mutating func appendConvolutionTranspose(_ node: Network.Node, _ layer: ConvolutionTranspose) throws(NetworkError) {
        let shape = try network.parameter(layer.weight, of: node).shape
        let spatial = shape.count - 2
        let (before, after) = (Array(layer.padding.prefix(spatial)), Array(layer.padding.suffix(spatial)))
        // torch wants an output padding below stride or dilation, and the same crop on both sides.
        guard before == after,
            layer.outputPadding.indices.allSatisfy({ layer.outputPadding[$0] < max(layer.strides[$0], layer.dilations[$0]) })
        else { throw .unsupported(node: node.name, operation: node.layer.operationName) }
        let options =
            ", stride=\(PythonText.window(layer.strides)), padding=\(PythonText.window(before)), output_padding=\(PythonText.window(layer.outputPadding)), groups=\(layer.groups), dilation=\(PythonText.window(layer.dilations))"
        let leaves: [Leaf] = [("weight", layer.weight, false)] + (layer.bias.map { [("bias", $0, false)] } ?? [])
        let constructor =
            "nn.ConvTranspose\(spatial)d(\(shape[0]), \(shape[1] * layer.groups), \(PythonText.window(Array(shape[2...])))\(options)\(layer.bias == nil ? ", bias=False" : ""))"
        let input = variable(node.inputs[0])
        if call(node, constructor, leaves, input: input) { return }
        let bias = try optional(layer.bias, node) ?? "None"
        assign(node, "F.conv_transpose\(spatial)d(\(input), \(try tensor(layer.weight, node)), \(bias)\(options))")
    }

    mutating func appendBatchNormalization(_ node: Network.Node, _ layer: BatchNormalization) throws(NetworkError) {
        let channels = try network.parameter(layer.mean, of: node).values.count
        let rank = try shape(node.inputs[0], node).count
        let input = variable(node.inputs[0])
        let epsilon = PythonText.number(layer.epsilon)
        if (layer.scale == nil) == (layer.shift == nil), (1...3).contains(rank) {
            let leaves: [Leaf] =
                (layer.scale.map { [("weight", $0, false)] } ?? []) + (layer.shift.map { [("bias", $0, false)] } ?? []) + [
                    ("running_mean", layer.mean, false), ("running_var", layer.variance, false),
                ]
            let affine = layer.scale == nil ? ", affine=False" : ""
            if call(node, "nn.BatchNorm\(rank == 3 ? 2 : 1)d(\(channels), eps=\(epsilon)\(affine))", leaves, input: input) { return }
        }
        let (mean, variance) = (try tensor(layer.mean, node, isBuffer: true), try tensor(layer.variance, node, isBuffer: true))
        let scale = try optional(layer.scale, node) ?? "None"
        let shift = try optional(layer.shift, node) ?? "None"
        assign(node, "F.batch_norm(\(input), \(mean), \(variance), \(scale), \(shift), eps=\(epsilon))")
    }

    mutating func appendNormalization(_ node: Network.Node, _ layer: Normalization) throws(NetworkError) {
        let own = try shape(node.inputs[0], node)
        let input = variable(node.inputs[0])
        let epsilon = PythonText.number(layer.epsilon)
        let leaves: [Leaf] = (layer.scale.map { [("weight", $0, false)] } ?? []) + (layer.shift.map { [("bias", $0, false)] } ?? [])
        let hasBoth = leaves.count == 2
        switch layer.kind {
        case .layer, .rms:
            let position = layer.axis < 0 ? layer.axis + own.count + 1 : layer.axis
            let axes = Array(own[(position - 1)...])
            // A normalization over several axes has vectors of several axes; ours are stored in one row.
            let isPlain = leaves.allSatisfy { network.parameters[$0.parameter]?.shape == axes }
            if case .layer = layer.kind {
                if hasBoth, isPlain, call(node, "nn.LayerNorm(\(PythonText.tuple(axes)), eps=\(epsilon))", leaves, input: input) { return }
                let scale = try optional(layer.scale, node).map { "\($0).reshape(\(PythonText.tuple(axes)))" } ?? "None"
                let shift = try optional(layer.shift, node).map { "\($0).reshape(\(PythonText.tuple(axes)))" } ?? "None"
                assign(node, "F.layer_norm(\(input), \(PythonText.tuple(axes)), \(scale), \(shift), eps=\(epsilon))")
            } else {
                let dims = PythonText.tuple(Array((position)...own.count))
                var result = "\(input) * torch.rsqrt(\(input).square().mean(\(dims), keepdim=True) + \(epsilon))"
                if let scale = layer.scale { result = "\(result) * \(try tensor(scale, node)).reshape(\(PythonText.tuple(axes)))" }
                if let shift = layer.shift { result += " + \(try tensor(shift, node)).reshape(\(PythonText.tuple(axes)))" }
                assign(node, result)
            }
        case .group, .instance:
            var groups = own[0]
            if case .group(let count) = layer.kind { groups = count }
            if hasBoth, call(node, "nn.GroupNorm(\(groups), \(own[0]), eps=\(epsilon))", leaves, input: input) { return }
            let scale = try optional(layer.scale, node) ?? "None"
            let shift = try optional(layer.shift, node) ?? "None"
            assign(node, "F.group_norm(\(input), \(groups), \(scale), \(shift), eps=\(epsilon))")
        }
    }

    mutating func appendEmbedding(_ node: Network.Node, weight: String) throws(NetworkError) {
        let shape = try network.parameter(weight, of: node).shape
        let input = "\(variable(node.inputs[0])).long()"
        if call(node, "nn.Embedding(\(shape[0]), \(shape[1]))", [("weight", weight, false)], input: input) { return }
        assign(node, "F.embedding(\(input), \(try tensor(weight, node)))")
    }

    private mutating func optional(_ parameter: String?, _ node: Network.Node) throws(NetworkError) -> String? {
        guard let parameter else { return nil }
        return try tensor(parameter, node)
    }

    /// A call of F.pad, which counts axes from the last.
    static func padded(_ input: String, before: [Int], after: [Int], value: Float) -> String {
        let amounts = zip(before, after).reversed().flatMap { [$0, $1] }
        return "F.pad(\(input), \(PythonText.tuple(amounts))\(value == 0 ? "" : ", value=\(PythonText.number(value))"))"
    }
}
