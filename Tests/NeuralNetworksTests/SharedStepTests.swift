// Threads that share the steps of one image: the same bits as one thread, whatever step it is.

import NeuralNetworks
import TestSupport
import Testing

@Suite struct SharedStepTests {
    /// One layer, or a few, large enough that their work is shared.
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let shape: [Int]
        let make: @Sendable (inout RandomNetwork, Int) throws -> Int

        static let all: [Case] = [
            Case(testDescription: "filters of few positions", shape: [160, 9, 9]) { net, x in
                try net.relu("relu", try net.convolution("c", x, 203, kernel: [1, 1]))
            },
            Case(testDescription: "filters of a 3 × 3 convolution with a residual", shape: [96, 13, 13]) { net, x in
                try net.apply("add", .add, try net.convolution("a", x, 96), try net.convolution("b", x, 96))
            },
            Case(testDescription: "blocks of rows, strided", shape: [24, 70, 66]) { net, x in try net.convolution("c", x, 40, stride: 2) },
            Case(testDescription: "groups", shape: [96, 14, 14]) { net, x in
                let value = try net.convolution("c", x, 144, groups: 3)
                return try net.apply("swish", .activation(.hardSwish), try net.convolution("d", value, 144, kernel: [1, 1], groups: 6))
            },
            Case(testDescription: "planes", shape: [100, 40, 40]) { net, x in
                try net.apply("gelu", .activation(.gelu(approximateTanh: false)), try net.convolution("c", x, 100, groups: 100))
            },
            Case(testDescription: "sums and products that broadcast", shape: [24, 80, 80]) { net, x in
                net.parameters["one"] = net.random([1])
                net.parameters["each"] = net.random([24, 1, 1])
                let (one, each) = (try net.apply("one", .constant(parameter: "one")), try net.apply("each", .constant(parameter: "each")))
                var value = try net.apply("scale", .multiply, x, one)
                value = try net.apply("shift", .add, one, value)
                value = try net.relu("relu", try net.apply("channels", .multiply, value, each))
                let gate = try net.apply("mean", .globalAveragePooling(keepsSpatialAxes: true), value)
                value = try net.apply("gate", .multiply, value, gate)
                return try net.apply("rest", .elementwise(.subtract), try net.apply("three", .add, value, x, each), gate)
            },
            Case(testDescription: "activations, affine maps, pooling", shape: [24, 81, 79]) { net, x in
                var value = try net.apply("sigmoid", .activation(.sigmoid), x)
                value = try net.batchNormalization("norm", value)
                let pooling = Pooling(kind: .average(countsPadding: true), window: [3, 3], strides: [2, 2], padding: [1, 1, 1, 1])
                return try net.apply("pool", .pooling(pooling), value)
            },
            Case(testDescription: "resizing", shape: [24, 40, 40]) { net, x in
                let nearest = (0..<80).map { $0 / 2 }
                var value = x
                for axis in [2, 3] {
                    let layer = Interpolation(axis: axis, positions: nearest, weights: nearest.map { _ in 1 }, tapCount: 1)
                    value = try net.apply("nearest\(axis)", .interpolation(layer), value)
                }
                let taps: [Int] = (0..<200).map { tap in tap / 2 * 79 / 100 + tap % 2 }
                let layer = Interpolation(axis: 3, positions: taps, weights: taps.indices.map { Float($0 % 7) / 7 }, tapCount: 2)
                return try net.apply("linear", .interpolation(layer), value)
            },
            Case(testDescription: "transposed convolution", shape: [32, 40, 40]) { net, x in
                net.parameters["w"] = net.random([32, 12, 3, 3])
                net.parameters["b"] = net.random([24])
                let layer = ConvolutionTranspose(
                    weight: "w", bias: "b", strides: [2, 2], padding: [1, 1, 0, 1], outputPadding: [1, 0], dilations: [1, 1], groups: 2)
                return try net.apply("t", .convolutionTranspose(layer), x)
            },
        ]
    }

    @Test(arguments: Case.all) func threadsChangeNoBit(_ example: Case) throws {
        var net = RandomNetwork(seed: 41)
        let input = net.input(example.shape)
        let output = try example.make(&net, input)
        let evaluator = try Evaluator(try net.network(outputs: output))
        let batch = net.batch(3, example.shape)
        let expected = try evaluator.forward(batch, threads: 1).observed[0]
        for threads in [2, 3, 4] {
            for samples in [0..<1, 1..<3, 0..<3] {
                let found = try evaluator.forward([batch], samples: samples, threads: threads).observed[0]
                #expect(found == expected.samples(samples), "\(threads) threads, samples \(samples)")
            }
        }
    }

    @Test func transposedConvolutionAgreesWithLoops() throws {
        for (stride, dilation, pads, kernel) in [
            (1, 1, [0, 0, 0, 0], 3), (2, 1, [1, 0, 2, 1], 3), (3, 1, [0, 1, 0, 0], 2), (2, 3, [4, 5, 3, 6], 3),
        ] {
            var net = RandomNetwork(seed: 42)
            let input = net.input([4, 5, 6])
            net.parameters["w"] = net.random([4, 3, kernel, kernel])
            net.parameters["b"] = net.random([6])
            let value = try net.apply(
                "t",
                .convolutionTranspose(
                    ConvolutionTranspose(
                        weight: "w", bias: "b", strides: [stride, stride], padding: pads, outputPadding: [0, 0],
                        dilations: [dilation, dilation], groups: 2)), input)
            let batch = net.batch(2, [4, 5, 6])
            let found = try net.network(outputs: value).forward(batch).observed[0]
            let (w, b) = (net.parameters["w"]!.values, net.parameters["b"]!.values)
            let (height, width) = (found.shape[2], found.shape[3])
            var expected = [Float](repeating: 0, count: found.values.count)
            for image in 0..<2 {
                for output in 0..<6 {
                    let plane = (image * 6 + output) * height * width
                    for place in plane..<plane + height * width { expected[place] = b[output] }
                    for input in output / 3 * 2..<output / 3 * 2 + 2 {
                        for place in 0..<30 {
                            for tap in 0..<kernel * kernel {
                                let y = place / 6 * stride + tap / kernel * dilation - pads[0]
                                let x = place % 6 * stride + tap % kernel * dilation - pads[1]
                                guard 0..<height ~= y, 0..<width ~= x else { continue }
                                expected[plane + y * width + x] +=
                                    batch.values[(image * 4 + input) * 30 + place] * w[(input * 3 + output % 3) * kernel * kernel + tap]
                            }
                        }
                    }
                }
            }
            #expect(relativeDifference(expected, found.values) <= 64 * Float.ulpOfOne)
        }
    }
}
