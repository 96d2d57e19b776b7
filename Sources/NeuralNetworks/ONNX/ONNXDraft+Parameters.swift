// Constants of the model as parameters and constant values of the network: each made once.

import TensorFiles

extension ONNXDraft {
    /// A constant of the model in the shape that a layer wants.
    ///
    /// - Parameters:
    ///   - name: of the constant in the model.
    ///   - owner: as of `ONNXImporter.parameter`.
    ///   - shape: the layer's; as many elements as the constant has.
    /// - Returns: the parameter's name in the network.
    mutating func parameter(
        _ name: String, of owner: String? = nil, _ constant: ONNXConstant, _ values: [Float], shape: [Int],
        transform: ONNXBinding.Transform, node: String
    ) throws(NetworkError) -> String {
        guard RowMajor.count(shape) == values.count else {
            throw .wrongTensorShape(
                name: name, node: node, expected: "\(NetworkError.text(shape)) or as many values", found: constant.shape)
        }
        let key = ParameterKey(constant: name, owner: owner, shape: shape, transform: transform)
        if let known = parameterNames[key] { return known }
        let result = addParameter(near: name, Parameter(shape: shape, values: transform.applied(to: values)))
        parameterNames[key] = result
        provenance.bindings[result] = ONNXBinding(constant: name, storedShape: constant.shape, transform: transform)
        return result
    }

    /// The same for a constant whose numbers stay in their file.
    mutating func parameter(
        _ name: String, _ constant: ONNXConstant, _ tensor: StoredTensor, shape: [Int], node: String
    ) throws(NetworkError) -> String {
        guard RowMajor.count(shape) == tensor.storedCount else {
            throw .wrongTensorShape(
                name: name, node: node, expected: "\(NetworkError.text(shape)) or as many values", found: constant.shape)
        }
        let key = ParameterKey(constant: name, shape: shape, transform: .same)
        if let known = parameterNames[key] { return known }
        let result = addParameter(near: name, Parameter(tensor.reshaped(to: shape)))
        parameterNames[key] = result
        provenance.bindings[result] = ONNXBinding(constant: name, storedShape: constant.shape, transform: .same)
        return result
    }

    /// A parameter of the network under a name of its own, like the given one.
    mutating func addParameter(near name: String, _ parameter: Parameter) -> String {
        var result = name
        while network.parameters[result] != nil { result += "'" }
        network.parameters[result] = parameter
        return result
    }

    /// A parameter as a value.
    mutating func constantValue(parameter: String, isInteger: Bool = false) -> Network.ValueID {
        if let value = constantValues[parameter] { return value }
        let value = addValue(
            parameter, shape: network.parameters[parameter]?.shape, Traits(isInteger: isInteger, isConstant: true))
        append(.constant(parameter: parameter), named: parameter, inputs: [], outputs: [value])
        constantValues[parameter] = value
        return value
    }
}
