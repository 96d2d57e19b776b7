// Activations and normalizations that exporters spell out as several operations, found once the graph is imported.
//
//   GELU        ½·x·(1 + erf(x/√2)) in any order of the products (Hendrycks & Gimpel, arXiv 1606.08415)
//   GELU, tanh  ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))
//   SiLU        x·σ(x);   hard swish   x·hσ(x), or x·clip(x + 3, 0, 6)/6
//   group normalization  channels gathered into groups, instance normalization, and back
//   layer normalization  ONNXImporter+LayerNormalization.swift
//
// A pattern is taken only if nothing outside of it reads what is inside.

import TensorFiles

extension ONNXImporter {
    /// Replaces the pattern whose last node has just been visited, if there is one.
    mutating func fusePattern(endingAt last: Int) throws(NetworkError) {
        if graph.operation(last) == "Reshape" { return try fuseGroupNormalization(endingAt: last) }
        guard ["Mul", "Div", "Add"].contains(graph.operation(last)) else { return }
        // The node that a pattern is recognized by lies at most four steps back.
        var seen: Set<Int> = [last]
        var frontier = [last]
        for _ in 0..<4 {
            frontier = frontier.flatMap { graph.inputs($0).compactMap(graph.maker) }.filter { seen.insert($0).inserted }
            for index in frontier {
                switch graph.operation(index) {
                case "Erf":
                    try fuseHalfProduct(around: index, input: erfInput(index), last: last, .gelu(approximateTanh: false))
                case "Tanh":
                    try fuseHalfProduct(around: index, input: tanhInput(index), last: last, .gelu(approximateTanh: true))
                case "Sigmoid": try fuseGate(index, last: last, .silu)
                case "HardSigmoid": try fuseGate(index, last: last, .hardSwish)
                case "Clip": try fuseClippedGate(index, last: last)
                case "Sqrt": try fuseLayerNormalization(index, last: last)
                default: break
                }
            }
        }
    }

    /// The other operand of a node of two inputs, one of which is close to a number.
    func operand(_ node: Int, _ operation: String, beside value: Float, orderMatters: Bool = false)
        throws(NetworkError) -> String?
    {
        let inputs = graph.inputs(node)
        guard graph.operation(node) == operation, inputs.count == 2 else { return nil }
        if let found = try facts.scalar(inputs[1]), abs(found - value) <= 1e-3 * abs(value) { return inputs[0] }
        if !orderMatters, let found = try facts.scalar(inputs[0]), abs(found - value) <= 1e-3 * abs(value) { return inputs[1] }
        return nil
    }

    /// Puts one layer in the place of several nodes.
    mutating func replace(_ nodes: [Int], with layer: Layer, inputs: [String]) throws(NetworkError) {
        let values = inputs.compactMap { facts.activation($0) }
        guard let root = nodes.last, values.count == inputs.count,
            try draft.replace(Set(nodes), root: root, with: layer, inputs: values)
        else { return }
        // Between what is known, nothing is uncertain any more.
        if !values.contains(where: { facts.isUncertain(draft.network.values[$0].name) }) { facts.trust(graph.outputs(root)) }
    }

    // MARK: GELU

    private func erfInput(_ erf: Int) throws(NetworkError) -> (name: String, nodes: [Int])? {
        guard let scaled = graph.maker(graph.inputs(erf).first) else { return nil }
        if let name = try operand(scaled, "Div", beside: 1.414_213_6, orderMatters: true) { return (name, [scaled]) }
        if let name = try operand(scaled, "Mul", beside: 0.707_106_8) { return (name, [scaled]) }
        return nil
    }

    private func tanhInput(_ tanh: Int) throws(NetworkError) -> (name: String, nodes: [Int])? {
        guard let outer = graph.maker(graph.inputs(tanh).first), let sum = graph.maker(try operand(outer, "Mul", beside: 0.797_884_6)),
            graph.operation(sum) == "Add", graph.inputs(sum).count == 2
        else { return nil }
        for (x, term) in [(0, 1), (1, 0)].map({ (graph.inputs(sum)[$0.0], graph.inputs(sum)[$0.1]) }) {
            guard let product = graph.maker(term), let cube = graph.maker(try operand(product, "Mul", beside: 0.044_715)) else {
                continue
            }
            if try operand(cube, "Pow", beside: 3, orderMatters: true) == x { return (x, [cube, product, sum, outer]) }
            if graph.operation(cube) == "Mul", graph.inputs(cube).contains(x), let square = graph.inputs(cube).first(where: { $0 != x }),
                let inner = graph.maker(square), graph.operation(inner) == "Mul", graph.inputs(inner) == [x, x]
            {
                return (x, [inner, cube, product, sum, outer])
            }
        }
        return nil
    }

