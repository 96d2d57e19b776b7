// Which trained tensors a step reads, and where their gradients go.

/// Places of the gradients of trained tensors in one flat buffer.
struct ParameterSlots: Sendable {
    /// In the order of the buffer.
    private(set) var names: [String] = []
    private(set) var ranges: [String: Range<Int>] = [:]
    private(set) var count = 0

    init() {}

    /// - Throws: `missingTensor`.
    init(_ names: [String], in network: Network) throws(NetworkError) {
        for name in names where ranges[name] == nil {
            guard let size = network.parameters[name]?.values.count else { throw .missingTensor(name: name, node: "the gradient") }
            self.names.append(name)
            ranges[name] = count..<count + size
            count += size
        }
    }

    func offset(_ name: String?) -> Int? { name.flatMap { ranges[$0]?.lowerBound } }
}

/// Offsets into the flat gradient, for one step.
struct StepParameters: Sendable {
    /// Weight of an affine or recurrent layer, table of an embedding, scale of a normalization.
    private(set) var weight: Int?
    /// Bias of an affine layer, shift of a normalization.
    private(set) var bias: Int?
    /// Running mean of a batch normalization.
    private(set) var mean: Int?
    /// Weights of a recurrent layer's own state.
    private(set) var recurrence: Int?
    /// Peepholes of a recurrent layer.
    private(set) var peepholes: Int?
    /// Per input of the step: a trained tensor that enters the graph as a value.
    private(set) var constants: [Int?]
    /// Statistics of a batch normalization whose scale is wanted: x̂ = (x − mean)·inverse.
    private(set) var center: [Float] = []
    private(set) var inverseDeviation: [Float] = []

    var isWanted: Bool {
        weight != nil || bias != nil || mean != nil || recurrence != nil || peepholes != nil || constants.contains { $0 != nil }
    }

    /// - Parameter folded: what the step's layer takes up.
    init(
        _ step: EvaluationPlan.Step, in network: Network, slots: ParameterSlots, folded: FoldedNormalization?
    ) throws(NetworkError) {
        constants = [Int?](repeating: nil, count: step.inputs.count)
        guard slots.count > 0 else { return }
        let node = network.nodes[step.node]
        switch node.layer {
        case .convolution(let layer):
            (weight, bias) = (slots.offset(layer.weight), folded.map(\.ownBias) ?? slots.offset(layer.bias))
        case .linear(let layer):
            (weight, bias) = (slots.offset(layer.weight), folded.map(\.ownBias) ?? slots.offset(layer.bias))
        case .convolutionTranspose(let layer): (weight, bias) = (slots.offset(layer.weight), slots.offset(layer.bias))
        case .embedding(let table): weight = slots.offset(table)
        case .recurrent(let layer):
            (weight, bias) = (slots.offset(layer.weight), slots.offset(layer.bias))
            (recurrence, peepholes) = (slots.offset(layer.recurrence), slots.offset(layer.peepholes))
        case .normalization(let layer): (weight, bias) = (slots.offset(layer.scale), slots.offset(layer.shift))
        case .batchNormalization(let layer):
            (weight, bias, mean) = (slots.offset(layer.scale), slots.offset(layer.shift), slots.offset(layer.mean))
            guard weight != nil else { return }
            center = try network.parameter(layer.mean, of: node).values
            inverseDeviation = try network.parameter(layer.variance, of: node).values.map { Float(1 / layer.deviation($0)) }
        case .add, .multiply, .elementwise, .concatenation, .matrixProduct:
            for (index, value) in node.inputs.enumerated() where index < constants.count {
                guard let maker = network.nodes.first(where: { $0.outputs.contains(value) }), case .constant(let name) = maker.layer
                else { continue }
                constants[index] = slots.offset(name)
            }
        default: break
        }
    }
}
