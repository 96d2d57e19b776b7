// Sliced equals masked through the layers that are not linear layers, convolutions or sums.

import NeuralNetworks
import TestSupport
import Testing

@Suite struct OperatorSurgeryTests {
    @Test func transposedConvolutionsAreCutOnBothSides() throws {
        for groups in [1, 2] {
            var net = RandomNetwork(seed: 101)
            var value = try net.convolution("a", net.input([3, 5, 4]), 8)
            net.parameters["up.weight"] = net.random([8, 6 / groups, 3, 3], scale: 0.3)
            net.parameters["up.bias"] = net.random([6])
            value = try net.apply(
                "up",
                .convolutionTranspose(
                    ConvolutionTranspose(
                        weight: "up.weight", bias: "up.bias", strides: [2, 2], padding: [1, 1, 1, 1], outputPadding: [1, 1],
                        dilations: [1, 1], groups: groups)), value)
            #expect(net.shapes[value] == [6, 10, 8])
            value = try net.convolution("b", try net.relu("relu", value), 4)
            let found = try expectSlicedEqualsMasked(net.network(outputs: value), &net)
            #expect(found.map(\.count) == [8 / groups, 6 / groups, 4])
            #expect(found.prefix(2).allSatisfy { $0.barrier == nil })
        }
    }

    @Test func blocksOfSpaceTakeBlocksOfChannels() throws {
        for isColumnMajor in [false, true] {
            var net = RandomNetwork(seed: 102)
            var value = try net.convolution("a", net.input([3, 4, 6]), 12)
            value = try net.apply("shuffle", .depthToSpace(block: 2, isColumnMajor: isColumnMajor), value)
            #expect(net.shapes[value] == [3, 8, 12])
            value = try net.apply("fold", .spaceToDepth(block: 2), try net.convolution("b", value, 5))
            #expect(net.shapes[value] == [20, 4, 6])
            value = try net.convolution("c", value, 4)
            let found = try expectSlicedEqualsMasked(net.network(outputs: value), &net)
            #expect(found.map(\.count) == [3, 5, 4])
        }
    }

    @Test(arguments: [Recurrent.Kind.lstm, .gru(resetsAfterProduct: false), .gru(resetsAfterProduct: true), .elman])
    func hiddenUnitsAreCutInAllGates(_ kind: Recurrent.Kind) throws {
        for direction in [Recurrent.Direction.forward, .backward, .both] {
            var net = RandomNetwork(seed: 103)
            let (n, rows) = (direction.count, kind.gates * 6)
            var value = try net.linear("embed", net.input([5, 4]), 7)
            net.parameters["w"] = net.random([n, rows, 7], scale: 0.4)
            net.parameters["r"] = net.random([n, rows, 6], scale: 0.4)
            net.parameters["b"] = net.random([n, 2 * rows], scale: 0.2)
            value = try net.apply(
                "cell", .recurrent(Recurrent(kind: kind, direction: direction, hidden: 6, weight: "w", recurrence: "r", bias: "b")), value)
            #expect(net.shapes[value] == [5, n, 6])
            value = try net.apply("join", .reshape(shape: [0, 5, n * 6]), value)
            value = try net.linear("head", value, 3)
            let found = try expectSlicedEqualsMasked(net.network(outputs: value), &net)
            #expect(found.map(\.id) == ["embed", "cell", "head"] && found.map(\.count) == [7, 6, 3])
            #expect(found[1].barrier == nil)
        }
    }

