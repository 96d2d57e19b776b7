// What `inspect` promises is what `prune` does, and models that lie are refused in one line.

import Foundation
import TensorFiles
import Testing

@Suite struct InspectTests {
    private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("NeuralNetworksTests/Fixtures")

    private static func fixture(_ name: String) -> String { fixtures.appendingPathComponent(name).path }

    @Test(arguments: ["zoo13", "zoo21", "depthwise", "concat", "cntk", "attention", "custom"])
    func whatIsSaidToBePrunableIsWhatPruningCuts(_ name: String) throws {
        let folder = try ScratchFolder()
        let model = Self.fixture(name + ".onnx")
        let report = try BuiltTool.run(["inspect", model, "--json"], in: folder).json()
        let groups = try #require(report["groups"] as? [[String: Any]])
        let promised = groups.filter { $0["prunable"] as? Bool == true }.compactMap { $0["name"] as? String }
        let pruned = try BuiltTool.run(
            ["prune", model, "-o", "small.onnx", "--keep", "0.5", "--recipe", "paper", "--select", "l2", "--reweight", "none", "--json"],
            in: folder)
        #expect(pruned.status == 0, "\(pruned.errors)")
        let layers = try #require(try pruned.json()["layers"] as? [[String: Any]])
        #expect(Set(layers.compactMap { $0["name"] as? String }) == Set(promised) && !promised.isEmpty)
        // Rows and groups agree, and every refusal says why.
        let rows = try #require(report["layers"] as? [[String: Any]])
        for row in rows {
            guard let prunable = row["prunable"] as? Bool, let group = row["group"] as? String else { continue }
            if prunable { continue }
            #expect(!promised.contains(group), "\(row)")
            #expect((row["remark"] as? String)?.isEmpty == false, "\(row)")
        }
    }

    /// A lie, and what the one line must name.
    private static let lies: [(name: String, mentions: [String], edit: @Sendable (inout ONNXWireModel) -> Void)] = [
        ("cycle", ["cycle", "'fc1'"], { $0.graph.node[0].input[0] = "hidden" }),
        ("dimensions", ["'w1'", "9223372036854775807"], { $0.graph.initializer[0].dims[0] = .max }),
        ("no such value", ["'fc2'", "'ghost'"], { $0.graph.node[1].input[1] = "ghost" }),
        ("too few inputs", ["node fc2", "MatMul"], { $0.graph.node[1].input.removeLast() }),
        ("short values", ["'w1'", "24", "20"], { $0.graph.initializer[0].rawData.removeLast(4) }),
        ("short file", ["'w1'", "24", "a file of 20"], { external(&$0, "short") }),
        ("escape", ["'w1'", "'../../etc/passwd'"], { external(&$0, "../../etc/passwd") }),
        ("absolute", ["'w1'", "'/etc/passwd'"], { external(&$0, "/etc/passwd") }),
        ("no file", ["'w1'", "'nowhere'"], { external(&$0, "nowhere") }),
        ("pipe", ["'w1'", "a pipe"], { external(&$0, "pipe") }),
        ("reshape", ["node grow", "(4611686018427387904, 4611686018427387904)"], { append(&$0, "Reshape", [0, 1 << 62, 1 << 62]) }),
        ("negative reshape", ["node grow", "-7"], { append(&$0, "Reshape", [0, -7]) }),
        ("expand", ["node grow", "4611686018427387904"], { append(&$0, "Expand", [1, 1 << 62]) }),
        ("constant of shape", ["node grow", "1099511627776"], { append(&$0, "ConstantOfShape", [1 << 40]) }),
        (
            "nesting", ["graphs within graphs", "node 'branch'"],
            { model in
                for _ in 0..<30 {
                    var node = ONNXWireNode(), body = ONNXWireAttribute()
                    (body.name, body.type, body.g) = ("then_branch", .graph, model.graph)
                    (node.name, node.opType, node.attribute) = ("branch", "If", [body])
                    // The body alone: a graph that kept its nodes beside it would double with every level.
                    model.graph.node = [node]
                    model.graph.initializer = []
                }
            }
        ),
    ]

    /// hidden → operation with a shape → grown, read by fc2 and nobody else.
    private static func append(_ model: inout ONNXWireModel, _ operation: String, _ shape: [Int64]) {
        var node = ONNXWireNode(), tensor = ONNXWireTensor()
        (tensor.name, tensor.dims, tensor.dataType, tensor.int64Data) = ("shape", [Int64(shape.count)], 7, shape)
        (node.name, node.opType, node.output) = ("grow", operation, ["grown"])
        node.input = operation == "ConstantOfShape" ? ["shape"] : ["hidden", "shape"]
        model.graph.initializer.append(tensor)
        model.graph.node.insert(node, at: 1)
        model.graph.node[2].input[0] = "grown"
    }

    private static func external(_ model: inout ONNXWireModel, _ location: String) {
        var entry = ONNXWireStringEntry()
        (entry.key, entry.value) = ("location", location)
        model.graph.initializer[0].clearRawData()
        model.graph.initializer[0].dataLocation = .external
        model.graph.initializer[0].externalData = [entry]
    }

