// The kernel of a single node.

extension PlanBuilder {
    func kernel(of node: Network.Node, index: Int, fused: Activation) throws(NetworkError) -> EvaluationPlan.Kernel {
        let input = try shape(of: node.inputs[0], at: node.name)
        let output = try shape(of: node.outputs[0], at: node.name)
        let size = output.reduce(1, *)
        switch node.layer {
        case .batchNormalization(let layer):
            let channels = input.first ?? 0
            let affine = try network.affine(layer, node: node, channels: channels)
            return .channelAffine(
                ChannelAffineKernel(
                    channels: channels, positions: size / max(channels, 1), scale: affine.scale, shift: affine.shift,
                    activation: fused))
        case .normalization(let layer):
            return .normalization(try normalizationKernel(node, layer, input))
        case .activation(let activation):
            return .activation(activation, size: size)
        case .pooling(let layer):
            let window = SlidingWindow(
                input: input, output: output, window: layer.window, strides: layer.strides, dilations: layer.dilations,
                padding: layer.padding)
            if !layer.dilations.isEmpty { return .general(DilatedMaximumKernel(channels: input[0], window: window)) }
            return .pooling(
                PoolingKernel(
                    kind: layer.kind, channels: input[0], height: window.height, width: window.width, outHeight: window.outHeight,
                    outWidth: window.outWidth, windowY: window.windowY, windowX: window.windowX, strideY: window.strideY,
                    strideX: window.strideX, top: window.top, left: window.left, bottom: window.bottom, right: window.right))
        case .globalAveragePooling:
            return .globalAverage(GlobalAverageKernel(channels: input[0], positions: input.dropFirst().reduce(1, *)))
        case .add:
            return .broadcast(try broadcastKernel(node, .add, output, fused))
        case .multiply:
            return .broadcast(try broadcastKernel(node, .multiply, output, fused))
        case .concatenation(let axis):
            return .copy(try concatenationKernel(node, axis: axis, output))
        case .split(let axis, let sizes):
            let position = try Network.position(of: axis, rank: input.count + 1, node: node, allowsBatch: false) - 1
            let strides = CopyKernel.strides(input)
            var start = 0
            var regions: [CopyKernel.Region] = []
            var outputSizes: [Int] = []
            for (part, extent) in sizes.enumerated() {
                var box = input
                box[position] = extent
                regions.append(
                    .init(
                        input: 0, output: part, extents: box, sourceStart: start * strides[position], sourceStrides: strides,
                        targetStart: 0, targetStrides: CopyKernel.strides(box)))
                outputSizes.append(box.reduce(1, *))
                start += extent
            }
            return .copy(CopyKernel(regions: regions, inputSizes: [input.reduce(1, *)], outputSizes: outputSizes, fill: nil))
        case .transpose(let permutation):
            let strides = CopyKernel.strides(input)
            return .copy(
                single(
                    extents: output, input: input, output: output, sourceStrides: permutation.dropFirst().map { strides[$0 - 1] }))
        case .slice(let ranges):
            var start = 0
            var strides = CopyKernel.strides(input)
            for (axis, range) in ranges.enumerated().dropFirst() {
                start += range.resolved(extent: input[axis - 1]).start * strides[axis - 1]
                // A step of any size is harmless where one element is taken.
                strides[axis - 1] = output[axis - 1] > 1 ? strides[axis - 1] * range.step : 0
            }
            return .copy(single(extents: output, input: input, output: output, sourceStart: start, sourceStrides: strides))
        case .padding(let before, _, let value):
            let strides = CopyKernel.strides(output)
            let start = zip(before.dropFirst(), strides).reduce(0) { $0 + $1.0 * $1.1 }
            return .copy(
                single(extents: input, input: input, output: output, targetStart: start, targetStrides: strides, fill: value))
        case .softmax(let axis):
            let position = try Network.position(of: axis, rank: input.count + 1, node: node, allowsBatch: false) - 1
            return .softmax(
                SoftmaxKernel(
                    outer: input[..<position].reduce(1, *), length: input[position], inner: input[(position + 1)...].reduce(1, *)))
        case .attention(let heads, let scale):
            let keys = try shape(of: node.inputs[1], at: node.name)
            let values = try shape(of: node.inputs[2], at: node.name)
            return .attention(
                AttentionKernel(
                    heads: heads, scale: scale, queries: input[0], keys: keys[0], width: input[1] / heads,
                    valueWidth: values[1] / heads))
        case .depthToSpace, .spaceToDepth:
            return .copy(try blockKernel(node, input, output))
        case .elementwise, .reduction, .alongAxis, .matrixProduct, .gather, .embedding, .interpolation, .convolutionTranspose, .recurrent:
            return .general(try sampleKernel(of: node, input: input, output: output))
        case .linear, .convolution, .flatten, .reshape, .identity, .constant, .extent, .barrier:
            throw .unsupported(node: node.name, operation: node.layer.operationName)
        }
    }

