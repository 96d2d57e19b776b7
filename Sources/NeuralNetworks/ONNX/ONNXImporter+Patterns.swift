// Activations and normalizations that exporters spell out as several operations, found once the graph is imported.
//
//   GELU        ½·x·(1 + erf(x/√2)) in any order of the products (Hendrycks & Gimpel, arXiv 1606.08415)
//   GELU, tanh  ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))
//   SiLU        x·σ(x);   hard swish   x·hσ(x), or x·clip(x + 3, 0, 6)/6
//   layer normalization  (x − mean)/√(mean of (x − mean)² + ε), then times scale, then plus shift
//
// A pattern is taken only if nothing outside of it reads what is inside.

import TensorFiles

extension ONNXImporter {
    /// Replaces the pattern whose last node has just been visited, if there is one.
    mutating func fusePattern(_ view: ONNXPatternView, endingAt last: Int) throws(NetworkError) {
        guard ["Mul", "Div", "Add"].contains(view.operation(last)) else { return }
        // The node that a pattern is recognized by lies at most four steps back.
        var seen: Set<Int> = [last]
        var frontier = [last]
        for _ in 0..<4 {
            frontier = frontier.flatMap { view.inputs($0).compactMap(view.maker) }.filter { seen.insert($0).inserted }
            for index in frontier {
                switch view.operation(index) {
                case "Erf":
                    try fuseHalfProduct(view, around: index, input: erfInput(view, index), last: last, .gelu(approximateTanh: false))
                case "Tanh":
                    try fuseHalfProduct(view, around: index, input: tanhInput(view, index), last: last, .gelu(approximateTanh: true))
                case "Sigmoid": try fuseGate(view, index, last: last, .silu)
                case "HardSigmoid": try fuseGate(view, index, last: last, .hardSwish)
                case "Clip": try fuseClippedGate(view, index, last: last)
                case "Sqrt": try fuseLayerNormalization(view, index, last: last)
                default: break
                }
            }
        }
    }

    /// The scalar a name stands for.
    func scalar(_ name: String) throws(NetworkError) -> Float? {
        switch facts[name] {
        case .initializer(let index) where RowMajor.count(graph.initializer[index].shape ?? [0, 0]) == 1:
            return try constant(named: name, node: name)?.scalar
        case .constant(let constant): return constant.scalar
        default: return nil
        }
    }

    /// The other operand of a node of two inputs, one of which is close to a number.
    func operand(_ view: ONNXPatternView, _ node: Int, _ operation: String, beside value: Float, orderMatters: Bool = false)
        throws(NetworkError) -> String?
    {
        let inputs = view.inputs(node)
        guard view.operation(node) == operation, inputs.count == 2 else { return nil }
        if let found = try scalar(inputs[1]), abs(found - value) <= 1e-3 * abs(value) { return inputs[0] }
        if !orderMatters, let found = try scalar(inputs[0]), abs(found - value) <= 1e-3 * abs(value) { return inputs[1] }
        return nil
    }

    private mutating func replace(_ nodes: [Int], with layer: Layer, inputs: [String]) throws(NetworkError) {
        let values = inputs.compactMap { name in if case .activation(let value)? = facts[name] { value } else { nil } }
        guard let root = nodes.last, values.count == inputs.count else { return }
        try replace(Set(nodes), root: ONNXNodeReader(graph.node[root], index: root, model: model), with: layer, inputs: values)
    }

    // MARK: GELU

    private func erfInput(_ view: ONNXPatternView, _ erf: Int) throws(NetworkError) -> (name: String, nodes: [Int])? {
        guard let scaled = view.maker(view.inputs(erf).first) else { return nil }
        if let name = try operand(view, scaled, "Div", beside: 1.414_213_6, orderMatters: true) { return (name, [scaled]) }
        if let name = try operand(view, scaled, "Mul", beside: 0.707_106_8) { return (name, [scaled]) }
        return nil
    }

    private func tanhInput(_ view: ONNXPatternView, _ tanh: Int) throws(NetworkError) -> (name: String, nodes: [Int])? {
        guard let outer = view.maker(view.inputs(tanh).first), let sum = view.maker(try operand(view, outer, "Mul", beside: 0.797_884_6)),
            view.operation(sum) == "Add", view.inputs(sum).count == 2
        else { return nil }
        for (x, term) in [(0, 1), (1, 0)].map({ (view.inputs(sum)[$0.0], view.inputs(sum)[$0.1]) }) {
            guard let product = view.maker(term), let cube = view.maker(try operand(view, product, "Mul", beside: 0.044_715)) else {
                continue
            }
            if try operand(view, cube, "Pow", beside: 3, orderMatters: true) == x { return (x, [cube, product, sum, outer]) }
            if view.operation(cube) == "Mul", view.inputs(cube).contains(x), let square = view.inputs(cube).first(where: { $0 != x }),
                let inner = view.maker(square), view.operation(inner) == "Mul", view.inputs(inner) == [x, x]
            {
                return (x, [inner, cube, product, sum, outer])
            }
        }
        return nil
    }

