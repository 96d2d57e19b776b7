// Small dense networks for the tests of this module.

import NeuralNetworks
import TestSupport

extension Network {
    /// A multilayer perceptron with random weights and the usual names.
    static func perceptron(
        _ widths: [Int], activation: Activation = .relu, seed: UInt64 = 1, hasBias: Bool = true, isNormalized: Bool = false,
        inputShape: [Int]? = nil
    ) -> Network {
        var generator = TestGenerator(seed: seed)
        var values = [Network.Value(name: "input", shape: inputShape ?? [widths[0]])]
        var nodes: [Network.Node] = []
        var parameters: [String: Parameter] = [:]
        func append(_ name: String, _ layer: Layer) {
            values.append(Network.Value(name: name))
            nodes.append(Network.Node(name: name, layer: layer, inputs: [values.count - 2], outputs: [values.count - 1]))
        }
        if inputShape != nil { append("flatten", .flatten(axis: 1)) }
        for (k, (inputs, outputs)) in zip(widths, widths.dropFirst()).enumerated() {
            let scale = (2 / Double(inputs)).squareRoot()
            let name = "fc\(k + 1)"
            parameters[name + ".weight"] = Parameter(
                shape: [outputs, inputs], values: generator.normals(outputs * inputs).map { Float(scale * $0) })
            if hasBias {
                parameters[name + ".bias"] = Parameter(shape: [outputs], values: generator.normals(outputs).map { Float(0.3 * $0) })
            }
            append(name, .linear(Linear(weight: name + ".weight", bias: hasBias ? name + ".bias" : nil)))
            guard k < widths.count - 2 else { break }
            if isNormalized {
                let normal = name + ".bn"
                for (part, values) in [("weight", 1), ("bias", 0), ("mean", 0), ("var", 2)] {
                    parameters["\(normal).\(part)"] = Parameter(
                        shape: [outputs], values: generator.normals(outputs).map { Float(Double(values) + 0.3 * $0).magnitude + 0.1 })
                }
                append(
                    normal,
                    .batchNormalization(
                        BatchNormalization(
                            scale: normal + ".weight", shift: normal + ".bias", mean: normal + ".mean", variance: normal + ".var",
                            epsilon: 1e-5)))
            }
            append(name + ".activation", .activation(activation))
        }
        return Network(nodes: nodes, values: values, inputs: [0], outputs: [values.count - 1], parameters: parameters)
    }
}

extension ActivationTensor {
    /// Standard normal inputs.
    static func random(_ shape: [Int], seed: UInt64) -> ActivationTensor {
        var generator = TestGenerator(seed: seed)
        return ActivationTensor(shape: shape, values: generator.normals(shape.reduce(1, *)).map(Float.init))
    }
}
