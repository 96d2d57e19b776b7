// Nodes of constants that folding has no rule for: such a node is read as the layers that it would be if what it reads were
// activations, and these run once.

import TensorFiles

/// A node as a network of its own, whose inputs are constants.
struct ONNXConstantRun {
    private let network: Network
    private let given: [ActivationTensor]
    /// Of every output, as the model has it.
    private let results: [(shape: [Int], isInteger: Bool)]

    /// Of the run.
    var multiplyAdds: Double { network.passMultiplyAdds }
    /// Elements of all outputs.
    var elementCount: Int { results.reduce(0) { $0 + $1.shape.reduce(1, *) } }

    /// - Parameters:
    ///   - graph: of the node alone.
    ///   - inputs: of the node, in memory; `nil` for those that are absent.
    ///   - slots: the inputs to take for activations. All others are constants of the layers.
    /// - Returns: `nil` where there are no such layers.
    init?(of graph: ONNXGraphIndex, _ inputs: [ONNXConstant?], asActivations slots: [Int], at sizes: ONNXInputSizes) {
        let node = graph.reader(0)
        var importer = ONNXImporter(graph, at: sizes)
        var given: [ActivationTensor] = []
        for (slot, constant) in inputs.enumerated() {
            guard var constant, let name = node.input(slot), importer.facts[name] == nil else { continue }
            // Values of the whole model, which mean nothing here.
            (constant.sources, constant.elementSources) = ([], nil)
            guard slots.contains(slot) else {
                importer.facts[name] = .constant(constant)
                continue
            }
            guard let values = constant.exactFloats, !values.isEmpty else { return nil }
            let value = importer.draft.addInput(name, isInteger: !constant.dtype.isFloatingPoint)
            importer.draft.network.values[value].shape = constant.shape
            importer.draft.setWhole(value, true)
            importer.facts[name] = .activation(value)
            given.append(ActivationTensor(shape: [1] + constant.shape, values: values))
        }
        guard (try? importer.lower(node)) == true else { return nil }
        let made = node.wire.output.map { importer.facts.activation($0) }.prefix { $0 != nil }.compactMap { $0 }
        let results = made.compactMap { value in importer.draft.extents(value).map { ($0, importer.draft.isInteger(value)) } }
        guard !made.isEmpty, results.count == made.count else { return nil }
        importer.draft.network.outputs = made
        importer.draft.dropUnusedConstants()
        guard let network = try? importer.draft.network.inferringShapes() else { return nil }
        (self.network, self.given, self.results) = (network, given, results)
    }

    /// The first outputs of the node, as many as layers make; `nil` where they cannot be computed.
    func outputs() -> [ONNXConstant]? {
        guard let made = try? Evaluator(network).forward(given, threads: 1).observed, made.count == results.count else { return nil }
        let constants = zip(made, results).compactMap { tensor, result -> ONNXConstant? in
            guard RowMajor.count(result.shape) == tensor.values.count else { return nil }
            guard result.isInteger else { return ONNXConstant(shape: result.shape, elements: .floats(tensor.values)) }
            let integers = tensor.values.compactMap { Int(exactly: $0) }
            guard integers.count == tensor.values.count else { return nil }
            return ONNXConstant(shape: result.shape, elements: .integers(integers.map(ONNXExtent.known)))
        }
        return constants.count == made.count ? constants : nil
    }
}

extension ONNXImporter {
    /// A branch is read by its own nodes; layers carry numbers on a grid, and of other types, as the numbers that they stand for.
    private static let neverRun: Set<String> = ["If", "QuantizeLinear", "DequantizeLinear", "Cast", "CastLike"]

    /// What a node makes of constants alone, by a run of its layers.
    ///
    /// - Parameter inputs: of the node, in memory; `nil` for those that are absent.
    /// - Returns: `nil` where there are none, where the size of a batch is among the inputs, and beyond the work and the elements that
    ///   constants may take.
    mutating func run(_ node: ONNXNodeReader, of inputs: [ONNXConstant?]) -> [ONNXConstant]? {
        let present = inputs.compactMap { $0 }
        guard !Self.neverRun.contains(node.operation), let first = inputs.first ?? nil, present.allSatisfy(\.isFree),
            let own = try? node.forOneSample(first)
        else { return nil }
        var wire = ONNXWireModel()
        wire.opsetImport = graph.model.wire.opsetImport
        wire.graph.node = [own]
        guard let alone = try? ONNXGraphIndex(ONNXModel(wire: wire, payloads: graph.model.payloads)) else { return nil }
        // What a node reads beside the first are its weights, or operands like the first.
        let numbers = inputs.indices.filter { inputs[$0]?.dtype.isFloatingPoint ?? false }
        for slots in numbers.count < 2 ? [[0]] : [[0], numbers] {
            guard let run = ONNXConstantRun(of: alone, inputs, asActivations: slots, at: sizes), run.multiplyAdds <= constantWork,
                run.elementCount <= folding.budget, var made = run.outputs()
            else { continue }
            // Somebody reads what no layer makes.
            guard node.wire.output.dropFirst(made.count).allSatisfy({ graph.useCount($0) == 0 }) else { return nil }
            constantWork -= run.multiplyAdds
            for k in made.indices {
                for input in present { made[k].sources.formUnion(input.sources) }
                if case .floats = made[k].elements, let type = present.first(where: \.dtype.isFloatingPoint)?.dtype { made[k].dtype = type }
            }
            return folding.pays(for: made) ? made : nil
        }
        return nil
    }
}

extension ONNXNodeReader {
    /// Normalization by the statistics of the batch itself is, for a batch of one, normalization of every channel of a sample: so do networks
    /// that standardize their weights.
    fileprivate func forOneSample(_ data: ONNXConstant) throws(NetworkError) -> ONNXWireNode {
        guard operation == "BatchNormalization", data.shape.first == 1, data.shape.count > 2 else { return wire }
        guard try version < 14 ? wire.output.count > 1 : integer("training_mode") ?? 0 != 0 else { return wire }
        var result = wire
        result.opType = "InstanceNormalization"
        result.input = Array(wire.input.prefix(3))
        result.output = Array(wire.output.prefix(1))
        result.attribute = wire.attribute.filter { $0.name == "epsilon" }
        return result
    }
}

extension ONNXConstant {
    /// In memory, and no element depends on the number of samples.
    fileprivate var isFree: Bool {
        switch elements {
        case .floats: true
        case .integers(let values): values.allSatisfy { $0.known != nil }
        case .stored: false
        }
    }

    /// The elements in single precision; `nil` where that would change one.
    fileprivate var exactFloats: [Float]? {
        if case .integers(let values) = elements, values.contains(where: { ($0.known ?? .max).magnitude > 1 << 24 }) { return nil }
        return floats
    }
}
