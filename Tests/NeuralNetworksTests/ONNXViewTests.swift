// What exporters write around weights: views by strides, constants beside the batch, tables read twice, samples in groups.

import NeuralNetworks
import TensorFiles
import TestSupport
import Testing

@Suite struct ONNXViewTests {
    /// x (N, 6) → 8 → a Gather of all values in their order, as torch writes a view by strides → 4.
    /// - Parameter isPerSample: indices are computed from the number of samples, else those of one.
    private static func viewed(isPerSample: Bool) throws -> ONNXNetwork {
        var graph = WireGraph()
        var generator = TestGenerator(seed: 8)
        graph.input("x", [isPerSample ? nil : 1, 6])
        graph.output("y", [isPerSample ? nil : 1, 1, 4])
        graph.tensor("a.weight", [6, 8], generator.normals(48).map(Float.init))
        graph.tensor("b.weight", [8, 4], generator.normals(32).map(Float.init))
        graph.integers("flat", [-1])
        graph.node("MatMul", ["x", "a.weight"], ["a"])
        graph.node("Relu", ["a"], ["r"])
        graph.node("Reshape", ["r", "flat"], ["line"])
        graph.integers("positions", Array(0..<8))
        graph.integers("rows", [1, 1, 8])
        graph.node("Reshape", ["positions", "rows"], ["own"])
        if isPerSample {
            graph.node("Shape", ["x"], ["extents"])
            for (name, value) in [("zero", 0), ("one", 1), ("width", 8)] { graph.integers(name, [value], isScalar: true) }
            graph.integers("behind", [1, 2])
            graph.node("Gather", ["extents", "zero"], ["samples"])
            graph.node("Range", ["zero", "samples", "one"], ["range"])
            graph.node("Mul", ["range", "width"], ["starts"])
            graph.node("Unsqueeze", ["starts", "behind"], ["rowStarts"])
            graph.node("Add", ["rowStarts", "own"], ["indices"])
        }
        graph.node("Gather", ["line", isPerSample ? "indices" : "own"], ["view"])
        graph.node("MatMul", ["view", "b.weight"], ["y"])
        return try graph.source()
    }

    @Test(arguments: [false, true]) func viewsByStridesFollowACut(_ isPerSample: Bool) throws {
        let source = try Self.viewed(isPerSample: isPerSample)
        let group = try #require(try source.network.channelGroups().first { $0.count == 8 })
        #expect(group.isCuttable)
        let cut = try source.network.keeping([group.id: [0, 2, 3, 6, 7]])
        let model = try source.model(for: cut)
        let read = try ONNXNetwork(ONNX.decode(ONNX.encode(model)))
        let input = ActivationTensor(shape: [3, 6], values: (0..<18).map { Float($0 % 7) - 3 })
        #expect(try read.network.forward(input).observed == cut.forward(input).observed)
        // What holds for any number of samples still does.
        #expect(model.wire.graph.node.contains { $0.opType == "Reshape" && $0.output == ["view"] } == isPerSample)
    }

    @Test func constantOutputsThatFollowTheBatchDoSoInPyTorch() throws {
        var graph = WireGraph()
        graph.input("x", [nil, 3])
        for name in ["y", "repeated", "filled", "fixed"] { graph.output(name, [nil, 3]) }
        graph.tensor("w", [3, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1])
        graph.tensor("row", [1, 3], [4, 5, 6])
        graph.tensor("two", [2, 3], [1, 2, 3, 4, 5, 6])
        graph.node("MatMul", ["x", "w"], ["y"])
        graph.node("Shape", ["x"], ["extents"])
        graph.node("Expand", ["row", "extents"], ["repeated"])
        graph.node("ConstantOfShape", ["extents"], ["filled"])
        graph.node("Identity", ["two"], ["fixed"])
        let source = try graph.source()
        #expect(source.network.outputs.map { source.network.values[$0].shape } == [[3], [3], [3], [2, 3]])
        let text = try TorchSource(source, weights: "w.safetensors").text
        let returned = try #require(text.split(separator: "\n").first { $0.contains("        return v") })
        #expect(returned.split(separator: "expand(x.shape[0], *").count == 3, "\(returned)")
        #expect(try ONNX.encode(source.model(for: source.network)) == ONNX.encode(source.model))
    }

    @Test func aTableThatTheHeadReadsTransposedCountsOnce() throws {
        var graph = WireGraph()
        graph.input("tokens", [nil, 5], isInteger: true)
        graph.output("y", [nil, 5, 7])
        var generator = TestGenerator(seed: 3)
        graph.tensor("table", [7, 4], generator.normals(28).map(Float.init))
        graph.tensor("w", [4, 4], generator.normals(16).map(Float.init))
        graph.node("Gather", ["table", "tokens"], ["e"])
        graph.node("MatMul", ["e", "w"], ["h"])
        graph.node("Transpose", ["table"], ["turned"], lists: ["perm": [1, 0]])
        graph.node("MatMul", ["h", "turned"], ["y"])
        let source = try graph.source()
        #expect(source.parametersTotal == 44 && source.network.cost.parameters == 44)
        #expect(try source.network.summary(parametersTotal: 44).parametersTotal == 44)
        // Tables that have gone ways of their own are two.
        var learned = source.network
        let head = try #require(learned.copies.keys.first)
        learned.parameters[head]?.values[0] += 1
        #expect(learned.cost.parameters == 72)
    }

    @Test func groupsOfSamplesAreGivenAsTheReason() throws {
        var graph = WireGraph()
        graph.input("x", [nil, 4])
        graph.output("y", [nil, nil, 4])
        graph.tensor("w", [4, 4], [Float](repeating: 1, count: 16))
        graph.integers("pairs", [2, -1, 4])
        graph.node("MatMul", ["x", "w"], ["a"])
        graph.node("Reshape", ["a", "pairs"], ["y"])
        let source = try graph.source()
        #expect(source.warnings.contains { $0.contains("Reshape") && $0.contains("groups of the samples") }, "\(source.warnings)")
        #expect(try source.network.channelGroups().first?.barrier?.contains("across samples") == true)
    }
}
