// The kernels of layers that are rarely the bulk of a network.

extension PlanBuilder {
    func sampleKernel(of node: Network.Node, input: [Int], output: [Int]) throws(NetworkError) -> any SampleKernel {
        switch node.layer {
        case .elementwise(let operation):
            return ElementwiseKernel(
                operation: operation, extents: output.isEmpty ? [1] : output, operands: try broadcastOperands(node, output))
        case .reduction(let layer):
            return ReductionKernel(kind: layer.kind, shape: input, axes: Set(layer.axes.map { $0 - 1 }))
        case .alongAxis(let operation, let axis):
            let place = try Network.position(of: axis, rank: input.count + 1, node: node, allowsBatch: false) - 1
            return AxisKernel(
                operation: operation, outer: input[..<place].reduce(1, *), length: input[place], inner: input[(place + 1)...].reduce(1, *))
        case .matrixProduct:
            return try matrixProductKernel(node, output)
        case .gather(let axis, let indices):
            let place = try Network.position(of: axis, rank: input.count + 1, node: node, allowsBatch: false) - 1
            return TapKernel(
                outer: input[..<place].reduce(1, *), length: input[place], inner: input[(place + 1)...].reduce(1, *), positions: indices,
                weights: [], tapCount: 1)
        case .interpolation(let layer):
            let place = try Network.position(of: layer.axis, rank: input.count + 1, node: node, allowsBatch: false) - 1
            return TapKernel(
                outer: input[..<place].reduce(1, *), length: input[place], inner: input[(place + 1)...].reduce(1, *),
                positions: layer.positions, weights: layer.weights, tapCount: layer.tapCount)
        case .embedding(let weight):
            let table = try network.parameter(weight, of: node)
            return EmbeddingKernel(size: input.reduce(1, *), rows: table.shape[0], width: table.shape[1], table: table.values)
        case .convolutionTranspose(let layer):
            return try transposeKernel(node, layer, input, output)
        case .recurrent(let layer):
            let features = try network.recurrentFeatures(layer, of: node)
            var sizes: [Int] = []
            for value in node.inputs { sizes.append(constants.contains(value) ? 0 : try shape(of: value, at: node.name).reduce(1, *)) }
            return RecurrentKernel(
                layer: layer, steps: input[0], features: features, weight: try network.parameter(layer.weight, of: node).values,
                recurrence: try network.parameter(layer.recurrence, of: node).values,
                bias: try layer.bias.map { (name) throws(NetworkError) in try network.parameter(name, of: node).values } ?? [],
                peepholes: try layer.peepholes.map { (name) throws(NetworkError) in try network.parameter(name, of: node).values } ?? [],
                inputSizes: sizes)
        default:
            throw .unsupported(node: node.name, operation: node.layer.operationName)
        }
    }

    private func broadcastOperands(_ node: Network.Node, _ output: [Int]) throws(NetworkError) -> [BroadcastOperand] {
        var operands: [BroadcastOperand] = []
        for value in node.inputs {
            let shape = try operandShape(value, rank: output.count, node)
            let strides = RowMajor.broadcastStrides(shape, to: output.isEmpty ? [1] : output)
            operands.append(.init(strides: strides, sampleStride: constants.contains(value) ? 0 : shape.reduce(1, *)))
        }
        return operands
    }

    private func matrixProductKernel(_ node: Network.Node, _ output: [Int]) throws(NetworkError) -> MatrixProductKernel {
        let a = try operandShape(node.inputs[0], rank: output.count, node)
        let b = try operandShape(node.inputs[1], rank: output.count, node)
        let batch = Array(output.dropLast(2))
        func operand(_ value: Network.ValueID, _ shape: [Int]) -> BroadcastOperand {
            let matrix = shape.suffix(2).reduce(1, *)
            return BroadcastOperand(
                strides: RowMajor.broadcastStrides(Array(shape.dropLast(2)), to: batch).map { $0 * matrix },
                sampleStride: constants.contains(value) ? 0 : shape.reduce(1, *))
        }
        return MatrixProductKernel(
            rows: output[output.count - 2], inner: a[a.count - 1], columns: output[output.count - 1], batch: batch,
            left: operand(node.inputs[0], a), right: operand(node.inputs[1], b))
    }

    private func transposeKernel(
        _ node: Network.Node, _ layer: ConvolutionTranspose, _ input: [Int], _ output: [Int]
    ) throws(NetworkError) -> ConvolutionTransposeKernel {
        let extents = try network.transposeExtents(layer, of: node)
        let window = SlidingWindow(
            input: input, output: output, window: extents.kernel, strides: layer.strides, dilations: layer.dilations,
            padding: layer.padding)
        return ConvolutionTransposeKernel(
            inputChannels: extents.inputs, height: window.height, width: window.width, outputChannels: extents.outputs,
            outHeight: window.outHeight, outWidth: window.outWidth, kernelHeight: window.windowY, kernelWidth: window.windowX,
            strideY: window.strideY, strideX: window.strideX, dilationY: window.dilationY, dilationX: window.dilationX, top: window.top,
            left: window.left, groups: layer.groups, weight: try network.parameter(layer.weight, of: node).values,
            bias: try network.vector(layer.bias, count: extents.outputs, of: node) ?? [])
    }

    /// Blocks of channels to blocks of space and back: a strided copy over (rows of blocks, within a block, …).
    func blockKernel(_ node: Network.Node, _ input: [Int], _ output: [Int]) throws(NetworkError) -> CopyKernel {
        let extents: [Int], source: [Int], target: [Int]
        switch node.layer {
        case .depthToSpace(let b, let isColumnMajor):
            let (c, h, w) = (output[0], input[1], input[2])
            // Axes: channel, block row, block column, row, column.
            extents = [c, b, b, h, w]
            source = isColumnMajor ? [b * b * h * w, b * h * w, h * w, w, 1] : [h * w, b * c * h * w, c * h * w, w, 1]
            target = [h * b * w * b, w * b, 1, b * w * b, b]
        case .spaceToDepth(let b):
            let (c, h, w) = (input[0], output[1], output[2])
            extents = [b, b, c, h, w]
            source = [w * b, 1, h * b * w * b, b * w * b, b]
            target = [b * c * h * w, c * h * w, h * w, w, 1]
        default: throw .unsupported(node: node.name, operation: node.layer.operationName)
        }
        let size = output.reduce(1, *)
        return CopyKernel(
            regions: [
                .init(input: 0, output: 0, extents: extents, sourceStart: 0, sourceStrides: source, targetStart: 0, targetStrides: target)
            ], inputSizes: [size], outputSizes: [size], fill: nil)
    }
}
