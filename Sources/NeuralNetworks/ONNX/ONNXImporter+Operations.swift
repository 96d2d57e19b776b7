// Which operation becomes which layer. What a layer cannot express (an unusual attribute, a weight computed at run time)
// stays unknown: `lower` says so by returning false, and the node becomes a barrier.
//
// Semantics: https://onnx.ai/onnx/operators.

import TensorFiles

extension ONNXImporter {
    /// Operations that read their first input as (batch, channels, …).
    static let batchOperations: Set<String> = [
        "Conv", "com.microsoft.FusedConv", "ConvTranspose", "BatchNormalization", "InstanceNormalization", "GroupNormalization", "LRN",
        "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "DepthToSpace", "SpaceToDepth",
    ]

    /// Appends the layer a node stands for.
    /// - Returns: false when there is none.
    mutating func lower(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        try node.checkInputs()
        if Self.batchOperations.contains(node.operation), let name = node.input(0), let value = activation(node, 0) {
            guard let batched = batched(value) else { return false }
            overrides[name] = batched
        }
        defer { overrides = [:] }
        // Second outputs (masks, indices, statistics) have no layer.
        if !["Split", "LSTM", "GRU", "RNN"].contains(node.operation), node.wire.output.dropFirst().contains(where: isRead) { return false }
        switch node.operation {
        case "Conv": return try lowerConvolution(node)
        case "com.microsoft.FusedConv": return try lowerFusedConvolution(node)
        case "ConvTranspose": return try lowerConvolutionTranspose(node)
        case "Gemm": return try lowerGemm(node)
        case "com.microsoft.FusedGemm":
            return try lowerFused(node) { (importer: inout ONNXImporter, node: ONNXNodeReader) throws(NetworkError) in
                try importer.lowerGemm(node)
            }
        case "MatMul": return try lowerMatMul(node)
        case "com.microsoft.FusedMatMul": return try lowerFusedMatMul(node)
        case "Einsum": return try lowerEinsum(node)
        case "BatchNormalization": return try lowerBatchNormalization(node)
        case "LayerNormalization", "RMSNormalization", "InstanceNormalization", "GroupNormalization", "SimplifiedLayerNormalization",
            "com.microsoft.SimplifiedLayerNormalization", "MeanVarianceNormalization":
            return try lowerNormalization(node)
        case "com.microsoft.SkipLayerNormalization", "com.microsoft.SkipSimplifiedLayerNormalization":
            return try lowerSkipNormalization(node)
        case "MaxPool", "AveragePool", "LpPool": return try lowerPooling(node)
        case "GlobalAveragePool": return try unary(node, .globalAveragePooling(keepsSpatialAxes: true))
        case "GlobalMaxPool", "GlobalLpPool": return try lowerGlobalPooling(node)
        case "LSTM", "GRU", "RNN": return try lowerRecurrent(node)
        case "ReduceMean": return try lowerMean(node)
        case "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum",
            "ReduceLogSumExp", "ArgMax", "ArgMin":
            return try lowerReduction(node)
        case "Add", "Sum": return try lowerSum(node)
        case "Mul": return try lowerElementwise(node, .multiply)
        case "Sub": return try lowerWithConstant(node, .add, transform: .scaled(-1))
        case "Div": return try lowerWithConstant(node, .multiply, transform: .reciprocal)
        case "Concat": return try lowerConcatenation(node)
        case "Split": return try lowerSplit(node)
        case "Slice": return try lowerSlice(node)
        case "Gather": return try lowerGather(node)
        case "Tile": return try lowerTile(node)
        case "Pad": return try lowerPadding(node)
        case "Flatten", "Reshape", "Squeeze", "Unsqueeze": return try lowerReshape(node)
        case "Transpose": return try lowerTranspose(node)
        case "Expand": return try lowerExpansion(node)
        case "Resize", "Upsample": return try lowerResize(node)
        case "DepthToSpace", "SpaceToDepth": return try lowerBlocks(node)
        case "Softmax", "LogSoftmax", "Hardmax": return try lowerSoftmax(node)
        case "LpNormalization", "CumSum", "LRN": return try lowerAlongAxis(node)
        case "Identity", "Dropout", "Cast", "CastLike": return try lowerIdentity(node)
        case "com.microsoft.BiasGelu": return try lowerBiasGelu(node)
        case "QuantizeLinear", "DequantizeLinear": return try lowerQuantization(node)
        case "Trilu": return try lowerTriangle(node)
        case "If": return try lowerBranch(node)
        default:
            if let function = try function(of: node) { return try unary(node, .activation(function)) }
            guard let operation = try node.elementwiseOperation() else { return false }
            return try lowerElementwise(node, .elementwise(operation))
        }
    }

