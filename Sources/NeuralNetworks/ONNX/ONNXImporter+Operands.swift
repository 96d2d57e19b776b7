// What the inputs of a node are: activations, constants, and constants that become parameters of the network.

import TensorFiles

extension ONNXImporter {
    /// The activation that an input is.
    func activation(_ node: ONNXNodeReader, _ slot: Int) -> Network.ValueID? {
        guard let name = node.input(slot) else { return nil }
        if let value = overrides[name] { return value }
        guard case .activation(let value)? = facts[name] else { return nil }
        return value
    }

    /// Shape of an activation without the batch axis.
    func shape(_ value: Network.ValueID) -> [Int]? { network.values[value].shape }

    /// The constant that an input is, read if need be.
    func constant(_ node: ONNXNodeReader, _ slot: Int) throws(NetworkError) -> ONNXConstant? {
        guard let name = node.input(slot) else { return nil }
        return try constant(named: name, node: node.name)
    }

    func constant(named name: String, node: String) throws(NetworkError) -> ONNXConstant? {
        switch facts[name] {
        case .constant(let constant): return constant
        case .initializer(let index): return try model.constant(graph.initializer[index], node: node)
        case .activation, .opaque, nil: return nil
        }
    }

    /// An input that is there, but only a run would tell its numbers.
    func isOpen(_ node: ONNXNodeReader, _ slot: Int) throws(NetworkError) -> Bool {
        guard node.input(slot) != nil else { return false }
        return try constant(node, slot)?.floats == nil
    }

    /// The shape of a constant of floating point numbers, without reading it; nil for anything else.
    func weightShape(_ node: ONNXNodeReader, _ slot: Int) -> [Int]? {
        switch node.input(slot).flatMap({ facts[$0] }) {
        case .initializer(let index):
            return graph.initializer[index].numericType?.isFloatingPoint == true ? graph.initializer[index].shape : nil
        case .constant(let constant):
            if case .floats = constant.elements { return constant.shape }
            return nil
        default: return nil
        }
    }

    /// Makes a constant input a parameter of the network.
    ///
    /// - Parameter shape: the shape the layer wants; that of the file by default. Same number of elements.
    mutating func parameter(
        _ node: ONNXNodeReader, _ slot: Int, shape: [Int]? = nil, transform: ONNXBinding.Transform = .same
    ) throws(NetworkError) -> String {
        guard let name = node.input(slot), let constant = try constant(node, slot), let values = constant.floats else {
            throw .invalidNode(name: node.name, reason: "expected a tensor of numbers as input \(slot), found none")
        }
        if transform == .same, shape == nil || shape == constant.shape, let quantized = try quantizedParameter(name, constant, values, node)
        {
            return quantized
        }
        let result = try parameter(name, constant, values, shape: shape ?? constant.shape, transform: transform, node: node.name)
        // A pattern may take up what one of its nodes had read before.
        if node.index >= 0, !uses.contains(where: { $0.node == node.index && $0.slot == slot && $0.parameter == result }) {
            uses.append(ONNXParameterUse(node: node.index, slot: slot, parameter: result))
        }
        return result
    }

    /// A parameter whose integers are stored, where a DequantizeLinear of a tensor of the file makes it for this node alone.
    private mutating func quantizedParameter(
        _ name: String, _ constant: ONNXConstant, _ values: [Float], _ reader: ONNXNodeReader
    ) throws(NetworkError) -> String? {
        guard let place = dequantizers[name], useCounts[name] == 1 else { return nil }
        let node = ONNXNodeReader(graph.node[place], index: place, model: model)
        guard let stored = node.input(0), case .initializer(let index)? = facts[stored], let scales = try self.constant(node, 1)?.floats,
            let type = graph.initializer[index].numericType, useCounts[stored] == 1
        else { return nil }
        let range: ClosedRange<Float>
        switch type {
        case .i8: range = -128...127
        case .u8: range = 0...255
        case .i16: range = -32768...32767
        case .u16: range = 0...65535
        default: return nil
        }
        let zeros = try self.constant(node, 2)?.floats ?? [Float](repeating: 0, count: scales.count)
        let axis = try scales.count == 1 ? nil : ONNXFolding.position(node.integer("axis") ?? 1, rank: constant.shape.count)
        guard zeros.count == scales.count, scales.allSatisfy({ $0 > 0 && $0.isFinite }), scales.count == 1 || axis != nil else {
            return nil
        }
        let result = try parameter(
            stored, constant, values, shape: constant.shape, transform: .dequantized(node: place), node: reader.name)
        network.quantizations[result] = Quantization(axis: axis, scales: scales, zeros: zeros, range: range)
        return result
    }

