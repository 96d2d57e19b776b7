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
            guard case .barrier = node.layer, let origin = origins[node.name] else { continue }
            let wire = model.wire.graph.node[origin.node]
            let read = Set(wire.input).union(wire.capturedNames).reduce(0) { $0 + (sizes[$1] ?? 0) }
            result[node.name] = read + wire.enclosedWeightCount
        }
        return result
    }

    /// Where parameters live in the model.
    let bindings: [String: ONNXBinding]
    /// Which inputs of which nodes read the parameters.
    let uses: [ONNXParameterUse]
    /// Which nodes of the model make up each node of the network, by its name.
    let origins: [String: ONNXOrigin]
    /// Sizes that the model leaves open, and what they were taken to be.
    public let inputSizes: [ONNXInputSize]
    /// Values whose samples have all axes of the model's tensor.
    package let wholes: Set<Network.ValueID>
    /// Values of the network by their names in the model.
    let activations: [String: Network.ValueID]
    /// Constants that the model computes or states, by name: shapes, axes, sizes.
    let constants: [String: ONNXConstant]
    /// Batch size where the model fixes it.
    let fixedBatch: Int?

    /// Reads the network of a model.
    ///
    /// - Parameter inputShapes: shapes of inputs without the batch axis, by name, for models that leave extents open.
    /// - Throws: ``NetworkError`` naming node and tensor where the model contradicts itself.
    /// - Complexity: one read of the parameters; memory: one Float per parameter.
    public init(_ model: ONNXModel, inputShapes: [String: [Int]] = [:]) throws(NetworkError) {
        let importer = try ONNXInputSizes.bestImport(model, inputShapes: inputShapes)
        self.model = model
        var network = importer.network
        network.derivedParameters = Set(
            importer.bindings.filter { importer.knownConstants[$0.value.constant]?.isLiteral == false }.map(\.key))
        self.network = network
        warnings = importer.allWarnings
        bindings = importer.bindings
        uses = importer.uses
        origins = importer.origins
        inputSizes = importer.inputSizes
        wholes = importer.wholes
        constants = importer.knownConstants
        activations = importer.knownActivations
        fixedBatch = importer.fixedBatch
    }
}

/// A parameter's place in the model.
struct ONNXBinding: Sendable, Equatable {
    /// What the network's values are, compared with the model's.
    enum Transform: Sendable, Hashable {
        case same
        /// Multiplied by a factor: a Gemm's alpha or beta, −1 for what is subtracted.
        case scaled(Float)
        /// One over the model's values: what is divided by.
        case reciprocal
        /// Integers on a grid in the model, by the DequantizeLinear at this position.
        case dequantized(node: Int)
    }

    /// Name of the constant in the model.
    var constant: String
    /// Its shape there; the parameter may lack or add axes of extent 1.
    var storedShape: [Int]
    var transform: Transform
}

/// One input of one node of the model that reads a parameter.
struct ONNXParameterUse: Sendable {
    var node: Int
    var slot: Int
    var parameter: String
}

/// The nodes of the model that a node of the network stands for.
struct ONNXOrigin: Sendable {
    /// The one that computes, or the last of several.
    var node: Int
    /// Others that were merged into it.
    var absorbed: [Int] = []
}

extension ONNXBinding.Transform {
    func applied(to values: [Float]) -> [Float] {
        switch self {
        case .same, .dequantized: values
        case .scaled(let factor): values.map { $0 * factor }
        case .reciprocal: values.map { 1 / $0 }
        }
    }

    /// The model's values from the network's.
    func undone(on values: [Float]) -> [Float] {
        switch self {
        case .same, .dequantized: values
        case .scaled(let factor): values.map { $0 / factor }
        case .reciprocal: values.map { 1 / $0 }
        }
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
