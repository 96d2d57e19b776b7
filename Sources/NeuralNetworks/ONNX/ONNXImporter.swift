// From a model's graph to a network.
//
// Nodes are visited in topological order. Every name is known as one of: a tensor of the file not read yet, a constant (also
// one computed from shapes, with the batch size left open), an activation of the network, or something opaque. A node whose
// inputs are all constants is computed; a node that is known becomes a layer; any other becomes a barrier.
//
// Cost: one pass over the graph and one read of each tensor that becomes a parameter.

import TensorFiles

/// Builds the network of a model, and the record of where everything came from.
struct ONNXImporter {
    /// What a name of the graph stands for.
    enum Fact {
        /// A tensor of the file, by its index among the initializers.
        case initializer(Int)
        case constant(ONNXConstant)
        case activation(Network.ValueID)
        /// No numbers (strings, sequences) or too many to fold.
        case opaque
    }

    let model: ONNXModel
    let graph: ONNXWireGraph
    private(set) var network = Network(nodes: [], values: [], inputs: [], outputs: [], parameters: [:])
    private(set) var bindings: [String: ONNXBinding] = [:]
    private(set) var uses: [ONNXParameterUse] = []
    private(set) var origins: [String: ONNXOrigin] = [:]
    private(set) var facts: [String: Fact] = [:]
    /// How often a name is read: by nodes, by graphs inside nodes, and as an output of the graph.
    private(set) var useCounts: [String: Int] = [:]
    /// Batch size where the model fixes it; layers do not depend on it.
    private(set) var fixedBatch: Int?
    private var warnings: [String] = []
    private let inputShapes: [String: [Int]]
    private var batchSymbol: String?
    private var folding: ONNXFolding
    private var declaredShapes: [String: ONNXWireShape] = [:]
    private var constantValues: [String: Network.ValueID] = [:]
    private var constantIDs: Set<Network.ValueID> = []
    /// Values behind unknown operations.
    private var uncertain: Set<String> = []
    private var nodeNames: Set<String> = []
    private var parameterNames: [ParameterKey: String] = [:]

    private struct ParameterKey: Hashable {
        var constant: String
        var shape: [Int]
        var transform: ONNXBinding.Transform
    }

    init(_ model: ONNXModel, inputShapes: [String: [Int]]) throws(NetworkError) {
        self.model = model
        self.inputShapes = inputShapes
        graph = model.wire.graph
        // Folding may make as many numbers as the model holds, and some thousands more.
        folding = ONNXFolding(budget: graph.initializer.reduce(1 << 22) { $0 + (RowMajor.count($1.shape ?? []) ?? 0) })
        for (index, tensor) in graph.initializer.enumerated() { facts[tensor.name] = .initializer(index) }
        for sparse in graph.sparseInitializer { facts[sparse.values.name] = .opaque }
        for node in graph.node {
            for name in node.input where !name.isEmpty { useCounts[name, default: 0] += 1 }
            for name in node.capturedNames { useCounts[name, default: 0] += 1 }
        }
        for output in graph.output { useCounts[output.name, default: 0] += 1 }
        for info in graph.valueInfo + graph.output where info.type.tensorType.hasShape { declaredShapes[info.name] = info.type.tensorType.shape }
    }

    /// Imports the graph.
    mutating func run() throws(NetworkError) {
        if model.opset > 21 {
            warnings.append("opset \(model.opset) is newer than 21, the last one this reader was written for; its operations are read by the rules of that one")
        }
        addInputs()
        let order: [Int]
        do throws(TensorFileError) { order = try graph.topologicalOrder() } catch { throw .invalidNetwork(reason: "\(error)") }
        let view = ONNXPatternView(graph)
        for index in order {
            try visit(ONNXNodeReader(graph.node[index], index: index, model: model))
            // Everything a pattern that ends here consists of has been visited now.
            try fusePattern(view, endingAt: index)
        }
        for output in graph.output {
            switch facts[output.name] {
            case .activation(let value): network.outputs.append(value)
            case .initializer, .constant: network.outputs.append(try constantValue(output.name, node: output.name))
            case .opaque, nil: warnings.append("output \(output.name) has no numbers and is left alone")
            }
        }
        dropUnusedConstants()
        try network.validateGraph()
        network = try network.inferringShapes()
    }

