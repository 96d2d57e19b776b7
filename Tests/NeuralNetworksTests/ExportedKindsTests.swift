// What exporters write around the layers: states of zeros, masks of −∞, constants in products, shapes computed from the batch.

import NeuralNetworks
import TensorFiles
import TestSupport
import Testing

@Suite struct ExportedKindsTests {
    private static func numbers(_ count: Int, seed: UInt64, scale: Double = 0.4) -> [Float] {
        var generator = TestGenerator(seed: seed)
        return generator.normals(count).map { Float(scale * $0) }
    }

    private static func batch(_ network: Network, seed: UInt64 = 77) throws -> ActivationTensor {
        let shape = try #require(network.values[network.inputs[0]].shape)
        return ActivationTensor(shape: [3] + shape, values: numbers(3 * shape.reduce(1, *), seed: seed, scale: 1))
    }

    /// Cuts every second channel of all groups, writes the model and reads it again.
    private func reread(_ source: ONNXNetwork) throws -> (model: ONNXModel, cut: Network, again: ONNXNetwork) {
        let kept = try source.network.halvedGroups()
        #expect(!kept.isEmpty)
        let cut = try source.network.keeping(kept)
        let model = try source.model(for: cut)
        let again = try ONNXNetwork(ONNX.decode(ONNX.encode(model), modelPath: "model.onnx"))
        #expect(again.warnings == source.warnings)
        return (model, cut, again)
    }

    @Test(arguments: [false, true]) func aStateOfZerosDoesNotStandInTheWayOfUnits(_ isComputed: Bool) throws {
        var graph = WireGraph()
        graph.input("x", [5, 1, 4])
        graph.tensor("w", [1, 24, 4], Self.numbers(96, seed: 1))
        graph.tensor("r", [1, 24, 6], Self.numbers(144, seed: 2))
        graph.tensor("b", [1, 48], Self.numbers(48, seed: 3))
        if isComputed {
            graph.integers("one", [1])
            graph.integers("six", [6])
            graph.node("Shape", ["x"], ["shape"])
            graph.node("Gather", ["shape", "one"], ["count"])
            graph.node("Concat", ["one", "count", "six"], ["extents"], integers: ["axis": 0])
            graph.node("ConstantOfShape", ["extents"], ["zeros"])
        } else {
            graph.tensor("zeros", [1, 1, 6], [Float](repeating: 0, count: 6))
        }
        graph.node("LSTM", ["x", "w", "r", "b", "", "zeros", "zeros"], ["y"], integers: ["hidden_size": 6])
        graph.integers("axes", [1])
        graph.node("Squeeze", ["y", "axes"], ["rows"])
        graph.tensor("head", [6, 3], Self.numbers(18, seed: 4))
        graph.node("MatMul", ["rows", "head"], ["scores"])
        graph.output("scores", [5, 1, 3])
        let source = try graph.source()
        #expect(source.warnings.isEmpty, "\(source.warnings)")
        let (model, cut, again) = try reread(source)
        let node = try #require(model.wire.graph.node.first { $0.opType == "LSTM" })
        // Zeros of the old width are no state of the smaller layer.
        #expect(node.input == ["x", "w", "r", "b"])
        let input = try Self.batch(source.network)
        #expect(try again.network.output(input) == cut.output(input))
    }

    @Test func masksOfMinusInfinityAreWritten() throws {
        var graph = WireGraph()
        graph.input("x", [nil, 6])
        graph.tensor("a", [6, 8], Self.numbers(48, seed: 5))
        graph.tensor("c", [8, 4], Self.numbers(32, seed: 6))
        graph.tensor("zero", [], [0])
        graph.tensor("never", [], [-.infinity])
        graph.node("MatMul", ["x", "a"], ["wide"])
        graph.node("Relu", ["wide"], ["active"])
        graph.node("MatMul", ["active", "c"], ["scores"])
        graph.node("Greater", ["scores", "zero"], ["is positive"])
        graph.node("Where", ["is positive", "scores", "never"], ["masked"])
        graph.node("Softmax", ["masked"], ["shares"], integers: ["axis": -1])
        graph.output("shares", [nil, 4])
        let source = try graph.source()
        try source.network.validate()
        let (model, _, _) = try reread(source)
        #expect(try model.tensor(named: "never").floats() == [-.infinity])
        // A weight may be none.
        var broken = source.network
        broken.parameters["c"]?.values[3] = -.infinity
        #expect(throws: NetworkError.self) { try broken.validate() }
        #expect(broken.firstUnusableParameter?.name == "c" && source.network.firstUnusableParameter == nil)
    }