    /// x (N, 2) → MatMul w1 (2, 3) → MatMul w2 (3, 2) → y.
    private static func honest() -> ONNXWireModel {
        var model = ONNXWireModel(), opset = ONNXWireOperatorSet()
        model.irVersion = 8
        opset.version = 17
        model.opsetImport = [opset]
        var input = ONNXWireValueInfo(), output = ONNXWireValueInfo()
        (input.name, output.name) = ("x", "y")
        var batch = ONNXWireShape.Dimension(), width = ONNXWireShape.Dimension()
        (batch.dimParam, width.dimValue) = ("N", 2)
        input.type.tensorType.elemType = 1
        input.type.tensorType.shape.dim = [batch, width]
        model.graph.input = [input]
        model.graph.output = [output]
        for (name, inputs, made) in [("fc1", ["x", "w1"], "hidden"), ("fc2", ["hidden", "w2"], "y")] {
            var node = ONNXWireNode()
            (node.name, node.opType, node.input, node.output) = (name, "MatMul", inputs, [made])
            model.graph.node.append(node)
        }
        for (name, dims) in [("w1", [2, 3]), ("w2", [3, 2])] as [(String, [Int64])] {
            var tensor = ONNXWireTensor()
            (tensor.name, tensor.dims, tensor.dataType, tensor.rawData) = (name, dims, 1, Data(repeating: 1, count: 24))
            model.graph.initializer.append(tensor)
        }
        return model
    }

    @Test func modelsThatLieAreOneLineWhateverTheVerb() throws {
        let folder = try ScratchFolder()
        try folder.write([UInt8](repeating: 1, count: 20), to: "short")
        #expect(mkfifo(folder.path("pipe"), 0o600) == 0)
        try TensorArchive([("images", .float32([1, 2], shape: [1, 2])), ("labels", .int64([0], shape: [1]))]).write(
            to: folder.path("data.npz"), force: false)
        try folder.write(ONNX.encode(ONNXModel(wire: Self.honest(), payloads: [])), to: "model.onnx")
        #expect(try BuiltTool.run(["inspect", "model.onnx"], in: folder).status == 0)
        for lie in Self.lies {
            var model = Self.honest()
            lie.edit(&model)
            try folder.write(ONNX.encode(ONNXModel(wire: model, payloads: [])), to: "model.onnx")
            let files = try folder.files()
            for arguments in [
                ["inspect", "model.onnx", "--graph", "graph.svg"],
                ["evaluate", "model.onnx", "--data", "data.npz", "--raw", "--logits", "logits.npy"],
                ["prune", "model.onnx", "-o", "small.onnx", "--plan", "plan.json", "--keep", "0.5"],
            ] {
                let outcome = try BuiltTool.run(arguments, in: folder)
                #expect(outcome.status == 1, "\(lie.name), \(arguments[0]): \(outcome.errors)")
                #expect(outcome.output.isEmpty && outcome.errors.split(separator: "\n").count == 1, "\(lie.name): \(outcome.errors)")
                for word in lie.mentions { #expect(outcome.errors.contains(word), "\(lie.name): \(outcome.errors)") }
            }
            #expect(try folder.files() == files, "\(lie.name)")
        }
    }

    @Test func aConstantCastLikeAnActivationIsABias() throws {
        let folder = try ScratchFolder()
        try ExampleInputs.write(to: folder)
        let report = try BuiltTool.run(["inspect", "resnet.onnx", "--json"], in: folder).json()
        #expect((report["unknownOperations"] as? [String])?.isEmpty == true)
        let groups = try #require(report["groups"] as? [[String: Any]])
        #expect(groups.contains { $0["name"] as? String == "conv1" && $0["prunable"] as? Bool == true })
        // The weight that was asked for its extents is cut where it is: no copy of the whole one stays.
        _ = try BuiltTool.run(
            ["prune", "resnet.onnx", "-o", "small.onnx", "--select", "l2", "--reweight", "none", "--calibration", "test-rgb.npz", "--raw"],
            in: folder)
        let model = try ONNX.read(path: folder.path("small.onnx"))
        #expect(try model.tensor(named: "conv1.weight").shape == [8, 8, 3, 3])
        let weights = model.wire.graph.initializer.map(\.name).filter { $0.hasPrefix("conv") }
        #expect(weights.sorted() == ["conv1.weight", "conv2.weight"])
    }

    @Test func weightsThatAreNoNumbersAreRefused() throws {
        let folder = try ScratchFolder()
        try TensorArchive([("images", .float32([1, 2], shape: [1, 2])), ("labels", .int64([0], shape: [1]))]).write(
            to: folder.path("data.npz"), force: false)
        for value in [Float.nan, .infinity] {
            var model = Self.honest()
            model.graph.initializer[1].rawData = [1, 2, 3, value, 5, 6].withUnsafeBytes { Data($0) }
            try folder.write(ONNX.encode(ONNXModel(wire: model, payloads: [])), to: "model.onnx")
            let files = try folder.files()
            for arguments in [["evaluate", "model.onnx", "--data", "data.npz", "--raw"], ["prune", "model.onnx", "-o", "small.onnx"]] {
                let outcome = try BuiltTool.run(arguments, in: folder)
                #expect(outcome.status == 1 && outcome.output.isEmpty, "\(outcome.errors)")
                #expect(
                    outcome.errors.contains("w2") && outcome.errors.contains(" 3") && outcome.errors.split(separator: "\n").count == 1,
                    "\(outcome.errors)")
            }
            #expect(try folder.files() == files)
        }
    }
}
