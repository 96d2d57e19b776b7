// Attention that exporters compute on tensors whose first axis is not the batch (torch.nn.MultiheadAttention): see ONNXView.
//
//   x → Transpose → MatMul, Add → Reshape, Unsqueeze, Transpose, Squeeze, Gather → Reshape, Transpose, Reshape → queries, keys, values
//   Softmax(queries·keysᵀ)·values → Transpose, Reshape → Gemm → Reshape → Transpose
// The linear layers become layers of the values behind the views, and the two products with the softmax one attention layer.
// Where a view meets anything else, the value behind it meets an unknown operation.

extension ONNXImporter {
    /// Follows a node that rearranges or reads a view; false when it does not.
    mutating func lowerView(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard node.wire.output.first?.isEmpty == false else { return false }
        if node.operation == "Softmax" { return try lowerScores(node) }
        if node.operation == "MatMul", case .scores(let scores)? = fact(node, 0), scores.isNormalized, let values = view(node, 1) {
            return try lowerAttention(node, scores, values)
        }
        if ["Mul", "Div"].contains(node.operation), case .scores(var scores)? = fact(node, 0), let factor = try factor(node, 1),
            !scores.isNormalized
        {
            scores.scale *= factor
            facts[node.wire.output[0]] = .scores(scores)
            return true
        }
        guard let result = try rearranged(node) else { return try lowerReader(node) }
        if node.operation == "Reshape" { viewReshapes.append(ONNXViewReshape(node: node.index, view: result)) }
        setView(node.wire.output[0], result)
        return true
    }

    private func fact(_ node: ONNXNodeReader, _ slot: Int) -> Fact? { node.input(slot).flatMap { facts[$0] } }

    private func view(_ node: ONNXNodeReader, _ slot: Int) -> ONNXView? {
        if case .view(let view)? = fact(node, slot) { return view }
        return nil
    }

    /// A tensor whose axes are those of the value is the value.
    private mutating func setView(_ name: String, _ view: ONNXView) {
        guard view.isIdentity else {
            facts[name] = .view(view)
            return
        }
        if network.values[view.value].name.isEmpty { network.values[view.value].name = name }
        facts[name] = .activation(view.value)
    }

    // MARK: Rearrangement

    private func rearranged(_ node: ONNXNodeReader) throws(NetworkError) -> ONNXView? {
        guard node.wire.output.count == 1 else { return nil }
        if node.operation == "Transpose", let input = activation(node, 0) {
            // Only what moves the batch becomes a view.
            guard let permutation = try node.integers("perm"), permutation.first != 0, let shape = shape(input) else { return nil }
            return ONNXView(input, shape: shape).transposed(permutation)
        }
        guard var view = view(node, 0) else {
            // A product with a number on the left.
            guard node.operation == "Mul", var right = self.view(node, 1), let factor = try factor(node, 0) else { return nil }
            right.scale *= factor
            return right
        }
        switch node.operation {
        case "Identity": return view
        case "Transpose": return try node.integers("perm").flatMap(view.transposed)
        case "Unsqueeze": return try node.axes(constant(node, 1)).flatMap(view.unsqueezed)
        case "Squeeze": return try node.axes(constant(node, 1)).flatMap(view.squeezed)
        case "Gather":
            guard let index = try constant(node, 1), index.shape.isEmpty, let place = index.integers?.first else { return nil }
            return view.picking(place, along: try node.integer("axis") ?? 0)
        case "Reshape":
            guard let target = try constant(node, 1)?.extents, try node.integer("allowzero") ?? 0 == 0 || !target.contains(.known(0)) else {
                return nil
            }
            return view.reshaped(target, fixedBatch: fixedBatch)
        case "Mul", "Div":
            guard let factor = try factor(node, 1) else { return nil }
            view.scale *= factor
            return view
        default: return nil
        }
    }

    /// What an input multiplies by, or divides by, when it is one number.
    private func factor(_ node: ONNXNodeReader, _ slot: Int) throws(NetworkError) -> Float? {
        guard let name = node.input(slot), let value = try scalar(name), value != 0, value.isFinite else { return nil }
        return node.operation == "Div" ? 1 / value : value
    }

    // MARK: Layers

    /// Linear layers, their biases, and products of queries and keys.
    private mutating func lowerReader(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        switch node.operation {
        case "MatMul":
            guard let left = view(node, 0) else { return false }
            if let right = view(node, 1) {
                facts[node.wire.output[0]] = .scores(ONNXScores(queries: left, keys: right, scale: left.scale * right.scale))
                return true
            }
            guard weightShape(node, 1)?.count == 2 else { return false }
            return try lowerLinear(node, left, bias: nil, isTransposed: true)
        case "Gemm":
            guard let left = view(node, 0), left.axes.count == 2, weightShape(node, 1)?.count == 2, try node.integer("transA") ?? 0 == 0,
                try node.float("alpha") ?? 1 == 1, try node.float("beta") ?? 1 == 1
            else { return false }
            return try lowerLinear(node, left, bias: node.input(2) == nil ? nil : 2, isTransposed: try node.integer("transB") ?? 0 == 0)
        case "Add": return try lowerBias(node)
        default: return false
        }
    }