    @Test func einsumsWithAMatrixAreLinearLayers() throws {
        var graph = WireGraph()
        graph.input("x", [nil, 3, 4])
        graph.tensor("a", [4, 8], Self.numbers(32, seed: 7))
        graph.tensor("c", [2, 8], Self.numbers(16, seed: 8))
        graph.node("Einsum", ["x", "a"], ["wide"], texts: ["equation": "bnf,fd->bnd"])
        graph.node("Relu", ["wide"], ["active"])
        graph.node("Einsum", ["active", "c"], ["scores"], texts: ["equation": "bnd,fd->bnf"])
        graph.output("scores", [nil, 3, 2])
        let source = try graph.source()
        #expect(source.warnings.isEmpty, "\(source.warnings)")
        let groups = try source.network.channelGroups()
        #expect(groups.filter(\.isPrunable).map(\.count) == [8])
        let (_, cut, again) = try reread(source)
        let input = try Self.batch(source.network)
        #expect(try again.network.output(input) == cut.output(input))
        // A bias that a fit adds becomes a node behind.
        let node = try #require(source.network.nodes.lastIndex { if case .linear = $0.layer { true } else { false } })
        var changed = try source.network.addingBias(to: node)
        let name = try #require(changed.nodes[node].layer.parameterNames.last)
        changed.parameters[name] = Parameter(shape: [2], values: [0.5, -2])
        let biased = try ONNXNetwork(ONNX.decode(ONNX.encode(source.model(for: changed)), modelPath: "model.onnx"))
        #expect(try relativeError(biased.network.output(input), changed.output(input)) < 1e-6)
    }

    @Test func einsumsWithAConstantOfThreeAxesAreEvaluated() throws {
        var graph = WireGraph()
        let weight = Self.numbers(4 * 2 * 3, seed: 9)
        graph.input("x", [nil, 5, 4])
        graph.tensor("a", [4, 2, 3], weight)
        graph.node("Einsum", ["x", "a"], ["heads"], texts: ["equation": "btd,dhk->bhtk"])
        graph.output("heads", [nil, 2, 5, 3])
        let source = try graph.source()
        #expect(source.warnings.isEmpty, "\(source.warnings)")
        let input = try Self.batch(source.network)
        let found = try source.network.output(input).values
        var expected: [Float] = []
        for b in 0..<3 {
            for h in 0..<2 {
                for t in 0..<5 {
                    for k in 0..<3 {
                        expected.append((0..<4).reduce(0) { $0 + input.values[(b * 5 + t) * 4 + $1] * weight[($1 * 2 + h) * 3 + k] })
                    }
                }
            }
        }
        #expect(found.count == expected.count)
        #expect(zip(found, expected).allSatisfy { ($0 - $1).magnitude < 1e-5 })
    }

    @Test func aConstantRepeatedForEverySampleIsNoObstacle() throws {
        var graph = WireGraph()
        graph.input("x", [nil, 4])
        graph.tensor("a", [4, 6], Self.numbers(24, seed: 10))
        graph.tensor("c", [6, 3], Self.numbers(18, seed: 11))
        graph.tensor("deviation", [3], [1, 2, 3])
        graph.node("MatMul", ["x", "a"], ["wide"])
        graph.node("Tanh", ["wide"], ["active"])
        graph.node("MatMul", ["active", "c"], ["mean"])
        graph.node("Shape", ["mean"], ["shape"])
        graph.node("Expand", ["deviation", "shape"], ["deviations"])
        graph.output("mean", [nil, 3])
        graph.output("deviations", [nil, 3])
        let source = try graph.source()
        #expect(source.warnings.isEmpty, "\(source.warnings)")
        let network = source.network
        #expect(network.outputs.count == 2)
        #expect(network.comparableOutputs == [network.outputs[0]])
        #expect(try network.channelGroups().filter(\.isPrunable).map(\.count) == [6])
    }

