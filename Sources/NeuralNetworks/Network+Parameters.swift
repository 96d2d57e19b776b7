// Looking up a layer's trained tensors, with their shapes checked.

extension Network {
    /// The parameter a node names.
    /// - Throws: `missingTensor`.
    func parameter(_ name: String, of node: Node) throws(NetworkError) -> Parameter {
        guard let parameter = parameters[name] else { throw .missingTensor(name: name, node: node.name) }
        return parameter
    }

    /// A vector of `count` values, or `nil` when the layer has none.
    func vector(_ name: String?, count: Int, of node: Node) throws(NetworkError) -> [Float]? {
        guard let name else { return nil }
        let parameter = try parameter(name, of: node)
        guard parameter.values.count == count else {
            throw .wrongTensorShape(name: name, node: node.name, expected: "\(count) values", found: parameter.shape)
        }
        return parameter.values
    }

    func checkVectors(_ names: [String?], count: Int, _ node: Node) throws(NetworkError) {
        for case let name? in names {
            let shape = try parameter(name, of: node).shape
            guard shape.reduce(1, *) == count else {
                throw .wrongTensorShape(name: name, node: node.name, expected: "\(count) values", found: shape)
            }
        }
    }

    /// Output and input features of a linear layer.
    func linearExtents(_ layer: Linear, of node: Node) throws(NetworkError) -> (outputs: Int, inputs: Int) {
        let shape = try parameter(layer.weight, of: node).shape
        guard shape.count == 2, shape[0] > 0, shape[1] > 0 else {
            throw .wrongTensorShape(name: layer.weight, node: node.name, expected: "a matrix", found: shape)
        }
        let widths = layer.widths(of: shape)
        try checkVectors([layer.bias], count: widths.outputs, node)
        return widths
    }

    /// Output channels, input channels and kernel extents of a convolution.
    func convolutionExtents(
        _ layer: Convolution, of node: Node
    ) throws(NetworkError) -> (outputs: Int, inputs: Int, kernel: [Int]) {
        let shape = try parameter(layer.weight, of: node).shape
        let spatial = shape.count - 2
        guard spatial == 1 || spatial == 2, shape.allSatisfy({ $0 > 0 }), layer.groups > 0, shape[0] % layer.groups == 0 else {
            throw .wrongTensorShape(
                name: layer.weight, node: node.name,
                expected: "(out, in/groups, taps) or (out, in/groups, rows, columns) with out a multiple of \(layer.groups)", found: shape)
        }
        guard layer.strides.count == spatial, layer.dilations.count == spatial, layer.padding.count == 2 * spatial else {
            throw .invalidNode(
                name: node.name,
                reason:
                    "expected \(spatial) strides and dilations and \(2 * spatial) paddings, found \(layer.strides.count), \(layer.dilations.count), \(layer.padding.count)"
            )
        }
        let (inputs, overflow) = shape[1].multipliedReportingOverflow(by: layer.groups)
        guard !overflow else {
            throw .invalidNode(name: node.name, reason: "expected a number of groups that fits the channels, found \(layer.groups)")
        }
        try checkVectors([layer.bias], count: shape[0], node)
        return (shape[0], inputs, Array(shape[2...]))
    }
}
