// What a node of the model becomes: layers appended, merged into earlier ones, or a barrier; its names then stand for their values.

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
        let names = outputs ?? [node.wire.output.first ?? ""]
        let first = try draft.append(
            layer, named: ONNXNames.layer(node: node.wire, weight: weight, fallback: node.name), for: node, inputs: inputs, outputs: names,
            isWhole: isWhole)
        for (index, name) in names.enumerated() where !name.isEmpty { facts[name] = .activation(first + index) }
        return first
    }

    /// Appends a layer of one input.
    mutating func unary(_ node: ONNXNodeReader, _ layer: Layer) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0) else { return false }
        try emit(layer, node, inputs: [input])
        return true
    }

    /// Lets a value stand for the first output of a node.
    mutating func setResult(_ node: ONNXNodeReader, _ value: Network.ValueID) {
        guard let name = node.wire.output.first, !name.isEmpty else { return }
        // What has a leading extent of 1 is a batch of one sample.
        let result = draft.batched(value) ?? value
        if draft.network.values[result].name.isEmpty { draft.network.values[result].name = name }
        facts[name] = .activation(result)
    }

    /// Lets a layer already built stand for a further node whose output it now makes.
    mutating func absorb(_ node: ONNXNodeReader, into index: Int, layer: Layer) {
        draft.absorb(node, into: index, layer: layer)
        facts[node.wire.output[0]] = .activation(draft.network.nodes[index].outputs[0])
    }

    /// A node that is not understood: whatever it touches stays whole.
    mutating func addBarrier(_ node: ONNXNodeReader) throws(NetworkError) {
        let mixesSamples = try self.mixesSamples(node)
        var inputs: [Network.ValueID] = []
        for name in node.wire.input + node.wire.capturedNames.sorted() {
            switch facts[name] {
            case .activation(let value): inputs.append(value)
            case .constant(let constant): inputs += Set(constant.sources.map(\.value)).sorted()
            default: break
            }
        }
        var seen = Set<Network.ValueID>()
        facts.doubt(node.wire.output)
        try emit(
            .barrier(operation: node.operation + (mixesSamples ? Self.acrossSamples : "")), node,
            inputs: inputs.filter { seen.insert($0).inserted },
            outputs: node.wire.output.filter { !$0.isEmpty }, isWhole: false)
        // What the file declares of the outputs is all that is known of them.
        for value in draft.lastOutputs {
            guard let declared = graph.declaredShapes[draft.network.values[value].name] else { continue }
            draft.network.values[value].shape = sizes.sampleShape(declared)
        }
    }

    /// What the operation of a barrier ends with that would be followed if it left the samples of a batch apart.
    static let acrossSamples = " across samples"

    /// Whether a node asks for extents that no sample has alone: samples of a batch in groups, or as many as there are.
    private func mixesSamples(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard ["Reshape", "Expand", "Tile"].contains(node.operation), let given = activation(node, 0), draft.extents(given) != nil else {
            return false
        }
        guard try node.integer("allowzero") ?? 0 == 0 else { return false }
        return try constant(node, 1)?.extents != nil
    }

    /// The layer that makes a value, if nothing else reads it.
    func soleProducer(of name: String?) -> Int? {
        guard let name, graph.useCount(name) == 1, let value = facts.activation(name) else { return nil }
        return draft.network.nodes.lastIndex { $0.outputs == [value] }
    }
}
