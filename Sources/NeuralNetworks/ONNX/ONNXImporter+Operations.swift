// Which operation becomes which layer. What a layer cannot express (an unusual attribute, a weight computed at run time)
// stays unknown: `lower` says so by returning false, and the node becomes a barrier.
//
// Semantics: https://onnx.ai/onnx/operators.

import TensorFiles

extension ONNXImporter {
    /// Appends the layer a node stands for.
    /// - Returns: false when there is none.
    mutating func lower(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        try node.checkInputs()
        // Second outputs (masks, indices, statistics) have no layer.
        if node.operation != "Split", node.wire.output.dropFirst().contains(where: { useCounts[$0, default: 0] > 0 }) { return false }
        if try lowerView(node) { return true }
        switch node.operation {
        case "Conv": return try lowerConvolution(node)
        case "Gemm": return try lowerGemm(node)
        case "MatMul": return try lowerMatMul(node)
        case "BatchNormalization": return try lowerBatchNormalization(node)
        case "LayerNormalization", "RMSNormalization", "InstanceNormalization", "GroupNormalization": return try lowerNormalization(node)
        case "MaxPool", "AveragePool": return try lowerPooling(node)
        case "GlobalAveragePool": return try unary(node, .globalAveragePooling(keepsSpatialAxes: true))
        case "GlobalMaxPool": return try lowerGlobalMaximum(node)
        case "ReduceMean": return try lowerMean(node)
        case "Add", "Sum": return try lowerSum(node)
        case "Sub": return try lowerWithConstant(node, .add, transform: .scaled(-1))
        case "Mul": return try lowerProduct(node)
        case "Div": return try lowerWithConstant(node, .multiply, transform: .reciprocal)
        case "Concat": return try lowerConcatenation(node)
        case "Split": return try lowerSplit(node)
        case "Slice": return try lowerSlice(node)
        case "Gather": return try lowerGather(node)
        case "Pad": return try lowerPadding(node)
        case "Flatten", "Reshape", "Squeeze", "Unsqueeze": return try lowerReshape(node)
        case "Transpose": return try lowerTranspose(node)
        case "Expand": return try lowerExpansion(node)
        case "Softmax": return try lowerSoftmax(node)
        case "Identity", "Dropout", "Cast": return try lowerIdentity(node)
        default:
            guard let activation = try activation(of: node) else { return false }
            return try unary(node, .activation(activation))
        }
    }