    private func isRead(_ name: String) -> Bool { useCounts[name, default: 0] > 0 }

    mutating func unary(_ node: ONNXNodeReader, _ layer: Layer) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0) else { return false }
        try emit(layer, node, inputs: [input])
        return true
    }

    // MARK: Functions of one input

    /// A function with constants from attributes or from constant inputs.
    private func function(of node: ONNXNodeReader) throws(NetworkError) -> Activation? {
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

    private mutating func lowerSoftmax(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        let isLater = node.version >= 13
        guard let given = activation(node, 0), let shape = extents(given),
            let axis = ONNXFolding.position(try node.integer("axis") ?? (isLater ? -1 : 1), rank: shape.count)
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
            let (input, offset) = frame(given, using: [place])
            try emit(layer(place + offset), node, inputs: [input])
            return true
        }
        let sizes = try Network.size(of: shape, node: node.name)
        let outer = shape[..<axis].reduce(1, *)
        let flat = view(given, as: [outer, sizes / max(outer, 1)], isWhole: true)
        let result = try emit(layer(2), node, inputs: [flat], outputs: [""])
        setResult(node, view(result, as: shape, isWhole: true))
        return true
    }

    private mutating func lowerAlongAxis(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let given = activation(node, 0), let shape = extents(given) else { return false }
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
        guard let axis = stated.flatMap({ ONNXFolding.position($0, rank: shape.count) }) else { return false }
        if case .normalize(let power) = operation { guard power == 1 || power == 2 else { return false } }
        let (input, offset) = frame(given, using: [axis])
        try emit(.alongAxis(operation, axis: axis + offset), node, inputs: [input])
        return true
    }

    private mutating func lowerIdentity(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0) else { return false }
        switch node.operation {
        case "Cast", "CastLike":
            guard let type = try node.operation == "Cast" ? node.integer("to") : targetType(node) else { return false }
            switch type {
            // Floating point: the numbers stay.
            case 1, 10, 11, 16:
                try emit(.identity, node, inputs: [input])
                integerValues.subtract(network.nodes[network.nodes.count - 1].outputs)
            case 2...7, 12, 13:
                try emit(integerValues.contains(input) ? .identity : .activation(.function(.truncation)), node, inputs: [input])
                integerValues.formUnion(network.nodes[network.nodes.count - 1].outputs)
            case 9:
                try emit(.activation(.function(.isNonzero)), node, inputs: [input])
                integerValues.formUnion(network.nodes[network.nodes.count - 1].outputs)
            default: return false
            }
            return true
        case "Dropout":
            if let training = try constant(node, 2)?.scalar, training != 0 { return false }
            if try isOpen(node, 2) { return false }
        default: break
        }
        return try unary(node, .identity)
    }

    private func targetType(_ node: ONNXNodeReader) throws(NetworkError) -> Int? {
        if let value = activation(node, 1) { return integerValues.contains(value) ? 7 : 1 }
        return try constant(node, 1).map { $0.dtype.isFloatingPoint ? 1 : $0.dtype == .bool ? 9 : 7 }
    }

    private mutating func lowerBiasGelu(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), try constant(node, 1)?.floats != nil else { return false }
        let sum = try emit(.add, node, inputs: [input, try constantValue(node, 1)], outputs: [""])
        try emit(.activation(.gelu(approximateTanh: false)), node, inputs: [sum])
        return true
    }

    /// To the grid of a quantized type and back: a staircase with one step for all values.
    private mutating func lowerQuantization(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), let scale = try constant(node, 1)?.scalar, scale > 0, scale.isFinite else { return false }
        if node.operation == "DequantizeLinear" {
            // Behind a QuantizeLinear the values are on the grid already.
            guard quantizedValues[input] == scale else { return false }
            return try unary(node, .identity)
        }
        let zero: Float
        let range: (Float, Float)
        if node.input(2) != nil {
            guard let point = try constant(node, 2), let value = point.scalar else { return false }
            zero = value
            switch point.dtype {
            case .i8: range = (-128, 127)
            case .u8: range = (0, 255)
            case .u16: range = (0, 65535)
            case .i16: range = (-32768, 32767)
            default: return false
            }
        } else {
            (zero, range) = (0, (0, 255))
        }
        let result = try emit(
            .activation(.function(.quantized(scale: scale, zero: zero, minimum: range.0, maximum: range.1))), node, inputs: [input])
        quantizedValues[result] = scale
        return true
    }

    /// One triangle of matrices: a product with a constant mask.
    private mutating func lowerTriangle(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), let shape = extents(input), shape.count >= 2, try !isOpen(node, 1) else { return false }
        let (rows, columns) = (shape[shape.count - 2], shape[shape.count - 1])
        let shift = try constant(node, 1)?.integers?.first ?? 0
        guard shift.magnitude < 1 << 40, try Network.size(of: [rows, columns], node: node.name) <= 1 << 24 else { return false }
        let isUpper = try node.integer("upper") ?? 1 != 0
        let mask = (0..<rows * columns).map { index -> Float in
            let (row, column) = (index / columns, index % columns)
            return (isUpper ? column >= row + shift : column <= row + shift) ? 1 : 0
        }
        let name = addParameter(near: node.name + " mask", Parameter(shape: [rows, columns], values: mask))
        try emit(.multiply, node, inputs: [input, constantValue(parameter: name)])
        return true
    }

    // MARK: Sums and products

    private mutating func lowerSum(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        if try fuseBias(node) { return true }
        return try lowerElementwise(node, .add)
    }

    /// A function of operands that broadcast. The batch axis stays apart where it lies in front of all others.
    mutating func lowerElementwise(_ node: ONNXNodeReader, _ layer: Layer) throws(NetworkError) -> Bool {
        var layer = layer
        let slots = node.wire.input.indices
        guard !slots.isEmpty, try canBeOperands(node, slots) else { return false }
        if case .elementwise(.divide) = layer {
            var areIntegers = true
            for slot in slots where try !isInteger(node, slot) { areIntegers = false }
            if areIntegers { layer = .elementwise(.integerDivide) }
        }
        var ranks: [Int?] = []
        for slot in slots {
            if let value = activation(node, slot) {
                ranks.append(extents(value)?.count)
            } else {
                ranks.append(try constant(node, slot)?.shape.count)
            }
        }
        guard let rank = ranks.compactMap({ $0 }).max() else {
            // No shape is known: a single operand or operands of the same kind still have channels to follow.
            return try emitOperands(node, layer, slots.map { activation(node, $0) })
        }
        guard ranks.allSatisfy({ $0 != nil }) else {
            for slot in slots where activation(node, slot) == nil {
                guard let shape = try constant(node, slot)?.shape, shape.allSatisfy({ $0 == 1 }) || shape.count < rank else { return false }
            }
            return try emitOperands(node, layer, slots.map { activation(node, $0) })
        }
        var keepsBatch = false
        for slot in slots where ranks[slot] == rank {
            if let value = activation(node, slot), !wholes.contains(value) { keepsBatch = true }
        }
        for slot in slots where ranks[slot] == rank {
            if let value = activation(node, slot) {
                if wholes.contains(value), extents(value)?.first != 1 { keepsBatch = false }
            } else if rank > 0, try constant(node, slot)?.shape[0] != 1 {
                keepsBatch = false
            }
        }
        var values: [Network.ValueID?] = []
        for slot in slots {
            guard let value = activation(node, slot), let shape = extents(value) else {
                values.append(nil)
                continue
            }
            if keepsBatch, shape.count == rank {
                values.append(batched(value))
            } else {
                values.append(whole(value))
            }
        }
        return try emitOperands(node, layer, values, isWhole: !keepsBatch)
    }

    private mutating func emitOperands(
        _ node: ONNXNodeReader, _ layer: Layer, _ values: [Network.ValueID?], isWhole: Bool? = nil
    ) throws(NetworkError) -> Bool {
        var inputs: [Network.ValueID] = []
        for (slot, value) in values.enumerated() {
            if let value { inputs.append(value) } else { inputs.append(try constantValue(node, slot)) }
        }
        try emit(layer, node, inputs: inputs, isWhole: isWhole)
        return true
    }

    func isInteger(_ node: ONNXNodeReader, _ slot: Int) throws(NetworkError) -> Bool {
        if let value = activation(node, slot) { return integerValues.contains(value) }
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
            } else if try constant(node, slot)?.floats == nil {
                return false
            }
        }
        return hasActivation
    }

    /// x − c and x / c as a sum and a product.
    private mutating func lowerWithConstant(_ node: ONNXNodeReader, _ layer: Layer, transform: ONNXBinding.Transform) throws(NetworkError)
        -> Bool
    {
        let operation: ElementwiseOperation = node.operation == "Sub" ? .subtract : .divide
        guard let input = activation(node, 0), let operand = try constant(node, 1), let numbers = operand.floats,
            try !isInteger(node, 0) || operation == .subtract,
            // A quotient by what has no finite reciprocal stays one.
            operation == .subtract || numbers.allSatisfy({ $0 != 0 && (1 / $0).isFinite && 1 / $0 != 0 }),
            let rank = extents(input)?.count,
            operand.shape.count < rank || operand.shape.count == rank && (rank == 0 || operand.shape[0] == 1)
        else { return try lowerElementwise(node, .elementwise(operation)) }
        let constant = try constantValue(node, 1, transform: transform)
        let value = wholes.contains(input) && operand.shape.count == rank && rank > 0 ? batched(input) ?? input : input
        try emit(layer, node, inputs: [value, constant])
        return true
    }

    /// A constant vector added to the output of a layer without bias becomes its bias.
    private mutating func fuseBias(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard node.wire.input.count == 2 else { return false }
        for slot in 0...1 {
            guard let shape = weightShape(node, slot), let producer = soleProducer(of: node.input(1 - slot)) else { continue }
            let value = network.nodes[producer].outputs[0]
            let rank = extents(value)?.count
            switch network.nodes[producer].layer {
            case .linear(var layer) where layer.bias == nil:
                let width = network.parameters[layer.weight]?.shape[layer.isTransposed ? 1 : 0] ?? 0
                // The vector lies along the last axis, and adds none.
                guard shape.last == width, shape.dropLast().allSatisfy({ $0 == 1 }), shape.count <= rank ?? 1 else { continue }
                layer.bias = try parameter(node, slot, shape: [width])
                absorb(node, into: producer, layer: .linear(layer))
                return true
            case .convolution(var layer) where layer.bias == nil:
                let width = network.parameters[layer.weight]?.shape[0] ?? 0
                guard isChannelVector(shape, width: width, spatial: layer.strides.count) else { continue }
                layer.bias = try parameter(node, slot, shape: [width])
                absorb(node, into: producer, layer: .convolution(layer))
                return true
            case .convolutionTranspose(var layer) where layer.bias == nil:
                let width = (network.parameters[layer.weight]?.shape[1] ?? 0) * layer.groups
                guard isChannelVector(shape, width: width, spatial: layer.strides.count) else { continue }
                layer.bias = try parameter(node, slot, shape: [width])
                absorb(node, into: producer, layer: .convolutionTranspose(layer))
                return true
            default: continue
            }
        }
        return false
    }

    private func isChannelVector(_ shape: [Int], width: Int, spatial: Int) -> Bool {
        shape.count > spatial && shape.count <= spatial + 2 && shape.suffix(spatial).allSatisfy { $0 == 1 }
            && shape[shape.count - spatial - 1] == width && (shape.count == spatial + 1 || shape[0] == 1)
    }
}
