// Functions of one input, along an axis or of each element alone.

import TensorFiles

extension ONNXImporter {
    /// A function with constants from attributes or from constant inputs.
    func function(of node: ONNXNodeReader) throws(NetworkError) -> Activation? {
        switch node.operation {
        case "PRelu": return try constant(node, 1)?.scalar.map { .leakyReLU(slope: $0) }
        case "Clip": return try clip(node)
        case "Pow":
            guard let exponent = try constant(node, 1)?.scalar, exponent.isFinite else { return nil }
            return exponent == 1 ? .identity : exponent == 0.5 ? .function(.squareRoot) : .function(.power(exponent: exponent))
        case "Min", "Max":
            guard node.wire.input.count == 2 else { return nil }
            for slot in 0...1 where activation(node, slot) == nil {
                guard let bound = try constant(node, slot)?.scalar, activation(node, 1 - slot) != nil, slot == 1 else { return nil }
                return node.operation == "Max"
                    ? bound == 0 ? .relu : .function(.clip(minimum: bound, maximum: .infinity))
                    : .function(.clip(minimum: -.infinity, maximum: bound))
            }
            return nil
        default: return try node.scalarFunction()
        }
    }

    private func clip(_ node: ONNXNodeReader) throws(NetworkError) -> Activation? {
        let low, high: Float?
        if node.version < 11 {
            (low, high) = (try node.float("min"), try node.float("max"))
        } else {
            (low, high) = (try constant(node, 1)?.scalar, try constant(node, 2)?.scalar)
            // A bound that only a run would tell.
            if node.input(1) != nil && low == nil || node.input(2) != nil && high == nil { return nil }
        }
        let unlimited = Float.greatestFiniteMagnitude
        switch (low ?? -unlimited, high ?? unlimited) {
        case (0, unlimited...): return .relu
        case (0, let maximum) where maximum > 0: return .clippedReLU(maximum: maximum)
        case (...(-unlimited), unlimited...): return .identity
        case (let minimum, let maximum):
            return minimum.isNaN || maximum.isNaN ? nil : .function(.clip(minimum: minimum, maximum: maximum))
        }
    }

    mutating func lowerSoftmax(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        let isLater = node.version >= 13
        guard let given = activation(node, 0), let shape = draft.extents(given),
            let axis = RowMajor.position(try node.integer("axis") ?? (isLater ? -1 : 1), rank: shape.count)
        else { return false }
        func layer(_ axis: Int) -> Layer {
            switch node.operation {
            case "LogSoftmax": .alongAxis(.logSoftmax, axis: axis)
            case "Hardmax": .alongAxis(.hardmax, axis: axis)
            default: .softmax(axis: axis)
            }
        }
        if isLater || shape[axis...].filter({ $0 != 1 }).count <= 1 {
            // Before version 13 everything from the axis on was one; the same where only one extent is not 1.
            let place = isLater ? axis : shape[axis...].firstIndex { $0 != 1 } ?? axis
            let (input, offset) = draft.frame(given, using: [place])
            try emit(layer(place + offset), node, inputs: [input])
            return true
        }
        let sizes = try Network.size(of: shape, node: node.name)
        let outer = shape[..<axis].reduce(1, *)
        let flat = draft.view(given, as: [outer, sizes / max(outer, 1)], isWhole: true)
        let result = try emit(layer(2), node, inputs: [flat], outputs: [""])
        setResult(node, draft.view(result, as: shape, isWhole: true))
        return true
    }

    mutating func lowerAlongAxis(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let given = activation(node, 0), let shape = draft.extents(given) else { return false }
        let stated: Int?
        let operation: AxisOperation
        switch node.operation {
        case "LpNormalization":
            stated = try node.integer("axis") ?? -1
            operation = .normalize(power: try node.integer("p") ?? 2)
        case "CumSum":
            stated = try constant(node, 1)?.integers?.first
            operation = .cumulativeSum(exclusive: try node.integer("exclusive") ?? 0 != 0, reverse: try node.integer("reverse") ?? 0 != 0)
        default:
            stated = 1
            guard let size = try node.integer("size"), size > 0, size < 1 << 20 else { return false }
            operation = .localResponse(
                size: size, alpha: try node.float("alpha") ?? 1e-4, beta: try node.float("beta") ?? 0.75, bias: try node.float("bias") ?? 1)
        }
        guard let axis = stated.flatMap({ RowMajor.position($0, rank: shape.count) }) else { return false }
        if case .normalize(let power) = operation { guard power == 1 || power == 2 else { return false } }
        let (input, offset) = draft.frame(given, using: [axis])
        try emit(.alongAxis(operation, axis: axis + offset), node, inputs: [input])
        return true
    }

