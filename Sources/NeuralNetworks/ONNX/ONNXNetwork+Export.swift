import TensorFiles

extension ONNXNetwork {
    /// The model with a changed network in the place of the original one.
    ///
    /// Trained tensors are replaced where they are, in their element type and kind of storage; a tensor that other nodes
    /// read whole gets a sibling. A bias that surgery added becomes an input, or an Add behind a MatMul. Channel counts in
    /// groups, splits, slices, paddings and reshapes follow; constants that nothing reads any more are dropped, and declared
    /// shapes are brought up to date. Values beyond what an element type can hold are moved to neighboring layers where the
    /// network allows it. Everything else stays as it was, so an unchanged network gives the original model.
    ///
    /// - Parameter changed: a network made from `network` by surgery: same nodes, other parameters and attributes.
    /// - Throws: `invalidNetwork` or `invalidNode` when the networks do not correspond, `tensor` when a value cannot
    ///   be stored in a tensor's element type.
    /// - Complexity: O(parameters).
    public func model(for changed: Network) throws(NetworkError) -> ONNXModel {
        var exporter = try ONNXExporter(self, changed.rescaled(toFit: largestValues()))
        return try exporter.run()
    }

    /// The largest magnitude that a parameter of the network may have for the model to hold it; for a bias that is yet to be added, the
    /// least of all.
    private func largestValues() -> (String) -> Float? {
        var types = Dictionary(model.wire.graph.initializer.map { ($0.name, $0.numericType) }, uniquingKeysWith: { first, _ in first })
        for node in model.wire.graph.node where node.opType == "Cast" {
            if let name = node.input.first, let result = node.output.first, let type = types[name] { types[result] = type }
        }
        var limits: [String: Float] = [:]
        for (name, binding) in provenance.bindings {
            guard let largest = (types[binding.constant] ?? constants[binding.constant]?.dtype)?.largestRoundable else { continue }
            switch binding.transform {
            case .same: limits[name] = largest
            case .scaled(let factor): limits[name] = largest * factor.magnitude
            // One over it is stored: large values become small. Quantized values stay within their scale.
            case .reciprocal, .dequantized: continue
            }
        }
        let least = limits.values.min()
        return { limits[$0] ?? (provenance.bindings[$0] == nil ? least : nil) }
    }
}

/// Edits a model until it describes a changed network.
struct ONNXExporter {
    let source: ONNXNetwork
    let changed: Network
    var model: ONNXModel
    var graph: ONNXWireGraph
    private(set) var initializers: [String: Int] = [:]
    private var names: Set<String> = []
    /// Nodes to add behind others, by position in the original graph.
    private var additions: [Int: [ONNXWireNode]] = [:]
    /// Constants whose shape changed where they are.
    private(set) var storedShapes: [String: [Int]] = [:]
    /// Constants computed from shapes, with the changed ones.
    var refoldings: [String: ONNXConstant] = [:]
    private var isEdited = false

    init(_ source: ONNXNetwork, _ changed: Network) throws(NetworkError) {
        try changed.validateGraph()
        let original = source.network
        guard changed.nodes.count == original.nodes.count, changed.inputs == original.inputs, changed.outputs == original.outputs else {
            throw .invalidNetwork(
                reason:
                    "expected a network of the same graph as the model's, found \(changed.nodes.count) nodes instead of \(original.nodes.count)"
            )
        }
        for (old, new) in zip(original.nodes, changed.nodes) {
            guard old.name == new.name, old.inputs == new.inputs, old.outputs == new.outputs, old.layer.isSameOperation(as: new.layer)
            else {
                throw .invalidNode(
                    name: new.name,
                    reason: "expected node \(old.name) (\(old.layer.operationName)) of the model, found \(new.layer.operationName)")
            }
        }
        self.source = source
        self.changed = try changed.inferringShapes()
        model = source.model
        graph = source.model.wire.graph
        for (index, tensor) in graph.initializer.enumerated() { initializers[tensor.name] = index }
        names = Set(initializers.keys).union(graph.input.map(\.name))
        for node in graph.node { names.formUnion(node.enclosedNames.union(node.output)) }
    }

    mutating func run() throws(NetworkError) -> ONNXModel {
        try writeParameters()
        for (old, new) in zip(source.network.nodes, changed.nodes) { try writeAttributes(old, new) }
        try writeSizes()
        guard isEdited else { return source.model }
        if !additions.isEmpty {
            graph.node = graph.node.indices.flatMap { [graph.node[$0]] + (additions[$0] ?? []) }
        }
        dropUnused()
        updateDeclarations()
        model.wire.graph = graph
        do throws(TensorFileError) { try model.validate() } catch { throw .file(error) }
        return model
    }

