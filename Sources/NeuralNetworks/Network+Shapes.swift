// Shape inference. Shapes are without the batch axis; axes in layers count the batch axis as 0.

extension Network {
    /// Values that carry no batch axis: constants and what is computed from constants alone.
    package var constantValues: Set<ValueID> {
        var result: Set<ValueID> = []
        for node in nodes {
            if case .constant = node.layer { result.formUnion(node.outputs); continue }
            if !node.inputs.isEmpty, node.inputs.allSatisfy(result.contains) { result.formUnion(node.outputs) }
        }
        return result
    }

    /// The network with the shape of every value that follows from the input shapes and the parameters.
    ///
    /// A shape that does not follow (an unknown operation, an unknown input) is left as it was.
    /// - Parameter inputShapes: shapes of the inputs without the batch axis, in the order of `inputs`; `nil` keeps those in `values`.
    /// - Throws: ``NetworkError`` naming the node whose tensors or inputs contradict each other.
    /// - Complexity: O(nodes).
    public func inferringShapes(inputShapes: [[Int]]? = nil) throws(NetworkError) -> Network {
        var result = self
        if let inputShapes {
            guard inputShapes.count == inputs.count else {
                throw .invalidNetwork(reason: "expected \(inputs.count) input shapes, found \(inputShapes.count)")
            }
            for node in nodes { for output in node.outputs { result.values[output].shape = nil } }
            for (value, shape) in zip(inputs, inputShapes) { result.values[value].shape = shape }
        }
        let constants = constantValues
        for value in inputs {
            if let shape = result.values[value].shape { _ = try Self.size(of: shape, node: values[value].name) }
        }
        for node in nodes {
            let shapes = node.inputs.map { result.values[$0].shape }
            let isConstant = node.inputs.map(constants.contains)
            let inferred = try outputShapes(of: node, inputs: shapes, isConstant: isConstant)
            for (value, shape) in zip(node.outputs, inferred) {
                guard let shape else { continue }
                _ = try Self.size(of: shape, node: node.name)
                result.values[value].shape = shape
            }
        }
        return result
    }

    /// Number of elements, refused when negative or absurd (a hostile file must not make us allocate).
    static func size(of shape: [Int], node: String) throws(NetworkError) -> Int {
        var size = 1
        for extent in shape {
            let (product, overflow) = size.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !overflow, product < 1 << 40 else {
                throw .invalidNode(name: node, reason: "expected extents that fit in memory, found shape \(NetworkError.text(shape))")
            }
            size = product
        }
        return size
    }

    /// Shapes of a node's outputs; `nil` where unknown.
    func outputShapes(of node: Node, inputs: [[Int]?], isConstant: [Bool]) throws(NetworkError) -> [[Int]?] {
        let unknown = [[Int]?](repeating: nil, count: node.outputs.count)
        switch node.layer {
        case .constant(let name):
            return [try parameter(name, of: node).shape]
        case .barrier:
            return unknown
        case .add, .multiply:
            return [try broadcast(node, inputs: inputs, isConstant: isConstant)]
        case .elementwise(let operation):
            if let arity = operation.arity, inputs.count != arity { throw Self.wrongCount(node, expected: arity) }
            return [try broadcast(node, inputs: inputs, isConstant: isConstant)]
        case .matrixProduct:
            return [try productShape(node, inputs: inputs, isConstant: isConstant)]
        case .recurrent(let layer):
            return try recurrentShapes(node, layer, inputs: inputs)
        case .concatenation(let axis):
            return [try concatenated(node, axis: axis, inputs: inputs, isConstant: isConstant)]
        case .attention(let heads, _):
            guard inputs.count == 3 else { throw Self.wrongCount(node, expected: 3) }
            guard let q = inputs[0], let k = inputs[1], let v = inputs[2] else { return unknown }
            guard q.count == 2, k.count == 2, v.count == 2, q[1] == k[1], k[0] == v[0], heads > 0,
                q[1] % heads == 0, v[1] % heads == 0
            else {
                throw .wrongInputShape(
                    node: node.name, expected: "queries, keys and values of (tokens, \(heads) · width)", found: q + k + v)
            }
            return [[q[0], v[1]]]
        default:
            break
        }
        guard inputs.count == 1 else { throw Self.wrongCount(node, expected: 1) }
        guard let input = inputs[0] else {
            // Even without the input's extents the last axis of a linear layer and the rank of a normalization stay unknown.
            return unknown
        }
        if isConstant[0] { return unknown }
        return try outputShapes(of: node, input: input)
    }

