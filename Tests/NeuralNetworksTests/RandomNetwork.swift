// Networks with random weights, written down as a forward pass.

import NeuralNetworks
import TestSupport

/// Builds a network layer by layer with random parameters.
struct RandomNetwork {
    var generator: TestGenerator
    var builder = NetworkBuilder()
    var parameters: [String: Parameter] = [:]
    private(set) var shapes: [Network.ValueID: [Int]] = [:]

    init(seed: UInt64) { generator = TestGenerator(seed: seed) }

    mutating func random(_ shape: [Int], scale: Double = 1, offset: Double = 0) -> Parameter {
        let count = shape.reduce(1, *)
        return Parameter(shape: shape, values: (0..<count).map { _ in Float(scale * generator.normal() + offset) })
    }

    mutating func input(_ shape: [Int]) -> Int {
        let value = builder.input("input\(builder.inputs.count)", shape: shape)
        shapes[value] = shape
        return value
    }

    mutating func apply(_ name: String, _ layer: Layer, _ inputs: Int...) throws -> Int { try apply(name, layer, from: inputs) }

    mutating func apply(_ name: String, _ layer: Layer, from inputs: [Int]) throws -> Int {
        let value = builder.append(name, layer, from: inputs)
        try infer()
        return value
    }

    mutating func split(_ name: String, axis: Int, sizes: [Int], _ input: Int) throws -> [Int] {
        let values = builder.append(name, .split(axis: axis, sizes: sizes), from: [input], outputs: sizes.count)
        try infer()
        return values
    }

    private mutating func infer() throws {
        let network = Network(nodes: builder.nodes, values: builder.values, inputs: builder.inputs, outputs: [], parameters: parameters)
        for (index, value) in try network.inferringShapes().values.enumerated() { shapes[index] = value.shape }
    }

    mutating func convolution(
        _ name: String, _ input: Int, _ outputs: Int, kernel: [Int] = [3, 3], stride: Int = 1, padding: Int? = nil, dilation: Int = 1,
        groups: Int = 1, bias: Bool = true
    ) throws -> Int {
        let channels = shapes[input]![0]
        parameters[name + ".weight"] = random(
            [outputs, channels / groups] + kernel, scale: 1 / Double(channels / groups * kernel.reduce(1, *)).squareRoot())
        if bias { parameters[name + ".bias"] = random([outputs], scale: 0.3) }
        let pads = kernel.map { padding ?? $0 / 2 * dilation }
        return try apply(
            name,
            .convolution(
                Convolution(
                    weight: name + ".weight", bias: bias ? name + ".bias" : nil, strides: kernel.map { _ in stride }, padding: pads + pads,
                    dilations: kernel.map { _ in dilation }, groups: groups)), input)
    }

    mutating func linear(_ name: String, _ input: Int, _ outputs: Int, bias: Bool = true, isTransposed: Bool = false) throws -> Int {
        let features = shapes[input]!.last!
        parameters[name + ".weight"] = random(
            isTransposed ? [features, outputs] : [outputs, features], scale: 1 / Double(features).squareRoot())
        if bias { parameters[name + ".bias"] = random([outputs], scale: 0.3) }
        return try apply(
            name, .linear(Linear(weight: name + ".weight", bias: bias ? name + ".bias" : nil, isTransposed: isTransposed)), input)
    }

    mutating func batchNormalization(_ name: String, _ input: Int) throws -> Int {
        let channels = shapes[input]![0]
        parameters[name + ".weight"] = random([channels], scale: 0.3, offset: 1)
        parameters[name + ".bias"] = random([channels], scale: 0.3)
        parameters[name + ".running_mean"] = random([channels], scale: 0.3)
        parameters[name + ".running_var"] = Parameter(
            shape: [channels], values: (0..<channels).map { _ in Float(0.5 + generator.uniform()) })
        return try apply(
            name,
            .batchNormalization(
                BatchNormalization(
                    scale: name + ".weight", shift: name + ".bias", mean: name + ".running_mean", variance: name + ".running_var",
                    epsilon: 1e-5)),
            input)
    }

    mutating func normalization(_ name: String, _ input: Int, kind: Normalization.Kind, axis: Int, count: Int) throws -> Int {
        parameters[name + ".weight"] = random([count], scale: 0.3, offset: 1)
        parameters[name + ".bias"] = random([count], scale: 0.3)
        return try apply(
            name,
            .normalization(Normalization(kind: kind, axis: axis, scale: name + ".weight", shift: name + ".bias", epsilon: 1e-5)), input)
    }

    mutating func constant(_ name: String, shape: [Int]) -> Int {
        parameters[name] = random(shape)
        let value = builder.append(name, .constant(parameter: name), from: [])
        shapes[value] = shape
        return value
    }

    mutating func relu(_ name: String, _ input: Int) throws -> Int { try apply(name, .activation(.relu), input) }

    func network(outputs: Int...) throws -> Network { try builder.network(outputs: outputs, parameters: parameters) }

    mutating func batch(_ count: Int, _ shape: [Int]) -> ActivationTensor {
        ActivationTensor(shape: [count] + shape, values: random([count] + shape).values)
    }
}

/// max |a − b| over max |a|, never below 1.
func relativeDifference(_ a: [Float], _ b: [Float]) -> Float {
    guard a.count == b.count else { return .infinity }
    var (difference, scale): (Float, Float) = (0, 1)
    for (x, y) in zip(a, b) {
        guard x.isFinite, y.isFinite else { return .infinity }
        difference = max(difference, (x - y).magnitude)
        scale = max(scale, x.magnitude)
    }
    return difference / scale
}
