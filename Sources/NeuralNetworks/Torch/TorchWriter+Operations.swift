// What has no weights: functions of torch. Axes count the batch axis as 0 here as there.

extension TorchWriter {
    /// Appends one node.
    /// - Throws: `unsupported` for what torch has no counterpart of.
    mutating func append(_ node: Network.Node, _ index: Int) throws(NetworkError) {
        let unsupported = NetworkError.unsupported(node: node.name, operation: node.layer.operationName)
        switch node.layer {
        case .linear(let layer): return try appendLinear(node, layer)
        case .convolution(let layer): return try appendConvolution(node, layer)
        case .convolutionTranspose(let layer): return try appendConvolutionTranspose(node, layer)
        case .batchNormalization(let layer): return try appendBatchNormalization(node, layer)
        case .normalization(let layer): return try appendNormalization(node, layer)
        case .embedding(let weight): return try appendEmbedding(node, weight: weight)
        case .constant(let parameter): return assign(node, try tensor(parameter, node, isBuffer: true))
        case .identity: return pass(node)
        case .recurrent, .barrier: throw unsupported
        case .extent(let axis):
            // One number for all samples: it broadcasts along the batch.
            let x = variable(node.inputs[0])
            return assign(node, "torch.full((1, 1), float(\(x).shape[\(axis)]), device=\(x).device)")
        case .add: return assign(node, try operands(node).joined(separator: " + "))
        case .multiply: return assign(node, try operands(node).map { "(\($0))" }.joined(separator: " * "))
        case .elementwise(let operation): return assign(node, try elementwise(operation, try operands(node), node))
        case .matrixProduct: return assign(node, "torch.matmul(\(try operands(node).joined(separator: ", ")))")
        case .concatenation(let axis): return try appendConcatenation(node, axis: axis)
        case .attention(let heads, let scale): return try appendAttention(node, heads: heads, scale: scale)
        default: break
        }
        guard node.inputs.count == 1, !constants.contains(node.inputs[0]) else { throw unsupported }
        let own = try shape(node.inputs[0], node)
        let x = variable(node.inputs[0])
        func position(_ axis: Int) -> Int { axis < 0 ? axis + own.count + 1 : axis }
        switch node.layer {
        case .activation(let activation): assign(node, try Self.activation(activation, x, unsupported))
        case .pooling(let layer): assign(node, try Self.pooling(layer, x, unsupported))
        case .globalAveragePooling(let keepsSpatialAxes):
            assign(node, "\(x).mean(\(PythonText.tuple(Array(2...max(2, own.count)))), keepdim=\(keepsSpatialAxes ? "True" : "False"))")
        case .split(let axis, let sizes):
            assign(node, "torch.split(\(x), \(PythonText.list(sizes)), \(position(axis)))\(sizes.count == 1 ? "[0]" : "")")
        case .flatten(let axis):
            assign(node, position(axis) > own.count ? "\(x).unsqueeze(-1)" : "torch.flatten(\(x), \(position(axis)))")
        case .reshape:
            assign(
                node, "\(x).reshape(\((["\(x).shape[0]"] + (try shape(node.outputs[0], node)).map(String.init)).joined(separator: ", ")))")
        case .transpose(let permutation): assign(node, "\(x).permute(\(permutation.map(String.init).joined(separator: ", ")))")
        case .padding(let before, let after, let value):
            assign(node, Self.padded(x, before: Array(before.dropFirst()), after: Array(after.dropFirst()), value: value))
        case .slice(let ranges): assign(node, Self.slice(ranges, x, own))
        case .softmax(let axis): assign(node, "torch.softmax(\(x), \(position(axis)))")
        case .reduction(let layer): assign(node, try Self.reduction(layer, x, unsupported))
        case .alongAxis(let operation, let axis): assign(node, try Self.alongAxis(operation, x, position(axis), unsupported))
        case .gather(let axis, let indices):
            assign(node, "\(x).index_select(\(position(axis)), torch.tensor(\(PythonText.list(indices)), device=\(x).device))")
        case .interpolation(let layer):
            need(.resample)
            let weights = layer.weights.map(PythonText.number).joined(separator: ", ")
            assign(node, "resample(\(x), \(position(layer.axis)), \(PythonText.list(layer.positions)), [\(weights)], \(layer.tapCount))")
        case .depthToSpace(let b, let isColumnMajor):
            let (c, h, w) = (own[0] / (b * b), own[1], own[2])
            assign(
                node,
                isColumnMajor
                    ? "F.pixel_shuffle(\(x), \(b))"
                    : "\(x).reshape(\(x).shape[0], \(b), \(b), \(c), \(h), \(w)).permute(0, 3, 4, 1, 5, 2).reshape(\(x).shape[0], \(c), \(h * b), \(w * b))"
            )
        case .spaceToDepth(let b):
            let (c, h, w) = (own[0], own[1] / b, own[2] / b)
            assign(
                node,
                "\(x).reshape(\(x).shape[0], \(c), \(h), \(b), \(w), \(b)).permute(0, 3, 5, 1, 2, 4).reshape(\(x).shape[0], \(b * b * c), \(h), \(w))"
            )
        default: throw unsupported
        }
    }

    /// Operands of a node that broadcasts.
    private func operands(_ node: Network.Node) throws(NetworkError) -> [String] {
        let rank = try shape(node.outputs[0], node).count
        var result: [String] = []
        for value in node.inputs { result.append(try operand(value, rank: rank, node)) }
        return result
    }

