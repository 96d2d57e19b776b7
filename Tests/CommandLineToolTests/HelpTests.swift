import Foundation
import TensorFiles
import TestSupport
import Testing

/// Help texts, topics, descriptions of networks, and what a mistyped word is told.
@Suite struct HelpTests {
    private static let verbs = [
        "", "fit", "score", "design", "reduce", "coreset", "prune", "curve", "learn", "apply", "evaluate", "verify", "inspect", "benchmark",
        "doctor",
    ]

    /// In a terminal of 80 columns an example that is too long would be broken where nobody can copy it.
    @Test(arguments: verbs) func examplesFitTheTerminal(_ verb: String) throws {
        let folder = try ScratchFolder()
        let help = try BuiltTool.run((verb.isEmpty ? [] : [verb]) + ["--help"], in: folder, environment: ["COLUMNS": "80"])
        #expect(help.status == 0 && help.output.contains("USAGE"))
        let lines = help.output.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.allSatisfy { $0.count <= 80 || $0.hasPrefix("USAGE") }, "\(lines.filter { $0.count > 80 })")
        let start = try #require(lines.firstIndex { $0.hasPrefix("EXAMPLE") }, "\(help.output)")
        let examples = lines[(start + 1)...].prefix { !$0.isEmpty }
        #expect(!examples.isEmpty)
        for (line, before) in zip(examples, examples.prefix(1) + examples) {
            #expect(line.hasPrefix("  loewner ") || line.hasPrefix("      ") && before.hasSuffix(" \\"), "\(line)")
        }
        // The same with all options.
        let all = try BuiltTool.run((verb.isEmpty ? ["help"] : [verb]) + ["--help-all"], in: folder, environment: ["COLUMNS": "80"])
        #expect(all.status == 0 && (verb.isEmpty || all.output == help.output))
    }

    @Test(arguments: [
        ("prun net.safetensors", "did you mean prune?"), ("grpah net.onnx -o g.svg", "did you mean inspect MODEL --graph FILE?"),
        ("graph net.onnx", "did you mean inspect MODEL --graph FILE?"), ("bench", "did you mean benchmark?"),
        ("elipsoid points.npy", "did you mean fit?"), ("desgin x", "did you mean design?"), ("finetune x", "did you mean learn?"),
        ("eval x", "did you mean evaluate?"), ("qwertyuiop", "expected a verb, found \"qwertyuiop\"; see"),
        ("help prun", "did you mean prune?"), ("help networ", "expected a verb or a topic (network)"),
        ("prune net.safetensors --calibraton x.npz", "Did you mean '--calibration'?"), ("prune --mac 0.5 x.onnx", "Did you mean '--macs'?"),
        ("fit x --methd auto", "Did you mean '--method'?"),
    ])
    func mistypedWordsAreTold(_ words: String, _ mention: String) throws {
        let outcome = try BuiltTool.run(words.split(separator: " ").map(String.init), in: ScratchFolder())
        #expect(outcome.status == 2 && outcome.errors.contains(mention), "\(outcome.errors)")
        #expect(outcome.errors.split(separator: "\n").count == 1 && outcome.output.isEmpty)
    }

    /// `help network` shows what `inspect --describe` writes, and that is read back as the same network.
    @Test func descriptionsAreExplainedAndRead() throws {
        let folder = try ScratchFolder()
        var archive = TensorArchive()
        for (name, shape) in [
            ("conv1", [6, 1, 5, 5]), ("conv2", [16, 6, 5, 5]), ("fc1", [120, 256]), ("fc2", [84, 120]), ("fc3", [10, 84]),
        ] {
            let values = (0..<shape.reduce(1, *)).map { Float($0 % 17) / 50 - 0.15 }
            archive[name + ".weight"] = try .float32(values, shape: shape)
            archive[name + ".bias"] = .float32([Float](repeating: 0.1, count: shape[0]))
        }
        try archive.write(to: folder.path("lenet.safetensors"), force: false)
        let described = try BuiltTool.run(["inspect", "lenet.safetensors", "--describe", "net.json", "--network", "lenet-5"], in: folder)
        #expect(described.status == 0, "\(described.errors)")
        let text = String(decoding: try folder.read("net.json"), as: UTF8.self)
        let help = try BuiltTool.run(["help", "network"], in: folder)
        #expect(help.status == 0 && help.output.contains(text), "\(text)")
        #expect(help.output.split(separator: "\n").allSatisfy { $0.count <= 88 })

        let byName = try BuiltTool.run(["inspect", "lenet.safetensors", "--network", "lenet-5", "--json"], in: folder).json()
        let byFile = try BuiltTool.run(["inspect", "lenet.safetensors", "--network", "net.json", "--json"], in: folder).json()
        for key in ["macs", "parameters", "prunableShare"] { #expect(byName[key] as? Double == byFile[key] as? Double) }
        // Pruned files are read by the same description.
        let pruned = try BuiltTool.run(
            ["prune", "lenet.safetensors", "-o", "small.safetensors", "--network", "net.json", "--samples", "64", "--learn", "0"],
            in: folder)
        #expect(pruned.status == 0 || pruned.status == 3, "\(pruned.errors)")
        #expect(try BuiltTool.run(["inspect", "small.safetensors", "--network", "net.json"], in: folder).status == 0)

        let taken = try BuiltTool.run(["inspect", "lenet.safetensors", "--describe", "net.json"], in: folder)
        #expect(taken.status == 1 && taken.errors.contains("--force"))
        let unread = try BuiltTool.run(["inspect", "lenet.safetensors", "--describe", "net.txt"], in: folder)
        #expect(unread.status == 2 && unread.errors.contains(".json"))
    }
}
