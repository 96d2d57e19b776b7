// Writing down a topology: values and nodes in the order of the forward pass.

import TensorFiles

/// Collects nodes and values; `parameters` supplies the trained tensors when the network is finished.
package struct NetworkBuilder {
    package private(set) var nodes: [Network.Node] = []
    package private(set) var values: [Network.Value] = []
    package private(set) var inputs: [Network.ValueID] = []

    package init() {}

    package mutating func input(_ name: String, shape: [Int]?) -> Network.ValueID {
        values.append(.init(name: name, shape: shape))
        inputs.append(values.count - 1)
        return values.count - 1
    }

    /// Appends a node with one output of the same name.
    package mutating func append(_ name: String, _ layer: Layer, _ inputs: Network.ValueID...) -> Network.ValueID {
        append(name, layer, from: inputs)
    }

    package mutating func append(_ name: String, _ layer: Layer, from inputs: [Network.ValueID]) -> Network.ValueID {
        values.append(.init(name: name))
        nodes.append(.init(name: name, layer: layer, inputs: inputs, outputs: [values.count - 1]))
        return values.count - 1
    }

    /// Appends a node with several outputs.
    package mutating func append(_ name: String, _ layer: Layer, from inputs: [Network.ValueID], outputs: Int) -> [Network.ValueID] {
        let first = values.count
        values.append(contentsOf: (0..<outputs).map { .init(name: "\(name).\($0)") })
        nodes.append(.init(name: name, layer: layer, inputs: inputs, outputs: Array(first..<first + outputs)))
        return Array(first..<first + outputs)
    }

    /// The network, with shapes inferred and everything checked.
    package func network(outputs: [Network.ValueID], parameters: [String: Parameter]) throws(NetworkError) -> Network {
        let network = Network(nodes: nodes, values: values, inputs: inputs, outputs: outputs, parameters: parameters)
        try network.validateGraph()
        let inferred = try network.inferringShapes()
        try inferred.validate()
        return inferred
    }

    /// The network with the tensors that its nodes name, from a file that holds weights alone.
    /// - Throws: `missingTensor`, and what ``network(outputs:parameters:)`` throws.
    func network(output: Network.ValueID, reading archive: TensorArchive) throws(NetworkError) -> Network {
        var parameters: [String: Parameter] = [:]
        for node in nodes {
            for name in node.layer.parameterNames where parameters[name] == nil {
                guard let tensor = archive[name] else { throw .missingTensor(name: name, node: node.name) }
                parameters[name] = try Parameter(tensor, name: name)
            }
        }
        var network = try network(outputs: [output], parameters: parameters)
        network.storesAttributes = false
        return network
    }
}