    private mutating func appendConcatenation(_ node: Network.Node, axis: Int) throws(NetworkError) {
        let rank = try shape(node.outputs[0], node).count
        guard let batch = node.inputs.first(where: { !constants.contains($0) }) else {
            throw .unsupported(node: node.name, operation: node.layer.operationName)
        }
        var parts: [String] = []
        for value in node.inputs {
            let name = variable(value)
            let own = try shape(value, node)
            // Constants have no batch axis to lie beside the others along.
            let extents = ["\(variable(batch)).shape[0]"] + own.suffix(rank).map(String.init)
            parts.append(constants.contains(value) ? "\(name).expand(\(extents.joined(separator: ", ")))" : name)
        }
        assign(node, "torch.cat([\(parts.joined(separator: ", "))], \(axis < 0 ? axis + rank + 1 : axis))")
    }

    private mutating func appendAttention(_ node: Network.Node, heads: Int, scale: Float) throws(NetworkError) {
        let parts = node.inputs.map { "\(variable($0)).unflatten(-1, (\(heads), -1)).transpose(1, 2)" }
        assign(
            node,
            "F.scaled_dot_product_attention(\(parts.joined(separator: ", ")), scale=\(PythonText.number(scale))).transpose(1, 2).flatten(2)"
        )
    }

    private static func slice(_ ranges: [SliceRange], _ x: String, _ own: [Int]) -> String {
        var (plain, flipped) = ([":"], "")
        for (axis, range) in ranges.enumerated().dropFirst() {
            let (start, count) = range.resolved(extent: own[axis - 1])
            if range.step < 0 {
                // torch walks forwards only.
                let last = start + (count - 1) * range.step
                plain.append(count == 0 ? "0:0" : "\(last):\(start + 1):\(-range.step)")
                if count > 1 { flipped += ".flip(\(axis))" }
            } else if start == 0, count == own[axis - 1] {
                plain.append(":")
            } else {
                let end = count == 0 ? start : start + (count - 1) * range.step + 1
                plain.append("\(start):\(end)" + (range.step > 1 && count > 1 ? ":\(range.step)" : ""))
            }
        }
        return "\(x)[\(plain.joined(separator: ", "))]\(flipped)"
    }

    private static func pooling(_ layer: Pooling, _ x: String, _ unsupported: NetworkError) throws(NetworkError) -> String {
        let rank = layer.window.count
        let (before, after) = (Array(layer.padding.prefix(rank)), Array(layer.padding.suffix(rank)))
        // torch pads both ends alike, by half a window at most.
        let isPlain = before == after && zip(before, layer.window).allSatisfy { 2 * $0 <= $1 }
        guard isPlain || !layer.ceilMode else { throw unsupported }
        let padding = isPlain ? PythonText.window(before) : "0"
        let options = "\(PythonText.window(layer.window)), \(PythonText.window(layer.strides)), \(padding)"
        let ceil = layer.ceilMode ? ", ceil_mode=True" : ""
        switch layer.kind {
        case .maximum:
            let input = isPlain ? x : padded(x, before: before, after: after, value: -.infinity)
            let dilation = layer.dilations.isEmpty ? "" : ", dilation=\(PythonText.window(layer.dilations))"
            return "F.max_pool\(rank)d(\(input), \(options)\(dilation)\(ceil))"
        case .average(let countsPadding):
            guard isPlain || countsPadding else { throw unsupported }
            let input = isPlain ? x : padded(x, before: before, after: after, value: 0)
            return "F.avg_pool\(rank)d(\(input), \(options)\(ceil), count_include_pad=\(countsPadding ? "True" : "False"))"
        case .norm: throw unsupported
        }
    }

    private static func reduction(_ layer: Reduction, _ x: String, _ unsupported: NetworkError) throws(NetworkError) -> String {
        let options = "\(PythonText.tuple(layer.axes)), keepdim=\(layer.keepsAxes ? "True" : "False")"
        switch layer.kind {
        case .mean: return "\(x).mean(\(options))"
        case .sum: return "\(x).sum(\(options))"
        case .maximum: return "\(x).amax(\(options))"
        case .minimum: return "\(x).amin(\(options))"
        case .absoluteSum: return "\(x).abs().sum(\(options))"
        case .norm: return "\(x).square().sum(\(options)).sqrt()"
        case .squareSum: return "\(x).square().sum(\(options))"
        case .logSum: return "\(x).sum(\(options)).log()"
        case .logSumExponential: return "torch.logsumexp(\(x), \(options))"
        case .firstMaximum, .firstMinimum, .product: throw unsupported
        }
    }

    private static func alongAxis(
        _ operation: AxisOperation, _ x: String, _ axis: Int, _ unsupported: NetworkError
    ) throws(NetworkError) -> String {
        switch operation {
        case .logSoftmax: return "torch.log_softmax(\(x), \(axis))"
        case .cumulativeSum(false, false): return "\(x).cumsum(\(axis))"
        case .localResponse(let size, let alpha, let beta, let bias) where size % 2 == 1 && axis == 1:
            return
                "F.local_response_norm(\(x), \(size), alpha=\(PythonText.number(alpha)), beta=\(PythonText.number(beta)), k=\(PythonText.number(bias)))"
        default: throw unsupported
        }
    }
}
