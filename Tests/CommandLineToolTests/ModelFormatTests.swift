// Every format through every verb: what goes in as ONNX comes out as ONNX, and a description file stands for a name.

import Foundation
import TensorFiles
import TestSupport
import Testing

@Suite struct ModelFormatTests {
    /// The small models of the library's tests, with onnxruntime's answers.
    private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("NeuralNetworksTests/Fixtures")

    private static func fixture(_ name: String) -> String { fixtures.appendingPathComponent(name).path }

    private static let paper = ["--recipe", "paper", "--select", "l2", "--reweight", "none"]

    @Test(arguments: [
        "zoo8", "zoo13", "zoo21", "depthwise", "grouped", "concat", "external", "cntk", "attention", "nhwc", "half", "vit-script-token",
        "vit-export",
    ])
    func smallModelsAreEvaluatedPrunedVerifiedAndReplayed(_ name: String) throws {
        let folder = try ScratchFolder()
        let model = Self.fixture(name + ".onnx")
        let answers = try TensorArchive.read(path: Self.fixture("expected.npz"))
        try TensorArchive([("images", try answers.tensor(named: name + ".input"))]).write(to: folder.path("data.npz"), force: false)

        let pruned = try BuiltTool.run(
            ["prune", model, "-o", "small.onnx", "--plan", "plan.json", "--keep", "0.5", "--json"] + Self.paper, in: folder)
        #expect(pruned.status == 0, "\(pruned.errors)")
        #expect(try pruned.json()["parametersAfter"] as? Int ?? .max < pruned.json()["parametersBefore"] as? Int ?? 0)

        let verified = try BuiltTool.run(
            ["verify", model, "small.onnx", "--plan", "plan.json", "--data", "data.npz", "--raw", "--json"], in: folder)
        #expect(verified.status == 0, "\(verified.errors)")
        #expect(try verified.json()["verified"] as? Bool == true)
        // Through a link the size is that of the file, not of the link.
        try FileManager.default.createSymbolicLink(atPath: folder.path("link.onnx"), withDestinationPath: "small.onnx")
        let linked = try BuiltTool.run(["verify", model, "link.onnx", "--plan", "plan.json", "--json"], in: folder)
        #expect(try linked.json()["bytesAfter"] as? Int == folder.read("small.onnx").count)

        let applied = try BuiltTool.run(["apply", "plan.json", model, "-o", "again.onnx"], in: folder)
        #expect(applied.status == 0, "\(applied.errors)")
        #expect(try ONNX.read(path: folder.path("again.onnx")).tensorNames == ONNX.read(path: folder.path("small.onnx")).tensorNames)
        #expect(try folder.read("again.onnx") == folder.read("small.onnx"))
    }

    @Test func residualStreamsAreCutOnDemand() throws {
        let folder = try ScratchFolder()
        let model = Self.fixture("zoo13.onnx")
        let groups = try #require(try BuiltTool.run(["inspect", model, "--json"], in: folder).json()["groups"] as? [[String: Any]])
        func names(_ key: String) -> Set<String> { Set(groups.filter { $0[key] as? Bool == true }.compactMap { $0["name"] as? String }) }
        #expect(names("cuttable").isStrictSuperset(of: names("prunable")))
        for (flags, expected) in [([], names("prunable")), (["--residual-streams"], names("cuttable"))] as [([String], Set<String>)] {
            let pruned = try BuiltTool.run(
                ["prune", model, "-o", "small.onnx", "--plan", "plan.json", "--keep", "0.5", "--force", "--json"] + flags + Self.paper,
                in: folder)
            #expect(pruned.status == 0, "\(pruned.errors)")
            let layers = try #require(try pruned.json()["layers"] as? [[String: Any]])
            #expect(Set(layers.compactMap { $0["name"] as? String }) == expected)
            let verified = try BuiltTool.run(["verify", model, "small.onnx", "--plan", "plan.json", "--json"], in: folder)
            #expect(try verified.json()["verified"] as? Bool == true, "\(verified.errors)")
            let applied = try BuiltTool.run(["apply", "plan.json", model, "-o", "again.onnx", "--force"], in: folder)
            #expect(applied.status == 0, "\(applied.errors)")
            #expect(try folder.read("again.onnx") == folder.read("small.onnx"))
        }
    }