    /// Heads that lie beside the batch on one axis: what the model computed from the batch stays open when heads go, also where the
    /// exporter had said that a 0 means none.
    @Test(arguments: [0, 1]) func targetsComputedFromTheBatchStayOpen(allowZero: Int) throws {
        var graph = WireGraph()
        graph.input("x", [nil, 5, 8])
        graph.tensor("a", [8, 12], Self.numbers(96, seed: 12))
        graph.tensor("c", [12, 2], Self.numbers(24, seed: 13))
        for (name, values) in [("first", [0]), ("three", [3]), ("five", [5]), ("four", [4]), ("twelve", [12])] {
            graph.integers(name, values)
        }
        graph.node("Shape", ["x"], ["shape"])
        graph.node("Gather", ["shape", "first"], ["count"])
        graph.node("Mul", ["count", "three"], ["heads"])
        graph.node("Concat", ["five", "heads", "four"], ["apart"], integers: ["axis": 0])
        graph.node("Transpose", ["x"], ["tokens first"], lists: ["perm": [1, 0, 2]])
        graph.node("MatMul", ["tokens first", "a"], ["wide"])
        graph.node("Reshape", ["wide", "apart"], ["rows"], integers: ["allowzero": allowZero])
        graph.node("Transpose", ["rows"], ["queries"], lists: ["perm": [1, 0, 2]])
        graph.node("Transpose", ["rows"], ["keys"], lists: ["perm": [1, 2, 0]])
        graph.node("MatMul", ["queries", "keys"], ["products"])
        graph.node("Softmax", ["products"], ["shares"], integers: ["axis": -1])
        graph.node("MatMul", ["shares", "queries"], ["mixed"])
        graph.node("Transpose", ["mixed"], ["mixed tokens"], lists: ["perm": [1, 0, 2]])
        // Tokens of all samples in one axis, as exporters have them before a Gemm.
        graph.node("Shape", ["tokens first"], ["sizes"])
        graph.integers("second", [1])
        graph.node("Gather", ["sizes", "first"], ["tokens"])
        graph.node("Gather", ["sizes", "second"], ["samples"])
        graph.node("Mul", ["tokens", "samples"], ["all"])
        graph.node("Concat", ["all", "twelve"], ["flat"], integers: ["axis": 0])
        graph.node("Reshape", ["mixed tokens", "flat"], ["lines"])
        graph.node("Gemm", ["lines", "c"], ["line scores"])
        graph.integers("two", [2])
        graph.node("Concat", ["five", "samples", "two"], ["apart again"], integers: ["axis": 0])
        graph.node("Reshape", ["line scores", "apart again"], ["scores"])
        graph.output("scores", [5, nil, 2])
        let source = try graph.source()
        #expect(source.warnings.isEmpty, "\(source.warnings)")
        let group = try #require(try source.network.channelGroups().first { $0.isPrunable })
        #expect(group.count == 3)
        let cut = try source.network.keeping([group.id: [0, 2]])
        let model = try source.model(for: cut)
        let reshape = try #require(model.wire.graph.node.first { $0.output == ["rows"] })
        #expect(try model.tensor(named: reshape.input[1]).floats() == [0, -1, 4])
        #expect(!reshape.attribute.contains { $0.name == "allowzero" })
        let lines = try #require(model.wire.graph.node.first { $0.output == ["lines"] })
        if let stated = try? model.tensor(named: lines.input[1]) { #expect(try stated.floats() == [-1, 8]) }
        let again = try ONNXNetwork(ONNX.decode(ONNX.encode(model), modelPath: "model.onnx"))
        let input = try Self.batch(source.network)
        #expect(try relativeError(again.network.output(input), cut.output(input)) < 1e-6)
    }

    /// A state of zeros for as many samples as there are, as TensorFlow writes it.
    @Test func zerosAreRepeatedForEverySample() throws {
        var graph = WireGraph()
        graph.input("x", [nil, 5, 4])
        graph.tensor("w", [1, 24, 4], Self.numbers(96, seed: 41))
        graph.tensor("r", [1, 24, 6], Self.numbers(144, seed: 42))
        graph.tensor("zero", [], [0])
        for (name, values) in [("first", [0]), ("second", [1]), ("six", [6])] { graph.integers(name, values) }
        graph.node("Transpose", ["x"], ["steps"], lists: ["perm": [1, 0, 2]])
        graph.node("Shape", ["x"], ["shape"])
        graph.node("Slice", ["shape", "first", "second", "first"], ["count"])
        graph.node("Concat", ["count", "six"], ["extents"], integers: ["axis": 0])
        graph.node("Expand", ["zero", "extents"], ["zeros"])
        graph.node("Unsqueeze", ["zeros", "first"], ["state"])
        graph.node("LSTM", ["steps", "w", "r", "", "", "state", "state"], ["y"], integers: ["hidden_size": 6])
        graph.node("Squeeze", ["y", "second"], ["rows"])
        graph.tensor("head", [6, 3], Self.numbers(18, seed: 44))
        graph.node("MatMul", ["rows", "head"], ["scores"])
        graph.output("scores", [5, nil, 3])
        let source = try graph.source()
        #expect(source.warnings.isEmpty, "\(source.warnings)")
        let (model, cut, again) = try reread(source)
        #expect(
            try #require(model.wire.graph.node.first { $0.opType == "LSTM" }).input == ["steps", "w_cut", "r_cut"]
                || model.wire.graph.node.contains { $0.opType == "LSTM" && $0.input == ["steps", "w", "r"] })
        let input = try Self.batch(source.network)
        #expect(try again.network.output(input) == cut.output(input))
    }

