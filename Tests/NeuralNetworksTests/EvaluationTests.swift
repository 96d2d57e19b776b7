// Kernels against plain loops.

import NeuralNetworks
import TestSupport
import Testing

struct ConvolutionCase: Sendable {
    var input: [Int]
    var outputs: Int
    var kernel: [Int]
    var strides: [Int]
    var padding: [Int]
    var dilations: [Int]
    var groups: Int

    /// Every path of the kernel: pointwise, depthwise, full and row-wise im2col; blocks of rows; odd shapes.
    static let all: [ConvolutionCase] = {
        var cases: [ConvolutionCase] = []
        for (channels, outputs, groups) in [(1, 1, 1), (3, 5, 1), (12, 7, 1), (32, 16, 1), (8, 8, 8), (8, 16, 8), (12, 6, 3), (24, 48, 2)] {
            for kernel in [[1, 1], [3, 3], [2, 5], [5, 1], [1, 4]] {
                for (stride, dilation, pad) in [(1, 1, 0), (1, 1, 1), (2, 1, 1), (3, 2, 3), (1, 3, 2)] {
                    cases.append(
                        .init(
                            input: [channels, 11, 13], outputs: outputs, kernel: kernel, strides: [stride, max(1, stride - 1)],
                            padding: [pad, max(0, pad - 1), max(0, pad - 1), pad], dilations: [dilation, 1], groups: groups))
                }
            }
            cases.append(
                .init(input: [channels, 29], outputs: outputs, kernel: [5], strides: [2], padding: [3, 1], dilations: [2], groups: groups))
        }
        // Several blocks of rows.
        cases.append(
            .init(
                input: [64, 40, 60], outputs: 9, kernel: [3, 3], strides: [1, 1], padding: [1, 1, 1, 1], dilations: [1, 1], groups: 1))
        cases.append(
            .init(
                input: [40, 61, 40], outputs: 9, kernel: [7, 7], strides: [2, 2], padding: [3, 3, 3, 3], dilations: [1, 1], groups: 1))
        cases.append(
            .init(input: [3, 90, 80], outputs: 9, kernel: [7, 7], strides: [2, 2], padding: [3, 3, 3, 3], dilations: [1, 1], groups: 1))
        cases.append(
            .init(
                input: [600, 12, 13], outputs: 9, kernel: [1, 1], strides: [1, 1], padding: [0, 0, 0, 0], dilations: [1, 1], groups: 1))
        // Winograd's tiles: several blocks and slices of filters, planes that end within a tile, margins that differ, groups.
        for (channels, outputs, side, groups) in [(24, 80, 50, 1), (100, 70, 16, 1), (36, 54, 13, 2)] {
            for padding in [[1, 1, 1, 1], [0, 2, 1, 0]] {
                cases.append(
                    .init(
                        input: [channels, side, side + 2], outputs: outputs, kernel: [3, 3], strides: [1, 1], padding: padding,
                        dilations: [1, 1], groups: groups))
            }
        }
        // Planes: filters whose sizes are known when compiled, blocks of rows, rows narrower and wider than vectors.
        for (kernel, stride) in [(3, 1), (3, 2), (5, 1), (5, 2)] {
            for (height, width) in [(7, 7), (40, 16), (19, 37), (6, 70)] {
                let pad = kernel / 2
                cases.append(
                    .init(
                        input: [3, height, width], outputs: 6, kernel: [kernel, kernel], strides: [stride, stride],
                        padding: [pad, pad, pad - 1, pad], dilations: [1, 1], groups: 3))
            }
        }
        return cases
    }()

    /// Output extents, or nil when the kernel does not fit.
    var outputExtents: [Int]? {
        let n = kernel.count
        let result = (0..<n).map { axis in
            let room = input[axis + 1] + padding[axis] + padding[axis + n] - dilations[axis] * (kernel[axis] - 1) - 1
            return room < 0 ? 0 : room / strides[axis] + 1
        }
        return result.contains(0) ? nil : result
    }