    /// softmax(q·kᵀ)·v in separate products, with heads as an axis: whole heads go, whatever lies between.
    @Test func headsStayTogetherThroughProducts() throws {
        for sharedKeys in [false, true] {
            var net = RandomNetwork(seed: 104)
            let input = net.input([5, 8])
            let keyHeads = sharedKeys ? 2 : 4
            func heads(_ net: inout RandomNetwork, _ name: String, _ count: Int) throws -> Int {
                let value = try net.linear(name, input, count * 3)
                let split = try net.apply(name + ".split", .reshape(shape: [0, 5, count, 3]), value)
                return try net.apply(name + ".turn", .transpose(permutation: [0, 2, 1, 3]), split)
            }
            func repeated(_ net: inout RandomNetwork, _ name: String, _ value: Int) throws -> Int {
                guard sharedKeys else { return value }
                return try net.apply(name + ".repeat", .gather(axis: 1, indices: [0, 0, 1, 1]), value)
            }
            var q = try heads(&net, "q", 4)
            // Rotary positions: halves of a head change places.
            let turned = try net.apply("rotate", .gather(axis: 3, indices: [2, 0, 1]), q)
            let sines = net.constant("sines", shape: [5, 3])
            q = try net.apply("rotary", .add, q, try net.apply("sine", .multiply, turned, sines))
            let k = try repeated(&net, "k", try heads(&net, "k", keyHeads))
            let v = try repeated(&net, "v", try heads(&net, "v", keyHeads))
            var scores = try net.apply("scores", .matrixProduct, q, try net.apply("k.t", .transpose(permutation: [0, 1, 3, 2]), k))
            let bias = net.constant("bias", shape: [1, 4, 5, 5])
            scores = try net.apply("softmax", .softmax(axis: 3), try net.apply("biased", .add, scores, bias))
            var value = try net.apply("context", .matrixProduct, scores, v)
            value = try net.apply("turn", .transpose(permutation: [0, 2, 1, 3]), value)
            value = try net.linear("out", try net.apply("join", .reshape(shape: [0, 5, 12]), value), 4)
            let found = try expectSlicedEqualsMasked(net.network(outputs: value), &net)
            #expect(found.map(\.id) == ["q", "out"])
            #expect(found[0].count == keyHeads && found[0].isInner && found[0].barrier == nil)
        }
    }

    @Test func channelsArePickedRepeatedAndBroadcast() throws {
        var net = RandomNetwork(seed: 105)
        var value = try net.convolution("a", net.input([2, 4, 4]), 6)
        value = try net.apply("pick", .gather(axis: 1, indices: [5, 0, 3, 3]), value)
        let slope = net.constant("slope", shape: [4, 1, 1])
        value = try net.apply("prelu", .elementwise(.parametricReLU), value, slope)
        let gate = try net.apply("mean", .reduction(Reduction(kind: .maximum, axes: [2, 3], keepsAxes: true)), value)
        value = try net.apply("gated", .elementwise(.subtract), value, gate)
        value = try net.convolution("b", value, 3)
        let found = try expectSlicedEqualsMasked(net.network(outputs: value), &net)
        #expect(found.reduce(0) { $0 + $1.count } == 6 + 3)
        #expect(found.allSatisfy { $0.barrier == nil || $0.id == "b" })
    }

    @Test func tablesAreCutByTheirColumns() throws {
        var net = RandomNetwork(seed: 106)
        let indices = net.input([5])
        net.parameters["table"] = net.random([9, 8])
        var value = try net.apply("embed", .embedding(weight: "table"), indices)
        value = try net.linear("head", value, 3)
        let network = try net.network(outputs: value)
        let group = try #require(try network.channelGroups().first)
        #expect(group.id == "embed" && group.count == 8 && group.isPrunable)
        let input = ActivationTensor(shape: [1, 5], values: [0, 8, 3, 3, 1])
        let kept = ["embed": [1, 2, 6]]
        let (a, b) = (try network.keeping(kept).output(input), try network.masking(kept).output(input))
        #expect(relativeDifference(a.values, b.values) < 1e-6)
    }

    @Test func reducingChannelsKeepsThemWhole() throws {
        var net = RandomNetwork(seed: 107)
        var value = try net.convolution("a", net.input([2, 4, 4]), 6)
        value = try net.apply("most", .reduction(Reduction(kind: .maximum, axes: [1], keepsAxes: true)), value)
        value = try net.convolution("b", value, 3)
        let groups = try net.network(outputs: value).channelGroups()
        #expect(groups[0].barrier == "node most (ReduceMax) takes one number over all channels")
        #expect(groups[0].barrierNode == 1)
    }
}

