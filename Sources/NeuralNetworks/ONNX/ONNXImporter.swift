// From a model's graph to a network, as a chain of values:
//
//   ONNXGraphIndex   the graph: its order, who makes and who reads a name
//   ONNXInputSizes   the sizes of inputs, where the batch is
//   ONNXFacts        what each name stands for: a constant (also one computed from shapes, with the batch size left open), an
//                    activation of the network, or something opaque
//   ONNXDraft        layers and values, what these are to the model, and where they came from
//   ONNXNetwork      the network, read again
//
// Nodes are visited in topological order. A node whose inputs are all constants is computed (ONNXFolding, ONNXConstantRun); a node
// that is known becomes a layer (`lower`); any other becomes a barrier.
//
// Cost: one pass over the graph and one read of each tensor that becomes a parameter.

import TensorFiles

/// Builds the network of a model, and the record of where everything came from.
struct ONNXImporter {
    let graph: ONNXGraphIndex
    let sizes: ONNXInputSizes
    var facts: ONNXFacts
    var draft = ONNXDraft()
    /// Where the sizes of inputs came from.
    private(set) var inputSizes: [ONNXInputSize] = []
    /// Constants that are the numbers of another in another order, with its name.
    private(set) var origins: [String: String] = [:]
    var folding: ONNXFolding
    /// Multiply–adds that constants may still take: seconds.
    var constantWork = 0x1p35
    private var warnings: [String] = []

    init(_ graph: ONNXGraphIndex, at sizes: ONNXInputSizes) {
        self.graph = graph
        self.sizes = sizes
        facts = ONNXFacts(graph)
        // Folding may make several times the numbers that the model holds: a weight goes through several nodes, and exporters write equal
        // tensors once.
        folding = ONNXFolding(budget: graph.wire.initializer.reduce(1 << 22) { $0 + 4 * (RowMajor.count($1.shape ?? []) ?? 0) })
    }

    /// Imports the graph.
    mutating func run() throws(NetworkError) {
        if graph.model.opset > 21 {
            warnings.append(
                "opset \(graph.model.opset) is newer than 21, the last one this reader was written for; its operations are read by the rules of that one"
            )
        }
        try addInputs()
        for index in graph.order {
            try visit(graph.reader(index))
            // Everything a pattern that ends here consists of has been visited now.
            try fusePattern(endingAt: index)
        }
        try addOutputs()
        draft.dropUnusedConstants()
        try draft.network.validateGraph()
        draft.network = try draft.network.inferringShapes()
    }

    private mutating func addInputs() throws(NetworkError) {
        for input in graph.wire.input where facts[input.name] == nil {
            guard input.type.value != nil, input.type.tensorType.elemType != 8 else {
                facts[input.name] = .opaque
                continue
            }
            let value = draft.addInput(input.name, isInteger: input.isInteger)
            facts[input.name] = .activation(value)
            guard input.type.tensorType.hasShape else {
                draft.network.values[value].shape = sizes.requested[input.name]
                continue
            }
            let resolved = try sizes.resolve(input)
            draft.network.values[value].shape = resolved.shape
            draft.setWhole(value, resolved.isWhole)
            inputSizes += resolved.sizes
        }
        let known = Set(draft.network.inputs.map { draft.network.values[$0].name })
        for name in sizes.requested.keys.sorted() where !known.contains(name) {
            throw .invalidNetwork(
                reason: "expected shapes for inputs of the model (\(known.sorted().joined(separator: ", "))), found one for \(name)")
        }
    }

    private mutating func addOutputs() throws(NetworkError) {
        for output in graph.wire.output {
            switch facts[output.name] {
            case .activation(let value): draft.network.outputs.append(value)
            case .sequence(let values): draft.network.outputs += values
            case .initializer, .constant: draft.network.outputs.append(try outputConstant(output.name))
            case .opaque, nil: warnings.append("output \(output.name) has no numbers and is left alone")
            }
        }
    }