    mutating func unary(_ node: ONNXNodeReader, _ layer: Layer) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0) else { return false }
        try emit(layer, node, inputs: [input])
        return true
    }

    // MARK: Activations

    private func activation(of node: ONNXNodeReader) throws(NetworkError) -> Activation? {
        switch node.operation {
        case "Relu": return .relu
        case "LeakyRelu": return .leakyReLU(slope: try node.float("alpha") ?? 0.01)
        case "PRelu":
            guard let slope = try constant(node, 1)?.scalar else { return nil }
            return .leakyReLU(slope: slope)
        case "Tanh": return .tanh
        case "Sigmoid": return .sigmoid
        case "Elu": return .elu(alpha: try node.float("alpha") ?? 1)
        case "Gelu", "com.microsoft.Gelu": return .gelu(approximateTanh: try node.string("approximate") == "tanh")
        case "com.microsoft.FastGelu": return node.input(1) == nil ? .gelu(approximateTanh: true) : nil
        case "HardSwish": return .hardSwish
        case "Swish": return try node.float("alpha") ?? 1 == 1 ? .silu : nil
        case "HardSigmoid":
            let slope = try node.float("alpha") ?? 0.2, offset = try node.float("beta") ?? 0.5
            return abs(slope - 1 / 6) < 1e-6 && offset == 0.5 ? .hardSigmoid : nil
        case "Clip": return try clip(node)
        default: return nil
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
        default: return nil
        }
    }

    private mutating func lowerSoftmax(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0) else { return false }
        if node.version >= 13 { return try unary(node, .softmax(axis: try node.integer("axis") ?? -1)) }
        // Earlier versions took everything from the axis on as one.
        guard let shape = shape(input), let axis = ONNXFolding.position(try node.integer("axis") ?? 1, rank: shape.count + 1), axis > 0,
            shape[axis...].allSatisfy({ $0 == 1 })
        else { return false }
        return try unary(node, .softmax(axis: axis))
    }

    private mutating func lowerIdentity(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        switch node.operation {
        case "Cast":
            // Between floating point types only: float, float16, double, bfloat16.
            guard let type = try node.integer("to"), [1, 10, 11, 16].contains(type) else { return false }
        case "Dropout":
            if let training = try constant(node, 2)?.scalar, training != 0 { return false }
            if try isOpen(node, 2) { return false }
        default: break
        }
        return try unary(node, .identity)
    }

    // MARK: Sums and products

    private mutating func lowerSum(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        if try fuseBias(node) { return true }
        return try lowerElementwise(node, .add)
    }

    private mutating func lowerProduct(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        try lowerElementwise(node, .multiply)
    }

    private mutating func lowerElementwise(_ node: ONNXNodeReader, _ layer: Layer) throws(NetworkError) -> Bool {
        let slots = node.wire.input.indices
        guard !slots.isEmpty, try canBeOperands(node, slots) else { return false }
        // The rank of a result with unknown operands is unknown too, and so is where its channels are.
        let ranks = slots.compactMap { activation(node, $0) }.map { shape($0)?.count }
        for slot in slots where activation(node, slot) == nil {
            if let rank = ranks.compactMap({ $0 }).max(), let own = try constant(node, slot)?.shape, own.count > rank,
                own.count > rank + 1 || own[0] != 1
            {
                return false
            }
        }
        var inputs: [Network.ValueID] = []
        for slot in slots {
            if let value = activation(node, slot) { inputs.append(value) } else { inputs.append(try constantValue(node, slot)) }
        }
        try emit(layer, node, inputs: inputs)
        return true
    }

    /// Every operand is an activation or a constant of numbers, and one at least an activation.
    private func canBeOperands(_ node: ONNXNodeReader, _ slots: Range<Int>) throws(NetworkError) -> Bool {
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
        guard let input = activation(node, 0), let operand = try constant(node, 1), operand.floats != nil else { return false }
        if let rank = shape(input)?.count, operand.shape.count > rank, operand.shape.count > rank + 1 || operand.shape[0] != 1 {
            return false
        }
        try emit(layer, node, inputs: [input, try constantValue(node, 1, transform: transform)])
        return true
    }

    /// A constant vector added to the output of a layer without bias becomes its bias.
    private mutating func fuseBias(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard node.wire.input.count == 2 else { return false }
        for slot in 0...1 {
            guard let shape = weightShape(node, slot), let producer = soleProducer(of: node.input(1 - slot)) else { continue }
            let rank = self.shape(network.nodes[producer].outputs[0])?.count
            switch network.nodes[producer].layer {
            case .linear(var layer) where layer.bias == nil:
                let width = network.parameters[layer.weight]?.shape[layer.isTransposed ? 1 : 0] ?? 0
                // The vector lies along the last axis, and adds none.
                guard shape.last == width, shape.dropLast().allSatisfy({ $0 == 1 }), shape.count <= (rank ?? 0) + 1 else { continue }
                layer.bias = try parameter(node, slot, shape: [width])
                absorb(node, into: producer, layer: .linear(layer))
                return true
            case .convolution(var layer) where layer.bias == nil:
                let spatial = layer.strides.count
                let width = network.parameters[layer.weight]?.shape[0] ?? 0
                guard shape.count > spatial, shape.count <= spatial + 2, shape.suffix(spatial).allSatisfy({ $0 == 1 }),
                    shape[shape.count - spatial - 1] == width, shape.count == spatial + 1 || shape[0] == 1
                else { continue }
                layer.bias = try parameter(node, slot, shape: [width])
                absorb(node, into: producer, layer: .convolution(layer))
                return true
            default: continue
            }
        }
        return false
    }

    private mutating func lowerConcatenation(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let axis = try node.integer("axis"), try canBeOperands(node, node.wire.input.indices) else { return false }
        let known = node.wire.input.indices.compactMap { activation(node, $0) }.compactMap { shape($0)?.count }.max()
        guard let rank = known, let position = ONNXFolding.position(axis, rank: rank + 1), position > 0 else { return false }
        // A constant is repeated along a batch only if it says so; ONNX never does.
        guard node.wire.input.indices.allSatisfy({ activation(node, $0) != nil }) else { return false }
        try emit(.concatenation(axis: position), node, inputs: node.wire.input.indices.compactMap { activation(node, $0) })
        return true
    }
}
