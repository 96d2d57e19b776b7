// Shape inference of the layers that have no trained weights of their own, or unusual ones. Shapes are without the batch axis;
// axes in layers count the batch axis as 0.

extension Network {
    /// Shapes of the outputs of a matrix product of two values.
    func productShape(_ node: Node, inputs: [[Int]?], isConstant: [Bool]) throws(NetworkError) -> [Int]? {
        guard inputs.count == 2 else { throw Self.wrongCount(node, expected: 2) }
        guard let (a, b) = Self.operands(inputs, isConstant: isConstant) else { return nil }
        guard a.count >= 2, b.count >= 2, a[a.count - 1] == b[b.count - 2],
            let batch = RowMajor.broadcast(Array(a.dropLast(2)), Array(b.dropLast(2)))
        else {
            throw .wrongInputShape(node: node.name, expected: "matrices that multiply \(NetworkError.text(a))", found: b)
        }
        return batch + [a[a.count - 2], b[b.count - 1]]
    }

    /// Shapes of two operands; a constant of one axis more than the other has a batch axis of extent 1 of its own.
    static func operands(_ inputs: [[Int]?], isConstant: [Bool]) -> ([Int], [Int])? {
        guard var a = inputs[0], var b = inputs[1] else { return nil }
        if isConstant[0], a.count == b.count + 1, a[0] == 1 { a.removeFirst() }
        if isConstant[1], b.count == a.count + 1, b[0] == 1 { b.removeFirst() }
        return (a, b)
    }

    func recurrentShapes(_ node: Node, _ layer: Recurrent, inputs: [[Int]?]) throws(NetworkError) -> [[Int]?] {
        let expected = 1 + (layer.hasInitialHidden ? 1 : 0) + (layer.hasInitialCell ? 1 : 0)
        guard inputs.count == expected else { throw Self.wrongCount(node, expected: expected) }
        let features = try recurrentFeatures(layer, of: node)
        guard let input = inputs[0] else { return node.outputs.map { _ in nil } }
        guard input.count == 2, input[1] == features else {
            throw .wrongInputShape(node: node.name, expected: "(steps, \(features))", found: input)
        }
        let directions = layer.direction.count
        for case let state? in inputs.dropFirst() where state != [directions, layer.hidden] {
            throw .wrongInputShape(node: node.name, expected: "a state of \(directions) × \(layer.hidden)", found: state)
        }
        let state = [directions, layer.hidden]
        return Array([[input[0], directions, layer.hidden], state, state].prefix(node.outputs.count))
    }

    /// Input features of a recurrent layer, all its tensors checked.
    func recurrentFeatures(_ layer: Recurrent, of node: Node) throws(NetworkError) -> Int {
        let (directions, gates, hidden) = (layer.direction.count, layer.kind.gates, layer.hidden)
        let weight = try parameter(layer.weight, of: node).shape
        let (rows, overflow) = gates.multipliedReportingOverflow(by: hidden)
        guard hidden > 0, !overflow, weight.count == 3, weight[0] == directions, weight[1] == rows, weight[2] > 0 else {
            throw .wrongTensorShape(
                name: layer.weight, node: node.name, expected: "(\(directions), \(gates) · \(hidden), features)", found: weight)
        }
        let recurrence = try parameter(layer.recurrence, of: node).shape
        guard recurrence == [directions, rows, hidden] else {
            throw .wrongTensorShape(
                name: layer.recurrence, node: node.name, expected: "(\(directions), \(gates) · \(hidden), \(hidden))", found: recurrence)
        }
        try checkVectors([layer.bias], count: 2 * directions * rows, node)
        try checkVectors([layer.peepholes], count: 3 * directions * hidden, node)
        return weight[2]
    }