    /// ½·x·(1 + f) where f is the node `center`, fed from x.
    private mutating func fuseHalfProduct(
        around center: Int, input: (name: String, nodes: [Int])?, last root: Int, _ activation: Activation
    ) throws(NetworkError) {
        guard let input, let sum = graph.soleUser(center), try operand(sum, "Add", beside: 1) != nil, let first = graph.soleUser(sum),
            graph.operation(first) == "Mul", let output = graph.outputs(sum).first,
            let other = graph.inputs(first).first(where: { $0 != output })
        else { return }
        var nodes = input.nodes + [center, sum]
        if other == input.name {
            // (x·(1 + f))·½
            guard let last = graph.soleUser(first), try isHalved(last) else { return }
            nodes += [first, last]
        } else if try facts.scalar(other).map({ abs($0 - 0.5) < 1e-6 }) == true {
            // (½·(1 + f))·x
            guard let last = graph.soleUser(first), graph.operation(last) == "Mul", graph.inputs(last).contains(input.name) else { return }
            nodes += [first, last]
        } else if let half = graph.maker(other), try isHalved(half), graph.inputs(half).contains(input.name) {
            // (½·x)·(1 + f)
            nodes += [half, first]
        } else {
            return
        }
        guard nodes.last == root, graph.isClosed(nodes) else { return }
        try replace(nodes, with: .activation(activation), inputs: [input.name])
    }

    private func isHalved(_ node: Int) throws(NetworkError) -> Bool {
        if try operand(node, "Mul", beside: 0.5) != nil { return true }
        return try operand(node, "Div", beside: 2, orderMatters: true) != nil
    }

    // MARK: Gates

    private mutating func fuseGate(_ gate: Int, last root: Int, _ activation: Activation) throws(NetworkError) {
        if activation == .hardSwish {
            // Only the slope of 1/6 became an activation.
            guard case .activation(.hardSigmoid)? = draft.layer(of: gate) else { return }
        }
        guard let input = graph.inputs(gate).first, let output = graph.outputs(gate).first, let product = graph.soleUser(gate),
            product == root, graph.operation(product) == "Mul", Set(graph.inputs(product)) == [input, output],
            graph.isClosed([gate, product])
        else { return }
        try replace([gate, product], with: .activation(activation), inputs: [input])
    }

    /// x·clip(x + 3, 0, 6)/6.
    private mutating func fuseClippedGate(_ clip: Int, last root: Int) throws(NetworkError) {
        guard case .activation(.clippedReLU(maximum: 6))? = draft.layer(of: clip),
            let sum = graph.maker(graph.inputs(clip).first), let input = try operand(sum, "Add", beside: 3),
            let output = graph.outputs(clip).first, let first = graph.soleUser(clip)
        else { return }
        var nodes = [sum, clip, first]
        if graph.operation(first) == "Mul", Set(graph.inputs(first)) == [input, output] {
            guard let last = graph.soleUser(first), try isSixth(last) else { return }
            nodes.append(last)
        } else if try isSixth(first) {
            guard let last = graph.soleUser(first), graph.operation(last) == "Mul", graph.inputs(last).contains(input) else { return }
            nodes.append(last)
        } else {
            return
        }
        guard nodes.last == root, graph.isClosed(nodes) else { return }
        try replace(nodes, with: .activation(.hardSwish), inputs: [input])
    }

    private func isSixth(_ node: Int) throws(NetworkError) -> Bool {
        if try operand(node, "Div", beside: 6, orderMatters: true) != nil { return true }
        return try operand(node, "Mul", beside: 1 / 6) != nil
    }

    // MARK: Group normalization

    /// (N, C, …) → (N, groups, …) → instance normalization without a scale of its own → (N, C, …).
    private mutating func fuseGroupNormalization(endingAt last: Int) throws(NetworkError) {
        guard let center = graph.maker(graph.inputs(last).first), graph.operation(center) == "InstanceNormalization",
            case .normalization(let layer)? = draft.layer(of: center), layer.kind == .instance,
            let first = graph.maker(graph.inputs(center).first), graph.operation(first) == "Reshape",
            let input = graph.inputs(first).first, graph.isClosed([first, center, last]),
            let shape = activation(graph.reader(first), 0).flatMap({ draft.shape($0) }),
            let grouped = activation(graph.reader(center), 0).flatMap({ draft.shape($0) }),
            let output = graph.outputs(last).first.flatMap({ facts.activation($0) }), draft.shape(output) == shape,
            let channels = shape.first, let groups = grouped.first, shape.count > 1, groups > 0, channels % groups == 0,
            try isUniform(graph.reader(center), 1, value: 1), try isUniform(graph.reader(center), 2, value: 0)
        else { return }
        try replace(
            [first, center, last],
            with: .normalization(.init(kind: .group(groups), axis: 1, scale: nil, shift: nil, epsilon: layer.epsilon)), inputs: [input])
    }

    /// Whether an input is a constant all of whose elements are one number.
    private func isUniform(_ node: ONNXNodeReader, _ slot: Int, value: Float) throws(NetworkError) -> Bool {
        try numbers(node, slot)?.allSatisfy { $0 == value } ?? false
    }
}
