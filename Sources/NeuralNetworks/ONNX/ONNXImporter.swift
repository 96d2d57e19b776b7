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
    /// Which of the usual sizes open axes of inputs are tried at.
    private let sizeCandidate: Int
    /// The batch that the model fixes is one sample: for models that state numbers for it elsewhere.
    private let takesBatchWhole: Bool
    private var batchSymbol: String?
    private var folding: ONNXFolding
    var declaredShapes: [String: ONNXWireShape] = [:]
    var constantValues: [String: Network.ValueID] = [:]
    var constantIDs: Set<Network.ValueID> = []
    /// Values whose samples have all axes of the model's tensor, that of the batch too.
    var wholes: Set<Network.ValueID> = []
    /// Values of an integer or boolean type.
    var integerValues: Set<Network.ValueID> = []
    /// Values on the grid of a quantized type, with its step.
    var quantizedValues: [Network.ValueID: Float] = [:]
    /// Nodes that make floating point tensors of integers, by what they make.
    private(set) var dequantizers: [String: Int] = [:]
    /// Inputs of the node at hand under other axes.
    var overrides: [String: Network.ValueID] = [:]
    var views: [ViewKey: Network.ValueID] = [:]
    var keptExtents: Set<ONNXAxis> = []
    /// Where the sizes of inputs came from.
    private(set) var inputSizes: [ONNXInputSize] = []
    /// How many branches of If nodes the node at hand is inside of.
    var branchDepth = 0
    /// Values behind unknown operations.
    var uncertain: Set<String> = []
    var nodeNames: Set<String> = []
    var parameterNames: [ParameterKey: String] = [:]

    struct ViewKey: Hashable {
        var value: Network.ValueID
        var shape: [Int]
        var isWhole: Bool
    }

    struct ParameterKey: Hashable {
        var constant: String
        var shape: [Int]
        var transform: ONNXBinding.Transform
    }

    init(
        _ model: ONNXModel, inputShapes: [String: [Int]], sizeCandidate: Int = 0, takesBatchWhole: Bool = false
    ) throws(NetworkError) {
        self.model = model
        self.sizeCandidate = sizeCandidate
        self.takesBatchWhole = takesBatchWhole
        self.inputShapes = inputShapes
        graph = model.wire.graph
        // Folding may make as many numbers as the model holds, and some thousands more.
        folding = ONNXFolding(budget: graph.initializer.reduce(1 << 22) { $0 + (RowMajor.count($1.shape ?? []) ?? 0) })
        for (index, tensor) in graph.initializer.enumerated() { facts[tensor.name] = .initializer(index) }
        for sparse in graph.sparseInitializer { facts[sparse.values.name] = .opaque }
        for (index, node) in graph.node.enumerated() {
            if node.opType == "DequantizeLinear", let name = node.output.first { dequantizers[name] = index }
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
        try addInputs()
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
        for name in Array(network.parameters.keys) where !parameters.contains(name) {
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

    var knownActivations: [String: Network.ValueID] {
        facts.compactMapValues { if case .activation(let value) = $0 { value } else { nil } }
    }

    private mutating func addInputs() throws(NetworkError) {
        let sizes = ONNXInputSizes(graph, requested: inputShapes, takesBatchWhole: takesBatchWhole)
        for input in graph.input where facts[input.name] == nil {
            guard input.type.value != nil, input.type.tensorType.elemType != 8 else {
                facts[input.name] = .opaque
                continue
            }
            network.values.append(.init(name: input.name))
            let value = network.values.count - 1
            network.inputs.append(value)
            facts[input.name] = .activation(value)
            if [2, 3, 4, 5, 6, 7, 9, 12, 13].contains(input.type.tensorType.elemType) { integerValues.insert(value) }
            guard input.type.tensorType.hasShape else {
                network.values[value].shape = inputShapes[input.name]
                continue
            }
            let resolved = try sizes.resolve(input, candidate: sizeCandidate)
            network.values[value].shape = resolved.shape
            if resolved.isWhole { wholes.insert(value) }
            inputSizes += resolved.sizes
            if network.inputs.count == 1 { (fixedBatch, batchSymbol) = (sizes.fixedBatch, sizes.batchSymbol) }
        }
        let known = Set(network.inputs.map { network.values[$0].name })
        for name in inputShapes.keys.sorted() where !known.contains(name) {
            throw .invalidNetwork(
                reason: "expected shapes for inputs of the model (\(known.sorted().joined(separator: ", "))), found one for \(name)")
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

    /// Nodes that are not understood.
    var barrierCount: Int {
        network.nodes.filter { node in if case .barrier = node.layer { !node.outputs.isEmpty } else { false } }.count
    }

    /// A node of a branch that is read in the place of its If.
    mutating func visitInside(_ node: ONNXNodeReader) throws(NetworkError) { try visit(node) }

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
            views = views.filter { $0.value < counts.values }
            overrides = [:]
        }
        try addBarrier(node)
    }

    private func isUncertain(_ name: String) -> Bool { uncertain.contains(name) }

    private mutating func fold(_ node: ONNXNodeReader) throws(NetworkError) -> [ONNXConstant]? {
        if node.operation == "Shape" || node.operation == "Size", let value = activation(node, 0) {
            guard let shape = network.values[value].shape else { return nil }
            let extents = (wholes.contains(value) ? [] : [.batch]) + shape.map(ONNXExtent.known)
            guard node.operation == "Shape" else {
                let axes = extents.indices.map { ONNXAxis(value: value, axis: $0) }
                return [
                    ONNXConstant(
                        shape: [], elements: .integers([.known(try Network.size(of: shape, node: node.name))]), sources: Set(axes))
                ]
            }
            let range = try node.shapeRange(rank: extents.count)
            return [.vector(Array(extents[range]), elementSources: range.map { [ONNXAxis(value: value, axis: $0)] })]
        }
        // A constant made to be like an activation: exporters write biases of zero so, expanded to the rows of a weight.
        if node.operation == "CastLike", let data = try constant(node, 0), let type = try targetType(node) {
            let isSameKind = data.dtype.isFloatingPoint && type == 1
            return isSameKind ? [data] : folding.cast(data, to: type).map { [$0] }
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

    /// Warns of the first of a kind: of texts that differ in what stands in parentheses.
    mutating func warnOnce(_ text: String) {
        let kind = text.prefix { $0 != "(" }
        if !warnings.contains(where: { $0.hasPrefix(kind) }) { warnings.append(text) }
    }
}