    /// Scalars of patterns that became one layer.
    private mutating func dropUnusedConstants() {
        var used = Set(network.outputs)
        for node in network.nodes { used.formUnion(node.inputs) }
        network.nodes.removeAll { node in
            if case .constant = node.layer { return !used.contains(node.outputs[0]) }
            return false
        }
        let parameters = Set(network.nodes.flatMap(\.layer.parameterNames))
        for name in network.parameters.keys where !parameters.contains(name) {
            network.parameters[name] = nil
            bindings[name] = nil
        }
        uses.removeAll { !parameters.contains($0.parameter) }
    }

    var allWarnings: [String] {
        var names: [String: [String]] = [:]
        var order: [String] = []
        for node in network.nodes {
            guard case .barrier(let operation) = node.layer, !node.outputs.isEmpty else { continue }
            if names[operation] == nil { order.append(operation) }
            names[operation, default: []].append(node.name)
        }
        return warnings + order.map { operation in
            let nodes = names[operation] ?? []
            return "operation \(operation) (\(nodes.count == 1 ? "node \(nodes[0])" : "\(nodes.count) nodes, first \(nodes[0])")) is not understood here: what it touches is kept whole"
        }
    }

    var knownConstants: [String: ONNXConstant] {
        facts.compactMapValues { if case .constant(let constant) = $0 { constant } else { nil } }
    }

    private mutating func addInputs() {
        for input in graph.input where facts[input.name] == nil {
            guard input.type.value != nil, input.type.tensorType.elemType != 8 else {
                facts[input.name] = .opaque
                continue
            }
            let extents = input.type.tensorType.shape.dim
            if network.inputs.isEmpty, let first = extents.first {
                if first.dimParam.isEmpty { fixedBatch = first.dimValue > 0 ? Int(first.dimValue) : nil } else { batchSymbol = first.dimParam }
            }
            network.values.append(.init(name: input.name, shape: inputShapes[input.name] ?? sampleShape(input.type.tensorType.shape)))
            network.inputs.append(network.values.count - 1)
            facts[input.name] = .activation(network.values.count - 1)
        }
    }

    /// A declared shape without its batch axis; nil when an extent is open or the first axis is another.
    private func sampleShape(_ shape: ONNXWireShape) -> [Int]? {
        guard let first = shape.dim.first else { return nil }
        if !first.dimParam.isEmpty, let batchSymbol, first.dimParam != batchSymbol { return nil }
        if first.dimValue > 0, let fixedBatch, first.dimValue != fixedBatch { return nil }
        let rest = shape.dim.dropFirst().map { $0.dimParam.isEmpty && $0.dimValue > 0 ? Int(clamping: $0.dimValue) : -1 }
        return rest.allSatisfy({ $0 > 0 }) && RowMajor.count(rest) != nil ? rest : nil
    }

    private mutating func visit(_ node: ONNXNodeReader) throws(NetworkError) {
        if node.operation == "Constant" {
            facts[node.wire.output.first ?? ""] = try node.constantValue().map(Fact.constant) ?? .opaque
            return
        }
        if let folded = try fold(node) {
            for (name, constant) in zip(node.wire.output, folded) where !name.isEmpty { facts[name] = .constant(constant) }
            return
        }
        guard node.wire.input.contains(where: isUncertain) else {
            if try !lower(node) { try addBarrier(node) }
            return
        }
        // Behind an unknown operation nobody knows whether the first axis is still the batch. What then seems to contradict
        // itself is not the model's fault, and not understood either.
        let counts = (nodes: network.nodes.count, values: network.values.count)
        do throws(NetworkError) {
            if try lower(node) {
                uncertain.formUnion(node.wire.output)
                return
            }
        } catch {
            for dropped in network.nodes[counts.nodes...] {
                nodeNames.remove(dropped.name)
                origins[dropped.name] = nil
            }
            network.nodes.removeSubrange(counts.nodes...)
            network.values.removeSubrange(counts.values...)
            constantValues = constantValues.filter { $0.value < counts.values }
            constantIDs = constantIDs.filter { $0 < counts.values }
        }
        try addBarrier(node)
    }

    private func isUncertain(_ name: String) -> Bool { uncertain.contains(name) }