    /// One region that is the whole input or the whole output.
    private func single(
        extents: [Int], input: [Int], output: [Int], sourceStart: Int = 0, sourceStrides: [Int]? = nil, targetStart: Int = 0,
        targetStrides: [Int]? = nil, fill: Float? = nil
    ) -> CopyKernel {
        CopyKernel(
            regions: [
                .init(
                    input: 0, output: 0, extents: extents, sourceStart: sourceStart,
                    sourceStrides: sourceStrides ?? CopyKernel.strides(input), targetStart: targetStart,
                    targetStrides: targetStrides ?? CopyKernel.strides(output))
            ],
            inputSizes: [input.reduce(1, *)], outputSizes: [output.reduce(1, *)], fill: fill)
    }

    private func normalizationKernel(
        _ node: Network.Node, _ layer: Normalization, _ input: [Int]
    ) throws(NetworkError) -> NormalizationKernel {
        let size = input.reduce(1, *)
        let channels = input.first ?? 1
        let positions = size / max(channels, 1)
        let (blocks, parameterRun, parameterCount): (Int, Int, Int)
        switch layer.kind {
        case .layer, .rms:
            let axis = try Network.position(of: layer.axis, rank: input.count + 1, node: node, allowsBatch: false) - 1
            blocks = input[..<axis].reduce(1, *)
            (parameterRun, parameterCount) = (1, input[axis...].reduce(1, *))
        case .group(let groups):
            (blocks, parameterRun, parameterCount) = (groups, positions, channels)
        case .instance:
            (blocks, parameterRun, parameterCount) = (channels, positions, channels)
        }
        var isKept: [Bool] = []
        if let kept = layer.kept {
            isKept = [Bool](repeating: false, count: max(parameterCount, 1))
            for position in kept {
                guard isKept.indices.contains(position) else {
                    throw .invalidNode(name: node.name, reason: "expected positions below \(isKept.count) to keep, found \(position)")
                }
                isKept[position] = true
            }
        }
        return NormalizationKernel(
            blocks: blocks, length: size / max(blocks, 1), parameterRun: max(parameterRun, 1), parameterCount: max(parameterCount, 1),
            subtractsMean: layer.kind != .rms, scale: try network.vector(layer.scale, count: parameterCount, of: node) ?? [],
            shift: try network.vector(layer.shift, count: parameterCount, of: node) ?? [], epsilon: layer.epsilon, isKept: isKept)
    }

    private func broadcastKernel(
        _ node: Network.Node, _ operation: BroadcastKernel.Operation, _ output: [Int], _ activation: Activation
    ) throws(NetworkError) -> BroadcastKernel {
        var operands: [BroadcastOperand] = []
        for value in node.inputs {
            let isConstant = constants.contains(value)
            let shape = try operandShape(value, rank: output.count, node)
            let own = CopyKernel.strides(shape)
            let missing = output.count - shape.count
            let strides = output.indices.map { axis in
                axis < missing || shape[axis - missing] == 1 ? 0 : own[axis - missing]
            }
            operands.append(.init(strides: strides, sampleStride: isConstant ? 0 : shape.reduce(1, *)))
        }
        return BroadcastKernel(operation: operation, extents: output, operands: operands, activation: activation)
    }

    private func concatenationKernel(_ node: Network.Node, axis: Int, _ output: [Int]) throws(NetworkError) -> CopyKernel {
        let position = try Network.position(of: axis, rank: output.count + 1, node: node, allowsBatch: false) - 1
        let strides = CopyKernel.strides(output)
        var regions: [CopyKernel.Region] = []
        var inputSizes: [Int] = []
        var start = 0
        for (index, value) in node.inputs.enumerated() {
            let shape = try operandShape(value, rank: output.count, node)
            regions.append(
                .init(
                    input: index, output: 0, extents: shape, sourceStart: 0, sourceStrides: CopyKernel.strides(shape),
                    targetStart: start * strides[position], targetStrides: strides))
            inputSizes.append(constants.contains(value) ? 0 : shape.reduce(1, *))
            start += shape[position]
        }
        return CopyKernel(regions: regions, inputSizes: inputSizes, outputSizes: [output.reduce(1, *)], fill: nil)
    }

    /// An operand's shape; a constant of full rank loses its batch axis of size 1.
    func operandShape(_ value: Network.ValueID, rank: Int, _ node: Network.Node) throws(NetworkError) -> [Int] {
        let shape = try shape(of: value, at: node.name)
        guard constants.contains(value), shape.count == rank + 1 else { return shape }
        guard shape[0] == 1 else {
            throw .wrongInputShape(node: node.name, expected: "a constant without a batch axis", found: shape)
        }
        return Array(shape.dropFirst())
    }
}

extension Network {
    /// Batch normalization as y = a·x + b (`affineMap`), rounded once.
    /// - Throws: as `affineMap`; `wrongTensorShape` when it has another number of channels.
    func affine(
        _ layer: BatchNormalization, node: Node, channels: Int
    ) throws(NetworkError) -> (scale: [Float], shift: [Float]) {
        try checkVectors([layer.variance], count: channels, node)
        let map = try affineMap(of: layer, node: node)
        return (map.scale.map(Float.init), map.shift.map(Float.init))
    }
}