    private func outputShapes(of node: Node, input: [Int]) throws(NetworkError) -> [[Int]?] {
        switch node.layer {
        case .linear(let linear):
            let (outputs, features) = try linearExtents(linear, of: node)
            guard input.last == features else {
                throw .wrongInputShape(node: node.name, expected: "\(features) features on the last axis", found: input)
            }
            return [input.dropLast() + [outputs]]
        case .convolution(let convolution):
            return [try convolved(node, convolution, input)]
        case .batchNormalization(let normalization):
            guard let channels = input.first else {
                throw .wrongInputShape(node: node.name, expected: "a channel axis", found: input)
            }
            try checkVectors(
                [normalization.scale, normalization.shift, normalization.mean, normalization.variance], count: channels, node)
            return [input]
        case .normalization(let normalization):
            try checkNormalization(node, normalization, input)
            return [input]
        case .activation, .identity:
            return [input]
        case .softmax(let axis):
            _ = try Self.position(of: axis, rank: input.count + 1, node: node, allowsBatch: false)
            return [input]
        case .pooling(let pooling):
            return [try pooled(node, pooling, input)]
        case .globalAveragePooling(let keepsSpatialAxes):
            guard input.count >= 2 else {
                throw .wrongInputShape(node: node.name, expected: "channels and spatial axes", found: input)
            }
            return [[input[0]] + (keepsSpatialAxes ? input.dropFirst().map { _ in 1 } : [])]
        case .split(let axis, let sizes):
            let position = try Self.position(of: axis, rank: input.count + 1, node: node, allowsBatch: false)
            guard sizes.count == node.outputs.count, sizes.allSatisfy({ $0 >= 0 }), Self.sum(sizes) == input[position - 1] else {
                throw .wrongInputShape(node: node.name, expected: "parts \(sizes) that add up along axis \(position)", found: input)
            }
            return sizes.map { size in
                var part = input
                part[position - 1] = size
                return part
            }
        case .flatten(let axis):
            let position = axis < 0 ? axis + input.count + 1 : axis
            guard position >= 1, position <= input.count + 1 else { return [nil] }
            return [Array(input[..<(position - 1)]) + [try Self.size(of: Array(input[(position - 1)...]), node: node.name)]]
        case .reshape(let shape):
            return [try reshaped(node, shape, input)]
        case .transpose(let permutation):
            guard permutation.sorted() == Array(0...input.count) else {
                throw .invalidNode(name: node.name, reason: "expected a permutation of \(input.count + 1) axes, found \(permutation)")
            }
            guard permutation[0] == 0 else { return [nil] }
            return [permutation.dropFirst().map { input[$0 - 1] }]
        case .padding(let before, let after, _):
            guard before.count == input.count + 1, after.count == before.count else {
                throw .wrongInputShape(node: node.name, expected: "\(before.count) axes to pad", found: input)
            }
            guard before[0] == 0, after[0] == 0 else { return [nil] }
            var result: [Int] = []
            for axis in 0..<input.count {
                let (sum, first) = input[axis].addingReportingOverflow(before[axis + 1])
                let (total, second) = sum.addingReportingOverflow(after[axis + 1])
                guard !first, !second, before[axis + 1] >= 0, after[axis + 1] >= 0 else {
                    throw .invalidNode(name: node.name, reason: "expected padding of at least 0, found \(before) and \(after)")
                }
                result.append(total)
            }
            return [result]
        case .slice(let ranges):
            guard ranges.count <= input.count + 1 else {
                throw .wrongInputShape(node: node.name, expected: "\(ranges.count) axes to slice", found: input)
            }
            var result = input
            for (axis, range) in ranges.enumerated() {
                if axis == 0 {
                    guard range == SliceRange() else { return [nil] }
                } else {
                    guard range.step != 0 else { throw .invalidNode(name: node.name, reason: "expected a step other than 0, found 0") }
                    result[axis - 1] = range.resolved(extent: input[axis - 1]).count
                }
            }
            return [result]
        case .extent: return [[1]]
        case .reduction, .alongAxis, .gather, .interpolation, .embedding, .convolutionTranspose, .depthToSpace, .spaceToDepth:
            return try operatorShapes(of: node, input: input) ?? node.outputs.map { _ in nil }
        case .constant, .barrier, .add, .multiply, .elementwise, .matrixProduct, .recurrent, .concatenation, .attention:
            return node.outputs.map { _ in nil }
        }
    }

    // MARK: Layers with arithmetic of their own