    mutating func lowerIdentity(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0) else { return false }
        switch node.operation {
        case "Cast", "CastLike":
            guard let type = try node.operation == "Cast" ? node.integer("to") : targetType(node) else { return false }
            switch type {
            // Floating point: the numbers stay.
            case 1, 10, 11, 16:
                try emit(.identity, node, inputs: [input])
                draft.setLastOutputs(areIntegers: false)
            case 2...7, 12, 13:
                try emit(draft.isInteger(input) ? .identity : .activation(.function(.truncation)), node, inputs: [input])
                draft.setLastOutputs(areIntegers: true)
            case 9:
                try emit(.activation(.function(.isNonzero)), node, inputs: [input])
                draft.setLastOutputs(areIntegers: true)
            default: return false
            }
            return true
        case "Dropout":
            // Exported while training: what it is at inference, and on average.
            if try isOpen(node, 2) { return false }
            if let training = try constant(node, 2)?.scalar, training != 0 {
                warnOnce("the model drops activations at random (\(node.name), exported while training); read as it is at inference")
            }
        default: break
        }
        return try unary(node, .identity)
    }

    func targetType(_ node: ONNXNodeReader) throws(NetworkError) -> Int? {
        if let value = activation(node, 1) { return draft.isInteger(value) ? 7 : 1 }
        return try constant(node, 1).map { $0.dtype.isFloatingPoint ? 1 : $0.dtype == .bool ? 9 : 7 }
    }

    mutating func lowerBiasGelu(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), try constant(node, 1)?.isKnown ?? false else { return false }
        let sum = try emit(.add, node, inputs: [input, try constantValue(node, 1)], outputs: [""])
        try emit(.activation(.gelu(approximateTanh: false)), node, inputs: [sum])
        return true
    }

    /// To the grid of a quantized type and back: a staircase with one step for all values.
    mutating func lowerQuantization(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), let scale = try constant(node, 1)?.scalar, scale > 0, scale.isFinite else { return false }
        if node.operation == "DequantizeLinear" {
            // Behind a QuantizeLinear the values are on the grid already.
            guard draft.traits[input].step == scale else { return false }
            return try unary(node, .identity)
        }
        let point = try constant(node, 2)
        guard node.input(2) == nil || point != nil, let zero = point == nil ? 0 : point?.scalar,
            let range = try node.gridType(zero: point)?.gridRange
        else { return false }
        let result = try emit(
            .activation(.function(.quantized(scale: scale, zero: zero, minimum: range.lowerBound, maximum: range.upperBound))), node,
            inputs: [input])
        draft.setStep(result, scale)
        return true
    }

    /// One triangle of matrices: a product with a constant mask.
    mutating func lowerTriangle(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), let shape = draft.extents(input), shape.count >= 2, try !isOpen(node, 1) else {
            return false
        }
        let (rows, columns) = (shape[shape.count - 2], shape[shape.count - 1])
        let shift = try constant(node, 1)?.integers?.first ?? 0
        guard shift.magnitude < 1 << 40, try Network.size(of: [rows, columns], node: node.name) <= 1 << 24 else { return false }
        let isUpper = try node.integer("upper") ?? 1 != 0
        let mask = (0..<rows * columns).map { index -> Float in
            let (row, column) = (index / columns, index % columns)
            return (isUpper ? column >= row + shift : column <= row + shift) ? 1 : 0
        }
        let name = draft.addParameter(near: node.name + " mask", Parameter(shape: [rows, columns], values: mask))
        try emit(.multiply, node, inputs: [input, constantValue(parameter: name)])
        return true
    }
}