    private mutating func fold(_ node: ONNXNodeReader) throws(NetworkError) -> [ONNXConstant]? {
        if node.operation == "Shape" || node.operation == "Size", let value = activation(node, 0) {
            guard let shape = network.values[value].shape, node.operation == "Shape" else { return nil }
            let extents = [.batch] + shape.map(ONNXExtent.known)
            return [.vector(Array(extents[try node.shapeRange(rank: extents.count)]), sources: [value])]
        }
        guard !node.wire.input.isEmpty, node.wire.capturedNames.isEmpty else { return nil }
        var inputs: [ONNXConstant?] = []
        for slot in node.wire.input.indices {
            guard node.input(slot) != nil else {
                inputs.append(nil)
                continue
            }
            guard let constant = try constant(node, slot) else { return nil }
            inputs.append(constant)
        }
        return try folding.fold(node, inputs)
    }

    // MARK: What lowering asks for

    /// The activation that an input is.
    func activation(_ node: ONNXNodeReader, _ slot: Int) -> Network.ValueID? {
        guard let name = node.input(slot), case .activation(let value)? = facts[name] else { return nil }
        return value
    }

    /// Shape of an activation without the batch axis.
    func shape(_ value: Network.ValueID) -> [Int]? { network.values[value].shape }

    /// The constant that an input is, read if need be.
    func constant(_ node: ONNXNodeReader, _ slot: Int) throws(NetworkError) -> ONNXConstant? {
        guard let name = node.input(slot) else { return nil }
        return try constant(named: name, node: node.name)
    }

    func constant(named name: String, node: String) throws(NetworkError) -> ONNXConstant? {
        switch facts[name] {
        case .constant(let constant): return constant
        case .initializer(let index): return try model.constant(graph.initializer[index], node: node)
        case .activation, .opaque, nil: return nil
        }
    }

    /// An input that is there, but only a run would tell its numbers.
    func isOpen(_ node: ONNXNodeReader, _ slot: Int) throws(NetworkError) -> Bool {
        guard node.input(slot) != nil else { return false }
        return try constant(node, slot)?.floats == nil
    }

    /// The shape of a constant of floating point numbers, without reading it; nil for anything else.
    func weightShape(_ node: ONNXNodeReader, _ slot: Int) -> [Int]? {
        switch node.input(slot).flatMap({ facts[$0] }) {
        case .initializer(let index): return graph.initializer[index].numericType?.isFloatingPoint == true ? graph.initializer[index].shape : nil
        case .constant(let constant):
            if case .floats = constant.elements { return constant.shape }
            return nil
        default: return nil
        }
    }

    /// Makes a constant input a parameter of the network.
    ///
    /// - Parameter shape: the shape the layer wants; that of the file by default. Same number of elements.
    mutating func parameter(
        _ node: ONNXNodeReader, _ slot: Int, shape: [Int]? = nil, transform: ONNXBinding.Transform = .same
    ) throws(NetworkError) -> String {
        guard let name = node.input(slot), let constant = try constant(node, slot), let values = constant.floats else {
            throw .invalidNode(name: node.name, reason: "expected a tensor of numbers as input \(slot), found none")
        }
        let result = try parameter(name, constant, values, shape: shape ?? constant.shape, transform: transform, node: node.name)
        // A pattern may take up what one of its nodes had read before.
        if !uses.contains(where: { $0.node == node.index && $0.slot == slot && $0.parameter == result }) {
            uses.append(ONNXParameterUse(node: node.index, slot: slot, parameter: result))
        }
        return result
    }

    private mutating func parameter(
        _ name: String, _ constant: ONNXConstant, _ values: [Float], shape: [Int], transform: ONNXBinding.Transform, node: String
    ) throws(NetworkError) -> String {
        guard RowMajor.count(shape) == values.count else {
            throw .wrongTensorShape(name: name, node: node, expected: "\(NetworkError.text(shape)) or as many values", found: constant.shape)
        }
        let key = ParameterKey(constant: name, shape: shape, transform: transform)
        if let known = parameterNames[key] { return known }
        var result = name
        while network.parameters[result] != nil { result += "'" }
        parameterNames[key] = result
        bindings[result] = ONNXBinding(constant: name, storedShape: constant.shape, transform: transform)
        network.parameters[result] = Parameter(shape: shape, values: transform.applied(to: values))
        return result
    }