    private func convolved(_ node: Node, _ layer: Convolution, _ input: [Int]) throws(NetworkError) -> [Int] {
        let extents = try convolutionExtents(layer, of: node)
        let spatial = extents.kernel.count
        guard input.count == spatial + 1, input[0] == extents.inputs else {
            throw .wrongInputShape(node: node.name, expected: "\(extents.inputs) channels and \(spatial) spatial axes", found: input)
        }
        var result = [extents.outputs]
        for axis in 0..<spatial {
            result.append(
                try Self.windowCount(
                    node, extent: input[axis + 1], window: extents.kernel[axis], stride: layer.strides[axis],
                    dilation: layer.dilations[axis], before: layer.padding[axis], after: layer.padding[axis + spatial], ceilMode: false))
        }
        return result
    }

    private func pooled(_ node: Node, _ layer: Pooling, _ input: [Int]) throws(NetworkError) -> [Int] {
        let spatial = layer.window.count
        guard spatial >= 1, spatial <= 2, layer.strides.count == spatial, layer.padding.count == 2 * spatial,
            layer.dilations.isEmpty || layer.dilations.count == spatial && layer.kind == .maximum
        else {
            throw .invalidNode(name: node.name, reason: "expected a pooling window over one or two axes, found \(layer.window)")
        }
        guard input.count == spatial + 1 else {
            throw .wrongInputShape(node: node.name, expected: "channels and \(spatial) spatial axes", found: input)
        }
        var result = [input[0]]
        for axis in 0..<spatial {
            result.append(
                try Self.windowCount(
                    node, extent: input[axis + 1], window: layer.window[axis], stride: layer.strides[axis],
                    dilation: layer.dilations.isEmpty ? 1 : layer.dilations[axis],
                    before: layer.padding[axis], after: layer.padding[axis + spatial], ceilMode: layer.ceilMode))
        }
        return result
    }

    /// Positions of a window of `window` taps over a padded axis.
    static func windowCount(
        _ node: Node, extent: Int, window: Int, stride: Int, dilation: Int, before: Int, after: Int, ceilMode: Bool
    ) throws(NetworkError) -> Int {
        let limit = 1 << 31
        guard window > 0, stride > 0, dilation > 0, before >= 0, after >= 0, extent > 0,
            window < limit, stride < limit, dilation < limit, before < limit, after < limit, extent < 1 << 62
        else {
            throw .invalidNode(
                name: node.name,
                reason:
                    "expected positive window, stride and dilation and padding of at least 0, found \(window), \(stride), \(dilation), \(before), \(after) on an axis of \(extent)"
            )
        }
        let room = extent + before + after - dilation * (window - 1) - 1
        guard room >= 0 else {
            throw .invalidNode(
                name: node.name, reason: "expected an axis of at least \(dilation * (window - 1) + 1 - before - after), found \(extent)")
        }
        var count = room / stride + 1
        if ceilMode, room % stride != 0, count * stride < extent + before { count += 1 }
        return count
    }

    private func reshaped(_ node: Node, _ shape: [Int], _ input: [Int]) throws(NetworkError) -> [Int]? {
        guard shape.allSatisfy({ $0 >= -1 }), shape.filter({ $0 == -1 }).count <= 1 else {
            throw .invalidNode(name: node.name, reason: "expected extents of at least -1 with one -1 at most, found \(shape)")
        }
        let total = try Self.size(of: input, node: node.name)
        guard let first = shape.first else { return nil }
        var result: [Int] = []
        for (axis, extent) in shape.enumerated().dropFirst() {
            if extent == 0 {
                guard axis <= input.count else {
                    throw .wrongInputShape(node: node.name, expected: "an axis \(axis) to copy", found: input)
                }
                result.append(input[axis - 1])
            } else {
                result.append(extent)
            }
        }
        if let free = result.firstIndex(of: -1) {
            // -1 elsewhere: the batch axis must be the first one, copied or of size 1.
            result[free] = 1
            let rest = try Self.size(of: result, node: node.name)
            guard rest > 0, total % rest == 0 else {
                throw .wrongInputShape(node: node.name, expected: "a multiple of \(rest) values", found: input)
            }
            result[free] = total / rest
            return first == 0 || first == 1 ? result : nil
        }
        // Batch axis copied, inferred or written out: the other axes hold exactly one sample, or the reshape mixes samples.
        return try Self.size(of: result, node: node.name) == total ? result : nil
    }

    private func broadcast(_ node: Node, inputs: [[Int]?], isConstant: [Bool]) throws(NetworkError) -> [Int]? {
        guard inputs.count >= 1 else { throw Self.wrongCount(node, expected: 2) }
        let known = inputs.compactMap { $0 }
        guard known.count == inputs.count else { return nil }
        let rank = zip(known, isConstant).filter { !$1 }.map(\.0.count).max()
        var result: [Int] = []
        for (shape, constant) in zip(known, isConstant) {
            var shape = shape
            // A constant of full rank carries a batch axis of size 1 of its own.
            if constant, let rank, shape.count == rank + 1, shape[0] == 1 { shape.removeFirst() }
            let length = max(result.count, shape.count)
            let a = [Int](repeating: 1, count: length - result.count) + result
            let b = [Int](repeating: 1, count: length - shape.count) + shape
            guard zip(a, b).allSatisfy({ $0 == $1 || $0 == 1 || $1 == 1 }) else {
                throw .wrongInputShape(node: node.name, expected: "a shape that broadcasts with \(NetworkError.text(result))", found: shape)
            }
            result = zip(a, b).map { $0 == 1 ? $1 : $0 }
        }
        return result
    }