    /// ½·x·(1 + f) where f is the node `center`, fed from x.
    private mutating func fuseHalfProduct(
        _ view: ONNXPatternView, around center: Int, input: (name: String, nodes: [Int])?, last root: Int, _ activation: Activation
    ) throws(NetworkError) {
        guard let input, let sum = view.soleUser(center), try operand(view, sum, "Add", beside: 1) != nil, let first = view.soleUser(sum),
            view.operation(first) == "Mul", let output = view.outputs(sum).first,
            let other = view.inputs(first).first(where: { $0 != output })
        else { return }
        var nodes = input.nodes + [center, sum]
        if other == input.name {
            // (x·(1 + f))·½
            guard let last = view.soleUser(first), try isHalved(view, last) else { return }
            nodes += [first, last]
        } else if try scalar(other).map({ abs($0 - 0.5) < 1e-6 }) == true {
            // (½·(1 + f))·x
            guard let last = view.soleUser(first), view.operation(last) == "Mul", view.inputs(last).contains(input.name) else { return }
            nodes += [first, last]
        } else if let half = view.maker(other), try isHalved(view, half), view.inputs(half).contains(input.name) {
            // (½·x)·(1 + f)
            nodes += [half, first]
        } else {
            return
        }
        guard nodes.last == root, view.isClosed(nodes) else { return }
        try replace(nodes, with: .activation(activation), inputs: [input.name])
    }

    private func isHalved(_ view: ONNXPatternView, _ node: Int) throws(NetworkError) -> Bool {
        if try operand(view, node, "Mul", beside: 0.5) != nil { return true }
        return try operand(view, node, "Div", beside: 2, orderMatters: true) != nil
    }

    // MARK: Gates

    private mutating func fuseGate(_ view: ONNXPatternView, _ gate: Int, last root: Int, _ activation: Activation) throws(NetworkError) {
        if activation == .hardSwish {
            // Only the slope of 1/6 became an activation.
            guard case .activation(.hardSigmoid)? = network.nodes.first(where: { origins[$0.name]?.node == gate })?.layer else { return }
        }
        guard let input = view.inputs(gate).first, let output = view.outputs(gate).first, let product = view.soleUser(gate),
            product == root, view.operation(product) == "Mul", Set(view.inputs(product)) == [input, output], view.isClosed([gate, product])
        else { return }
        try replace([gate, product], with: .activation(activation), inputs: [input])
    }

    /// x·clip(x + 3, 0, 6)/6.
    private mutating func fuseClippedGate(_ view: ONNXPatternView, _ clip: Int, last root: Int) throws(NetworkError) {
        guard case .activation(.clippedReLU(maximum: 6))? = network.nodes.first(where: { origins[$0.name]?.node == clip })?.layer,
            let sum = view.maker(view.inputs(clip).first), let input = try operand(view, sum, "Add", beside: 3),
            let output = view.outputs(clip).first, let first = view.soleUser(clip)
        else { return }
        var nodes = [sum, clip, first]
        if view.operation(first) == "Mul", Set(view.inputs(first)) == [input, output] {
            guard let last = view.soleUser(first), try isSixth(view, last) else { return }
            nodes.append(last)
        } else if try isSixth(view, first) {
            guard let last = view.soleUser(first), view.operation(last) == "Mul", view.inputs(last).contains(input) else { return }
            nodes.append(last)
        } else {
            return
        }
        guard nodes.last == root, view.isClosed(nodes) else { return }
        try replace(nodes, with: .activation(.hardSwish), inputs: [input])
    }

    private func isSixth(_ view: ONNXPatternView, _ node: Int) throws(NetworkError) -> Bool {
        if try operand(view, node, "Div", beside: 6, orderMatters: true) != nil { return true }
        return try operand(view, node, "Mul", beside: 1 / 6) != nil
    }

    // MARK: Layer normalization

