// What the inputs of a node are: activations, constants, and constants that become parameters of the network.

import TensorFiles

extension ONNXImporter {
    /// The activation that an input is.
    func activation(_ node: ONNXNodeReader, _ slot: Int) -> Network.ValueID? {
        guard let name = node.input(slot) else { return nil }
        if let batched = node.batchedInput, name == node.input(0) { return batched }
        return facts.activation(name)
    }

    /// The constant that an input is, read if need be.
    func constant(_ node: ONNXNodeReader, _ slot: Int) throws(NetworkError) -> ONNXConstant? {
        guard let name = node.input(slot) else { return nil }
        return try facts.constant(name, node: node.name)
    }

    /// The numbers of a constant, read if need be; nil for what is no constant of numbers.
    func numbers(_ node: ONNXNodeReader, _ slot: Int) throws(NetworkError) -> [Float]? {
        try constant(node, slot)?.loaded(node.input(slot) ?? node.name).floats
    }

    /// An input that is there, but only a run would tell its numbers.
    func isOpen(_ node: ONNXNodeReader, _ slot: Int) throws(NetworkError) -> Bool {
        guard node.input(slot) != nil else { return false }
        return try !(constant(node, slot)?.isKnown ?? false)
    }

    /// The shape of a constant of floating point numbers, without reading it; nil for anything else.
    func weightShape(_ node: ONNXNodeReader, _ slot: Int) -> [Int]? {
        node.input(slot).flatMap { facts.weightShape($0) }
    }

    func isInteger(_ node: ONNXNodeReader, _ slot: Int) throws(NetworkError) -> Bool {
        if let value = activation(node, slot) { return draft.isInteger(value) }
        guard let constant = try constant(node, slot) else { return false }
        if case .integers = constant.elements { return true }
        return false
    }

    /// Every operand is an activation or a constant of numbers, and one at least an activation.
    func canBeOperands(_ node: ONNXNodeReader, _ slots: Range<Int>) throws(NetworkError) -> Bool {
        var hasActivation = false
        for slot in slots {
            if activation(node, slot) != nil {
                hasActivation = true
            } else if try isOpen(node, slot) || node.input(slot) == nil {
                return false
            }
        }
        return hasActivation
    }

    // MARK: Parameters

    /// Makes a constant input a parameter of the network.
    ///
    /// - Parameters:
    ///   - owner: the tensor that a vector goes with, of whose channels it has one number each. Exporters write equal vectors once (biases
    ///     of zero): with each owner the vector is one of its own, so that their channels can be cut apart.
    ///   - shape: the shape the layer wants; that of the file by default. Same number of elements.
    mutating func parameter(
        _ node: ONNXNodeReader, _ slot: Int, of owner: String? = nil, shape: [Int]? = nil, transform: ONNXBinding.Transform = .same
    ) throws(NetworkError) -> String {
        guard let name = node.input(slot), let found = try constant(node, slot), found.isKnown else {
            throw .invalidNode(name: node.name, reason: "expected a tensor of numbers as input \(slot), found none")
        }
        if transform == .same, case .stored(let tensor) = found.elements {
            let result = try draft.parameter(name, found, tensor, shape: shape ?? found.shape, node: node.name)
            draft.provenance.addUse(ONNXParameterUse(node: node.index, slot: slot, parameter: result))
            return result
        }
        let constant = try found.loaded(name)
        let values = constant.floats ?? []
        if transform == .same, shape == nil || shape == constant.shape, let quantized = try quantizedParameter(name, constant, values, node)
        {
            return quantized
        }
        let result = try draft.parameter(
            name, of: owner, constant, values, shape: shape ?? constant.shape, transform: transform, node: node.name)
        draft.provenance.addUse(ONNXParameterUse(node: node.index, slot: slot, parameter: result))
        return result
    }

    /// A parameter whose integers are stored, where a DequantizeLinear of a tensor of the file makes it for this node alone.
    private mutating func quantizedParameter(
        _ name: String, _ constant: ONNXConstant, _ values: [Float], _ reader: ONNXNodeReader
    ) throws(NetworkError) -> String? {
        guard let place = graph.dequantizers[name], graph.useCount(name) == 1 else { return nil }
        let node = graph.reader(place)
        guard let stored = node.input(0), let type = facts.storedType(stored), graph.useCount(stored) == 1,
            let scales = try self.constant(node, 1)?.floats
        else { return nil }
        guard let range = type.gridRange else { return nil }
        let zeros = try self.constant(node, 2)?.floats ?? [Float](repeating: 0, count: scales.count)
        let axis = try scales.count == 1 ? nil : RowMajor.position(node.integer("axis") ?? 1, rank: constant.shape.count)
        guard zeros.count == scales.count, scales.allSatisfy({ $0 > 0 && $0.isFinite }), scales.count == 1 || axis != nil else {
            return nil
        }
        let result = try draft.parameter(
            stored, constant, values, shape: constant.shape, transform: .dequantized(node: place), node: reader.name)
        draft.network.quantizations[result] = Quantization(axis: axis, scales: scales, zeros: zeros, range: range)
        return result
    }

    // MARK: Constants as values

    /// A constant input as a value of the network.
    mutating func constantValue(_ node: ONNXNodeReader, _ slot: Int, transform: ONNXBinding.Transform = .same) throws(NetworkError)
        -> Network.ValueID
    {
        let name = try parameter(node, slot, transform: transform)
        // Numbers computed from extents of an activation change with them: those must stay.
        if let constant = try constant(node, slot), !constant.isLiteral {
            for source in constant.sources.sorted(by: { ($0.value, $0.axis) < ($1.value, $1.axis) }) {
                draft.keepExtent(source, for: node)
            }
        }
        return constantValue(parameter: name)
    }

    /// A constant that is an output of the model: the value of one sample where the first axis is computed from the number of samples, else all
    /// of it, whatever that number is.
    mutating func outputConstant(_ name: String) throws(NetworkError) -> Network.ValueID {
        guard let constant = try facts.constant(name, node: name)?.loaded(name), let values = constant.floats else {
            throw .unreadableTensor(name: name, reason: "expected numbers as output, found none")
        }
        let followsBatch = constant.shape.first == 1 && constant.sources.contains { $0.axis == 0 && !draft.isWhole($0.value) }
        let shape = followsBatch ? Array(constant.shape.dropFirst()) : constant.shape
        let value = constantValue(parameter: try draft.parameter(name, constant, values, shape: shape, transform: .same, node: name))
        draft.setWhole(value, !followsBatch)
        return value
    }

    /// A parameter as a value, of the type that its constant has in the model.
    mutating func constantValue(parameter: String) -> Network.ValueID {
        let constant = draft.provenance.bindings[parameter]?.constant
        return draft.constantValue(parameter: parameter, isInteger: constant.map { facts.isIntegerConstant($0) } ?? false)
    }
}

extension ONNXNodeReader {
    /// The type of what QuantizeLinear makes: that of its zero point, else the one it states, else bytes without a sign; `nil` for types
    /// that are none of integers.
    func gridType(zero: ONNXConstant?) throws(NetworkError) -> DType? {
        if let zero { return zero.dtype }
        switch try integer("output_dtype") ?? 0 {
        case 0, 2: return .u8
        case 3: return .i8
        case 4: return .u16
        case 5: return .i16
        default: return nil
        }
    }
}

extension DType {
    /// The integers that a quantized tensor of this type may hold; `nil` for other types.
    var gridRange: ClosedRange<Float>? {
        switch self {
        case .i8: -128...127
        case .u8: 0...255
        case .i16: -32768...32767
        case .u16: 0...65535
        default: nil
        }
    }
}