    // MARK: Parameters

    private mutating func writeParameters() throws(NetworkError) {
        var users: [String: Int] = [:]
        for node in graph.node {
            for name in Set(node.input) { users[name, default: 0] += node.input.filter { $0 == name }.count }
            // Whatever reads it from inside a graph of its own cannot be told of a new name.
            for name in node.capturedNames { users[name, default: 0] += 1 << 20 }
        }
        for output in graph.output { users[output.name, default: 0] += 1 << 20 }
        // Exporters ask a weight for its extents, to make a bias of zeros: what was answered then is stated now.
        var sizes: [String: [(node: Int, extents: [Int])]] = [:]
        for (index, node) in graph.node.enumerated() where node.opType == "Shape" && node.domain.isEmpty {
            guard let name = node.input.first, let extents = node.output.first.flatMap({ source.constants[$0]?.integers }) else { continue }
            sizes[name, default: []].append((index, extents))
        }
        let usesByParameter = Dictionary(grouping: source.provenance.uses, by: \.parameter)
        for (name, parameter) in changed.parameters.sorted(by: { $0.key < $1.key }) {
            guard let binding = source.provenance.bindings[name] else { continue }
            guard source.network.parameters[name] != parameter else { continue }
            isEdited = true
            if case .dequantized(let node) = binding.transform {
                try writeQuantized(parameter, name: name, constant: binding.constant, node: node)
                continue
            }
            let uses = usesByParameter[name] ?? []
            let tensor = try content(of: parameter, name: name, binding: binding)
            let measures = sizes[binding.constant] ?? []
            if users[binding.constant] == uses.count + measures.count, try replace(binding.constant, by: tensor) {
                storedShapes[binding.constant] = tensor.shape
                for (node, extents) in measures { state(extents, at: node) }
            } else if users[binding.constant] == uses.count, let maker = maker(of: binding.constant, binding.storedShape) {
                try write(tensor, passedBy: maker, insteadOf: binding.storedShape, readers: users)
            } else if uses.isEmpty {
                throw .invalidNetwork(reason: "expected tensor \(name) as it was, since a branch of the model reads it, found other values")
            } else {
                let fresh = try addInitializer(near: binding.constant, tensor)
                for use in uses { graph.node[use.node].input[use.slot] = fresh }
            }
            for use in uses where use.slot == 0 && graph.node[use.node].opType == "Expand" {
                try writeExpansion(use.node, of: binding.storedShape, by: tensor.shape)
            }
        }
        for (old, new) in zip(source.network.nodes, changed.nodes) { try writeNewBias(old, new) }
    }

    /// The node that makes a constant of one that the model states: repeats it for every sample of a batch (`shape` is that of one), or turns
    /// it into another element type.
    private func maker(of name: String, _ shape: [Int]) -> Int? {
        guard let node = graph.node.firstIndex(where: { ["Expand", "Tile", "Cast"].contains($0.opType) && $0.output.first == name }),
            graph.node[node].domain.isEmpty || graph.node[node].domain == "ai.onnx",
            let stored = graph.node[node].input.first, let own = shapeOfStored(stored), Array(shape.suffix(own.count)) == own,
            shape.dropLast(own.count).allSatisfy({ $0 == 1 })
        else { return nil }
        return node
    }

    /// Extents of a tensor that the model states; `nil` for what it computes.
    private func shapeOfStored(_ name: String) -> [Int]? {
        if let index = initializers[name] { return graph.initializer[index].dims.map { Int(clamping: $0) } }
        return source.constants[name].flatMap { $0.isLiteral ? $0.shape : nil }
    }

    /// Writes what such a node reads: a constant computed for one sample would fix the batch, one of another type may be larger.
    private mutating func write(
        _ content: ONNXContent, passedBy node: Int, insteadOf before: [Int], readers: [String: Int]
    ) throws(NetworkError) {
        let stored = graph.node[node].input[0]
        let shape = Array(content.shape.suffix(shapeOfStored(stored)?.count ?? 0))
        let own: ONNXContent
        do throws(TensorFileError) {
            own = try content.reshaped(to: shape).converted(to: dtype(of: stored))
        } catch {
            throw .tensor(name: stored, cause: error)
        }
        if readers[stored] == 1, try replace(stored, by: own) {
            storedShapes[stored] = shape
        } else {
            setInput(node, 0, try addInitializer(near: stored, own))
        }
        if graph.node[node].opType == "Expand" { try writeExpansion(node, of: before, by: shape) }
    }