    private mutating func fuseLayerNormalization(_ view: ONNXPatternView, _ root: Int, last: Int) throws(NetworkError) {
        guard let sum = view.maker(view.inputs(root).first), view.operation(sum) == "Add", view.inputs(sum).count == 2,
            case let (first, second) = (try scalar(view.inputs(sum)[0]), try scalar(view.inputs(sum)[1])), let epsilon = first ?? second,
            let variance = view.maker(view.inputs(sum)[first == nil ? 0 : 1]), try isMean(variance),
            let square = view.maker(view.inputs(variance).first), let deviation = try squared(view, square),
            let difference = view.maker(deviation),
            view.operation(difference) == "Sub", let input = view.inputs(difference).first,
            let mean = view.maker(view.inputs(difference).last), try isMean(mean), view.inputs(mean).first == input,
            let quotient = view.soleUser(root), view.operation(quotient) == "Div", let numerator = view.maker(view.inputs(quotient).first)
        else { return }
        var nodes = [mean, difference, square, variance, sum, root]
        if numerator != difference {
            // Some exporters compute x − mean twice.
            guard view.operation(numerator) == "Sub", view.inputs(numerator) == view.inputs(difference) else { return }
            nodes.append(numerator)
        }
        nodes.append(quotient)
        var vectors: [(node: Int, slot: Int)] = []
        if let next = view.soleUser(quotient), view.operation(next) == "Mul", let slot = vectorSlot(view, next, beside: quotient) {
            nodes.append(next)
            vectors.append((next, slot))
            if let sum = view.soleUser(next), view.operation(sum) == "Add", let slot = vectorSlot(view, sum, beside: next) {
                nodes.append(sum)
                vectors.append((sum, slot))
            }
        }
        guard nodes.last == last, view.isClosed(nodes) else { return }
        let names = try vectors.map { node, slot throws(NetworkError) in
            try parameter(ONNXNodeReader(graph.node[node], index: node, model: model), slot)
        }
        let scale = names.first, shift = names.count > 1 ? names[1] : nil
        try replace(
            nodes, with: .normalization(.init(kind: .layer, axis: -1, scale: scale, shift: shift, epsilon: epsilon)), inputs: [input])
    }

    /// ReduceMean over the last axis, which is kept.
    private func isMean(_ index: Int) throws(NetworkError) -> Bool {
        let node = ONNXNodeReader(graph.node[index], index: index, model: model)
        guard node.operation == "ReduceMean", try node.integer("keepdims") ?? 1 == 1, let axes = try node.axes(constant(node, 1)),
            axes.count == 1
        else { return false }
        if axes[0] == -1 { return true }
        return activation(node, 0).flatMap { shape($0) }.map { axes[0] == $0.count } ?? false
    }

    private func squared(_ view: ONNXPatternView, _ node: Int) throws(NetworkError) -> String? {
        if let name = try operand(view, node, "Pow", beside: 2, orderMatters: true) { return name }
        let inputs = view.inputs(node)
        return view.operation(node) == "Mul" && inputs.count == 2 && inputs[0] == inputs[1] ? inputs[0] : nil
    }

    /// The input with the constant vector that a node combines with the output of another.
    private func vectorSlot(_ view: ONNXPatternView, _ node: Int, beside other: Int) -> Int? {
        guard let output = view.outputs(other).first, view.inputs(node).count == 2, let place = view.inputs(node).firstIndex(of: output)
        else { return nil }
        let reader = ONNXNodeReader(graph.node[node], index: node, model: model)
        return weightShape(reader, 1 - place)?.count == 1 ? 1 - place : nil
    }
}

/// Who makes and who reads each value of a graph.
struct ONNXPatternView {
    private let graph: ONNXWireGraph
    private var makers: [String: Int] = [:]
    private var users: [String: [Int]] = [:]
    /// Read by the world outside, or by graphs inside nodes.
    private var exposed: Set<String> = []

    init(_ graph: ONNXWireGraph) {
        self.graph = graph
        for (index, node) in graph.node.enumerated() {
            for output in node.output where !output.isEmpty { makers[output] = index }
            for input in node.input where !input.isEmpty { users[input, default: []].append(index) }
            exposed.formUnion(node.capturedNames)
        }
        exposed.formUnion(graph.output.map(\.name))
    }

    func operation(_ node: Int) -> String {
        graph.node[node].domain.isEmpty || graph.node[node].domain == "ai.onnx" ? graph.node[node].opType : ""
    }
    func inputs(_ node: Int) -> [String] { graph.node[node].input }
    func outputs(_ node: Int) -> [String] { graph.node[node].output }
    func maker(_ name: String?) -> Int? { name.flatMap { makers[$0] } }

    /// The only node that reads the only output of a node.
    func soleUser(_ node: Int) -> Int? {
        guard let output = graph.node[node].output.first, let users = users[output], Set(users).count == 1, !exposed.contains(output) else {
            return nil
        }
        return users[0]
    }

    /// Nothing outside reads what the nodes make, but for the last one.
    func isClosed(_ nodes: [Int]) -> Bool {
        let inside = Set(nodes)
        return nodes.dropLast().allSatisfy { node in
            graph.node[node].output.allSatisfy { !exposed.contains($0) && (users[$0] ?? []).allSatisfy(inside.contains) }
        }
    }
}
