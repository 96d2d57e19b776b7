// Nodes of constants alone: what exporters leave in a graph where they do not fold.

import NeuralNetworks
import TensorFiles
import TestSupport
import Testing

@Suite struct ConstantNodesTests {
    /// Nodes that make `c`, eight numbers in all, of constants.
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let expected: [Float]
        let build: @Sendable (inout WireGraph) -> Void

        init(_ name: String, _ expected: [Float], _ build: @escaping @Sendable (inout WireGraph) -> Void) {
            (testDescription, self.expected, self.build) = (name, expected, build)
        }
    }

    private static let eight: [Float] = [-2, -1.5, -1, -0.5, 0.5, 1, 1.5, 2]

    static let cases: [Case] = [
        Case("matrix product", [3, 7, 11, 15, 19, 23, 27, 31]) {
            $0.tensor("a", [8, 2], (1...16).map(Float.init))
            $0.tensor("b", [2, 1], [1, 1])
            $0.node("MatMul", ["a", "b"], ["c"])
        },
        Case("product with bias", [4, 8, 12, 16, 20, 24, 28, 32]) {
            $0.tensor("a", [8, 2], (1...16).map(Float.init))
            $0.tensor("b", [2, 1], [1, 1])
            $0.tensor("d", [1], [1])
            $0.node("Gemm", ["a", "b", "d"], ["c"])
        },
        Case("sum of products", [1, 4, 9, 16, 25, 36, 49, 64]) {
            $0.tensor("a", [8, 1], (1...8).map(Float.init))
            $0.node("Einsum", ["a", "a"], ["c"], texts: ["equation": "ij,ij->i"])
        },
        Case("both bounds", [-1, -1, -1, -0.5, 0.5, 1, 1.25, 1.25]) {
            $0.tensor("a", [8], eight)
            $0.tensor("low", [], [-1])
            $0.tensor("high", [], [1.25])
            $0.node("Clip", ["a", "low", "high"], ["c"])
        },
        Case("one bound, the other absent", [0, 0, 0, 0, 0.5, 1, 1.5, 2]) {
            $0.tensor("a", [8], eight)
            $0.tensor("low", [], [0])
            $0.node("Clip", ["a", "low", ""], ["c"])
        },
        Case("an upper bound alone", [-2, -1.5, -1, -0.5, 0, 0, 0, 0]) {
            $0.tensor("a", [8], eight)
            $0.tensor("high", [], [0])
            $0.node("Clip", ["a", "", "high"], ["c"])
        },
        Case("largest of three", [0, 0, 0, 0, 0.5, 1, 1.5, 3]) {
            $0.tensor("a", [8], eight)
            $0.tensor("b", [1], [0])
            $0.tensor("d", [8], [-5, -5, -5, -5, -5, -5, -5, 3])
            $0.node("Max", ["a", "b", "d"], ["c"])
        },
        Case("sum of three", eight.map { 2 * $0 + 1 }) {
            $0.tensor("a", [8], eight)
            $0.tensor("b", [1], [1])
            $0.node("Sum", ["a", "b", "a"], ["c"])
        },
        Case("softmax", [Float](repeating: 0.125, count: 8)) {
            $0.tensor("a", [8, 1], [Float](repeating: 3, count: 8))
            $0.node("Softmax", ["a"], ["c"], integers: ["axis": 0])
        },
        Case("normalization", [-1, 1, -1, 1, -1, 1, -1, 1]) {
            $0.tensor("a", [4, 2], [0, 2000, -3000, 1000, 5000, 9000, 0, 4000])
            $0.tensor("one", [2], [1, 1])
            $0.node("LayerNormalization", ["a", "one"], ["c"])
        },
        Case("convolution", [1, 3, 5, 7, 9, 11, 13, 15]) {
            $0.tensor("a", [1, 1, 9], [0, 1, 2, 3, 4, 5, 6, 7, 8])
            $0.tensor("w", [1, 1, 2], [1, 1])
            $0.node("Conv", ["a", "w"], ["c"])
        },
        Case("padding", [0, 1, 2, 3, 4, 5, 6, 0]) {
            $0.tensor("a", [6], [1, 2, 3, 4, 5, 6])
            $0.integers("pads", [1, 1])
            $0.node("Pad", ["a", "pads"], ["c"])
        },
        Case("positions counted from a mask", [1, 2, 3, 4, 4, 4, 4, 5]) {
            $0.integers("mask", [1, 1, 1, 1, 0, 0, 0, 1])
            $0.integers("axis", [0], isScalar: true)
            $0.node("CumSum", ["mask", "axis"], ["k"])
            $0.node("Cast", ["k"], ["c"], integers: ["to": 1])
        },
        Case("where the largest is", [1, 0, 1, 0, 1, 0, 1, 0]) {
            $0.tensor("a", [8, 2], (0..<8).flatMap { $0 % 2 == 0 ? [0, 1] : [1, 0] })
            $0.node("ArgMax", ["a"], ["k"], integers: ["axis": 1, "keepdims": 0])
            $0.node("Cast", ["k"], ["c"], integers: ["to": 1])
        },
        Case("elements put at places", [-2, 10, -1, -0.5, 0.5, 1, 1.5, 20]) {
            $0.tensor("a", [8], eight)
            $0.integers("flat", [1, -1])
            $0.integers("two", [2, 1])
            $0.node("Reshape", ["flat", "two"], ["places"])
            $0.tensor("u", [2], [10, 20])
            $0.node("ScatterND", ["a", "places", "u"], ["c"])
        },
        Case("elements added at places", [-2, 28.5, -1, -0.5, 0.5, 1, 1.5, 2]) {
            $0.tensor("a", [8], eight)
            $0.integers("places", [1, 1])
            $0.tensor("u", [2], [10, 20])
            $0.node("ScatterElements", ["a", "places", "u"], ["c"], texts: ["reduction": "add"])
        },
        Case("one of many", [0, 0, 0, 0, 0, 0, 5, 0]) {
            $0.integers("place", [-2])
            $0.integers("depth", [8], isScalar: true)
            $0.tensor("values", [2], [0, 5])
            $0.node("OneHot", ["place", "depth", "values"], ["c"])
        },
        Case("fake quantization", [-1.5, -1.5, -1, -0.5, 0.5, 1, 1.5, 2].map { Swift.max(0, $0) }) {
            $0.tensor("a", [8], eight)
            $0.tensor("scale", [], [0.5])
            $0.node("QuantizeLinear", ["a", "scale"], ["q"])
            $0.node("DequantizeLinear", ["q", "scale"], ["c"])
        },
        Case("fake quantization to signed bytes", eight) {
            $0.tensor("a", [8], eight)
            $0.tensor("scale", [], [0.5])
            $0.node("QuantizeLinear", ["a", "scale"], ["q"], integers: ["output_dtype": 3])
            $0.node("DequantizeLinear", ["q", "scale"], ["c"])
        },
        Case("fake quantization by rows", [0, 0, 0, 0, 0.4, 1, 1.5, 2]) {
            $0.tensor("a", [4, 2], eight)
            $0.tensor("scales", [4], [1, 0.4, 0.2, 0.01])
            $0.node("QuantizeLinear", ["a", "scales"], ["q"], integers: ["axis": 0])
            $0.node("DequantizeLinear", ["q", "scales"], ["c"], integers: ["axis": 0])
        },
        Case("a diagonal", [0, 1, 0, 0, 0, 0, 1, 0]) {
            $0.tensor("a", [2, 4], eight)
            $0.node("EyeLike", ["a"], ["c"], integers: ["k": 1])
        },
    ]

    @Test(arguments: cases) func isComputed(_ given: Case) throws {
        var graph = WireGraph()
        graph.input("x", [nil, 8])
        given.build(&graph)
        graph.integers("row", [1, 8])
        graph.node("Reshape", ["c", "row"], ["shift"])
        graph.node("Add", ["x", "shift"], ["y"])
        graph.output("y", [nil, 8])
        let source = try graph.source()
        #expect(source.warnings.isEmpty, "\(source.warnings)")
        let result = try source.network.output(ActivationTensor(shape: [2, 8], values: [Float](repeating: 0, count: 16)))
        for (found, wanted) in zip(result.values, given.expected + given.expected) { #expect(abs(found - wanted) <= 1e-5) }
    }

    /// The padding of a convolution worked out in the graph: max((⌈n/s⌉ − 1)·s + k − n, 0), half of it on either side.
    @Test func paddingWorkedOutInTheGraph() throws {
        var graph = WireGraph()
        graph.input("x", [nil, 2, 7, 7])
        graph.tensor("w", [4, 2, 3, 3], (0..<72).map { Float($0 % 7) / 7 - 0.4 })
        graph.tensor("v", [3, 4, 1, 1], (0..<12).map { Float($0 % 5) / 5 - 0.3 })
        for (name, value) in [("ratio", Float(3.5)), ("one", 1), ("stride", 2), ("kernel", 3), ("size", 7), ("zero", 0)] {
            graph.tensor(name, [], [value])
        }
        graph.node("Ceil", ["ratio"], ["outputs"])
        graph.node("Sub", ["outputs", "one"], ["steps"])
        graph.node("Mul", ["steps", "stride"], ["reach"])
        graph.node("Add", ["reach", "kernel"], ["needed"])
        graph.node("Sub", ["needed", "size"], ["missing"])
        graph.node("Clip", ["missing", "zero", ""], ["padding"])
        graph.node("Div", ["padding", "stride"], ["half"])
        graph.node("Cast", ["half"], ["side"], integers: ["to": 7])
        graph.integers("axis", [0])
        graph.node("Unsqueeze", ["side", "axis"], ["sides"])
        graph.integers("none", [0, 0])
        graph.node("Concat", ["none", "sides", "sides", "none", "sides", "sides"], ["pads"], integers: ["axis": 0])
        graph.node("Pad", ["x", "pads"], ["padded"])
        graph.node("Conv", ["padded", "w"], ["h"], lists: ["strides": [2, 2]])
        graph.node("Relu", ["h"], ["r"])
        graph.node("Conv", ["r", "v"], ["y"])
        graph.output("y", [nil, 3, 4, 4])
        let source = try graph.source()
        #expect(source.warnings.isEmpty, "\(source.warnings)")
        #expect(source.network.values[source.network.outputs[0]].shape == [3, 4, 4])
        let kept = try source.network.halvedGroups()
        #expect(!kept.isEmpty)
        let cut = try source.network.keeping(kept)
        let again = try ONNXNetwork(ONNX.decode(ONNX.encode(source.model(for: cut)), modelPath: "model.onnx"))
        let input = ActivationTensor(shape: [2, 2, 7, 7], values: (0..<196).map { Float($0 % 11) - 5 })
        #expect(try again.network.output(input) == cut.output(input))
    }

    /// Weights that the graph normalizes filter by filter, as if they were a batch of one.
    @Test func standardizedWeights() throws {
        let raw = (0..<72).map { Float(($0 * 29) % 31) / 10 - 1.2 }
        var graph = WireGraph()
        graph.input("x", [nil, 2, 5, 5])
        graph.tensor("w", [4, 2, 3, 3], raw)
        graph.tensor("gain", [4], [1, 2, 0.5, 3])
        graph.tensor("none", [4], [0, 0, 0, 0])
        graph.integers("flat", [1, 4, 18])
        graph.integers("full", [4, 2, 3, 3])
        graph.node("Reshape", ["w", "flat"], ["rows"])
        graph.node("ReduceMean", ["rows"], ["mean"], integers: ["keepdims": 0], lists: ["axes": [0, 2]])
        graph.node(
            "BatchNormalization", ["rows", "gain", "none", "mean", "none"], ["standard", "next mean", "next variance"],
            integers: ["training_mode": 1])
        graph.node("Reshape", ["standard", "full"], ["filters"])
        graph.node("Conv", ["x", "filters"], ["h"])
        graph.node("Relu", ["h"], ["r"])
        graph.tensor("v", [3, 4, 1, 1], (0..<12).map { Float($0 % 5) / 5 - 0.3 })
        graph.node("Conv", ["r", "v"], ["y"])
        graph.output("y", [nil, 3, 3, 3])
        let source = try graph.source()
        #expect(source.warnings.isEmpty, "\(source.warnings)")
        let filters = try #require(source.network.parameters["filters"]).values
        for (c, gain) in [Float(1), 2, 0.5, 3].enumerated() {
            let own = raw[c * 18..<c * 18 + 18]
            let mean = own.reduce(0, +) / 18
            let variance = own.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 18
            for (found, value) in zip(filters[c * 18..<c * 18 + 18], own) {
                #expect(abs(found - gain * (value - mean) / (variance + 1e-5).squareRoot()) <= 1e-5)
            }
        }
        let cut = try source.network.keeping(try source.network.halvedGroups())
        let model = try source.model(for: cut)
        // What the graph worked out is stated, and nothing of what it was worked out from is left.
        #expect(model.wire.graph.node.map(\.opType) == ["Conv", "Relu", "Conv"])
        #expect(Set(model.tensorNames).isDisjoint(with: ["w", "gain", "none", "flat", "full"]))
        let again = try ONNXNetwork(ONNX.decode(ONNX.encode(model), modelPath: "model.onnx"))
        let input = ActivationTensor(shape: [2, 2, 5, 5], values: (0..<100).map { Float($0 % 11) - 5 })
        #expect(try again.network.output(input) == cut.output(input))
    }

    /// Types of tokens are looked up so in a row that is repeated for every sample.
    @Test func numbersOfARowAtComputedPlaces() throws {
        var graph = WireGraph()
        graph.input("x", [nil, 3], isInteger: true)
        graph.tensor("row", [1, 5], [10, 20, 30, 40, 50])
        graph.node("GatherElements", ["row", "x"], ["y"], integers: ["axis": 1])
        graph.output("y", [nil, 3])
        let source = try graph.source()
        #expect(source.warnings.isEmpty, "\(source.warnings)")
        let result = try source.network.output(ActivationTensor(shape: [2, 3], values: [0, 4, 2, 1, 1, 3]))
        #expect(result.values == [10, 50, 30, 20, 20, 40])
    }

    /// Equal vectors are often written once; the channels of their layers are cut apart all the same.
    @Test func vectorsThatSeveralLayersRead() throws {
        var graph = WireGraph()
        graph.input("x", [nil, 2, 5, 5])
        graph.tensor("u", [4, 2, 1, 1], (0..<8).map { Float($0) / 4 - 1 })
        graph.tensor("v", [4, 4, 1, 1], (0..<16).map { Float($0 % 5) / 5 - 0.3 })
        graph.tensor("w", [3, 4, 1, 1], (0..<12).map { Float($0 % 7) / 7 - 0.4 })
        graph.tensor("shift", [4], [0.1, 0.2, 0.3, 0.4])
        graph.tensor("ones", [4], [1, 1, 1, 1])
        graph.tensor("zeros", [4], [0, 0, 0, 0])
        for (k, name) in ["m", "n"].enumerated() { graph.tensor(name, [4], [0.1, -0.2, 0.3, 0].map { $0 + Float(k) / 8 }) }
        for (k, name) in ["p", "q"].enumerated() { graph.tensor(name, [4], [1, 2, 3, 4].map { $0 + Float(k) }) }
        graph.node("Conv", ["x", "u", "shift"], ["a"])
        graph.node("BatchNormalization", ["a", "ones", "zeros", "m", "p"], ["b"])
        graph.node("Relu", ["b"], ["c"])
        graph.node("Conv", ["c", "v", "shift"], ["d"])
        graph.node("BatchNormalization", ["d", "ones", "zeros", "n", "q"], ["e"])
        graph.node("Relu", ["e"], ["f"])
        graph.node("Conv", ["f", "w"], ["y"])
        graph.output("y", [nil, 3, 5, 5])
        let source = try graph.source()
        let groups = try source.network.channelGroups().filter(\.isPrunable)
        #expect(groups.count == 2)
        let last = try #require(groups.last)
        let cut = try source.network.keeping([last.id: [1, 3]])
        let model = try source.model(for: cut)
        #expect(try model.tensor(named: "shift").shape == [4])
        let again = try ONNXNetwork(ONNX.decode(ONNX.encode(model), modelPath: "model.onnx"))
        let input = ActivationTensor(shape: [2, 2, 5, 5], values: (0..<100).map { Float($0 % 11) - 5 })
        #expect(try again.network.output(input) == cut.output(input))
    }

    /// A few bytes that describe more numbers than the model holds stay undone.
    @Test func noConstantGrowsBeyondMeasure() throws {
        var graph = WireGraph()
        graph.input("x", [nil, 8])
        graph.tensor("a", [8], Self.eight)
        graph.integers("pads", [0, 1 << 30])
        graph.node("Pad", ["a", "pads"], ["long"])
        graph.node("ReduceMax", ["long"], ["c"], integers: ["keepdims": 0])
        graph.node("Add", ["x", "c"], ["y"])
        graph.output("y", [nil, 8])
        let source = try graph.source()
        #expect(source.warnings.contains { $0.contains("Pad") }, "\(source.warnings)")
    }
}
