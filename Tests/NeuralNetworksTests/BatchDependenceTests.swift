// What a model computes for every sample of a batch must not be fixed at the one that it is read for.

import NeuralNetworks
import TensorFiles
import TestSupport
import Testing

@Suite struct BatchDependenceTests {
    private static func numbers(_ count: Int, seed: UInt64) -> [Float] {
        var generator = TestGenerator(seed: seed)
        return generator.normals(count).map { Float($0 / 2) }
    }

    private func reread(_ source: ONNXNetwork) throws -> (model: ONNXModel, cut: Network, again: ONNXNetwork) {
        let cut = try source.network.keeping(source.network.halvedGroups())
        let model = try source.model(for: cut)
        return (model, cut, try ONNXNetwork(ONNX.decode(ONNX.encode(model), modelPath: "model.onnx")))
    }

    /// A class token in front of the tokens of an image: a tensor of the model, expanded to the batch, whose channels are cut.
    @Test(arguments: ["Expand", "Expand with channels", "Tile"]) func aTokenForEverySampleStaysOne(_ kind: String) throws {
        var graph = WireGraph()
        graph.input("x", [nil, 3, 6])
        graph.tensor("w", [6, 8], Self.numbers(48, seed: 1))
        graph.node("MatMul", ["x", "w"], ["tokens"])
        graph.tensor("token", [1, 1, 8], Self.numbers(8, seed: 2))
        graph.integers("zero", [0])
        graph.integers("one", [1])
        graph.integers("eight", [8])
        graph.node("Shape", ["x"], ["shape"])
        graph.node("Gather", ["shape", "zero"], ["batch"])
        graph.node(
            "Concat", ["batch", "one", kind == "Expand with channels" ? "eight" : "one"], ["target"], integers: ["axis": 0])
        graph.node(kind == "Tile" ? "Tile" : "Expand", ["token", "target"], ["first"])
        graph.node("Concat", ["first", "tokens"], ["all"], integers: ["axis": 1])
        graph.node("Relu", ["all"], ["active"])
        graph.tensor("head", [8, 4], Self.numbers(32, seed: 3))
        graph.node("MatMul", ["active", "head"], ["y"])
        graph.output("y", [nil, 4, 4])
        let source = try graph.source()
        #expect(source.warnings.isEmpty, "\(source.warnings)")
        let (model, cut, again) = try reread(source)
        let token = try #require(model.wire.graph.initializer.first { $0.name == "token" })
        #expect(token.dims == [1, 1, 4])
        let repeats = try #require(model.wire.graph.node.first { $0.output == ["first"] })
        #expect(repeats.opType == (kind == "Tile" ? "Tile" : "Expand") && repeats.input[0] == "token")
        // The batch still comes from the input.
        let target = try #require(model.wire.graph.node.first { $0.output.first == repeats.input[1] })
        #expect(target.opType == "Concat" && target.input[0] == "batch")
        let input = ActivationTensor(shape: [3, 3, 6], values: Self.numbers(54, seed: 4))
        #expect(try again.network.output(input) == cut.output(input))
    }

    /// Heads of all samples are declared by a symbol, which stands for more than the heads of one.
    @Test func symbolsOfDeclaredShapesAreNoNumbers() throws {
        var graph = WireGraph()
        graph.input("x", [nil, 6])
        graph.tensor("a", [6, 8], Self.numbers(48, seed: 5))
        graph.tensor("b", [8, 4], Self.numbers(32, seed: 6))
        graph.node("MatMul", ["x", "a"], ["wide"])
        graph.node("Relu", ["wide"], ["active"])
        graph.node("MatMul", ["active", "b"], ["y"])
        graph.output("y", [nil, 4])
        graph.declare("wide", [nil, nil])
        graph.declare("active", [nil, 8])
        let (model, _, _) = try reread(graph.source())
        let declared = Dictionary(uniqueKeysWithValues: model.wire.graph.valueInfo.map { ($0.name, $0.type.tensorType.shape.dim) })
        #expect(declared["wide"] == nil)
        #expect(declared["active"]?.map(\.dimValue) == [0, 4])
    }

    /// An output that does not depend on the inputs, as policies state their deviation, is the same for every sample.
    @Test func aConstantOutputIsEvaluated() throws {
        var builder = NetworkBuilder()
        let x = builder.input("x", shape: [3])
        let y = builder.append("fc", .linear(Linear(weight: "w", bias: nil)), x)
        let constant = builder.append("deviation", .constant(parameter: "s"), from: [])
        let network = try builder.network(
            outputs: [y, constant],
            parameters: [
                "w": Parameter(shape: [2, 3], values: [1, 2, 3, 4, 5, 6]), "s": Parameter(shape: [2], values: [0.5, 0.25]),
            ])
        let seen = try Evaluator(network).forward(ActivationTensor(shape: [2, 3], values: [1, 0, 0, 0, 1, 0])).observed
        #expect(seen[0].values == [1, 4, 2, 5])
        #expect(seen[1].shape == [2, 2] && seen[1].values == [0.5, 0.25, 0.5, 0.25])
        let gradient = try WeightGradient(network, observing: network.outputs, parameters: ["w"])
        let slopes = try gradient.gradient(at: [ActivationTensor(shape: [1, 3], values: [1, 2, 3])]) { _, values, slopes in
            slopes[0][0] = 1
            return Double(values[1][1])
        }
        #expect(slopes.loss == 0.25 && slopes.gradient == [1, 2, 3, 0, 0, 0])
    }
}