    private mutating func lowerLinear(_ node: ONNXNodeReader, _ view: ONNXView, bias: Int?, isTransposed: Bool) throws(NetworkError) -> Bool
    {
        guard view.endsInChannels, view.scale == 1, view.picked.isEmpty, let shape = shape(view.value), let stored = weightShape(node, 1),
            shape.last == stored[isTransposed ? 0 : 1], let channels = view.factors.last?.axis
        else { return false }
        let width = stored[isTransposed ? 1 : 0]
        if let bias { guard weightShape(node, bias) == [width] else { return false } }
        let name = try bias.map { slot throws(NetworkError) in try parameter(node, slot) }
        let weight = try parameter(node, 1)
        let output = try emit(
            .linear(.init(weight: weight, bias: name, isTransposed: isTransposed)), node, inputs: [view.value], weight: node.input(1),
            outputs: [""])
        let fresh = (view.factors.map(\.id).max() ?? 0) + 1
        let factors = view.factors.filter { $0.axis != channels } + [.init(id: fresh, axis: channels, extent: width)]
        setView(node.wire.output[0], ONNXView(output, factors: factors, axes: view.axes.dropLast() + [[fresh]]))
        return true
    }

    /// A vector added to what a linear layer without bias makes.
    private mutating func lowerBias(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard node.wire.input.count == 2, let slot = [0, 1].first(where: { view(node, $0) != nil }), let view = view(node, slot),
            useCounts[node.wire.input[slot]] == 1, view.endsInChannels, view.scale == 1,
            let producer = network.nodes.lastIndex(where: { $0.outputs == [view.value] }),
            case .linear(var layer) = network.nodes[producer].layer,
            layer.bias == nil, let width = shape(view.value)?.last, weightShape(node, 1 - slot) == [width]
        else { return false }
        layer.bias = try parameter(node, 1 - slot)
        network.nodes[producer].layer = .linear(layer)
        origins[network.nodes[producer].name]?.absorbed.append(node.index)
        setView(node.wire.output[0], view)
        return true
    }

    private mutating func lowerScores(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard case .scores(var scores)? = fact(node, 0), !scores.isNormalized, node.version >= 13,
            [-1, scores.queries.axes.count - 1].contains(try node.integer("axis") ?? -1)
        else { return false }
        scores.isNormalized = true
        facts[node.wire.output[0]] = .scores(scores)
        return true
    }

    /// One attention layer for the scores and the values.
    private mutating func lowerAttention(_ node: ONNXNodeReader, _ scores: ONNXScores, _ values: ONNXView) throws(NetworkError) -> Bool {
        guard let q = Heads(scores.queries), let k = Heads(scores.keys, isTransposed: true), let v = Heads(values), values.scale == 1,
            q.count == k.count, k.count == v.count, q.width == k.width, k.tokens == v.tokens, q.leading == k.leading, q.leading == v.leading
        else { return false }
        var inputs: [Network.ValueID] = []
        for (heads, view) in [(q, scores.queries), (k, scores.keys), (v, values)] { inputs.append(try part(heads, of: view.value, node)) }
        let output = try emit(.attention(heads: q.count, scale: scores.scale), node, inputs: inputs, outputs: [""])
        origins[network.nodes[network.nodes.count - 1].name] = nil
        // Tokens, heads and widths of the result, along the axes that the queries had.
        let factors = [(1, 0, q.tokens), (2, 1, q.count), (3, 1, v.width)].filter { $0.0 != 2 || q.count > 1 }.map {
            ONNXView.Factor(id: $0.0, axis: $0.1, extent: $0.2)
        }
        let leading = scores.queries.axes.dropLast(2).map { axis in axis.map { $0 == ONNXView.batch ? $0 : 2 } }
        setView(node.wire.output[0], ONNXView(output, factors: factors, axes: leading + [[1], [3]]))
        return true
    }

    /// Queries, keys or values where they are the whole value, or one of equal parts of its channels.
    private mutating func part(_ heads: Heads, of value: Network.ValueID, _ node: ONNXNodeReader) throws(NetworkError) -> Network.ValueID {
        guard let (index, count) = heads.part else { return value }
        if let parts = channelParts[value], parts.count == count { return parts[index] }
        let first = try emit(
            .split(axis: 2, sizes: [Int](repeating: heads.count * heads.width, count: count)), node, inputs: [value],
            outputs: [String](repeating: "", count: count))
        origins[network.nodes[network.nodes.count - 1].name] = nil
        let parts = Array(first..<first + count)
        channelParts[value] = parts
        return parts[index]
    }
}

/// How a view lies: batch and heads first, then tokens and the width of a head.
private struct Heads {
    let tokens, count, width: Int
    /// Which of how many equal parts of the channels.
    let part: (index: Int, count: Int)?
    /// Axes before the last two: batches as `true`, heads as `false`.
    let leading: [[Bool]]

    init?(_ view: ONNXView, isTransposed: Bool = false) {
        let channels = view.factors.filter { $0.axis == 1 }
        guard view.factors.allSatisfy({ $0.axis <= 1 }), let tokens = view.factors.first, view.factors.filter({ $0.axis == 0 }).count == 1,
            view.axes.count >= 3, view.picked.count <= 1
        else { return nil }
        var rest = channels[...]
        if let (id, index) = view.picked.first {
            guard let first = rest.popFirst(), first.id == id else { return nil }
            part = (index, first.extent)
        } else {
            part = nil
        }
        // A single head is no factor of its own.
        guard let width = rest.popLast(), rest.count <= 1,
            Array(view.axes.suffix(2)) == (isTransposed ? [[width.id], [tokens.id]] : [[tokens.id], [width.id]]),
            view.axes.dropLast(2).flatMap({ $0 }) == [ONNXView.batch] + rest.map(\.id)
        else { return nil }
        (self.tokens, count, self.width) = (tokens.extent, rest.first?.extent ?? 1, width.extent)
        leading = view.axes.dropLast(2).map { $0.map { $0 == ONNXView.batch } }
    }
}