    /// The target of an Expand of a tensor that has other extents now.
    private mutating func writeExpansion(_ node: Int, of before: [Int], by after: [Int]) throws(NetworkError) {
        let rank = try constant(named: graph.node[node].input[1])?.extents?.count ?? after.count
        func full(_ shape: [Int]) -> [Int] { [Int](repeating: 1, count: max(0, rank - shape.count)) + shape }
        try writeTarget(node, from: after, to: full(after), insteadOf: full(before), slot: 1, isReshape: false)
    }

    /// Makes a node a constant of integers.
    private mutating func state(_ extents: [Int], at node: Int) {
        var (tensor, attribute) = (ONNXWireTensor(), ONNXWireAttribute())
        (tensor.dims, tensor.dataType, tensor.int64Data) = ([Int64(extents.count)], 7, extents.map(Int64.init))
        (attribute.name, attribute.type, attribute.t) = ("value", .tensor, tensor)
        (graph.node[node].opType, graph.node[node].input, graph.node[node].attribute) = ("Constant", [], [attribute])
    }

    /// Integers on the parameter's grid in the place of those there, and the grid where it changed.
    private mutating func writeQuantized(_ parameter: Parameter, name: String, constant: String, node: Int) throws(NetworkError) {
        guard let before = source.network.quantizations[name], let grid = changed.quantizations[name] else {
            throw .invalidNode(name: graph.node[node].name, reason: "expected the grid of quantized tensor \(name), found none")
        }
        let (integers, after) = grid.quantized(parameter)
        let tensor = try Self.tensor(integers, shape: parameter.shape, dtype: dtype(of: constant), name: name)
        if try replace(constant, by: .values(tensor)) { storedShapes[constant] = tensor.shape }
        for (slot, old, new) in [(1, before.scales, after.scales), (2, before.zeros, after.zeros)] where old != new {
            guard graph.node[node].input.count > slot, !graph.node[node].input[slot].isEmpty else { continue }
            let stored = graph.node[node].input[slot]
            let values = try Self.tensor(new, shape: after.axis == nil ? [] : [new.count], dtype: dtype(of: stored), name: stored)
            setInput(node, slot, try addInitializer(near: stored, values))
        }
    }

    /// The values as the model stores them.
    private func content(of parameter: Parameter, name: String, binding: ONNXBinding) throws(NetworkError) -> ONNXContent {
        let before = source.network.parameters[name]?.shape ?? []
        guard before.count == parameter.shape.count else {
            throw .wrongTensorShape(name: name, node: binding.constant, expected: "\(before.count) axes", found: parameter.shape)
        }
        var shape = parameter.shape
        if binding.storedShape != before {
            // The model has more or fewer axes of extent 1; the others correspond in order.
            shape = binding.storedShape
            let axes = before.indices.filter { before[$0] != 1 }
            for (stored, axis) in zip(shape.indices.filter { shape[$0] != 1 }, axes) { shape[stored] = parameter.shape[axis] }
        }
        if let stored = parameter.stored, stored.dtype == dtype(of: binding.constant) { return .stored(stored, shape: shape) }
        do throws(TensorFileError) {
            let values = binding.transform.undone(on: try parameter.loaded().values)
            return .values(try Tensor.float32(values, shape: shape).converted(to: dtype(of: binding.constant)))
        } catch {
            throw .tensor(name: name, cause: error)
        }
    }

    static func tensor(_ values: [Float], shape: [Int], dtype: DType, name: String) throws(NetworkError) -> Tensor {
        do throws(TensorFileError) {
            return try Tensor.float32(values, shape: shape).converted(to: dtype)
        } catch {
            throw .tensor(name: name, cause: error)
        }
    }

    func dtype(of constant: String) -> DType {
        if let index = initializers[constant], let type = graph.initializer[index].numericType { return type }
        return source.constants[constant]?.dtype ?? .f32
    }

    /// Replaces a constant where it is: an initializer, or the value of a Constant node.
    private mutating func replace(_ name: String, by content: ONNXContent) throws(NetworkError) -> Bool {
        do throws(TensorFileError) {
            if let index = initializers[name] {
                try model.set(content, of: &graph.initializer[index])
                return true
            }
            guard let node = graph.node.firstIndex(where: { $0.output == [name] && $0.opType == "Constant" && $0.domain.isEmpty }),
                let place = graph.node[node].attribute.firstIndex(where: { $0.name == "value" && $0.hasT })
            else { return false }
            try model.set(content, of: &graph.node[node].attribute[place].t)
            return true
        } catch {
            throw .tensor(name: name, cause: error)
        }
    }

