// A network while it is built from a model: its nodes and values, what each value is to the model, and where all of it came from.

/// A network under construction.
struct ONNXDraft {
    /// What a value of the network is to the model, beyond its shape.
    struct Traits {
        /// The sample has all axes of the model's tensor, that of the batch too.
        var isWhole = false
        /// Of an integer or boolean type.
        var isInteger = false
        /// A constant of the network.
        var isConstant = false
        /// Step of the quantized type on whose grid the numbers are.
        var step: Float?
    }

    /// The same numbers under other axes.
    struct View: Hashable {
        var value: Network.ValueID
        var shape: [Int]
        var isWhole: Bool
    }

    /// A constant of the model as a layer wants it.
    struct ParameterKey: Hashable {
        var constant: String
        /// The tensor that it goes with, where others may have one with the same numbers.
        var owner: String?
        var shape: [Int]
        var transform: ONNXBinding.Transform
    }

    /// A state to go back to.
    struct Mark {
        fileprivate var nodes: Int
        fileprivate var values: Int
    }

    var network = Network(nodes: [], values: [], inputs: [], outputs: [], parameters: [:])
    var provenance = ONNXProvenance()
    /// One for every value of the network.
    private(set) var traits: [Traits] = []

    // What has been made already, so that nothing is made twice.
    var views: [View: Network.ValueID] = [:]
    var parameterNames: [ParameterKey: String] = [:]
    var constantValues: [String: Network.ValueID] = [:]
    var keptExtents: [ONNXAxis: Network.ValueID] = [:]
    private var nodeNames: Set<String> = []

    // MARK: Values

    mutating func addValue(_ name: String, shape: [Int]? = nil, _ traits: Traits = Traits()) -> Network.ValueID {
        network.values.append(.init(name: name, shape: shape))
        self.traits.append(traits)
        return network.values.count - 1
    }

    /// An input of the network and of the model.
    mutating func addInput(_ name: String, isInteger: Bool) -> Network.ValueID {
        let value = addValue(name, Traits(isInteger: isInteger))
        network.inputs.append(value)
        return value
    }

    /// Shape of a value without the batch axis; `nil` when unknown.
    func shape(_ value: Network.ValueID) -> [Int]? { network.values[value].shape }
    func isWhole(_ value: Network.ValueID) -> Bool { traits[value].isWhole }
    func isInteger(_ value: Network.ValueID) -> Bool { traits[value].isInteger }
    func isConstant(_ value: Network.ValueID) -> Bool { traits[value].isConstant }

    mutating func setWhole(_ value: Network.ValueID, _ isWhole: Bool) { traits[value].isWhole = isWhole }
    mutating func setStep(_ value: Network.ValueID, _ step: Float) { traits[value].step = step }

    /// Inputs of integers or truth values.
    var integerInputs: Set<Network.ValueID> { Set(network.inputs.filter { traits[$0].isInteger }) }

    /// Values whose samples have all axes of the model's tensor.
    var wholes: Set<Network.ValueID> { Set(traits.indices.filter { traits[$0].isWhole }) }

    // MARK: Nodes

    /// Appends a layer, its outputs with inferred shapes.
    /// - Parameters:
    ///   - name: of the node; made unique.
    ///   - reader: the node of the model it stands for.
    ///   - outputs: names of the values it makes.
    ///   - isWhole: whether these have the model's batch axis; by default they do when an input does.
    /// - Returns: the first value it makes.
    mutating func append(
        _ layer: Layer, named name: String, for reader: ONNXNodeReader, inputs: [Network.ValueID], outputs: [String], isWhole: Bool?
    ) throws(NetworkError) -> Network.ValueID {
        let own = Traits(
            isWhole: isWhole ?? inputs.contains { traits[$0].isWhole },
            isInteger: reader.makesIntegers || !inputs.isEmpty && layer.keepsIntegers && inputs.allSatisfy { traits[$0].isInteger })
        let first = network.values.count
        for name in outputs { _ = addValue(name, own) }
        let built = Network.Node(name: uniqueName(name), layer: layer, inputs: inputs, outputs: Array(first..<first + outputs.count))
        for (value, shape) in zip(built.outputs, try shapes(of: built)) {
            if let shape { _ = try Network.size(of: shape, node: reader.name) }
            network.values[value].shape = shape
        }
        network.nodes.append(built)
        if reader.index >= 0 { provenance.origins[built.name] = ONNXOrigin(node: reader.index) }
        return first
    }

    private func shapes(of node: Network.Node) throws(NetworkError) -> [[Int]?] {
        try network.outputShapes(
            of: node, inputs: node.inputs.map { network.values[$0].shape }, isConstant: node.inputs.map { traits[$0].isConstant })
    }

