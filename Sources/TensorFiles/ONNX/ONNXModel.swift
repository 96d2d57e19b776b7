/// A model: the structure as read, and where its values are.
///
/// A value type; changing tensors or nodes changes a copy. Invariant: every tensor passes its check, names are unique, and each
/// graph is acyclic with all inputs defined.
public struct ONNXModel: Sendable {
    /// The message without its long values.
    package var wire: ONNXWireModel
    /// Long values; `payload_index` of a tensor points here.
    package var payloads: [ONNXPayload]
    /// External data files the model was read from.
    public private(set) var externalPaths: [String] = []

    package init(wire: ONNXWireModel, payloads: [ONNXPayload]) {
        self.wire = wire
        self.payloads = payloads
    }

    /// Bytes of all values that are kept outside of the model's file.
    public var externalByteCount: Int {
        wire.graph.initializer.reduce(0) { $0 + ($1.dataLocation == .external ? payloads[Int($1.payloadIndex)].count : 0) }
    }

    /// Version of the default operator set.
    public var opset: Int {
        Int(clamping: wire.opsetImport.first { $0.domain.isEmpty || $0.domain == "ai.onnx" }?.version ?? 0)
    }

    /// The program that wrote the model, as it says itself.
    public var producer: String { wire.producerName }

    /// Names of the trained tensors in the order of the file.
    public var tensorNames: [String] { wire.graph.initializer.map(\.name) }

    /// A trained tensor by name.
    /// - Throws: `missingTensor`; `unsupported` for strings and types without numeric meaning.
    public func tensor(named name: String) throws(TensorFileError) -> Tensor {
        guard let tensor = wire.graph.initializer.first(where: { $0.name == name }) else {
            throw .missingTensor(name: name, available: tensorNames)
        }
        return try values(of: tensor)
    }

    /// The values of any tensor of this model.
    package func values(of tensor: ONNXWireTensor) throws(TensorFileError) -> Tensor {
        try tensor.values(payloads: payloads)
    }

    /// The values of a tensor of this model where they are; nil where they are in the message itself.
    package func stored(_ tensor: ONNXWireTensor) -> StoredTensor? { tensor.stored(payloads: payloads) }

    /// Replaces the values of a tensor of this model by what stays in a file.
    package mutating func setValues(_ stored: StoredTensor, shape: [Int], of tensor: inout ONNXWireTensor) throws(TensorFileError) {
        try tensor.setValues(stored, shape: shape, payloads: &payloads)
    }

    /// Replaces the values of a tensor of this model; the field that holds them stays of its kind.
    package mutating func setValues(_ values: Tensor, of tensor: inout ONNXWireTensor) throws(TensorFileError) {
        try tensor.setValues(values, payloads: &payloads)
    }

    /// Makes a payload of every external tensor.
    mutating func findExternalData(_ external: inout ONNXExternalData) throws(TensorFileError) {
        guard wire.hasGraph else { return }
        try Self.forEachTensor(in: &wire.graph) { tensor throws(TensorFileError) in
            guard tensor.dataLocation == .external else { return }
            tensor.clearRawData()
            tensor.payloadIndex = UInt32(payloads.count)
            payloads.append(try external.payload(of: tensor))
        }
        externalPaths = external.paths
    }

    /// Every tensor of a graph and of the graphs inside it: initializers and attributes, sparse values and indices.
    private static func forEachTensor(
        in graph: inout ONNXWireGraph,
        _ body: (inout ONNXWireTensor) throws(TensorFileError) -> Void
    ) throws(TensorFileError) {
        // Touching an element copies its storage, so look before.
        for index in graph.initializer.indices where graph.initializer[index].dataLocation == .external {
            try body(&graph.initializer[index])
        }
        for index in graph.sparseInitializer.indices {
            try body(&graph.sparseInitializer[index].values)
            try body(&graph.sparseInitializer[index].indices)
        }
        for node in graph.node.indices {
            for index in graph.node[node].attribute.indices where graph.node[node].attribute[index].holdsTensors {
                try forEachTensor(in: &graph.node[node].attribute[index], body)
            }
        }
    }

    private static func forEachTensor(
        in attribute: inout ONNXWireAttribute,
        _ body: (inout ONNXWireTensor) throws(TensorFileError) -> Void
    ) throws(TensorFileError) {
        if attribute.hasT { try body(&attribute.t) }
        for index in attribute.tensors.indices { try body(&attribute.tensors[index]) }
        if attribute.hasSparseTensor {
            try body(&attribute.sparseTensor.values)
            try body(&attribute.sparseTensor.indices)
        }
        if attribute.hasG { try forEachTensor(in: &attribute.g, body) }
        for index in attribute.graphs.indices { try forEachTensor(in: &attribute.graphs[index], body) }
    }
}

extension ONNXWireAttribute {
    /// Worth looking into when tensors are to be changed.
    var holdsTensors: Bool { hasT || !tensors.isEmpty || hasSparseTensor || hasG || !graphs.isEmpty }
}