    /// A constant as a value of the network.
    mutating func constantValue(_ node: ONNXNodeReader, _ slot: Int, transform: ONNXBinding.Transform = .same) throws(NetworkError) -> Network.ValueID {
        let name = try parameter(node, slot, transform: transform)
        // Numbers computed from the shape of an activation change with it: that activation must keep its width.
        if let constant = try constant(node, slot), !constant.isLiteral {
            let barrier = uniqueName("shape of \(node.name)")
            network.nodes.append(.init(name: barrier, layer: .barrier(operation: "Shape"), inputs: constant.sources.sorted(), outputs: []))
            origins[barrier] = ONNXOrigin(node: node.index)
        }
        return constantValue(parameter: name)
    }

    private mutating func constantValue(_ name: String, node: String) throws(NetworkError) -> Network.ValueID {
        guard let constant = try constant(named: name, node: node), let values = constant.floats else {
            throw .unreadableTensor(name: name, reason: "expected numbers as output, found none")
        }
        return constantValue(parameter: try parameter(name, constant, values, shape: constant.shape, transform: .same, node: node))
    }

    private mutating func constantValue(parameter: String) -> Network.ValueID {
        if let value = constantValues[parameter] { return value }
        network.values.append(.init(name: parameter, shape: network.parameters[parameter]?.shape))
        let value = network.values.count - 1
        network.nodes.append(.init(name: uniqueName(parameter), layer: .constant(parameter: parameter), inputs: [], outputs: [value]))
        constantValues[parameter] = value
        constantIDs.insert(value)
        return value
    }

    // MARK: Building

    /// Appends a layer that stands for a node.
    /// - Parameters:
    ///   - weight: name of the tensor the layer is named after (`fc1.weight` gives `fc1`).
    ///   - outputs: names of the values it makes; by default the node's first output.
    mutating func emit(
        _ layer: Layer, _ node: ONNXNodeReader, inputs: [Network.ValueID], weight: String? = nil, outputs: [String]? = nil
    ) throws(NetworkError) {
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
    }

    private mutating func addBarrier(_ node: ONNXNodeReader) throws(NetworkError) {
        var inputs: [Network.ValueID] = []
        for name in node.wire.input + node.wire.capturedNames.sorted() {
            switch facts[name] {
            case .activation(let value): inputs.append(value)
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

    private mutating func uniqueName(_ name: String) -> String {
        var result = name
        var count = 1
        while !nodeNames.insert(result).inserted {
            count += 1
            result = "\(name) (\(count))"
        }
        return result
    }

    mutating func warn(_ text: String) { warnings.append(text) }
}

extension ONNXBinding.Transform {
    func applied(to values: [Float]) -> [Float] {
        switch self {
        case .same: values
        case .scaled(let factor): values.map { $0 * factor }
        case .reciprocal: values.map { 1 / $0 }
        }
    }

    /// The model's values from the network's.
    func undone(on values: [Float]) -> [Float] {
        switch self {
        case .same: values
        case .scaled(let factor): values.map { $0 / factor }
        case .reciprocal: values.map { 1 / $0 }
        }
    }
}

/// Names of layers as people know them from the program that made the model.
enum ONNXNames {
    /// `fc1.weight` gives `fc1`; else the module path that PyTorch hides in `/layer1/layer1.0/conv1/Conv`; else the node's own name.
    static func layer(node: ONNXWireNode, weight: String?, fallback: String) -> String {
        guard let weight else { return fallback }
        for suffix in [".weight", ".running_mean"] where weight.hasSuffix(suffix) && weight.count > suffix.count {
            return String(weight.dropLast(suffix.count))
        }
        let parts = node.name.split(separator: "/")
        guard node.name.hasPrefix("/"), parts.count > 1, parts.last.map({ $0 == node.opType || $0.hasPrefix(node.opType + "_") }) == true else {
            return fallback
        }
        // A child of a Sequential repeats its parent: /layer1/layer1.0 is the module layer1.0.
        var path: [Substring] = []
        for part in parts.dropLast() {
            if let last = path.last, part.hasPrefix(last + ".") { path.removeLast() }
            path.append(part)
        }
        return path.joined(separator: ".")
    }
}
