// Layers in the place of nodes: appended, merged into earlier ones, or put in the place of several.

extension ONNXImporter {
    /// Appends a layer that stands for a node.
    /// - Parameters:
    ///   - weight: name of the tensor the layer is named after (`fc1.weight` gives `fc1`).
    ///   - outputs: names of the values it makes; by default the node's first output.
    /// - Returns: the first value it makes.
    @discardableResult mutating func emit(
        _ layer: Layer, _ node: ONNXNodeReader, inputs: [Network.ValueID], weight: String? = nil, outputs: [String]? = nil,
        isWhole: Bool? = nil
    ) throws(NetworkError) -> Network.ValueID {
        let isWhole = isWhole ?? inputs.contains(where: wholes.contains)
        let areIntegers = try node.makesIntegers || !inputs.isEmpty && layer.keepsIntegers && inputs.allSatisfy(isIntegerOperand)
        let names = outputs ?? [node.wire.output.first ?? ""]
        let first = network.values.count
        for name in names {
            network.values.append(.init(name: name))
            if !name.isEmpty { facts[name] = .activation(network.values.count - 1) }
        }
        let built = Network.Node(
            name: uniqueName(ONNXNames.layer(node: node.wire, weight: weight, fallback: node.name)), layer: layer, inputs: inputs,
            outputs: Array(first..<first + names.count))
        let shapes = try network.outputShapes(
            of: built, inputs: inputs.map { network.values[$0].shape }, isConstant: inputs.map(constantIDs.contains))
        for (index, name) in names.enumerated() {
            let inferred = index < shapes.count ? shapes[index] : nil
            if let inferred { _ = try Network.size(of: inferred, node: node.name) }
            network.values[first + index].shape = inferred
            if isWhole { wholes.insert(first + index) }
            if areIntegers { integerValues.insert(first + index) }
        }
        network.nodes.append(built)
        if node.index >= 0 { origins[built.name] = ONNXOrigin(node: node.index) }
        return first
    }

    /// The layer appended last does not carry the attributes of its node.
    mutating func forgetOrigin() {
        origins[network.nodes[network.nodes.count - 1].name] = nil
    }

    private func isIntegerOperand(_ value: Network.ValueID) -> Bool { integerValues.contains(value) }

    mutating func addBarrier(_ node: ONNXNodeReader) throws(NetworkError) {
        var inputs: [Network.ValueID] = []
        for name in node.wire.input + node.wire.capturedNames.sorted() {
            switch facts[name] {
            case .activation(let value): inputs.append(value)
            case .constant(let constant): inputs += Set(constant.sources.map(\.value)).sorted()
            default: break
            }
        }
        var seen = Set<Network.ValueID>()
        uncertain.formUnion(node.wire.output.filter { !$0.isEmpty })
        try emit(
            .barrier(operation: node.operation), node, inputs: inputs.filter { seen.insert($0).inserted },
            outputs: node.wire.output.filter { !$0.isEmpty }, isWhole: false)
        // What the file declares of the outputs is all that is known of them.
        let made = network.nodes[network.nodes.count - 1].outputs
        for value in made {
            guard let declared = declaredShapes[network.values[value].name] else { continue }
            network.values[value].shape = sampleShape(declared)
        }
    }

    /// The layer that makes a value, if nothing else reads it.
    func soleProducer(of name: String?) -> Int? {
        guard let name, useCounts[name] == 1, case .activation(let value)? = facts[name] else { return nil }
        return network.nodes.lastIndex { $0.outputs == [value] }
    }

    /// Changes a layer already built, and lets it stand for a further node whose output it now makes.
    mutating func absorb(_ node: ONNXNodeReader, into index: Int, layer: Layer) {
        network.nodes[index].layer = layer
        let value = network.nodes[index].outputs[0]
        network.values[value].name = node.wire.output[0]
        facts[node.wire.output[0]] = .activation(value)
        origins[network.nodes[index].name]?.absorbed.append(node.index)
    }

    /// Replaces the layers of several nodes by one, at the place of the last.
    mutating func replace(_ nodes: Set<Int>, root: ONNXNodeReader, with layer: Layer, inputs: [Network.ValueID]) throws(NetworkError) {
        guard let place = network.nodes.lastIndex(where: { origins[$0.name]?.node == root.index }) else { return }
        network.nodes[place].layer = layer
        network.nodes[place].inputs = inputs
        let shapes = try network.outputShapes(
            of: network.nodes[place], inputs: inputs.map { network.values[$0].shape }, isConstant: inputs.map(constantIDs.contains))
        for (value, shape) in zip(network.nodes[place].outputs, shapes) { if let shape { network.values[value].shape = shape } }
        for value in network.nodes[place].outputs {
            if inputs.contains(where: wholes.contains) { wholes.insert(value) } else { wholes.remove(value) }
        }
        if !inputs.contains(where: { uncertain.contains(network.values[$0].name) }) { uncertain.subtract(root.wire.output) }
        let kept = network.nodes[place].name
        var result: [Network.Node] = []
        for node in network.nodes {
            if node.name != kept, let origin = origins[node.name], nodes.contains(origin.node) {
                origins[node.name] = nil
                origins[kept]?.absorbed.append(origin.node)
            } else {
                result.append(node)
            }
        }
        network.nodes = result
    }

    mutating func uniqueName(_ name: String) -> String {
        var result = name
        var count = 1
        while !nodeNames.insert(result).inserted {
            count += 1
            result = "\(name) (\(count))"
        }
        return result
    }
}

extension Layer {
    /// Whether integers in are integers out.
    fileprivate var keepsIntegers: Bool {
        switch self {
        case .add, .multiply, .concatenation, .split, .flatten, .reshape, .transpose, .padding, .slice, .gather, .identity: true
        case .elementwise(let operation): operation != .divide && operation != .mean
        case .reduction(let layer): layer.kind == .sum || layer.kind == .maximum || layer.kind == .minimum || layer.kind == .product
        case .activation(let activation):
            switch activation {
            case .relu, .function(.absolute), .function(.negation), .function(.sign), .function(.clip): true
            default: false
            }
        case .alongAxis(.cumulativeSum, _): true
        default: false
        }
    }
}