    private mutating func parameter(
        _ name: String, _ constant: ONNXConstant, _ values: [Float], shape: [Int], transform: ONNXBinding.Transform, node: String
    ) throws(NetworkError) -> String {
        guard RowMajor.count(shape) == values.count else {
            throw .wrongTensorShape(
                name: name, node: node, expected: "\(NetworkError.text(shape)) or as many values", found: constant.shape)
        }
        let key = ParameterKey(constant: name, shape: shape, transform: transform)
        if let known = parameterNames[key] { return known }
        var result = name
        while network.parameters[result] != nil { result += "'" }
        parameterNames[key] = result
        bindings[result] = ONNXBinding(constant: name, storedShape: constant.shape, transform: transform)
        network.parameters[result] = Parameter(shape: shape, values: transform.applied(to: values))
        return result
    }

    /// A constant as a value of the network.
    mutating func constantValue(_ node: ONNXNodeReader, _ slot: Int, transform: ONNXBinding.Transform = .same) throws(NetworkError)
        -> Network.ValueID
    {
        let name = try parameter(node, slot, transform: transform)
        // Numbers computed from extents of an activation change with them: those must stay.
        if let constant = try constant(node, slot), !constant.isLiteral {
            for source in constant.sources.sorted(by: { ($0.value, $0.axis) < ($1.value, $1.axis) }) { keepExtent(source, for: node) }
        }
        return constantValue(parameter: name)
    }

    /// Notes that an extent of an activation must not change.
    mutating func keepExtent(_ source: ONNXAxis, for node: ONNXNodeReader) {
        let axis = wholes.contains(source.value) ? source.axis + 1 : source.axis
        guard axis > 0, keptExtents.insert(source).inserted else { return }
        network.values.append(.init(name: "", shape: [1]))
        network.nodes.append(
            .init(
                name: uniqueName("extent for \(node.name)"), layer: .extent(axis: axis), inputs: [source.value],
                outputs: [network.values.count - 1]))
    }

    mutating func constantValue(_ name: String, node: String) throws(NetworkError) -> Network.ValueID {
        guard let constant = try constant(named: name, node: node), let values = constant.floats else {
            throw .unreadableTensor(name: name, reason: "expected numbers as output, found none")
        }
        return constantValue(parameter: try parameter(name, constant, values, shape: constant.shape, transform: .same, node: node))
    }

    private func isIntegerConstant(_ name: String) -> Bool {
        switch facts[name] {
        case .initializer(let index): return graph.initializer[index].numericType?.isFloatingPoint == false
        case .constant(let constant):
            if case .integers = constant.elements { return true }
            return false
        default: return false
        }
    }

    mutating func constantValue(parameter: String) -> Network.ValueID {
        if let value = constantValues[parameter] { return value }
        network.values.append(.init(name: parameter, shape: network.parameters[parameter]?.shape))
        let value = network.values.count - 1
        network.nodes.append(.init(name: uniqueName(parameter), layer: .constant(parameter: parameter), inputs: [], outputs: [value]))
        if let name = bindings[parameter]?.constant, isIntegerConstant(name) { integerValues.insert(value) }
        constantValues[parameter] = value
        constantIDs.insert(value)
        return value
    }
}
