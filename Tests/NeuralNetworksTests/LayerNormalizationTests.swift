// Layer normalization as exporters spell it out: recognized as one, cut as one, and written back as they had it.

import NeuralNetworks
import TensorFiles
import TestSupport
import Testing

@Suite struct LayerNormalizationTests {
    enum Spelling: String, CaseIterable, Sendable {
        case twoPasses, differenceTwice, reciprocal, sumsAndSquares, sumsOverCount, drawnIn, expanded, expandedWithoutScale
    }

    /// x − m, of the names that statistics get.
    private static func write(_ spelling: Spelling, into graph: inout WireGraph) {
        func mean(_ value: String, _ name: String) {
            switch spelling {
            case .sumsAndSquares, .drawnIn:
                graph.node("ReduceSum", [value, "axis"], [name + " sum"], integers: ["keepdims": 0])
                graph.node("Mul", [name + " sum", "share"], [name])
            case .sumsOverCount:
                graph.node("ReduceSum", [value, "axis"], [name + " sum"], integers: ["keepdims": 1])
                graph.node("Div", [name + " sum", "count"], [name])
            default: graph.node("ReduceMean", [value], [name], integers: ["keepdims": 1], lists: ["axes": [-1]])
            }
        }
        let losesAxis = spelling == .sumsAndSquares || spelling == .drawnIn
        func restored(_ name: String) -> String {
            guard losesAxis else { return name }
            graph.node("Reshape", [name, "column"], [name + " column"])
            graph.node("Expand", [name + " column", "one by one"], [name + " wide"])
            return name + " wide"
        }
        mean("x", "m")
        if losesAxis || spelling == .sumsOverCount {
            graph.node("Mul", ["x", "x"], ["squares"])
            mean("squares", "s")
            graph.node("Mul", ["m", "m"], ["m²"])
            graph.node("Sub", ["s", "m²"], ["raw"])
            graph.node("Max", ["zero", "raw"], ["v"])
        } else {
            graph.node("Sub", ["x", "m"], ["d"])
            if spelling == .twoPasses { graph.node("Pow", ["d", "two"], ["squares"]) } else { graph.node("Mul", ["d", "d"], ["squares"]) }
            mean("squares", "v")
        }
        graph.node("Add", [restored("v"), "epsilon"], ["damped"])
        graph.node("Sqrt", ["damped"], ["root"])
        switch spelling {
        case .twoPasses: graph.node("Div", ["d", "root"], ["z"])
        case .differenceTwice, .sumsOverCount:
            graph.node("Sub", ["x", "m"], ["again"])
            graph.node("Div", ["again", "root"], ["z"])
        case .reciprocal:
            graph.node("Div", ["unit", "root"], ["r"])
            graph.node("Mul", ["r", "d"], ["z"])
        case .sumsAndSquares:
            graph.node("Sub", ["x", restored("m")], ["d"])
            graph.node("Reciprocal", ["root"], ["r"])
            graph.node("Mul", ["d", "r"], ["z"])
        case .drawnIn:
            graph.node("Sub", ["x", restored("m")], ["d"])
            graph.node("Reciprocal", ["root"], ["r"])
            graph.node("Mul", ["r", "scale"], ["scaled r"])
            graph.node("Mul", ["d", "scaled r"], ["scaled"])
            return graph.node("Add", ["scaled", "shift"], ["n"])
        case .expanded, .expandedWithoutScale:
            graph.node("Reciprocal", ["root"], ["r"])
            if spelling == .expanded { graph.node("Mul", ["r", "scale"], ["factor"]) }
            let factor = spelling == .expanded ? "factor" : "r"
            graph.node("Mul", ["x", factor], ["scaled x"])
            graph.node("Mul", ["m", factor], ["scaled m"])
            graph.node("Sub", ["shift", "scaled m"], ["rest"])
            return graph.node("Add", ["scaled x", "rest"], ["n"])
        }
        graph.node("Mul", ["z", "scale"], ["scaled"])
        graph.node("Add", ["scaled", "shift"], ["n"])
    }