@Suite struct EvaluabilityTests {
    @Test func anUnknownOperationBlocksWhatDependsOnItAndNothingElse() throws {
        var net = RandomNetwork(seed: 108)
        let input = net.input([6])
        let before = try net.linear("before", input, 8)
        let strange = net.builder.append("strange", .barrier(operation: "Custom.Op"), before)
        let behind = net.builder.append("behind", .activation(.relu), strange)
        let beside = try net.linear("beside", before, 4)
        let network = try net.network(outputs: behind, beside)
        let evaluability = network.evaluability()
        #expect(evaluability.isComputable(before) && evaluability.isComputable(beside))
        #expect(evaluability.obstacle(of: behind) == .init(node: 1, name: "strange", operation: "Custom.Op"))
        #expect(evaluability.blockingNodes.map(\.name) == ["strange"])
        #expect(!evaluability.isComplete)
        // What can be computed can be observed, though the network as a whole cannot be evaluated.
        #expect(throws: NetworkError.self) { try Evaluator(network) }
        let found = try Evaluator(network, observing: [before, beside]).forward(net.batch(2, [6]))
        #expect(found[beside]?.shape == [2, 4])
        // It can be compared at what the unknown node reads, beside the output that can be computed.
        let ending = network.endingWhereComputable()
        #expect(ending.outputs == [beside, before] && ending.comparableOutputs == ending.outputs)
        #expect(ending.endingWhereComputable().outputs == ending.outputs)
        // Given the value behind it, the rest can be computed.
        #expect(network.evaluability(from: [input, strange]).isComputable(strange))
    }

    @Test func unknownShapesAreObstaclesToo() throws {
        let parameters = ["w": Parameter(shape: [2, 3], values: [1, 2, 3, 4, 5, 6])]
        var builder = NetworkBuilder()
        let input = builder.input("x", shape: nil)
        let value = builder.append("fc", .linear(Linear(weight: "w", bias: nil)), input)
        let network = try builder.network(outputs: [value], parameters: parameters)
        #expect(network.evaluability().obstacle(of: value)?.name == "x")
        #expect(network.evaluability(inputShapes: [[3]]).isComplete)
    }
}

@Suite struct ScalarFunctionTests {
    /// Derivatives against central differences, away from kinks.
    @Test func derivativesAreThoseOfTheFunctions() {
        let functions: [ScalarFunction] = [
            .absolute, .negation, .exponential, .errorFunction, .softplus, .softsign, .mish, .sine, .cosine, .tangent, .arctangent,
            .hyperbolicSine, .hyperbolicCosine, .inverseHyperbolicSine, .celu(alpha: 0.7), .selu(alpha: 1.6, gamma: 1.05),
            .thresholdedReLU(alpha: 0.3), .hardSigmoid(slope: 0.2, offset: 0.5), .clip(minimum: -1, maximum: 0.6), .swish(beta: 1.7),
            .shrink(lambda: 0.2, bias: 0.1), .power(exponent: 3),
        ]
        for function in functions {
            for z in [-1.31, -0.77, -0.11, 0.13, 0.47, 1.21] {
                let h = 1e-5
                let slope = (function.value(z + h) - function.value(z - h)) / (2 * h)
                #expect(abs(slope - function.derivative(z)) < 1e-6 * max(1, abs(slope)), "\(function) at \(z)")
            }
        }
        for function in [ScalarFunction.logarithm, .squareRoot, .reciprocal, .inverseHyperbolicCosine, .power(exponent: 0.5)] {
            let z = 1.7, h = 1e-5
            let slope = (function.value(z + h) - function.value(z - h)) / (2 * h)
            #expect(abs(slope - function.derivative(z)) < 1e-6)
        }
    }

    @Test func hugeArgumentsDoNotOverflow() {
        #expect(ScalarFunction.softplus.value(1e300) == 1e300 && ScalarFunction.softplus.value(-1e300) == 0)
        #expect(ScalarFunction.mish.value(-1e4) == 0 && ScalarFunction.mish.value(1e4) == 1e4)
        #expect(ScalarFunction.round.value(2.5) == 2 && ScalarFunction.round.value(-0.5) == 0)
    }
}

@Suite struct QuantizationTests {
    @Test func valuesOnTheGridStayAndOthersWidenIt() {
        let grid = Quantization(axis: 0, scales: [0.5, 2], zeros: [0, 3], range: -128...127)
        let onGrid = Parameter(shape: [2, 2], values: [0.5, -64, 2, -14])
        let (integers, same) = grid.quantized(onGrid)
        #expect(integers == [1, -128, 4, -4] && same == grid)
        let (wide, widened) = grid.quantized(Parameter(shape: [2, 2], values: [0.5, 255, 2, -14]))
        #expect(widened.scales[0] > 0.5 && widened.scales[1] == 2)
        #expect(abs((wide[1] - widened.zeros[0]) * widened.scales[0] - 255) <= widened.scales[0])
        #expect(grid.selecting([1], along: 0).scales == [2] && grid.selecting([1], along: 1) == grid)
    }
}