    private func concatenated(_ node: Node, axis: Int, inputs: [[Int]?], isConstant: [Bool]) throws(NetworkError) -> [Int]? {
        let known = inputs.compactMap { $0 }
        guard known.count == inputs.count, let rank = zip(known, isConstant).filter({ !$1 }).map(\.0.count).max() else { return nil }
        let position = try Self.position(of: axis, rank: rank + 1, node: node, allowsBatch: true)
        guard position > 0 else { return nil }
        var result: [Int]?
        for (shape, constant) in zip(known, isConstant) {
            let shape = constant && shape.count == rank + 1 && shape[0] == 1 ? Array(shape.dropFirst()) : shape
            guard var sum = result else { result = shape; continue }
            guard shape.count == rank, sum.count == rank,
                shape.indices.allSatisfy({ $0 == position - 1 || shape[$0] == sum[$0] })
            else {
                throw .wrongInputShape(node: node.name, expected: "\(NetworkError.text(sum)) but for axis \(position)", found: shape)
            }
            let (extent, overflow) = sum[position - 1].addingReportingOverflow(shape[position - 1])
            guard !overflow else {
                throw .invalidNode(name: node.name, reason: "expected extents that fit in memory, found a sum beyond \(Int.max)")
            }
            sum[position - 1] = extent
            result = sum
        }
        return result
    }

    private func checkNormalization(_ node: Node, _ layer: Normalization, _ input: [Int]) throws(NetworkError) {
        let vectors = [layer.scale, layer.shift]
        switch layer.kind {
        case .layer, .rms:
            let axis = try Self.position(of: layer.axis, rank: input.count + 1, node: node, allowsBatch: false)
            try checkVectors(vectors, count: try Self.size(of: Array(input[(axis - 1)...]), node: node.name), node)
        case .group(let groups):
            guard let channels = input.first, groups > 0, channels % groups == 0 else {
                throw .wrongInputShape(node: node.name, expected: "channels in \(groups) equal groups", found: input)
            }
            try checkVectors(vectors, count: channels, node)
        case .instance:
            guard let channels = input.first else {
                throw .wrongInputShape(node: node.name, expected: "a channel axis", found: input)
            }
            try checkVectors(vectors, count: channels, node)
        }
    }

    // MARK: Small helpers

    /// An axis counted from the front, batch axis 0.
    static func position(of axis: Int, rank: Int, node: Node, allowsBatch: Bool) throws(NetworkError) -> Int {
        let position = axis < 0 ? axis + rank : axis
        guard position >= (allowsBatch ? 0 : 1), position < rank else {
            throw .invalidNode(name: node.name, reason: "expected an axis from \(allowsBatch ? 0 : 1) to \(rank - 1), found \(axis)")
        }
        return position
    }

    static func wrongCount(_ node: Node, expected: Int) -> NetworkError {
        .invalidNode(name: node.name, reason: "expected \(expected) input\(expected == 1 ? "" : "s"), found \(node.inputs.count)")
    }

    static func sum(_ sizes: [Int]) -> Int? {
        var total = 0
        for size in sizes {
            let (next, overflow) = total.addingReportingOverflow(size)
            if overflow { return nil }
            total = next
        }
        return total
    }
}

extension SliceRange {
    /// The indices taken from an axis, by the conventions of ONNX and numpy: negative positions count from the end.
    package func resolved(extent: Int) -> (start: Int, count: Int) {
        // Int.min must not be negated nor added to: clamp first.
        func clamped(_ position: Int, _ low: Int, _ high: Int) -> Int {
            let absolute = position < 0 ? (position < -extent ? low : position + extent) : position
            return min(max(absolute, low), high)
        }
        if step > 0 {
            let first = clamped(start, 0, extent)
            let last = clamped(end, 0, extent)
            return (first, last > first ? (last - first - 1) / step + 1 : 0)
        }
        let first = clamped(start, -1, extent - 1)
        let last = end < -extent ? -1 : clamped(end, -1, extent - 1)
        let stride = step == .min ? Int.max : -step
        return (max(first, 0), first > last ? (first - last - 1) / stride + 1 : 0)
    }
}
