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
        /// An activation whose axes are in another order.
        case view(ONNXView)
        /// Products of queries and keys.
        case scores(ONNXScores)
        /// No numbers (strings, sequences) or too many to fold.
        case opaque
    }

    let model: ONNXModel
    let graph: ONNXWireGraph
    var network = Network(nodes: [], values: [], inputs: [], outputs: [], parameters: [:])
    var bindings: [String: ONNXBinding] = [:]
    var uses: [ONNXParameterUse] = []
    var origins: [String: ONNXOrigin] = [:]
    var facts: [String: Fact] = [:]
    /// How often a name is read: by nodes, by graphs inside nodes, and as an output of the graph.
    private(set) var useCounts: [String: Int] = [:]
    /// Batch size where the model fixes it; layers do not depend on it.
    private(set) var fixedBatch: Int?
    private var warnings: [String] = []
    private let inputShapes: [String: [Int]]
    private var batchSymbol: String?
    private var folding: ONNXFolding
    var declaredShapes: [String: ONNXWireShape] = [:]
    var constantValues: [String: Network.ValueID] = [:]
    var constantIDs: Set<Network.ValueID> = []
    /// Reshapes that split or join heads.
    var viewReshapes: [ONNXViewReshape] = []
    /// Equal parts of the channels of a value.
    var channelParts: [Network.ValueID: [Network.ValueID]] = [:]
    /// Values behind unknown operations.
    var uncertain: Set<String> = []
    var nodeNames: Set<String> = []
    var parameterNames: [ParameterKey: String] = [:]

    struct ParameterKey: Hashable {
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
        for info in graph.valueInfo + graph.output where info.type.tensorType.hasShape {
            declaredShapes[info.name] = info.type.tensorType.shape
        }
    }

    /// Imports the graph.
    mutating func run() throws(NetworkError) {
        if model.opset > 21 {
            warnings.append(
                "opset \(model.opset) is newer than 21, the last one this reader was written for; its operations are read by the rules of that one"
            )
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
            case .view(let view): leave([view.value], as: output.name)
            case .scores(let scores): leave([scores.queries.value, scores.keys.value], as: output.name)
            case .opaque, nil: warnings.append("output \(output.name) has no numbers and is left alone")
            }
        }
        for index in viewReshapes.indices { viewReshapes[index].parts = channelParts[viewReshapes[index].view.value]?.count ?? 1 }
        dropUnusedConstants()
        try network.validateGraph()
        network = try network.inferringShapes()
    }

    /// An output of the model whose numbers the network has in another order only.
    private mutating func leave(_ values: [Network.ValueID], as output: String) {
        network.values.append(.init(name: output))
        network.nodes.append(
            .init(
                name: uniqueName("order of \(output)"), layer: .barrier(operation: "Transpose"), inputs: values,
                outputs: [network.values.count - 1]))
        network.outputs.append(network.values.count - 1)
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
        return warnings
            + order.map { operation in
                let nodes = names[operation] ?? []
                return
                    "operation \(operation) (\(nodes.count == 1 ? "node \(nodes[0])" : "\(nodes.count) nodes, first \(nodes[0])")) is not understood here: what it touches is kept whole"
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
                if first.dimParam.isEmpty {
                    fixedBatch = first.dimValue > 0 ? Int(first.dimValue) : nil
                } else {
                    batchSymbol = first.dimParam
                }
            }
            network.values.append(.init(name: input.name, shape: inputShapes[input.name] ?? sampleShape(input.type.tensorType.shape)))
            network.inputs.append(network.values.count - 1)
            facts[input.name] = .activation(network.values.count - 1)
        }
    }

    /// A declared shape without its batch axis; nil when an extent is open or the first axis is another.
    func sampleShape(_ shape: ONNXWireShape) -> [Int]? {
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
        if node.operation == "Shape", case .view(let view)? = node.input(0).flatMap({ facts[$0] }) {
            let extents = view.extents(fixedBatch: fixedBatch)
            return [.vector(Array(extents[try node.shapeRange(rank: extents.count)]), sources: [view.value])]
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

    mutating func warn(_ text: String) { warnings.append(text) }
}
