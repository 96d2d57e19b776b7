// Attention as exporters spell it out: queries, keys and values split into heads by Reshape and Transpose, two products with a
// softmax in between, heads joined again (Vaswani et al., NeurIPS 2017). Head counts are then attributes that surgery may change.

import TensorFiles

extension ONNXImporter {
    /// Recognizes the attention around a softmax; leaves everything as it is when some part differs.
    mutating func fuseAttention(_ view: ONNXPatternView, _ softmax: Int, last: Int) throws(NetworkError) {
        let reader = ONNXNodeReader(graph.node[softmax], index: softmax, model: model)
        guard reader.version >= 13, [-1, 3].contains(try reader.integer("axis") ?? -1) else { return }

        // Upwards: (scaled) product of queries and transposed keys.
        var nodes = [softmax]
        var scale: Float = 1
        guard let scores = try scaled(view, view.inputs(softmax).first, &nodes, &scale), let product = view.maker(scores),
            view.operation(product) == "MatMul",
            let queries = try heads(
                view, try scaled(view, view.inputs(product).first, &nodes, &scale), transposed: [[0, 2, 1, 3]], &nodes),
            let keys = try keyHeads(view, view.inputs(product).last, &nodes, &scale)
        else { return }
        nodes.append(product)

        // Downwards: product with the values, heads joined.
        guard let weighted = view.soleUser(softmax), view.operation(weighted) == "MatMul",
            view.inputs(weighted).first == view.outputs(softmax).first,
            let values = try heads(view, view.inputs(weighted).last, transposed: [[0, 2, 1, 3]], &nodes),
            let turned = view.soleUser(weighted), view.operation(turned) == "Transpose", try permutation(turned) == [0, 2, 1, 3],
            let joined = view.soleUser(turned), view.operation(joined) == "Reshape"
        else { return }
        nodes += [weighted, turned]
        // Its own shape is not known: the products before it were unknown operations until now.
        guard queries.count == keys.count, keys.count == values.count, queries.width == keys.width, keys.tokens == values.tokens,
            let target = try constant(ONNXNodeReader(graph.node[joined], index: joined, model: model), 1)?.extents,
            ReshapeTarget(target, from: [queries.tokens, values.count, values.width], fixedBatch: fixedBatch)
                == .shape([queries.tokens, values.count * values.width])
        else { return }
        nodes.append(joined)
        guard joined == last, view.isClosed(nodes), Set(nodes).count == nodes.count else { return }
        var inputs: [Network.ValueID] = []
        for name in [queries.name, keys.name, values.name] {
            guard case .activation(let value)? = facts[name] else { return }
            inputs.append(value)
        }
        try replace(
            Set(nodes), root: ONNXNodeReader(graph.node[joined], index: joined, model: model),
            with: .attention(heads: queries.count, scale: scale), inputs: inputs)
    }

    /// What a chain of scalings by constants starts from; the factor is multiplied up.
    private func scaled(_ view: ONNXPatternView, _ name: String?, _ nodes: inout [Int], _ scale: inout Float) throws(NetworkError)
        -> String?
    {
        guard let name, let node = view.maker(name) else { return name }
        let inputs = view.inputs(node)
        guard inputs.count == 2 else { return name }
        if view.operation(node) == "Mul" {
            for place in 0...1 {
                if let factor = try scalar(inputs[place]) {
                    scale *= factor
                    nodes.append(node)
                    return inputs[1 - place]
                }
            }
        } else if view.operation(node) == "Div", let divisor = try scalar(inputs[1]) {
            scale /= divisor
            nodes.append(node)
            return inputs[0]
        }
        return name
    }

    private struct Heads {
        var name: String
        var tokens: Int
        var count: Int
        var width: Int
    }

    /// A value split into heads: Reshape to (batch, tokens, heads, width), then Transpose.
    private func heads(
        _ view: ONNXPatternView, _ name: String?, transposed permutations: [[Int]], _ nodes: inout [Int]
    ) throws(NetworkError) -> Heads? {
        guard let turn = view.maker(name), view.operation(turn) == "Transpose", let permutation = try permutation(turn),
            permutations.contains(permutation),
            let split = view.maker(view.inputs(turn).first), view.operation(split) == "Reshape",
            case .activation(let value)? = facts[view.outputs(split)[0]], let shape = shape(value), shape.count == 3,
            let source = view.inputs(split).first, case .activation(let input)? = facts[source], let inputShape = self.shape(input),
            inputShape == [shape[0], shape[1] * shape[2]]
        else { return nil }
        nodes += [split, turn]
        return Heads(name: source, tokens: shape[0], count: shape[1], width: shape[2])
    }

    /// Keys are transposed once more, in the same step or in one of its own; they may be scaled before or after.
    private func keyHeads(_ view: ONNXPatternView, _ name: String?, _ nodes: inout [Int], _ scale: inout Float) throws(NetworkError)
        -> Heads?
    {
        guard let name = try scaled(view, name, &nodes, &scale) else { return nil }
        if let direct = try heads(view, name, transposed: [[0, 2, 3, 1]], &nodes) { return direct }
        guard let turn = view.maker(name), view.operation(turn) == "Transpose", try permutation(turn) == [0, 1, 3, 2] else { return nil }
        nodes.append(turn)
        return try heads(view, try scaled(view, view.inputs(turn).first, &nodes, &scale), transposed: [[0, 2, 1, 3]], &nodes)
    }

    private func permutation(_ node: Int) throws(NetworkError) -> [Int]? {
        try ONNXNodeReader(graph.node[node], index: node, model: model).integers("perm")
    }
}
