// Layers in the place of nodes: appended, merged into earlier ones, or put in the place of several.

extension ONNXImporter {
    /// Appends a layer that stands for a node.
    /// - Parameters:
    ///   - weight: name of the tensor the layer is named after (`fc1.weight` gives `fc1`).
    ///   - outputs: names of the values it makes; by default the node's first output.
    /// - Returns: the first value it makes.
    @discardableResult mutating func emit(
        _ layer: Layer, _ node: ONNXNodeReader, inputs: [Network.ValueID], weight: String? = nil, outputs: [String]? = nil
    ) throws(NetworkError) -> Network.ValueID {
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
            network.values[first + index].shape = inferred ?? declaredShapes[name].flatMap(sampleShape)
        }
        network.nodes.append(built)
        origins[built.name] = ONNXOrigin(node: node.index)
        return first
    }

    mutating func addBarrier(_ node: ONNXNodeReader) throws(NetworkError) {
        var inputs: [Network.ValueID] = []
        for name in node.wire.input + node.wire.capturedNames.sorted() {
            switch facts[name] {
            case .activation(let value): inputs.append(value)
            case .view(let view): inputs.append(view.value)
            case .scores(let scores): inputs += [scores.queries.value, scores.keys.value]
            case .constant(let constant): inputs += constant.sources.sorted()
            default: break
            }
        }
        var seen = Set<Network.ValueID>()
        uncertain.formUnion(node.wire.output.filter { !$0.isEmpty })
        try emit(
            .barrier(operation: node.operation), node, inputs: inputs.filter { seen.insert($0).inserted },
            outputs: node.wire.output.filter { !$0.isEmpty })
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
