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
