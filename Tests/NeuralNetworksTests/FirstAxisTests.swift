// Inputs without a batch axis, and models that compute with integers.

import NeuralNetworks
import TensorFiles
import TestSupport
import Testing

@Suite struct FirstAxisTests {
    /// Frames × bins → one image → convolution → mean over all places of each of four channels → 3.
    /// - Parameter shape: of the input as the file states it; `nil` for an open extent.
    private static func spectrogram(_ shape: [Int?]) throws -> WireGraph {
        var graph = WireGraph()
        var generator = TestGenerator(seed: 5)
        graph.input("x", shape)
        graph.output("y", [1, 3])
        graph.integers("front", [0, 1])
        graph.tensor("conv.weight", [4, 1, 3, 3], generator.normals(36).map(Float.init))
        graph.tensor("fc.weight", [4, 3], generator.normals(12).map(Float.init))
        graph.integers("places", [2, 3])
        graph.node("Unsqueeze", ["x", "front"], ["image"])
        graph.node("Conv", ["image", "conv.weight"], ["c"])
        graph.node("Relu", ["c"], ["r"])
        graph.node("ReduceMean", ["r"], ["m"], integers: ["keepdims": 0], lists: ["axes": [2, 3]])
        graph.node("MatMul", ["m", "fc.weight"], ["y"])
        return graph
    }

    @Test(arguments: [[12, 9], [nil, nil]]) func aConvolutionOverTheFirstAxisSaysThatItIsNoBatch(_ shape: [Int?]) throws {
        let source = try Self.spectrogram(shape).source()
        #expect(source.warnings.isEmpty, "\(source.warnings)")
        let own = try #require(source.network.values[source.network.inputs[0]].shape)
        #expect(own.count == 2 && (shape[0] == nil || own == [12, 9]))
        // What is cut is written with the axes that the file had.
        let group = try #require(try source.network.channelGroups().first { $0.count == 4 })
        let cut = try source.network.keeping([group.id: [0, 3]])
        let read = try ONNXNetwork(ONNX.decode(ONNX.encode(try source.model(for: cut))), inputShapes: shape[0] == nil ? ["x": own] : [:])
        let input = ActivationTensor(shape: [2] + own, values: (0..<2 * own.reduce(1, *)).map { Float($0 % 13) - 6 })
        #expect(try read.network.forward(input).observed == cut.forward(input).observed)
    }

