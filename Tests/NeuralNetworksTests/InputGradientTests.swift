// Adjoints against inner products, gradients against differences.

import NeuralNetworks
import TestSupport
import Testing

@Suite struct InputGradientTests {
    /// ⟨A·x, y⟩ = ⟨x, Aᵀ·y⟩ for every path of the kernel.
    @Test func transposedConvolutionsAreAdjoint() throws {
        var random = RandomNetwork(seed: 41)
        var tested = 0
        for (index, test) in ConvolutionCase.all.enumerated() where test.outputExtents != nil {
            var builder = NetworkBuilder()
            let input = builder.input("x", shape: test.input)
            let weight = random.random([test.outputs, test.input[0] / test.groups] + test.kernel)
            let output = builder.append(
                "c",
                .convolution(
                    Convolution(
                        weight: "w", bias: nil, strides: test.strides, padding: test.padding, dilations: test.dilations,
                        groups: test.groups)), input)
            let network = try builder.network(outputs: [output], parameters: ["w": weight])
            let x = random.batch(2, test.input)
            let forward = try network.forward(x).observed[0]
            let y = random.random(forward.shape).values
            let size = forward.sampleSize
            let transposed = try InputGradient(network).gradient(
                at: x,
                outputSeed: { sample, _, gradient in
                    for i in 0..<size { gradient[i] = y[sample * size + i] }
                })
            func dot(_ a: [Float], _ b: [Float]) -> (Double, Double) {
                zip(a, b).reduce((0.0, 0.0)) { ($0.0 + Double($1.0) * Double($1.1), $0.1 + (Double($1.0) * Double($1.1)).magnitude) }
            }
            let (left, scale) = dot(forward.values, y)
            let (right, otherScale) = dot(x.values, transposed.values)
            let terms = Double(weight.values.count / test.outputs)
            #expect(
                (left - right).magnitude <= 4 * terms.squareRoot() * Double(Float.ulpOfOne) * (scale + otherScale), "case \(index): \(test)"
            )
            tested += 1
        }
        #expect(tested > 100)
    }

    /// A graph with every differentiable layer.
    private func everything(_ random: inout RandomNetwork) throws -> Network {
        let x = random.input([4, 11, 9])
        var h = try random.convolution("c1", x, 8, stride: 2)
        h = try random.batchNormalization("b1", h)
        h = try random.relu("r1", h)
        let side = try random.convolution("c2", h, 8, groups: 4)
        let gelu = try random.apply("g", .activation(.gelu(approximateTanh: false)), side)
        h = try random.apply("a", .add, gelu, h)
        h = try random.apply("r2", .activation(.leakyReLU(slope: 0.1)), h)
        let parts = try random.split("s", axis: 1, sizes: [3, 5], h)
        let pooled = try random.apply(
            "p1", .pooling(Pooling(kind: .maximum, window: [2, 2], strides: [1, 1], padding: [0, 0, 0, 0])), parts[0])
        let mean = try random.apply(
            "p2", .pooling(Pooling(kind: .average(countsPadding: false), window: [2, 2], strides: [1, 1], padding: [0, 0, 0, 0])), parts[1])
        h = try random.apply("cat", .concatenation(axis: 1), pooled, mean)
        let gate = try random.apply("gap", .globalAveragePooling(keepsSpatialAxes: true), h)
        h = try random.apply("mul", .multiply, h, try random.apply("sig", .activation(.sigmoid), gate))
        h = try random.apply("pad", .padding(before: [0, 0, 1, 0], after: [0, 0, 0, 2], value: 0), h)
        h = try random.apply(
            "slice", .slice([SliceRange(), SliceRange(start: 1), SliceRange(), SliceRange(start: 0, end: .max, step: 2)]), h)
        h = try random.apply("t", .transpose(permutation: [0, 2, 1, 3]), h)
        h = try random.batchNormalization("b2", h)
        h = try random.apply("tanh", .activation(.tanh), h)
        h = try random.apply("flat", .flatten(axis: 1), h)
        h = try random.linear("l1", h, 12)
        h = try random.apply("silu", .activation(.silu), h)
        h = try random.linear("l2", h, 5, isTransposed: true)
        h = try random.apply("soft", .softmax(axis: 1), h)
        return try random.network(outputs: h)
    }

    /// L = Σ weightᵢ·outputᵢ + Σ (offset·x + slope·x²/2) over what batch normalizations read.
    @Test func gradientsAreDirectionalDerivatives() throws {
        var random = RandomNetwork(seed: 7)
        let network = try everything(&random)
        let x = random.batch(3, [4, 11, 9])
        let direction = random.random(x.shape).values
        let weights = random.random([3, 5]).values
        let normalizations = network.nodes.indices.filter { network.nodes[$0].layer.isBatchNormalization }
        #expect(normalizations.count == 2)
        var seeds: [Int: InputGradient.NormalizationSeed] = [:]
        for node in normalizations {
            let channels = network.values[network.nodes[node].inputs[0]].shape![0]
            seeds[node] = .init(
                offset: random.random([channels], scale: 0.01).values, slope: random.random([channels], scale: 0.01).values)
        }
        func loss(_ values: [Float]) throws -> Double {
            let taps = normalizations.map { network.nodes[$0].inputs[0] } + network.outputs
            let seen = try network.forward(ActivationTensor(shape: x.shape, values: values), observing: taps).observed
            var total = 0.0
            for (node, tensor) in zip(normalizations, seen) {
                let channels = tensor.shape[1]
                let positions = tensor.values.count / 3 / channels
                for (i, value) in tensor.values.enumerated() {
                    let c = i / positions % channels
                    let v = Double(value)
                    total += Double(seeds[node]!.offset[c]) * v + Double(seeds[node]!.slope[c]) * v * v / 2
                }
            }
            for (w, z) in zip(weights, seen.last!.values) { total += Double(w) * Double(z) }
            return total
        }
        let gradient = try InputGradient(network).gradient(
            at: x, normalizationSeeds: seeds,
            outputSeed: { sample, _, gradient in for i in 0..<5 { gradient[i] = weights[sample * 5 + i] } })
        let slope = zip(gradient.values, direction).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        // Central differences at a step that balances Float32 rounding against the kinks it crosses.
        let step: Float = 1e-3
        let difference =
            (try loss(zip(x.values, direction).map { $0 + step * $1 }) - loss(zip(x.values, direction).map { $0 - step * $1 }))
            / Double(2 * step)
        #expect((slope - difference).magnitude <= 0.02 * Swift.max(difference.magnitude, 0.1), "\(slope) against \(difference)")
    }

    @Test func statisticsAreThoseOfTheBatchAndDoNotDependOnThreads() throws {
        var random = RandomNetwork(seed: 3)
        let network = try everything(&random)
        let x = random.batch(37, [4, 11, 9])
        let gradient = try InputGradient(network)
        let one = try gradient.normalizationStatistics(of: x, threads: 1)
        #expect(one == (try gradient.normalizationStatistics(of: x, threads: 2)))
        for (node, statistics) in one {
            let tensor = try network.forward(x, observing: [network.nodes[node].inputs[0]]).observed[0]
            let channels = tensor.shape[1]
            let positions = tensor.values.count / 37 / channels
            for c in 0..<channels {
                let values = tensor.values.indices.filter { $0 / positions % channels == c }.map { Double(tensor.values[$0]) }
                let mean = values.reduce(0, +) / Double(values.count)
                let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
                #expect((Double(statistics.mean[c]) - mean).magnitude <= 1e-5 * (1 + mean.magnitude))
                #expect((Double(statistics.variance[c]) - variance).magnitude <= 1e-4 * (variance + 1e-3))
            }
        }
    }

    @Test func inputsMustFit() throws {
        #expect(throws: NetworkError.self) {
            var random = RandomNetwork(seed: 6)
            let input = random.input([3])
            let output = try random.linear("l", input, 2)
            let small = try random.network(outputs: output)
            _ = try InputGradient(small).gradient(at: ActivationTensor(shape: [2, 4], values: [Float](repeating: 0, count: 8)))
        }
    }
}