    /// Shapes of the outputs of layers with one input; `nil` for a layer that is none of these.
    func operatorShapes(of node: Node, input: [Int]) throws(NetworkError) -> [[Int]?]? {
        switch node.layer {
        case .reduction(let layer):
            guard layer.axes.allSatisfy({ $0 >= 1 && $0 <= input.count }), zip(layer.axes, layer.axes.dropFirst()).allSatisfy({ $0 < $1 })
            else {
                throw .wrongInputShape(node: node.name, expected: "axes \(layer.axes), the batch axis 0 not among them", found: input)
            }
            let reduced = Set(layer.axes.map { $0 - 1 })
            if layer.keepsAxes { return [input.indices.map { reduced.contains($0) ? 1 : input[$0] }] }
            return [input.indices.filter { !reduced.contains($0) }.map { input[$0] }]
        case .alongAxis(_, let axis):
            _ = try Self.position(of: axis, rank: input.count + 1, node: node, allowsBatch: false)
            return [input]
        case .gather(let axis, let indices):
            let place = try Self.position(of: axis, rank: input.count + 1, node: node, allowsBatch: false) - 1
            guard indices.allSatisfy({ (0..<input[place]).contains($0) }) else {
                throw .wrongInputShape(node: node.name, expected: "positions below the extent of axis \(axis)", found: input)
            }
            return [Self.replacing(place, of: input, by: indices.count)]
        case .interpolation(let layer):
            let place = try Self.position(of: layer.axis, rank: input.count + 1, node: node, allowsBatch: false) - 1
            guard layer.positions.allSatisfy({ (0..<input[place]).contains($0) }) else {
                throw .wrongInputShape(node: node.name, expected: "positions below the extent of axis \(layer.axis)", found: input)
            }
            return [Self.replacing(place, of: input, by: layer.count)]
        case .embedding(let weight):
            let shape = try parameter(weight, of: node).shape
            guard shape.count == 2 else {
                throw .wrongTensorShape(name: weight, node: node.name, expected: "a table of rows", found: shape)
            }
            return [input + [shape[1]]]
        case .convolutionTranspose(let layer):
            return [try spread(node, layer, input)]
        case .depthToSpace(let block, _):
            let (square, overflow) = block.multipliedReportingOverflow(by: block)
            guard input.count == 3, block > 0, !overflow, input[0] % square == 0 else {
                throw .wrongInputShape(node: node.name, expected: "channels in blocks of \(block)²", found: input)
            }
            return [[input[0] / square, try Self.product(input[1], block, node), try Self.product(input[2], block, node)]]
        case .spaceToDepth(let block):
            guard input.count == 3, block > 0, input[1] % block == 0, input[2] % block == 0 else {
                throw .wrongInputShape(node: node.name, expected: "rows and columns in blocks of \(block)", found: input)
            }
            return [[try Self.product(input[0], try Self.product(block, block, node), node), input[1] / block, input[2] / block]]
        default: return nil
        }
    }

    private func spread(_ node: Node, _ layer: ConvolutionTranspose, _ input: [Int]) throws(NetworkError) -> [Int] {
        let extents = try transposeExtents(layer, of: node)
        let spatial = extents.kernel.count
        guard input.count == spatial + 1, input[0] == extents.inputs else {
            throw .wrongInputShape(node: node.name, expected: "\(extents.inputs) channels and \(spatial) spatial axes", found: input)
        }
        var result = [extents.outputs]
        for axis in 0..<spatial {
            let limit = 1 << 31
            let numbers = [
                layer.strides[axis], layer.dilations[axis], layer.padding[axis], layer.padding[axis + spatial], layer.outputPadding[axis],
                extents.kernel[axis], input[axis + 1],
            ]
            guard numbers.allSatisfy({ $0 >= 0 && $0 < limit }), layer.strides[axis] > 0, layer.dilations[axis] > 0, input[axis + 1] > 0
            else {
                throw .invalidNode(name: node.name, reason: "expected positive strides and padding of at least 0, found \(numbers)")
            }
            let extent =
                layer.strides[axis] * (input[axis + 1] - 1) + layer.dilations[axis] * (extents.kernel[axis] - 1) + 1
                + layer.outputPadding[axis] - layer.padding[axis] - layer.padding[axis + spatial]
            guard extent > 0 else {
                throw .invalidNode(name: node.name, reason: "expected padding that leaves an output, found one of extent \(extent)")
            }
            result.append(extent)
        }
        return result
    }

    /// Output and input channels and kernel extents of a transposed convolution.
    func transposeExtents(
        _ layer: ConvolutionTranspose, of node: Node
    ) throws(NetworkError) -> (outputs: Int, inputs: Int, kernel: [Int]) {
        let shape = try parameter(layer.weight, of: node).shape
        let spatial = shape.count - 2
        guard spatial == 1 || spatial == 2, shape.allSatisfy({ $0 > 0 }), layer.groups > 0, shape[0] % layer.groups == 0,
            layer.strides.count == spatial, layer.dilations.count == spatial, layer.padding.count == 2 * spatial,
            layer.outputPadding.count == spatial
        else {
            throw .wrongTensorShape(
                name: layer.weight, node: node.name,
                expected: "(in, out/groups, taps) or (in, out/groups, rows, columns) with in a multiple of \(layer.groups)", found: shape)
        }
        let outputs = try Self.product(shape[1], layer.groups, node)
        try checkVectors([layer.bias], count: outputs, node)
        return (outputs, shape[0], Array(shape[2...]))
    }

    private static func replacing(_ place: Int, of shape: [Int], by extent: Int) -> [Int] {
        var result = shape
        result[place] = extent
        return result
    }

    /// A product of two extents of a file.
    static func product(_ a: Int, _ b: Int, _ node: Node) throws(NetworkError) -> Int {
        let (result, overflow) = a.multipliedReportingOverflow(by: b)
        guard !overflow else { throw .invalidNode(name: node.name, reason: "expected extents that fit in memory, found \(a) · \(b)") }
        return result
    }
}