    func plain(_ x: [Float], _ w: [Float], _ b: [Float]) -> [Float] {
        let flat = kernel.count == 1
        let (h, width) = flat ? (1, input[1]) : (input[1], input[2])
        let (kh, kw) = flat ? (1, kernel[0]) : (kernel[0], kernel[1])
        let (sh, sw) = flat ? (1, strides[0]) : (strides[0], strides[1])
        let (dh, dw) = flat ? (1, dilations[0]) : (dilations[0], dilations[1])
        let (top, left) = flat ? (0, padding[0]) : (padding[0], padding[1])
        let out = outputExtents ?? []
        let (oh, ow) = flat ? (1, out[0]) : (out[0], out[1])
        let (ipg, opg) = (input[0] / groups, outputs / groups)
        var y: [Float] = []
        for image in 0..<x.count / (input[0] * h * width) {
            for o in 0..<outputs {
                for i in 0..<oh {
                    for j in 0..<ow {
                        var sum = Double(b[o])
                        for c in 0..<ipg {
                            for ky in 0..<kh {
                                for kx in 0..<kw {
                                    let (r, s) = (i * sh + ky * dh - top, j * sw + kx * dw - left)
                                    guard r >= 0, r < h, s >= 0, s < width else { continue }
                                    let channel = image * input[0] + o / opg * ipg + c
                                    sum += Double(x[(channel * h + r) * width + s]) * Double(w[((o * ipg + c) * kh + ky) * kw + kx])
                                }
                            }
                        }
                        y.append(Float(sum))
                    }
                }
            }
        }
        return y
    }
}

@Suite struct EvaluationTests {
    /// Those whose window fits.
    static let convolutions = ConvolutionCase.all.filter { $0.outputExtents != nil }

    @Test(arguments: convolutions) func convolutionAgreesWithLoops(example: ConvolutionCase) throws {
        let extents = try #require(example.outputExtents)
        var net = RandomNetwork(seed: 7)
        let input = net.input(example.input)
        net.parameters["w"] = net.random([example.outputs, example.input[0] / example.groups] + example.kernel)
        net.parameters["b"] = net.random([example.outputs])
        let value = try net.apply(
            "conv",
            .convolution(
                Convolution(
                    weight: "w", bias: "b", strides: example.strides, padding: example.padding, dilations: example.dilations,
                    groups: example.groups)), input)
        let network = try net.network(outputs: value)
        let batch = net.batch(2, example.input)
        let found = try network.forward(batch).observed[0]
        #expect(found.shape == [2, example.outputs] + extents)
        let expected = example.plain(batch.values, net.parameters["w"]!.values, net.parameters["b"]!.values)
        let terms = Float(net.parameters["w"]!.values.count / example.outputs + 1)
        #expect(relativeDifference(expected, found.values) <= 4 * terms * Float.ulpOfOne)
    }

    @Test func partsOfABatchAreThoseOfTheWhole() throws {
        var net = RandomNetwork(seed: 31)
        let input = net.input([3, 9, 9])
        net.parameters["w"] = net.random([4, 3, 3, 3])
        let middle = try net.apply(
            "conv",
            .convolution(Convolution(weight: "w", bias: nil, strides: [1, 1], padding: [1, 1, 1, 1], dilations: [1, 1])), input)
        let last = try net.apply("relu", .activation(.relu), middle)
        let network = try net.network(outputs: last)
        let batch = net.batch(11, [3, 9, 9])
        // The input itself is among what is observed.
        let evaluator = try Evaluator(network, observing: [input, middle] + network.outputs)
        let whole = try evaluator.forward(batch)
        for range in [0..<11, 0..<1, 3..<8, 10..<11, 4..<4] {
            for threads in [1, 2] {
                let part = try evaluator.forward([batch], samples: range, threads: threads)
                #expect(part.observed == whole.observed.map { $0.samples(range) })
            }
        }
    }