    /// What a branch reads stays what it is: nothing in the graph that is written names it.
    @Test func tensorsOfBranchesAreFixed() throws {
        var graph = WireGraph()
        graph.input("x", [nil, 4])
        graph.tensor("w", [4, 6], Self.numbers(24, seed: 51))
        graph.tensor("v", [6, 2], Self.numbers(12, seed: 52))
        graph.node("MatMul", ["x", "w"], ["wide"])
        graph.node("MatMul", ["wide", "v"], ["scores"])
        graph.encloseLast(output: "scores")
        graph.output("scores", [nil, 2])
        let source = try graph.source()
        let network = source.network
        #expect(network.fixedParameters == ["v"])
        var moved = network
        moved.parameters["w"]?.values[0] += 1
        let again = try ONNXNetwork(ONNX.decode(ONNX.encode(source.model(for: moved)), modelPath: "model.onnx"))
        let input = try Self.batch(network)
        #expect(try again.network.output(input) == moved.output(input))
        moved.parameters["v"]?.values[0] += 1
        #expect { _ = try source.model(for: moved) } throws: { "\($0)".contains("branch") }
        // A name that a branch has made is not made again.
        #expect(source.model.wire.graph.node.last?.enclosedNames == ["inner scores"])
    }

    /// Loud places are cut off a distance below the loudest, as spectrograms are.
    @Test func boundsMayBeComputed() throws {
        var graph = WireGraph()
        graph.input("x", [nil, 3, 4])
        graph.tensor("distance", [], [1])
        graph.tensor("ceiling", [], [0.5])
        graph.node("ReduceMax", ["x"], ["loudest"], integers: ["keepdims": 0], lists: ["axes": [1, 2]])
        graph.node("Sub", ["loudest", "distance"], ["least"])
        graph.tensor("w", [4, 6], Self.numbers(24, seed: 45))
        graph.tensor("v", [6, 2], Self.numbers(12, seed: 46))
        graph.integers("none", [-1])
        graph.node("Reshape", ["least", "none"], ["flat"])
        graph.node("ReduceMax", ["flat"], ["floor"], integers: ["keepdims": 0])
        graph.node("Clip", ["x", "floor", "ceiling"], ["clipped"])
        graph.node("MatMul", ["clipped", "w"], ["wide"])
        graph.node("Relu", ["wide"], ["open"])
        graph.node("MatMul", ["open", "v"], ["scores"])
        graph.output("scores", [nil, 3, 2])
        let network = try graph.source().network
        #expect(try network.channelGroups().filter(\.isPrunable).map(\.count) == [6])
        let input = ActivationTensor(shape: [1, 3, 4], values: Self.numbers(12, seed: 47, scale: 2))
        let floor = try #require(input.values.max()) - 1
        let clipped = ActivationTensor(shape: [1, 3, 4], values: input.values.map { min(max($0, floor), 0.5) })
        let seen = try network.forward(input, observing: [#require(network.nodes.first { $0.name.hasPrefix("Clip") }).outputs[0]])
        #expect(seen.observed[0].values == clipped.values)
    }

    /// Steps first and an open batch behind them, as PyTorch's recurrent layers have it unless told otherwise.
    @Test(arguments: [5, nil] as [Int?]) func theBatchMayStandBehindTheSteps(_ steps: Int?) throws {
        var graph = WireGraph()
        graph.input("x", [steps, nil, 4])
        graph.tensor("w", [1, 24, 4], Self.numbers(96, seed: 31))
        graph.tensor("r", [1, 24, 6], Self.numbers(144, seed: 32))
        graph.tensor("b", [1, 48], Self.numbers(48, seed: 33))
        graph.node("LSTM", ["x", "w", "r", "b"], ["y"], integers: ["hidden_size": 6])
        graph.integers("axes", [1])
        graph.node("Squeeze", ["y", "axes"], ["rows"])
        graph.tensor("head", [6, 3], Self.numbers(18, seed: 34))
        graph.node("MatMul", ["rows", "head"], ["scores"])
        graph.output("scores", [steps, nil, 3])
        let source = try graph.source()
        #expect(source.warnings.isEmpty, "\(source.warnings)")
        #expect(source.network.values[source.network.inputs[0]].shape == [steps ?? 32, 1, 4])
        #expect(source.inputSizes.map(\.axis) == (steps == nil ? [0] : []))
        let (_, cut, again) = try reread(source)
        #expect(try source.network.channelGroups().filter(\.isPrunable).map(\.count) == [6])
        let input = try Self.batch(source.network)
        #expect(try again.network.output(input) == cut.output(input))
    }

    /// Distances of tokens in buckets, as T5 has them: log 0 is cast to an integer, and another number chosen in its place.
    @Test func constantsMayPassThroughInfinity() throws {
        var graph = WireGraph()
        graph.input("x", [nil, 4])
        graph.tensor("distances", [4], [0, 1, 4, 16])
        graph.tensor("least", [4], [7, 7, 7, 7])
        graph.tensor("zero", [], [0])
        graph.node("Log", ["distances"], ["logarithms"])
        graph.node("Cast", ["logarithms"], ["steps"], integers: ["to": 7])
        graph.node("Cast", ["steps"], ["buckets"], integers: ["to": 1])
        graph.node("Greater", ["distances", "zero"], ["are apart"])
        graph.node("Where", ["are apart", "buckets", "least"], ["chosen"])
        graph.node("Mul", ["x", "chosen"], ["y"])
        graph.output("y", [nil, 4])
        let source = try graph.source()
        #expect(source.warnings.isEmpty, "\(source.warnings)")
        let input = ActivationTensor(shape: [1, 4], values: [1, 1, 1, 1])
        #expect(try source.network.output(input).values == [7, 0, 1, 2])
    }

    @Test func readersOfOtherKindsAreToldApart() throws {
        var net = RandomNetwork(seed: 104)
        var value = try net.linear("embed", net.input([5, 4]), 7)
        (net.parameters["w"], net.parameters["r"]) = (net.random([1, 24, 7]), net.random([1, 24, 6]))
        net.parameters["b"] = net.random([1, 48])
        value = try net.apply(
            "cell",
            .recurrent(Recurrent(kind: .lstm, direction: .forward, hidden: 6, weight: "w", recurrence: "r", bias: "b")), value)
        let network = try net.network(outputs: value)
        let group = try #require(network.channelGroups().first)
        #expect(network.consumers(of: group).isEmpty)
        let reader = try #require(network.projections(of: group).first)
        #expect(reader.weight == "w" && reader.axis == 2 && reader.shift == .inputBias(parameter: "b"))
    }
}