    @Test(arguments: Spelling.allCases) func spellingsAreOneLayer(_ spelling: Spelling) throws {
        var random = RandomNetwork(seed: 64)
        func numbers(_ shape: [Int]) -> [Float] { random.random(shape, scale: 0.5).values }
        let width = 12
        var graph = WireGraph(opset: 13)
        graph.input("input", [nil, 7])
        graph.tensor("first", [7, width], numbers([7, width]))
        graph.tensor("second", [width, 3], numbers([width, 3]))
        // Exporters state constants with the axes of 1 that broadcasting would add.
        graph.tensor("scale", [1, width], numbers([1, width]))
        graph.tensor("shift", [width], numbers([width]))
        for (name, value) in [
            ("share", 1 / Float(width)), ("count", Float(width)), ("zero", 0), ("unit", 1), ("two", 2), ("epsilon", 1e-3),
        ] { graph.tensor(name, [], [value]) }
        graph.integers("axis", [1])
        graph.integers("column", [-1, 1])
        graph.integers("one by one", [1, 1])
        graph.node("MatMul", ["input", "first"], ["x"])
        Self.write(spelling, into: &graph)
        graph.node("Tanh", ["n"], ["open"])
        graph.node("MatMul", ["open", "second"], ["y"])
        // Whoever else reads the count keeps it.
        graph.node("Mul", ["y", "share"], ["y by width"])
        graph.node("Mul", ["y by width", "count"], ["output"])
        graph.output("output", [nil, 3])
        let source = try graph.source()
        #expect(source.warnings.isEmpty, "\(source.warnings)")
        let normalizations = source.network.nodes.compactMap { node in
            if case .normalization(let layer) = node.layer { layer } else { nil }
        }
        #expect(normalizations.count == 1)
        let layer = try #require(normalizations.first)
        #expect(layer.kind == .layer && layer.epsilon == 1e-3 && layer.shift != nil)
        #expect((layer.scale == nil) == (spelling == .expandedWithoutScale))

        // What it computes is what the pieces computed.
        let input = random.batch(4, [7])
        let x = try source.network.activations(input, of: "x")
        let scale = layer.scale.flatMap { source.network.parameters[$0]?.values } ?? [Float](repeating: 1, count: width)
        let shift = layer.shift.flatMap { source.network.parameters[$0]?.values } ?? []
        let n = try source.network.activations(input, of: "n")
        for sample in 0..<4 {
            let row = (0..<width).map { Double(x[sample * width + $0]) }
            let mean = row.reduce(0, +) / Double(width)
            let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
            for k in 0..<width {
                let expected = (row[k] - mean) / (variance + 1e-3).squareRoot() * Double(scale[k]) + Double(shift[k])
                #expect(abs(Double(n[sample * width + k]) - expected) < 1e-5)
            }
        }

        let group = try #require(try source.network.channelGroups().first)
        #expect(group.isPrunable && group.count == width && group.statistics.count == 1)
        let kept = [0, 2, 3, 7, 11]
        let cut = try source.network.keeping([group.id: kept])
        let model = try source.model(for: cut)
        let again = try ONNXNetwork(ONNX.decode(ONNX.encode(model), modelPath: "model.onnx"))
        #expect(try again.network.channelGroups().first?.count == kept.count)
        #expect(try relativeError(again.network.output(input), cut.output(input)) < 1e-6)
        #expect(try relativeError(cut.output(input), source.network.masking([group.id: kept]).output(input)) < 1e-5)
    }

    /// One reader more inside, or statistics over another axis: no layer normalization.
    @Test func looksAlike() throws {
        for axis in [-1, 1] {
            var graph = WireGraph(opset: 13)
            graph.input("x", [nil, 4, 6])
            graph.tensor("epsilon", [], [1e-3])
            graph.tensor("two", [], [2])
            graph.node("ReduceMean", ["x"], ["m"], integers: ["keepdims": 1], lists: ["axes": [axis]])
            graph.node("Sub", ["x", "m"], ["d"])
            graph.node("Pow", ["d", "two"], ["squares"])
            graph.node("ReduceMean", ["squares"], ["v"], integers: ["keepdims": 1], lists: ["axes": [axis]])
            graph.node("Add", ["v", "epsilon"], ["damped"])
            graph.node("Sqrt", ["damped"], ["root"])
            graph.node("Div", ["d", "root"], ["z"])
            graph.node("Add", ["z", axis == -1 ? "v" : "x"], ["y"])
            graph.output("y", [nil, 4, 6])
            let source = try graph.source()
            #expect(!source.network.nodes.contains { if case .normalization = $0.layer { true } else { false } })
        }
    }
}

extension Network {
    /// The values of an activation by its name in the model.
    fileprivate func activations(_ input: ActivationTensor, of name: String) throws -> [Float] {
        let value = try #require(values.indices.first { values[$0].name == name })
        return try Evaluator(self, observing: [value]).forward(input)[value]?.values ?? []
    }
}
