import Foundation
import Testing

/// `prune --config` and `--print-config`.
@Suite struct ConfigurationTests {
    private static func prune(_ arguments: String, in folder: ScratchFolder) throws -> BuiltTool.Outcome {
        try BuiltTool.run(["prune", "net.safetensors"] + arguments.split(separator: " ").map(String.init), in: folder)
    }

    @Test func optionsOfAFileStandBeforeThoseGiven() throws {
        let folder = try ScratchFolder()
        try SmallNetwork.write(to: folder)
        try folder.write(
            "# one third\nkeep = 0.34\nsamples = 64 # few\nseed = 7\ninput-mean = [-0.5]\ninput_std = 2\nlayer = [\"fc1=0.67\"]\ndry-run = true\nraw = false\nselect = \"l2\"\n"
                .utf8, to: "p.toml")
        let printed = try Self.prune("--config p.toml --print-config --seed 8", in: folder)
        #expect(printed.status == 0, "\(printed.errors)")
        let options = try printed.json()
        #expect(options["keep"] as? Double == 0.34 && options["seed"] as? Int == 8 && options["layer"] as? [String] == ["fc1=0.67"])
        #expect(options["dry-run"] as? Bool == true && options["raw"] == nil && options["select"] as? String == "l2")

        // Printed, read again and run: the same plan as by flags.
        try folder.write(printed.output.utf8, to: "again.json")
        #expect(try Self.prune("--config again.json --print-config", in: folder).output == printed.output)
        let byFile = try Self.prune("--config again.json --plan a.json", in: folder)
        #expect(byFile.status == 0, "\(byFile.errors)")
        let byFlags = try Self.prune(
            "--samples 64 --seed 8 --input-mean -0.5 --input-std 2 --layer fc1=0.67 --keep 0.34 --dry-run --select l2 --plan b.json",
            in: folder)
        #expect(byFlags.status == 0, "\(byFlags.errors)")
        let plans = try ["a.json", "b.json"].map { name -> String in
            String(decoding: try folder.read(name), as: UTF8.self).replacing(#/"seconds" : [^,\n]*/#, with: "")
        }
        #expect(plans[0] == plans[1])
    }

    /// Each option that the parser knows, with a value that is easily spoilt where the option takes text.
    @Test func everyOptionIsPrintedAndReadBack() throws {
        let folder = try ScratchFolder()
        try SmallNetwork.write(to: folder)
        let help = try BuiltTool.run(["--experimental-dump-help"], in: folder).json()
        let verbs = try #require((help["command"] as? [String: Any])?["subcommands"] as? [[String: Any]])
        let prune = try #require(verbs.first { $0["commandName"] as? String == "prune" }?["arguments"] as? [[String: Any]])
        let samples: [String: [String]] = [
            "mean": ["0.4,-0.3,0.1"], "std": ["0.2"], "layer": ["fc1=0.5", "fc2=.6"], "exclude": ["conv1,stem*", "a b"], "resize": ["256"],
            "crop": ["224,200"], "input-shape": ["3,32,32"], "memory": ["1.5GB"], "keep": ["0.30"], "params": ["0.4"],
            "macs": [".4"], "neurons": ["0.5"], "pixel-range": ["255"], "input-mean": ["-0.3"], "input-std": ["1e-3"],
            "input-correlation": ["0.9"], "ridge": ["1e-6"], "seed": ["18446744073709551615"], "round-to": ["1"], "learn": ["0"],
            "min-channels": ["4"], "samples": ["64"], "threads": ["1"], "rank": ["12"], "report": ["r#1.html"], "plan": ["p\"q#.json"],
            "emit-python": ["m.py"], "network": ["resnet20-cifar"], "output": ["out 1.safetensors"], "calibration": ["007"],
            "evaluate": ["1e3"], "max-drop": ["0.5"],
        ]
        var count = 0
        for argument in prune where argument["kind"] as? String != "positional" {
            let names = argument["names"] as? [[String: String]] ?? []
            let name = try #require(names.first { $0["kind"] == "long" }?["name"])
            if ["help", "version", "config", "print-config"].contains(name) { continue }
            var words = name == "output" ? [] : ["-o", "o.safetensors"]
            if name == "max-drop" { words += ["--evaluate", "x.npz"] }
            if argument["kind"] as? String == "flag" {
                words.append("--" + name)
            } else {
                let values = try #require(samples[name] ?? (argument["allValues"] as? [String])?.suffix(1), "a sample for --\(name)")
                for value in values { words += ["--" + name, value] }
            }
            let printed = try BuiltTool.run(["prune", "net.safetensors"] + words + ["--print-config"], in: folder)
            #expect(printed.status == 0, "--\(name): \(printed.errors)")
            let options = try printed.json()
            #expect(options[name] != nil, "\(printed.output)")
            let lines = try options.map { key, value in
                let json = try JSONSerialization.data(withJSONObject: value, options: [.fragmentsAllowed, .withoutEscapingSlashes])
                return "\(key) = \(String(decoding: json, as: UTF8.self))  # from a test\n"
            }
            for (file, text) in [("c.json", printed.output), ("c.toml", lines.joined())] {
                try folder.write(text.utf8, to: file)
                let again = try BuiltTool.run(["prune", "net.safetensors", "--config", file, "--print-config"], in: folder)
                #expect(again.output == printed.output, "--\(name) by \(file): \(again.errors)")
            }
            if let text = samples[name]?.first, name != "layer", name != "exclude", let shown = options[name] {
                #expect("\(shown)" == text, "--\(name)")
            }
            count += 1
        }
        #expect(count >= 49)
    }

    @Test(arguments: [
        ("p.toml", "keep 0.5", "line 1"), ("p.toml", "\n[table]\nkeep = 0.5", "line 2"), ("p.toml", "keep = {a = 1}", "line 1"),
        ("p.json", "[1]", "an object"), ("p.json", "{\"keep\": {}}", "keep"), ("p.json", "{\"keep\": 0.5", "an object"),
        ("p.json", "{\"kep\": 0.5}", "--kep"), ("p.json", "{\"keep\": 7}", "kept share"),
    ])
    func badFilesAreOneLine(_ name: String, _ content: String, _ mention: String) throws {
        let folder = try ScratchFolder()
        try SmallNetwork.write(to: folder)
        try folder.write(content.utf8, to: name)
        let outcome = try Self.prune("--dry-run --config \(name)", in: folder)
        #expect(outcome.status == 1 || outcome.status == 2)
        #expect(outcome.errors.contains(mention) && outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
        #expect(try Self.prune("--dry-run --config nowhere.json", in: folder).errors.contains("nowhere.json"))
    }
}