    @Test func constantOutputsTakeNoAccuracyAway() throws {
        let folder = try ScratchFolder()
        try ExampleInputs.write(to: folder)
        try ExampleInputs.writeWithConstantOutput(to: folder)
        let pruned = try BuiltTool.run(
            ["prune", "constant.onnx", "-o", "small.onnx", "--plan", "plan.json", "--keep", "0.5"] + Self.paper, in: folder)
        #expect(pruned.status == 0, "\(pruned.errors)")
        let verified = try BuiltTool.run(
            [
                "verify", "constant.onnx", "small.onnx", "--plan", "plan.json", "--data", "test-rgb.npz", "--mean", "0.485,0.456,0.406",
                "--std", "0.229,0.224,0.225", "--json",
            ], in: folder)
        #expect(verified.status == 0, "\(verified.errors)")
        let report = try verified.json()
        #expect(report["accuracyBefore"] as? Double == 1)
        #expect(report["accuracyAfter"] is Double && report["agreementWithOriginal"] is Double && report["comparedBefore"] == nil)
    }

    @Test func calibrationPassesLabelsOverAndImagesWithoutColorsAreRefused() throws {
        let folder = try ScratchFolder()
        try ExampleInputs.write(to: folder)
        let images = try TensorArchive.read(path: folder.path("test-rgb.npz")).tensor(named: "images")
        let maps = try Tensor.float32([Float](repeating: 0.5, count: 2 * images.shape[0]), shape: [images.shape[0], 2])
        try TensorArchive([("images", images), ("labels", maps)]).write(to: folder.path("maps.npz"), force: false)
        try TensorArchive([("images", images.reshaped(to: [3 * images.shape[0], 12, 12]))]).write(to: folder.path("gray.npz"), force: false)
        func prune(_ data: String) throws -> BuiltTool.Outcome {
            try BuiltTool.run(
                ["prune", "resnet.onnx", "-o", "small.onnx", "--keep", "0.5", "--learn", "0", "--force", "--calibration", data], in: folder)
        }
        let labelled = try prune("maps.npz")
        #expect(labelled.status == 0, "\(labelled.errors)")
        let gray = try prune("gray.npz")
        #expect(gray.status == 1 && gray.errors.contains("(3, 12, 12)") && gray.errors.contains("(12, 12)"), "\(gray.errors)")
    }

    @Test func customOperationsAreKeptWholeByName() throws {
        let folder = try ScratchFolder()
        let inspected = try BuiltTool.run(["inspect", Self.fixture("custom.onnx"), "--json", "--graph", "graph.svg"], in: folder)
        #expect(inspected.status == 0, "\(inspected.errors)")
        #expect(inspected.errors.contains("com.example.Mystery"))
        let groups = try #require(try inspected.json()["groups"] as? [[String: Any]])
        let before = try #require(groups.first { $0["name"] as? String == "before" })
        #expect((before["barrier"] as? String)?.contains("mystery") == true)
        #expect(before["prunable"] as? Bool == false)
        #expect(groups.contains { $0["prunable"] as? Bool == true })
        let drawing = String(decoding: try folder.read("graph.svg"), as: UTF8.self)
        #expect(drawing.hasPrefix("<svg") && drawing.contains("mystery") && drawing.hasSuffix("</svg>\n"))

        let pruned = try BuiltTool.run(
            ["prune", Self.fixture("custom.onnx"), "-o", "small.onnx", "--keep", "0.5", "--json"] + Self.paper, in: folder)
        #expect(pruned.status == 0, "\(pruned.errors)")
        #expect(
            try ONNX.read(path: folder.path("small.onnx")).tensor(named: "before.weight")
                == ONNX.read(path: Self.fixture("custom.onnx")).tensor(named: "before.weight"))

