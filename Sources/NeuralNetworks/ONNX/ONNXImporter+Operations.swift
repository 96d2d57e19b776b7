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
    mutating func lower(_ given: ONNXNodeReader) throws(NetworkError) -> Bool {
        var node = given
        try node.checkInputs()
        if Self.batchOperations.contains(node.operation), let value = activation(node, 0) {
            guard let batched = draft.batched(value) else { return false }
            node.batchedInput = batched
        }
        // Second outputs (masks, indices, statistics) have no layer.
        if !["Split", "LSTM", "GRU", "RNN", "If"].contains(node.operation),
            node.wire.output.dropFirst().contains(where: { graph.useCount($0) > 0 })
        {
            return false
        }
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
        case "SplitToSequence": return try lowerSplitToSequence(node)
        case "SequenceAt": return try lowerSequenceAt(node)
        case "Slice": return try lowerSlice(node)
        case "Gather": return try lowerGather(node)
        case "GatherElements", "GatherND": return try lowerPick(node)
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
                ranks.append(draft.extents(value)?.count)
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
            if let value = activation(node, slot), !draft.isWhole(value) { keepsBatch = true }
        }
        for slot in slots where ranks[slot] == rank {
            if let value = activation(node, slot) {
                if draft.isWhole(value), draft.extents(value)?.first != 1 { keepsBatch = false }
            } else if rank > 0, try constant(node, slot)?.shape[0] != 1 {
                keepsBatch = false
            }
        }
        var values: [Network.ValueID?] = []
        for slot in slots {
            guard let value = activation(node, slot), let shape = draft.extents(value) else {
                values.append(nil)
                continue
            }
            if keepsBatch, shape.count == rank {
                values.append(draft.batched(value))
            } else {
                values.append(draft.whole(value))
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

    /// x − c and x / c as a sum and a product.
    private mutating func lowerWithConstant(_ node: ONNXNodeReader, _ layer: Layer, transform: ONNXBinding.Transform) throws(NetworkError)
        -> Bool
    {
        let operation: ElementwiseOperation = node.operation == "Sub" ? .subtract : .divide
        guard let input = activation(node, 0), let operand = try constant(node, 1), let numbers = try self.numbers(node, 1),
            try !isInteger(node, 0) || operation == .subtract,
            // A quotient by what has no finite reciprocal stays one.
            operation == .subtract || numbers.allSatisfy({ $0 != 0 && (1 / $0).isFinite && 1 / $0 != 0 }),
            let rank = draft.extents(input)?.count,
            operand.shape.count < rank || operand.shape.count == rank && (rank == 0 || operand.shape[0] == 1)
        else { return try lowerElementwise(node, .elementwise(operation)) }
        let constant = try constantValue(node, 1, transform: transform)
        let value = draft.isWhole(input) && operand.shape.count == rank && rank > 0 ? draft.batched(input) ?? input : input
        try emit(layer, node, inputs: [value, constant])
        return true
    }

    /// A constant vector added to the output of a layer without bias becomes its bias.
    private mutating func fuseBias(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard node.wire.input.count == 2 else { return false }
        for slot in 0...1 {
            guard let shape = weightShape(node, slot), let producer = soleProducer(of: node.input(1 - slot)) else { continue }
            let value = draft.network.nodes[producer].outputs[0]
            let rank = draft.extents(value)?.count
            switch draft.network.nodes[producer].layer {
            case .linear(var layer) where layer.bias == nil:
                let width = draft.network.parameters[layer.weight]?.shape[layer.outputAxis] ?? 0
                // The vector lies along the last axis, and adds none.
                guard shape.last == width, shape.dropLast().allSatisfy({ $0 == 1 }), shape.count <= rank ?? 1 else { continue }
                layer.bias = try parameter(node, slot, of: layer.weight, shape: [width])
                absorb(node, into: producer, layer: .linear(layer))
                return true
            case .convolution(var layer) where layer.bias == nil:
                let width = draft.network.parameters[layer.weight]?.shape[0] ?? 0
                guard isChannelVector(shape, width: width, spatial: layer.strides.count) else { continue }
                layer.bias = try parameter(node, slot, of: layer.weight, shape: [width])
                absorb(node, into: producer, layer: .convolution(layer))
                return true
            case .convolutionTranspose(var layer) where layer.bias == nil:
                let width = (draft.network.parameters[layer.weight]?.shape[1] ?? 0) * layer.groups
                guard isChannelVector(shape, width: width, spatial: layer.strides.count) else { continue }
                layer.bias = try parameter(node, slot, of: layer.weight, shape: [width])
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
