// Gradients of trained tensors: filters against inner products, everything else against differences.

import NeuralNetworks
import TestSupport
import Testing

@Suite struct WeightGradientTests {
    private func dot(_ a: [Float], _ b: [Float]) -> (sum: Double, size: Double) {
        zip(a, b).reduce((0.0, 0.0)) { ($0.0 + Double($1.0) * Double($1.1), $0.1 + (Double($1.0) * Double($1.1)).magnitude) }
    }

    /// ⟨conv(x; V), y⟩ = ⟨V, ∂⟨conv(x; W), y⟩/∂W⟩ for every V: a convolution is linear in its filters.
    @Test func filtersAreAdjoint() throws {
        var random = RandomNetwork(seed: 43)
        var tested = 0
        for (index, test) in ConvolutionCase.all.enumerated() where test.outputExtents != nil {
            var builder = NetworkBuilder()
            let input = builder.input("x", shape: test.input)
            let shape = [test.outputs, test.input[0] / test.groups] + test.kernel
            let layer = Convolution(
                weight: "w", bias: "b", strides: test.strides, padding: test.padding, dilations: test.dilations, groups: test.groups)
            let output = builder.append("c", .convolution(layer), input)
            func network(_ weight: Parameter, _ bias: Parameter) throws -> Network {
                try builder.network(outputs: [output], parameters: ["w": weight, "b": bias])
            }
            let x = random.batch(3, test.input)
            let (other, shift) = (random.random(shape), random.random([test.outputs]))
            let forward = try network(other, shift).forward(x).observed[0]
            let y = random.random(forward.shape).values
            let size = forward.sampleSize
            let gradient = try WeightGradient(
                network(random.random(shape), random.random([test.outputs])), observing: [output], parameters: ["w", "b"])
            let slopes = try gradient.gradient(at: [x]) { sample, _, slopes in
                for i in 0..<size { slopes[0][i] = y[sample * size + i] }
                return 1
            }
            #expect(slopes.loss == 3)
            let (left, scale) = dot(forward.values, y)
            let (right, otherScale) = dot(other.values + shift.values, slopes.gradient)
            let terms = Double(3 * size)
            #expect(
                (left - right).magnitude <= 4 * terms.squareRoot() * Double(Float.ulpOfOne) * (scale + otherScale), "case \(index): \(test)"
            )
            tested += 1
        }
        #expect(tested > 100)
    }

    /// An image network with every layer that has a derivative, and trained tensors of every kind.
    static func everything(_ random: inout RandomNetwork) throws -> Network {
        let x = random.input([4, 11, 9])
        var h = try random.convolution("c1", x, 8, stride: 2, bias: false)
        h = try random.batchNormalization("b1", h)
        h = try random.relu("r1", h)
        let side = try random.convolution("c2", h, 8, groups: 4)
        let gelu = try random.apply("g", .activation(.gelu(approximateTanh: false)), side)
        h = try random.apply("a", .add, gelu, h)
        h = try random.normalization("group", h, kind: .group(4), axis: 1, count: 8)
        h = try random.apply("hs", .activation(.hardSwish), h)
        h = try random.convolution("dw", h, 8, groups: 8)
        h = try random.normalization("instance", h, kind: .instance, axis: 1, count: 8)
        h = try random.apply("r2", .activation(.leakyReLU(slope: 0.1)), h)
        let parts = try random.split("s", axis: 1, sizes: [3, 5], h)
        let pooled = try random.apply(
            "p1", .pooling(Pooling(kind: .maximum, window: [2, 2], strides: [1, 1], padding: [0, 0, 0, 0])), parts[0])
        let mean = try random.apply(
            "p2", .pooling(Pooling(kind: .average(countsPadding: false), window: [2, 2], strides: [1, 1], padding: [0, 0, 0, 0])), parts[1])
        h = try random.apply("cat", .concatenation(axis: 1), pooled, mean)
        let gate = try random.apply("gap", .globalAveragePooling(keepsSpatialAxes: true), h)
        h = try random.apply("mul", .multiply, h, try random.apply("sig", .activation(.sigmoid), gate))
        h = try random.apply("layer-scale", .multiply, h, random.constant("gamma", shape: [8, 1, 1]))
        h = try random.apply("position", .add, h, random.constant("embedding", shape: random.shapes[h]!))
        h = try random.apply("pad", .padding(before: [0, 0, 1, 0], after: [0, 0, 0, 2], value: 0), h)
        h = try random.apply(
            "slice", .slice([SliceRange(), SliceRange(start: 1), SliceRange(), SliceRange(start: 0, end: .max, step: 2)]), h)
        h = try random.apply("t", .transpose(permutation: [0, 2, 1, 3]), h)
        h = try random.batchNormalization("b2", h)
        h = try random.apply("tanh", .activation(.tanh), h)
        h = try random.apply("flat", .flatten(axis: 1), h)
        h = try random.linear("l1", h, 24)
        h = try random.apply("silu", .activation(.silu), h)
        h = try random.apply("tokens", .reshape(shape: [-1, 3, 8]), h)
        h = try random.apply("class", .concatenation(axis: 1), h, random.constant("token", shape: [1, 8]))
        h = try random.normalization("ln", h, kind: .layer, axis: -1, count: 8)
        let q = try random.linear("q", h, 8)
        let k = try random.linear("k", h, 8, isTransposed: true)
        let v = try random.linear("v", h, 12)
        h = try random.apply("attention", .attention(heads: 2, scale: 0.5), q, k, v)
        h = try random.normalization("rms", h, kind: .rms, axis: -1, count: 12)
        h = try random.apply("flat2", .flatten(axis: 1), h)
        h = try random.linear("l2", h, 5, isTransposed: true)
        h = try random.apply("soft", .softmax(axis: 1), h)
        return try random.network(outputs: h)
    }

    @Test func gradientsAreDirectionalDerivatives() throws {
        var random = RandomNetwork(seed: 7)
        let network = try Self.everything(&random)
        let x = random.batch(3, [4, 11, 9])
        let weights = random.random([3, 5]).values
        let middle = network.nodes.first { $0.name == "mul" }!.outputs[0]
        let names = network.parameters.keys.filter { !$0.hasSuffix("running_var") }.sorted()
        let taps = [middle, network.outputs[0]]
        let gradient = try WeightGradient(network, observing: taps, parameters: names)
        let (loss, slopes) = try gradient.gradient(at: [x]) { sample, values, slopes in
            var total = 0.0
            for i in values[0].indices {
                total += Double(values[0][i]) * Double(values[0][i]) / 200
                slopes[0][i] = values[0][i] / 100
            }
            for i in 0..<5 {
                slopes[1][i] = weights[sample * 5 + i]
                total += Double(weights[sample * 5 + i]) * Double(values[1][i])
            }
            return total
        }
        func value(_ network: Network) throws -> Double {
            let seen = try network.forward(x, observing: taps).observed
            return seen[0].values.reduce(0) { $0 + Double($1) * Double($1) / 200 } + dot(seen[1].values, weights).sum
        }
        #expect((loss - (try value(network))).magnitude <= 1e-5 * loss.magnitude)
        var changed = 0
        for name in names {
            let tensor = try #require(network.parameters[name])
            let direction = random.random([tensor.values.count]).values
            let slope = dot(Array(slopes[gradient.ranges[name]!]), direction).sum
            func moved(_ step: Float) throws -> Double {
                var network = network
                network.parameters[name] = Parameter(shape: tensor.shape, values: zip(tensor.values, direction).map { $0 + step * $1 })
                return try value(network)
            }
            // Central differences at a step that balances Float32 rounding against curvature and kinks.
            let step: Float = 3e-4
            let difference = (try moved(step) - moved(-step)) / Double(2 * step)
            #expect(
                (slope - difference).magnitude <= 0.03 * Swift.max(difference.magnitude, 0.05), "\(name): \(slope) against \(difference)")
            if difference.magnitude > 0.01 { changed += 1 }
        }
        #expect(changed > names.count / 2)
    }

    @Test func inputsOfEveryLayerHaveGradients() throws {
        var random = RandomNetwork(seed: 17)
        let network = try Self.everything(&random)
        let x = random.batch(2, [4, 11, 9])
        let (direction, weights) = (random.random(x.shape).values, random.random([2, 5], scale: 10).values)
        let gradient = try InputGradient(network).gradient(
            at: x, outputSeed: { sample, _, gradient in for i in 0..<5 { gradient[i] = weights[sample * 5 + i] } })
        func value(_ step: Float) throws -> Double {
            let moved = ActivationTensor(shape: x.shape, values: zip(x.values, direction).map { $0 + step * $1 })
            return dot(try network.forward(moved).observed[0].values, weights).sum
        }
        let step: Float = 1e-3
        let difference = (try value(step) - value(-step)) / Double(2 * step)
        let slope = dot(gradient.values, direction).sum
        #expect((slope - difference).magnitude <= 0.03 * Swift.max(difference.magnitude, 0.1), "\(slope) against \(difference)")
    }

    /// The same bits for any number of threads; new values are those of a network that has them.
    @Test func threadsChangeNothing() throws {
        var random = RandomNetwork(seed: 3)
        let network = try Self.everything(&random)
        let x = random.batch(37, [4, 11, 9])
        let names = ["c1.weight", "l1.weight", "l1.bias", "b1.bias"]
        var gradient = try WeightGradient(network, observing: network.outputs, parameters: names)
        func slopes(_ threads: Int, _ gradient: WeightGradient) throws -> [Float] {
            try gradient.gradient(at: [x], threads: threads) { _, values, slopes in
                for i in 0..<5 { slopes[0][i] = values[0][i] - 0.2 }
                return 0
            }.gradient
        }
        let one = try slopes(1, gradient)
        #expect(one == (try slopes(2, gradient)))
        #expect(one == (try slopes(5, gradient)))
        let moved = zip(gradient.values, one).map { $0 - 0.1 * $1 }
        // Values stay where plans are given back, and the next ones are prepared as ever.
        let before = gradient.values
        gradient.discardPlan()
        #expect(gradient.values == before)
        try gradient.set(moved)
        #expect(gradient.values == moved)
        var other = network
        for name in names {
            other.parameters[name] = Parameter(shape: network.parameters[name]!.shape, values: Array(moved[gradient.ranges[name]!]))
        }
        #expect(
            try slopes(2, gradient) == slopes(2, WeightGradient(other, observing: other.outputs, parameters: names)))
    }

    /// What the loss reads may be out of reach of the tensors, and tensors out of reach of the loss.
    @Test func unreachedIsZero() throws {
        var random = RandomNetwork(seed: 9)
        let x = random.input([3])
        let first = try random.linear("l1", x, 4)
        let second = try random.linear("l2", try random.relu("r", first), 2)
        let network = try random.network(outputs: second)
        let gradient = try WeightGradient(network, observing: [first, second], parameters: ["l2.weight"])
        let batch = random.batch(4, [3])
        let slopes = try gradient.gradient(at: [batch]) { _, _, slopes in
            for i in slopes[0].indices { slopes[0][i] = 1e6 }
            return 0
        }
        #expect(slopes.gradient.allSatisfy { $0 == 0 })
        let early = try WeightGradient(network, observing: [first], parameters: ["l1.bias", "l1.bias"])
        #expect(early.parameters == ["l1.bias"])
        #expect(
            try early.gradient(at: [batch]) { _, _, slopes in
                for i in slopes[0].indices { slopes[0][i] = 1 }
                return 0
            }.gradient == [4, 4, 4, 4])
        #expect(throws: NetworkError.self) { _ = try WeightGradient(network, observing: [first], parameters: ["nothing"]) }
        #expect(throws: NetworkError.self) {
            _ = try early.gradient(at: [ActivationTensor(shape: [2, 4], values: [Float](repeating: 0, count: 8))]) { _, _, _ in 0 }
        }
        #expect(try early.gradient(at: [ActivationTensor(shape: [0, 3], values: [])]) { _, _, _ in 1 }.loss == 0)
    }

    @Test func whatHasNoDerivativeIsNamed() throws {
        var random = RandomNetwork(seed: 5)
        let x = random.input([6])
        let strange = try random.apply("odd", .barrier(operation: "Erf2"), x)
        var built = try random.network(outputs: strange)
        built.values[strange].shape = [6]
        let network = built
        #expect {
            _ = try WeightGradient(network, observing: [strange], parameters: [])
        } throws: { "\($0)".contains("odd") }
    }
}
