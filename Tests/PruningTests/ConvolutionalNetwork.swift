// Small convolutional networks for the tests of this module.

import NeuralNetworks
import TestSupport

extension Network {
    /// How the second convolution of `residual` reads the first one's channels.
    struct Reading {
        var stride = 1
        var padding = 1
        var groups = 1
        var hasNormalization = true
        var hasBias = false
    }

    /// stem – conv a – (BN) – ReLU – conv b – (BN) – (+ stem) – ReLU – average – linear, random weights; the addition only where
    /// stride 1 and padding 1 keep the shape.
    static func residual(_ reading: Reading = Reading(), channels: Int = 6, width: Int = 8, seed: UInt64 = 3) -> Network {
        var generator = TestGenerator(seed: seed)
        var nodes: [Node] = []
        var values = [Value(name: "input", shape: [2, 7, 7])]
        var parameters: [String: Parameter] = [:]
        func normal(_ shape: [Int], _ scale: Double, _ mean: Double = 0) -> Parameter {
            Parameter(shape: shape, values: generator.normals(shape.reduce(1, *)).map { Float(mean + scale * $0) })
        }
        func append(_ name: String, _ layer: Layer, _ inputs: ValueID...) -> ValueID {
            values.append(Value(name: name))
            nodes.append(Node(name: name, layer: layer, inputs: inputs, outputs: [values.count - 1]))
            return values.count - 1
        }
        func convolution(_ name: String, _ input: ValueID, _ shape: [Int], stride: Int, padding: Int, groups: Int) -> ValueID {
            parameters["\(name).weight"] = normal(shape, (2 / Double(shape[1] * shape[2] * shape[3])).squareRoot())
            if reading.hasBias { parameters["\(name).bias"] = normal([shape[0]], 0.2) }
            return append(
                name,
                .convolution(
                    Convolution(
                        weight: "\(name).weight", bias: reading.hasBias ? "\(name).bias" : nil, strides: [stride, stride],
                        padding: [padding, padding, padding, padding], dilations: [1, 1], groups: groups)), input)
        }
        func normalization(_ name: String, _ input: ValueID, _ count: Int) -> ValueID {
            guard reading.hasNormalization else { return input }
            parameters["\(name).weight"] = normal([count], 0.2, 1)
            parameters["\(name).bias"] = normal([count], 0.2)
            parameters["\(name).mean"] = normal([count], 0.2)
            parameters["\(name).var"] = Parameter(shape: [count], values: generator.normals(count).map { Float(0.5 + 0.1 * $0 * $0) })
            return append(
                name,
                .batchNormalization(
                    BatchNormalization(
                        scale: "\(name).weight", shift: "\(name).bias", mean: "\(name).mean", variance: "\(name).var", epsilon: 1e-5)),
                input)
        }
        let keepsShape = reading.stride == 1 && reading.padding == 1
        let stem = append("stem.relu", .activation(.relu), convolution("stem", 0, [channels, 2, 3, 3], stride: 1, padding: 1, groups: 1))
        var value = convolution("a", stem, [width, channels, 3, 3], stride: 1, padding: 1, groups: 1)
        value = append("a.relu", .activation(.relu), normalization("a.bn", value, width))
        value = convolution(
            "b", value, [channels, width / reading.groups, 3, 3], stride: reading.stride, padding: reading.padding, groups: reading.groups)
        value = normalization("b.bn", value, channels)
        if keepsShape { value = append("add", .add, value, stem) }
        value = append("b.relu", .activation(.relu), value)
        value = append("pool", .globalAveragePooling(keepsSpatialAxes: false), value)
        parameters["fc.weight"] = normal([4, channels], 0.5)
        parameters["fc.bias"] = normal([4], 0.2)
        value = append("fc", .linear(Linear(weight: "fc.weight", bias: "fc.bias")), value)
        return Network(nodes: nodes, values: values, inputs: [0], outputs: [value], parameters: parameters)
    }
}