    /// Reads a node whose inputs are known: as constants, as a layer, or as a barrier.
    mutating func visit(_ node: ONNXNodeReader) throws(NetworkError) {
        if node.operation == "Constant" {
            facts[node.wire.output.first ?? ""] = try node.constantValue().map(ONNXFacts.Fact.constant) ?? .opaque
            return
        }
        if let folded = try fold(node) {
            for (name, constant) in zip(node.wire.output, folded) where !name.isEmpty { facts[name] = .constant(constant) }
            if ["Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"].contains(node.operation),
                let name = node.wire.output.first, !name.isEmpty, let given = node.input(0)
            {
                origins[name] = given
            }
            return
        }
        guard node.wire.input.contains(where: { facts.isUncertain($0) }) else {
            if try !lower(node) { try addBarrier(node) }
            return
        }
        // Behind an unknown operation nobody knows whether the first axis is still the batch. What then seems to contradict
        // itself is not the model's fault, and not understood either.
        let mark = draft.mark
        do throws(NetworkError) {
            if try lower(node) {
                facts.doubt(node.wire.output)
                return
            }
        } catch {
            draft.goBack(to: mark)
        }
        try addBarrier(node)
    }

    // MARK: Constants

    /// What a node computes from constants and shapes alone; `nil` when it takes a run to tell.
    private mutating func fold(_ node: ONNXNodeReader) throws(NetworkError) -> [ONNXConstant]? {
        if node.operation == "Shape" || node.operation == "Size", let value = activation(node, 0) {
            return try measured(value, node)
        }
        // A constant made to be like an activation: exporters write biases of zero so, expanded to the rows of a weight.
        if node.operation == "CastLike", let data = try constant(node, 0), let type = try targetType(node) {
            let isSameKind = data.dtype.isFloatingPoint && type == 1
            return isSameKind ? [data] : folding.cast(data, to: type).map { [$0] }
        }
        guard !node.wire.input.isEmpty, node.wire.capturedNames.isEmpty else { return nil }
        var inputs: [ONNXConstant?] = []
        for slot in node.wire.input.indices {
            guard let name = node.input(slot) else {
                inputs.append(nil)
                continue
            }
            guard let constant = try constant(node, slot) else { return nil }
            // Extents are asked of tensors that nobody needs to read.
            inputs.append(node.operation == "Shape" || node.operation == "Size" ? constant : try constant.loaded(name))
        }
        return try folding.fold(node, inputs) ?? run(node, of: inputs)
    }

    /// The shape or the size of an activation.
    private func measured(_ value: Network.ValueID, _ node: ONNXNodeReader) throws(NetworkError) -> [ONNXConstant]? {
        guard let shape = draft.shape(value) else { return nil }
        let extents = (draft.isWhole(value) ? [] : [.batch]) + shape.map(ONNXExtent.known)
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

    // MARK: Warnings

    /// Warns of the first of a kind: of texts that differ in what stands in parentheses.
    mutating func warnOnce(_ text: String) {
        let kind = text.prefix { $0 != "(" }
        if !warnings.contains(where: { $0.hasPrefix(kind) }) { warnings.append(text) }
    }

    /// Nodes that are not understood.
    var barrierCount: Int {
        draft.network.nodes.filter { node in if case .barrier = node.layer { !node.outputs.isEmpty } else { false } }.count
    }

    /// All that a user should be told, with a line for each operation that is not understood.
    var allWarnings: [String] {
        let unknown = draft.network.barrierNodes
        let reasons = unknown.map { operation, names in
            let reason =
                operation.hasSuffix(Self.acrossSamples)
                ? "makes groups of the samples of a batch, which are followed one by one" : "is not understood here"
            return "operation \(operation) (\(Network.counted(names))) \(reason): what it touches is kept whole"
        }
        let integers = unknown.map(\.operation).filter(ONNXOperators.computesWithIntegers)
        guard !integers.isEmpty else { return warnings + reasons }
        let quantized =
            "the model is quantized: operations on integers (\(integers.joined(separator: ", "))) are not followed; prune the floating-point model that it was made from and quantize the smaller one"
        return warnings + [quantized] + reasons
    }
}