    @Test func askedShapesCountEveryAxisOfSuchAnInput() throws {
        let model = try Self.spectrogram([nil, nil]).source().model
        let asked = try ONNXNetwork(model, inputShapes: ["x": [20, 7]])
        #expect(asked.network.values[asked.network.inputs[0]].shape == [20, 7])
        #expect {
            try ONNXNetwork(model, inputShapes: ["x": [7]])
        } throws: {
            "\($0)".contains("expected 2 extents for input x, which has no batch axis, found (7)")
        }
    }

    /// Steps × features with a batch of one put between them, beside a state of one sequence.
    @Test func stepsOfARecurrentLayerAreNoBatch() throws {
        var graph = WireGraph()
        var generator = TestGenerator(seed: 6)
        graph.input("x", [nil, nil])
        graph.input("state", [3])
        graph.output("y", [nil, 2])
        graph.integers("behind", [1])
        graph.integers("front", [0, 1])
        graph.integers("directions", [1, 2])
        graph.tensor("W", [1, 3, 5], generator.normals(15).map(Float.init))
        graph.tensor("R", [1, 3, 3], generator.normals(9).map(Float.init))
        graph.tensor("fc.weight", [3, 2], generator.normals(6).map(Float.init))
        graph.node("Unsqueeze", ["x", "behind"], ["steps"])
        graph.node("Unsqueeze", ["state", "front"], ["first"])
        graph.node("RNN", ["steps", "W", "R", "", "", "first"], ["h", ""], integers: ["hidden_size": 3])
        graph.node("Squeeze", ["h", "directions"], ["s"])
        graph.node("MatMul", ["s", "fc.weight"], ["y"])
        let source = try graph.source()
        #expect(source.warnings.isEmpty, "\(source.warnings)")
        let shapes = source.network.inputs.map { source.network.values[$0].shape }
        #expect(shapes[0]?.count == 2 && shapes[0]?[1] == 5 && shapes[1] == [3], "\(shapes)")
    }

    /// A mean over all samples beside answers for each is a loss; without them it is the answer.
    @Test func sumsOverTheFirstAxisCountWhereNoOutputHasIt() throws {
        func shape(outputs: [String]) throws -> [Int]? {
            var graph = WireGraph()
            var generator = TestGenerator(seed: 8)
            graph.input("x", [20, 6])
            for name in outputs { graph.output(name, name == "y" ? [20, 4] : [4]) }
            graph.tensor("fc.weight", [6, 4], generator.normals(24).map(Float.init))
            graph.node("MatMul", ["x", "fc.weight"], ["y"])
            graph.node("ReduceMean", ["y"], ["m"], integers: ["keepdims": 0], lists: ["axes": [0]])
            let source = try graph.source()
            return source.network.values[source.network.inputs[0]].shape
        }
        #expect(try shape(outputs: ["y", "m"]) == [6])
        #expect(try shape(outputs: ["m"]) == [20, 6])
    }

    /// Lists of axes and inputs that no network has cost no more than they take to read.
    @Test func axesWithoutEndAreNotFollowed() throws {
        var graph = WireGraph()
        graph.input("x", [4, 6])
        graph.output("y", [4, 6])
        graph.integers("axes", Array(0..<100_000))
        graph.node("Unsqueeze", ["x", "axes"], ["y"])
        _ = try? graph.source()
    }

    /// Samples that are flattened, normalized over features and multiplied stay samples.
    @Test func samplesStaySamples() throws {
        var graph = WireGraph()
        var generator = TestGenerator(seed: 7)
        graph.input("x", [nil, 2, 3])
        graph.output("y", [nil, 4])
        graph.tensor("fc.weight", [6, 4], generator.normals(24).map(Float.init))
        graph.integers("last", [2])
        graph.node("Unsqueeze", ["x", "last"], ["u"])
        graph.node("Transpose", ["u"], ["t"], lists: ["perm": [0, 3, 1, 2]])
        graph.node("Flatten", ["t"], ["f"])
        graph.node("MatMul", ["f", "fc.weight"], ["m"])
        graph.node("Softmax", ["m"], ["y"])
        let source = try graph.source()
        #expect(source.network.values[source.network.inputs[0]].shape == [2, 3])
    }
}

@Suite struct QuantizedModelTests {
    @Test func operationsOnIntegersAreCountedByKindAndTheModelIsCalledQuantized() throws {
        var graph = WireGraph()
        graph.input("x", [1, 2])
        graph.output("y", [1, 2])
        for k in 1...2 {
            graph.integers("w\(k)", [1, 2, 3, 4])
            graph.node("DynamicQuantizeLinear", [k == 1 ? "x" : "s1"], ["q\(k)", "scale\(k)", "zero\(k)"])
            graph.node("MatMulInteger", ["q\(k)", "w\(k)", "zero\(k)"], ["i\(k)"])
            graph.node("Mul", ["i\(k)", "scale\(k)"], [k == 1 ? "s1" : "y"])
        }
        let source = try graph.source()
        let said = source.warnings.filter { $0.contains("the model is quantized") }
        #expect(
            said.count == 1 && said[0].contains("(DynamicQuantizeLinear, MatMulInteger)") && said[0].contains("floating-point"), "\(said)")
        #expect(source.network.unknownOperationKinds.count == 2 && source.network.unknownOperations.count == 4)
        #expect(source.network.unknownOperationKinds.last == "MatMulInteger (2 nodes, first MatMulInteger of i1)")
    }
}