    /// Small planes of several images are put side by side; what an image gives must not depend on the others.
    @Test func imagesDoNotDependOnTheirBatch() throws {
        var net = RandomNetwork(seed: 33)
        var value = net.input([6, 7, 7])
        value = try net.relu("r1", try net.convolution("c1", value, 24, kernel: [1, 1]))
        value = try net.relu("r2", try net.convolution("c2", value, 19, padding: 1))
        value = try net.relu("r3", try net.convolution("c3", value, 40, kernel: [1, 1]))
        let evaluator = try Evaluator(try net.network(outputs: value))
        let batch = net.batch(37, [6, 7, 7])
        let whole = try evaluator.forward(batch, threads: 1).observed[0]
        for threads in [1, 2, 3] {
            for range in [0..<37, 5..<6, 16..<35] {
                #expect(try evaluator.forward([batch], samples: range, threads: threads).observed[0] == whole.samples(range))
            }
        }
    }

    /// Tiles of 3×3 convolutions make a third of the multiply–adds or less; other kernels make those of the definition.
    @Test func passesMakeFewerMultiplyAddsByTiles() throws {
        func work(_ kernel: Int, stride: Int, side: Int) throws -> Double {
            var net = RandomNetwork(seed: 35)
            let input = net.input([32, side, side])
            let value = try net.convolution("c", input, 32, kernel: [kernel, kernel], stride: stride, padding: kernel / 2)
            let network = try net.network(outputs: value).inferringShapes()
            return network.passMultiplyAdds / Double(try #require(network.cost.multiplyAdds))
        }
        #expect(try work(3, stride: 1, side: 24) < 0.37)
        #expect(try work(3, stride: 1, side: 24) > 0.25)
        for (kernel, stride, side) in [(1, 1, 24), (3, 2, 24), (5, 1, 24), (3, 1, 5)] {
            #expect(try work(kernel, stride: stride, side: side) == 1)
        }
    }

    @Test func poolingClipsItsWindows() throws {
        var net = RandomNetwork(seed: 8)
        let input = net.input([1, 2, 5])
        let image = ActivationTensor(shape: [1, 1, 2, 5], values: [1, -2, 3, 4, -5, -6, 7, -8, 9, 10])
        func pooled(_ name: String, _ kind: Pooling.Kind, padding: [Int], ceilMode: Bool) throws -> [Float] {
            let value = try net.apply(
                name, .pooling(Pooling(kind: kind, window: [2, 2], strides: [2, 2], padding: padding, ceilMode: ceilMode)), input)
            return try net.network(outputs: value).forward(image).observed[0].values
        }
        #expect(try pooled("a", .maximum, padding: [0, 0, 0, 0], ceilMode: false) == [7, 9])
        #expect(try pooled("b", .maximum, padding: [0, 0, 0, 0], ceilMode: true) == [7, 9, 10])
        #expect(try pooled("c", .average(countsPadding: false), padding: [0, 0, 0, 0], ceilMode: true) == [0, 2, 2.5])
        #expect(try pooled("d", .average(countsPadding: true), padding: [0, 0, 0, 0], ceilMode: true) == [0, 2, 2.5])
        #expect(
            try pooled("e", .average(countsPadding: true), padding: [1, 1, 1, 1], ceilMode: false) == [
                0.25, 0.25, -0.25, -1.5, -0.25, 4.75,
            ])
        #expect(try pooled("f", .average(countsPadding: false), padding: [1, 1, 1, 1], ceilMode: false) == [1, 0.5, -0.5, -6, -0.5, 9.5])
    }