    mutating func addInitializer(near name: String, _ values: Tensor) throws(NetworkError) -> String {
        try addInitializer(near: name, .values(values))
    }

    private mutating func addInitializer(near name: String, _ content: ONNXContent) throws(NetworkError) -> String {
        isEdited = true
        var tensor = ONNXWireTensor()
        tensor.name = freshName(name)
        do throws(TensorFileError) { try model.set(content, of: &tensor) } catch {
            throw .tensor(name: name, cause: error)
        }
        graph.initializer.append(tensor)
        initializers[tensor.name] = graph.initializer.count - 1
        // Up to version 3 of the format every initializer is an input, too.
        if model.wire.irVersion < 4, graph.input.contains(where: { initializers[$0.name] != nil }) {
            var input = ONNXWireValueInfo()
            input.name = tensor.name
            input.type.tensorType.elemType = tensor.dataType
            input.type.tensorType.shape.dim = tensor.dims.map { extent in
                var dimension = ONNXWireShape.Dimension()
                dimension.dimValue = extent
                return dimension
            }
            graph.input.append(input)
        }
        return tensor.name
    }

    /// A constant of integers for one input of a node.
    mutating func setInput(_ node: Int, _ slot: Int, _ values: [Int], hint: String) throws(NetworkError) {
        let name = try addInitializer(near: hint, Tensor.int64(values))
        setInput(node, slot, name)
    }

    mutating func setInput(_ node: Int, _ slot: Int, _ values: Tensor, hint: String) throws(NetworkError) {
        setInput(node, slot, try addInitializer(near: hint, values))
    }

    /// Adds a node behind one of the original graph.
    mutating func insert(_ node: ONNXWireNode, after place: Int) {
        isEdited = true
        additions[place, default: []].append(node)
    }

    mutating func setInput(_ node: Int, _ slot: Int, _ name: String) {
        isEdited = true
        while graph.node[node].input.count <= slot { graph.node[node].input.append("") }
        graph.node[node].input[slot] = name
    }

    mutating func setAttribute(_ node: Int, _ name: String, _ change: (inout ONNXWireAttribute) -> Void) {
        isEdited = true
        if let index = graph.node[node].attribute.firstIndex(where: { $0.name == name }) {
            change(&graph.node[node].attribute[index])
        } else {
            var attribute = ONNXWireAttribute()
            attribute.name = name
            change(&attribute)
            graph.node[node].attribute.append(attribute)
        }
    }

    mutating func removeAttribute(_ node: Int, _ name: String) {
        graph.node[node].attribute.removeAll { $0.name == name }
    }

    mutating func freshName(_ name: String) -> String {
        if names.insert(name).inserted { return name }
        var result = name + "_cut"
        var count = 1
        while !names.insert(result).inserted {
            count += 1
            result = "\(name)_cut\(count)"
        }
        return result
    }

    private mutating func writeNewBias(_ old: Network.Node, _ new: Network.Node) throws(NetworkError) {
        let weight: String, before, after: String?
        switch (old.layer, new.layer) {
        case (.linear(let a), .linear(let b)): (weight, before, after) = (b.weight, a.bias, b.bias)
        case (.convolution(let a), .convolution(let b)): (weight, before, after) = (b.weight, a.bias, b.bias)
        default: return
        }
        guard before != after else { return }
        guard before == nil, let after, let parameter = changed.parameters[after], let origin = source.provenance.origins[new.name] else {
            throw .invalidNode(name: new.name, reason: "expected the bias of the model or a new one, found \(after ?? "none")")
        }
        let dtype = source.provenance.bindings[weight].map { self.dtype(of: $0.constant) } ?? .f32
        let name = try addInitializer(
            near: after, Self.tensor(parameter.values, shape: [parameter.values.count], dtype: dtype, name: after))
        let hasSum = graph.node[origin.node].input.count > 2 && !graph.node[origin.node].input[2].isEmpty
        guard ["MatMul", "Einsum"].contains(graph.node[origin.node].opType) || hasSum else {
            setInput(origin.node, 2, name)
            removeAttribute(origin.node, "beta")
            return
        }
        let output = graph.node[origin.node].output[0]
        let product = freshName(output)
        graph.node[origin.node].output[0] = product
        var sum = ONNXWireNode()
        sum.name = freshName(graph.node[origin.node].name + "/bias")
        sum.opType = "Add"
        sum.input = [product, name]
        sum.output = [output]
        additions[origin.node, default: []].append(sum)
    }
}