    /// A node of the network alone: a view, a constant, an extent.
    mutating func append(_ layer: Layer, named name: String, inputs: [Network.ValueID], outputs: [Network.ValueID]) {
        network.nodes.append(.init(name: uniqueName(name), layer: layer, inputs: inputs, outputs: outputs))
    }

    /// Values that the last node makes.
    var lastOutputs: [Network.ValueID] { network.nodes.last?.outputs ?? [] }

    /// What the last node makes is, or is not, of an integer type, whatever its inputs are.
    mutating func setLastOutputs(areIntegers: Bool) { for value in lastOutputs { traits[value].isInteger = areIntegers } }

    /// The layer appended last does not carry the attributes of its node.
    mutating func forgetOrigin() {
        provenance.origins[network.nodes[network.nodes.count - 1].name] = nil
    }

    /// The layer that a node of the model became.
    func layer(of node: Int) -> Layer? {
        network.nodes.first { provenance.origins[$0.name]?.node == node }?.layer
    }

    /// Changes a layer already built, and lets it stand for a further node whose output it now makes.
    mutating func absorb(_ node: ONNXNodeReader, into index: Int, layer: Layer) {
        network.nodes[index].layer = layer
        network.values[network.nodes[index].outputs[0]].name = node.wire.output[0]
        provenance.origins[network.nodes[index].name]?.absorbed.append(node.index)
    }

    /// Replaces the layers of several nodes by one, at the place of the last.
    /// - Returns: whether there was such a place.
    mutating func replace(_ nodes: Set<Int>, root: Int, with layer: Layer, inputs: [Network.ValueID]) throws(NetworkError) -> Bool {
        guard let place = network.nodes.lastIndex(where: { provenance.origins[$0.name]?.node == root }) else { return false }
        network.nodes[place].layer = layer
        network.nodes[place].inputs = inputs
        let kept = network.nodes[place]
        let areWhole = inputs.contains { traits[$0].isWhole }
        for (value, shape) in zip(kept.outputs, try shapes(of: kept)) { if let shape { network.values[value].shape = shape } }
        for value in kept.outputs { traits[value].isWhole = areWhole }
        var result: [Network.Node] = []
        var gone: Set<Network.ValueID> = []
        for node in network.nodes {
            let origin = provenance.origins[node.name]
            // Views that were put between pieces of the pattern go with them.
            let isInside = origin == nil && node.inputs.contains { gone.contains($0) }
            if node.name != kept.name, origin.map({ nodes.contains($0.node) }) ?? isInside {
                provenance.origins[node.name] = nil
                if let origin { provenance.origins[kept.name]?.absorbed.append(origin.node) }
                gone.formUnion(node.outputs)
                // Nothing makes them any more: no surgery will bring their shapes up to date.
                for value in node.outputs { network.values[value].shape = nil }
            } else {
                result.append(node)
            }
        }
        network.nodes = result
        return true
    }

    /// Channels of values that surgery must not change.
    mutating func keepWhole(_ values: [Network.ValueID], because node: ONNXNodeReader) {
        let channels = Set(values).filter { !traits[$0].isConstant }.sorted()
        guard !channels.isEmpty else { return }
        append(.barrier(operation: "If"), named: "inside \(node.name)", inputs: channels, outputs: [])
    }

    private mutating func uniqueName(_ name: String) -> String {
        var result = name
        var count = 1
        while !nodeNames.insert(result).inserted {
            count += 1
            result = "\(name) (\(count))"
        }
        return result
    }

    // MARK: Going back

    var mark: Mark { Mark(nodes: network.nodes.count, values: network.values.count) }

    /// Drops all nodes and values made since. Parameters read for them stay; nobody reads those.
    mutating func goBack(to mark: Mark) {
        for dropped in network.nodes[mark.nodes...] {
            nodeNames.remove(dropped.name)
            provenance.origins[dropped.name] = nil
        }
        network.nodes.removeSubrange(mark.nodes...)
        network.values.removeSubrange(mark.values...)
        traits.removeSubrange(mark.values...)
        constantValues = constantValues.filter { $0.value < mark.values }
        views = views.filter { $0.value < mark.values }
        keptExtents = keptExtents.filter { $0.value < mark.values }
    }

    // MARK: The end

    /// Drops constants and parameters that nobody reads: scalars of patterns that became one layer.
    mutating func dropUnusedConstants() {
        var used = Set(network.outputs)
        for node in network.nodes { used.formUnion(node.inputs) }
        network.nodes.removeAll { node in
            if case .constant = node.layer { return !used.contains(node.outputs[0]) }
            return false
        }
        let parameters = Set(network.nodes.flatMap(\.layer.parameterNames))
        network.parameters = network.parameters.filter { parameters.contains($0.key) }
        provenance.keepOnly(parameters)
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