    @Test func activationsAtKnownPoints() {
        let table: [(Activation, [Float])] = [
            (.identity, [-2, 0, 2]), (.relu, [0, 0, 2]), (.leakyReLU(slope: 0.1), [-0.2, 0, 2]), (.clippedReLU(maximum: 1), [0, 0, 1]),
            (.gelu(approximateTanh: false), [-0.04550026, 0, 1.9544997]), (.gelu(approximateTanh: true), [-0.04540231, 0, 1.9545977]),
            (.tanh, [-0.9640276, 0, 0.9640276]), (.sigmoid, [0.1192029, 0.5, 0.8807971]), (.silu, [-0.2384058, 0, 1.7615942]),
            (.hardSwish, [-0.33333334, 0, 1.6666666]), (.hardSigmoid, [0.16666667, 0.5, 0.8333333]), (.elu(alpha: 1), [-0.86466473, 0, 2]),
        ]
        for (activation, expected) in table {
            for (x, y) in zip([-2, 0, 2] as [Float], expected) { #expect((activation(x) - y).magnitude <= 4 * Float.ulpOfOne) }
        }
        #expect(Activation.sigmoid(-200) >= 0 && Activation.sigmoid(200) == 1)
    }

    @Test func layerNormalizationCentersAndScales() throws {
        var net = RandomNetwork(seed: 9)
        let input = net.input([2, 4])
        let value = try net.apply("ln", .normalization(Normalization(kind: .layer, axis: -1, scale: nil, shift: nil, epsilon: 0)), input)
        let result = try net.network(outputs: value).forward(ActivationTensor(shape: [1, 2, 4], values: [1, 1, 3, 3, 0, 0, 0, 4])).observed[
            0
        ].values
        let root = Float(3).squareRoot()
        let expected: [Float] = [-1, -1, 1, 1, -1 / root, -1 / root, -1 / root, root]
        #expect(relativeDifference(expected, result) <= 4 * Float.ulpOfOne)
    }

    /// Evaluations that overlap must not change each other's thread counts, and with them the order of the sums.
    @Test func concurrentEvaluationsGiveTheSameBits() async throws {
        var net = RandomNetwork(seed: 12)
        var value = net.input([3, 32, 32])
        for (index, channels) in [19, 37, 64].enumerated() {
            value = try net.relu("r\(index)", try net.convolution("c\(index)", value, channels, padding: 1))
        }
        let network = try net.network(outputs: value)
        let batch = net.batch(5, [3, 32, 32])
        let evaluator = try Evaluator(network)
        let alone = try evaluator.forward(batch, threads: 1).observed[0]
        try await withThrowingTaskGroup(of: ActivationTensor.self) { group in
            for task in 0..<24 { group.addTask { try evaluator.forward(batch, threads: 1 + task % 3).observed[0] } }
            for try await result in group { #expect(result == alone) }
        }
    }

    /// Threads take as many samples each, in rounds of several sizes, and share what is left.
    @Test func batchesThatDoNotGoRound() throws {
        var net = RandomNetwork(seed: 13)
        var value = net.input([3, 24, 24])
        for (index, channels) in [11, 32, 40].enumerated() {
            value = try net.relu("r\(index)", try net.convolution("c\(index)", value, channels, padding: 1))
        }
        let evaluator = try Evaluator(try net.network(outputs: value))
        let batch = net.batch(29, [3, 24, 24])
        let whole = try evaluator.forward(batch, threads: 1).observed[0]
        for count in Array(0...13) + [28, 29] {
            for threads in 2...4 {
                #expect(try evaluator.forward([batch], samples: 0..<count, threads: threads).observed[0] == whole.samples(0..<count))
            }
        }
    }

    @Test func refusesWrongBatches() throws {
        var net = RandomNetwork(seed: 11)
        let input = net.input([3, 4, 5])
        let value = try net.convolution("c", input, 2)
        let network = try net.network(outputs: value)
        let evaluator = try Evaluator(network)
        #expect(throws: NetworkError.wrongInputShape(node: "input0", expected: "samples of shape (3, 4, 5)", found: [4, 5, 3])) {
            try evaluator.forward(net.batch(1, [4, 5, 3]))
        }
        #expect(throws: NetworkError.self) { try evaluator.forward([]) }
        #expect(try evaluator.forward(ActivationTensor(shape: [0, 3, 4, 5], values: [])).observed[0].shape == [0, 2, 4, 5])
        // Missing axes of extent 1 are fine, and so is another size of image for a fully convolutional network.
        #expect(try evaluator.forward(net.batch(2, [3, 1, 4, 5])).observed[0].shape == [2, 2, 4, 5])
        #expect(try Evaluator(network, inputShapes: [[3, 9, 9]]).forward(net.batch(2, [3, 9, 9])).observed[0].shape == [2, 2, 9, 9])
    }
}