        // The default recipe wants activations; where none can be computed the weights have to do, and the report says so.
        let best = try BuiltTool.run(["prune", Self.fixture("custom.onnx"), "-o", "best.onnx", "--keep", "0.5", "--json"], in: folder)
        #expect(best.status == 0, "\(best.errors)")
        #expect((try best.json()["warnings"] as? [String])?.contains { $0.contains("without inputs to fit on") } == true)
        #expect(try best.json()["parametersAfter"] as? Int == pruned.json()["parametersAfter"] as? Int)
    }

    @Test func descriptionFilesStandForNames() throws {
        let folder = try ScratchFolder()
        try SmallNetwork.write(to: folder)
        let description = """
            {"input": [2], "layers": [{"type": "linear", "name": "fc1", "activation": "relu"}, {"type": "linear", "name": "fc2"}]}
            """
        try folder.write(description.utf8, to: "net.json")
        try folder.write(description.replacing("fc2", with: "fc9").utf8, to: "other.json")
        try folder.write("{".utf8, to: "broken.json")
        let evaluated = try BuiltTool.run(
            ["evaluate", "net.safetensors", "--network", "net.json", "--data", "data.npz", "--json"], in: folder)
        #expect(try evaluated.json()["correct"] as? Int == 3, "\(evaluated.errors)")
        for (file, word) in [("other.json", "fc9.weight"), ("broken.json", "expected JSON"), ("absent.json", "absent.json")] {
            let refused = try BuiltTool.run(["evaluate", "net.safetensors", "--network", file, "--data", "data.npz"], in: folder)
            #expect(refused.status == 1 && refused.errors.contains(word), "\(refused.errors)")
            #expect(refused.errors.split(separator: "\n").count == 1)
        }
    }

    @Test func badModelsAndDrawingsAreOneLine() throws {
        let folder = try ScratchFolder()
        try SmallNetwork.write(to: folder)
        let model = Self.fixture("zoo13.onnx")
        try folder.write(try Data(contentsOf: URL(fileURLWithPath: model)).dropLast(30), to: "cut.onnx")
        try folder.write(try folder.read("net.safetensors"), to: "disguised.onnx")
        for (name, images, label) in [
            ("wide", try .float32([1, 2, 3], shape: [1, 3]), 0), ("labels", try .float32([1, 2], shape: [1, 2]), 2),
            ("deep", try .int64([0, 4095], shape: [1, 2]), 0), ("signed", try .int64([-1, 127], shape: [1, 2]), 0),
        ] as [(String, Tensor, UInt8)] {
            try TensorArchive([("images", images), ("labels", .uint8([label]))]).write(to: folder.path("\(name).npz"), force: false)
        }
        let raw = try BuiltTool.run(["evaluate", "net.safetensors", "--data", "deep.npz", "--raw"], in: folder)
        #expect(raw.status == 0, "\(raw.errors)")
        let files = try folder.files()
        let cases: [(arguments: [String], status: Int32, mentions: String)] = [
            (["inspect", "cut.onnx"], 1, "cut.onnx"), (["inspect", "disguised.onnx"], 1, "disguised.onnx"),
            (["inspect", model, "--graph", "graph.png"], 2, ".svg or .dot"), (["inspect", model, "--graph", "no/graph.svg"], 1, "folder"),
            (["prune", model, "-o", "small.safetensors"], 2, ".onnx"),
            (["prune", "net.safetensors", "-o", "small.onnx"], 2, ".safetensors"),
            (["prune", "net.safetensors", "-o", "small.safetensors", "--evaluate", "wide.npz"], 1, "(2)"),
            (["prune", "net.safetensors", "-o", "small.safetensors", "--evaluate", "labels.npz"], 1, "labels below 2"),
            (["evaluate", "net.safetensors", "--data", "deep.npz"], 1, "found 4095"),
            (["evaluate", "net.safetensors", "--data", "signed.npz"], 1, "found -1"),
        ]
        for entry in cases {
            let outcome = try BuiltTool.run(entry.arguments, in: folder)
            #expect(outcome.status == entry.status, "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.errors.contains(entry.mentions), "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(entry.arguments): \(outcome.errors)")
        }
        #expect(try folder.files() == files)
    }

    @Test(
        .besideSharedData,
        arguments: [
            ("lenet300_mnist", "mnist_test2000", 1957), ("lenet5_mnist", "mnist_test2000", 1975),
            ("resnet20_cifar10", "cifar10_test500", 455),
            ("resnet20_cifar10_bn", "cifar10_test500", 455), ("resnet20_cifar10_dynamo", "cifar10_test500", 455),
        ])
    func realModelsKeepTheirAccuracyAndTheirLogitsWhenPruned(_ name: String, _ images: String, _ correct: Int) throws {
        let folder = try ScratchFolder()
        let model = SharedData.path(name + ".onnx")
        let data =
            ["--data", SharedData.path(images + ".npz")]
            + (name.hasPrefix("resnet") ? ["--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225"] : [])
        #expect(try BuiltTool.run(["evaluate", model, "--json"] + data, in: folder).json()["correct"] as? Int == correct)
        for keep in ["0.6", "0.1"] {
            let pruned = try BuiltTool.run(
                ["prune", model, "-o", "small.onnx", "--plan", "plan.json", "--keep", keep, "--force"] + Self.paper, in: folder)
            #expect(pruned.status == 0, "\(pruned.errors)")
            let verified = try BuiltTool.run(["verify", model, "small.onnx", "--plan", "plan.json", "--json"] + data, in: folder)
            #expect(try verified.json()["verified"] as? Bool == true, "\(verified.errors)")
        }
    }
}
