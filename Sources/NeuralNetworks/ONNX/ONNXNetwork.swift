// ONNX in, smaller ONNX out: a model, the network it describes, and how each part of one came from the other.

import TensorFiles

/// A network read from an ONNX model, with what is needed to write a changed network back into that model.
///
/// ```swift
/// let source = try ONNXNetwork(ONNX.read(path: "model.onnx"))
/// let smaller = try source.network.keeping(["conv1": [0, 2, 5]])
/// try ONNX.write(source.model(for: smaller), to: "smaller.onnx", force: false)
/// ```
///
/// Known operations become layers; subgraphs that only compute shapes are evaluated and disappear. An operation that is
/// not known becomes a `barrier` with a warning that names it, never an error.
public struct ONNXNetwork: Sendable {
    /// The model as read.
    public let model: ONNXModel
    /// The network it describes.
    public let network: Network
    /// One line for each kind of operation that is not known, and for whatever else a user should be told.
    public let warnings: [String]

    /// Numbers in all tensors of the model: trained, quantized, inside of branches, read by nobody. Integers of 32 and 64 bits, which
    /// are sizes and indices, do not count.
    public var parametersTotal: Int { model.wire.graph.weightCount }

    /// Numbers in the tensors that nodes which are not understood read, or hold in graphs of their own, by the name of the node.
    public var enclosedParameters: [String: Int] {
        let sizes = Dictionary(model.wire.graph.initializer.map { ($0.name, $0.weightCount) }) { first, _ in first }
        var result: [String: Int] = [:]
        for node in network.nodes {
            guard case .barrier = node.layer, let origin = provenance.origins[node.name] else { continue }
            let wire = model.wire.graph.node[origin.node]
            let read = Set(wire.input).union(wire.capturedNames).reduce(0) { $0 + (sizes[$1] ?? 0) }
            result[node.name] = read + wire.enclosedWeightCount
        }
        return result
    }

    /// Which part of the network came from which part of the model.
    let provenance: ONNXProvenance
    /// Sizes that the model leaves open, and what they were taken to be.
    public let inputSizes: [ONNXInputSize]
    /// Values whose samples have all axes of the model's tensor.
    package let wholes: Set<Network.ValueID>
    /// Inputs that the model declares as integers.
    package let integerInputs: Set<Network.ValueID>
    /// Values of the network by their names in the model.
    let activations: [String: Network.ValueID]
    /// Constants that the model computes or states, by name: shapes, axes, sizes.
    let constants: [String: ONNXConstant]
    /// Batch size where the model fixes it.
    let fixedBatch: Int?

    /// A limit for ``init(_:inputShapes:leavingFrom:)``: some thousands of smaller tensors fit into memory.
    public static let smallTensor = 1 << 16

    /// The name of a model's input where it has just one.
    package static func onlyInput(of model: ONNXModel) -> String? {
        let stored = Set(model.wire.graph.initializer.map(\.name))
        let inputs = model.wire.graph.input.map(\.name).filter { !stored.contains($0) }
        return inputs.count == 1 ? inputs[0] : nil
    }

    /// Names of a model's inputs that leave an extent open behind the first axis.
    package static func openInputs(of model: ONNXModel) -> [String] {
        let stored = Set(model.wire.graph.initializer.map(\.name))
        return model.wire.graph.input.filter { input in
            !stored.contains(input.name) && input.type.tensorType.shape.dim.dropFirst().contains { $0.dimValue <= 0 }
        }.map(\.name)
    }

    /// Reads the network of a model.
    ///
    /// - Parameters:
    ///   - inputShapes: shapes of inputs without the batch axis, by name, for models that leave extents open.
    ///   - limit: bytes from which on tensors of two axes or more stay in their files (``Parameter/stored``), for networks that are looked at,
    ///     cut and written without being computed: memory is then that of the structure, whatever the size of the model. nil for none.
    /// - Throws: ``NetworkError`` naming node and tensor where the model contradicts itself.
    /// - Complexity: one read of the parameters; memory: one Float per parameter.
    public init(_ model: ONNXModel, inputShapes: [String: [Int]] = [:], leavingFrom limit: Int? = nil) throws(NetworkError) {
        let importer = try ONNXImporter.best(model, inputShapes: inputShapes, leavingFrom: limit)
        self.model = model
        var network = importer.draft.network
        network.derivedParameters = Set(
            importer.draft.provenance.bindings.filter { importer.facts.constants[$0.value.constant]?.isLiteral == false }.map(\.key))
        // Nodes inside of branches have no place in the graph that is written.
        network.fixedParameters = Set(importer.draft.provenance.bindings.keys).subtracting(importer.draft.provenance.uses.map(\.parameter))
        network.copies = importer.draft.provenance.copies(from: importer.origins)
        self.network = network
        warnings = importer.allWarnings
        provenance = importer.draft.provenance
        inputSizes = importer.inputSizes
        wholes = importer.draft.wholes
        integerInputs = importer.draft.integerInputs
        constants = importer.facts.constants
        activations = importer.facts.activations
        fixedBatch = importer.sizes.fixedBatch
    }
}

extension ONNXWireTensor {
    /// Elements, if they are of floating point or of 8 bits.
    fileprivate var weightCount: Int {
        guard let type = numericType, type.isFloatingPoint || type == .i8 || type == .u8 else { return 0 }
        return shape.flatMap(RowMajor.count) ?? 0
    }
}

extension ONNXWireNode {
    /// Elements of all weights in attributes, those of graphs inside included.
    fileprivate var enclosedWeightCount: Int {
        attribute.reduce(0) { total, attribute in
            let own = (attribute.hasT ? attribute.t.weightCount : 0) &+ (attribute.hasG ? attribute.g.weightCount : 0)
            return attribute.graphs.reduce(total &+ own) { $0 &+ $1.weightCount }
        }
    }
}

extension ONNXWireGraph {
    /// Elements of all weights, those of graphs inside nodes included.
    fileprivate var weightCount: Int {
        node.reduce(initializer.reduce(0) { $0 &+ $1.weightCount }) { $0 &+ $1.enclosedWeightCount }
    }
}
