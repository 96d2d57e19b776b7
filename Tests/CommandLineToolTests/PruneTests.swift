// `loewner prune` and `loewner apply` as a user meets them.

import Foundation
import TensorFiles
import TestSupport
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// Chains of linear layers with random weights, as files.
enum ChainFile {
    static func archive(
        _ widths: [Int], prefix: String = "fc", first: Int = 1, hasBias: Bool = true, dtype: DType = .f32, seed: UInt64 = 1
    ) throws -> TensorArchive {
        var generator = TestGenerator(seed: seed)
        var entries: [(String, Tensor)] = []
        for (k, (inputs, outputs)) in zip(widths, widths.dropFirst()).enumerated() {
            let scale = (2 / Double(inputs)).squareRoot()
            let name = "\(prefix)\(k + first)"
            let weight = generator.normals(inputs * outputs).map { Float(scale * $0) }
            entries.append((name + ".weight", try Tensor.float32(weight, shape: [outputs, inputs]).converted(to: dtype)))
            guard hasBias else { continue }
            let bias = generator.normals(outputs).map { Float(0.1 * $0) }
            entries.append((name + ".bias", try Tensor.float32(bias, shape: [outputs]).converted(to: dtype)))
        }
        return TensorArchive(entries)
    }

    static func images(count: Int, width: Int, classes: Int) throws -> TensorArchive {
        var generator = TestGenerator(seed: 9)
        return [
            "images": try .float32(generator.normals(count * width).map(Float.init), shape: [count, width]),
            "labels": .uint8((0..<count).map { UInt8($0 % classes) }),
        ]
    }
}

@Suite struct PruneTests {
    private static let widths = [16, 24, 12, 5]
    private static let declared = ["--input-mean", "0", "--input-std", "1"]

    @Test(arguments: [DType.f32, .f16, .bf16, .f64], [true, false])
    func namesOrderAndElementTypesStayThePlanReplaysToTheSameBytes(_ dtype: DType, _ hasBias: Bool) throws {
        let folder = try ScratchFolder()
        let original = try ChainFile.archive(Self.widths, prefix: "net.layers.", first: 0, hasBias: hasBias, dtype: dtype)
        try original.write(to: folder.path("net.safetensors"), force: false)
        let outcome = try BuiltTool.run(
            ["prune", "net.safetensors", "-o", "small.safetensors", "--keep", "0.5", "--plan", "plan.json", "--json", "--force-quality"]
                + Self.declared,
            in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.isEmpty)
        let small = try TensorArchive.read(path: folder.path("small.safetensors"))
        #expect(try small.names == TensorArchive.read(path: folder.path("net.safetensors")).names)
        #expect(small.entries.allSatisfy { $0.tensor.dtype == dtype })
        #expect(small["net.layers.0.weight"]?.shape == [12, 16])
        #expect(small["net.layers.1.weight"]?.shape == [6, 12])
        #expect(small["net.layers.2.weight"]?.shape == [5, 6])
        let replay = try BuiltTool.run(["apply", "plan.json", "net.safetensors", "-o", "again.safetensors"], in: folder)
        #expect(replay.status == 0, "\(replay.errors)")
        #expect(try folder.read("again.safetensors") == folder.read("small.safetensors"))
    }

    @Test func theReportHasTheKeysThatScriptsRelyOnInEveryForm() throws {
        let folder = try ScratchFolder()
        try ChainFile.archive(Self.widths).write(to: folder.path("net.safetensors"), force: false)
        try ChainFile.images(count: 60, width: 16, classes: 5).write(to: folder.path("data.npz"), force: false)
        let arguments = [
            "prune", "net.safetensors", "-o", "small.safetensors", "--keep", "0.5", "--evaluate", "data.npz", "--force", "--force-quality",
        ]
        let outcome = try BuiltTool.run(arguments + Self.declared + ["--json"], in: folder)
        let report = try outcome.json()
        for key in [
            "parametersBefore", "parametersAfter", "macsBefore", "macsAfter", "neuronsBefore", "neuronsAfter", "accuracyBefore",
            "accuracyAfter", "layers", "warnings", "seed", "seconds",
        ] { #expect(report[key] != nil, "\(key)") }
        #expect(report["parametersBefore"] as? Int == 16 * 24 + 24 + 24 * 12 + 12 + 12 * 5 + 5)
        #expect(report["parametersAfter"] as? Int == 16 * 12 + 12 + 12 * 6 + 6 + 6 * 5 + 5)
        #expect(report["macsAfter"] as? Int == 16 * 12 + 12 * 6 + 6 * 5)
        let layers = try #require(report["layers"] as? [[String: Any]])
        #expect(layers.map { $0["name"] as? String } == ["fc1", "fc2"])
        for layer in layers {
            for key in ["before", "after", "method", "relativeErrorModel", "relativeErrorMeasured", "seconds"] {
                #expect(layer[key] != nil, "\(key)")
            }
            #expect(layer["provenFactor"] != nil || layer["provenFactorAbsence"] != nil)
        }
        for name in ["report.md", "report.html", "report.json"] {
            let written = try BuiltTool.run(arguments + Self.declared + ["--report", name], in: folder)
            #expect(written.status == 0, "\(written.errors)")
            let text = String(decoding: try folder.read(name), as: UTF8.self)
            for word in ["fc1", "fc2"] { #expect(text.contains(word)) }
        }
        let stored = try #require(try JSONSerialization.jsonObject(with: Data(folder.read("report.json"))) as? [String: Any])
        #expect(stored["bytesBefore"] as? Int == (try folder.read("net.safetensors").count))
        #expect(stored["bytesAfter"] as? Int == (try folder.read("small.safetensors").count))
        for key in ["secondsBefore", "secondsAfter", "speedup", "command", "date", "version"] { #expect(stored[key] != nil, "\(key)") }
        let markdown = String(decoding: try folder.read("report.md"), as: UTF8.self)
        #expect(markdown.contains("| file | ") && markdown.contains("| time of one input, ") && markdown.contains("loewner prune "))
        // Phases leave no gaps: their times are the total.
        let phases = try #require(report["phases"] as? [String: Double]), total = try #require(report["totalSeconds"] as? Double)
        #expect((phases.values.reduce(0, +) - total).magnitude <= 1e-9 * total && total >= (report["seconds"] as? Double ?? .infinity))
        for phase in ["reading", "inputs", "moments", "ranking", "refit", "report", "writing"] { #expect(phases[phase] != nil, "\(phase)") }
        // The pruned file evaluates to the accuracy that the report gives.
        let check = try BuiltTool.run(["evaluate", "small.safetensors", "--data", "data.npz", "--json"], in: folder)
        #expect(try check.json()["accuracy"] as? Double == report["accuracyAfter"] as? Double)
    }

    /// A page of its own that says what was run, what came of it and what to do next.
    @Test func thePageExplainsItself() throws {
        let folder = try ScratchFolder()
        try ChainFile.archive(Self.widths).write(to: folder.path("net.safetensors"), force: false)
        try ChainFile.images(count: 60, width: 16, classes: 5).write(to: folder.path("data.npz"), force: false)
        let outcome = try BuiltTool.run(
            [
                "prune", "net.safetensors", "-o", "it's small.safetensors", "--keep", "0.5", "--evaluate", "data.npz", "--mean", "0.1",
                "--report", "r.html", "--plan", "plan.json", "--force-quality", "--learn", "0",
            ], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let page = String(decoding: try folder.read("r.html"), as: UTF8.self)
        let parser = XMLParser(data: Data(page.replacingOccurrences(of: "<!DOCTYPE html>", with: "").utf8))
        #expect(parser.parse(), "\(parser.parserError.map { "\($0)" } ?? "")")
        for word in ["http:", "https:", "<script ", "<link", "<img", "src=", "href=", "@import"] {
            #expect(!page.contains(word), "\(word)")
        }
        // The command as a shell takes it, and commands on the same files read in the same way.
        #expect(page.contains("loewner prune net.safetensors -o 'it'\\''s small.safetensors'"))
        #expect(page.contains("loewner evaluate 'it'\\''s small.safetensors' --data data.npz --mean 0.1"))
        #expect(page.contains("loewner apply plan.json net.safetensors"))
        for text in ["loewner 0.", "UTC", "right answers", "multiply–adds", "parameters", "file, ", "as fast", "What to do next"] {
            #expect(page.contains(text), "\(text)")
        }
        // 24 and 12 channels become half as many; 16·24 and 24·12 products a half and a quarter of that.
        #expect(page.contains("24 → 12") && page.contains("12 → 6"))
        #expect(page.contains(">384<") && page.contains(">192<") && page.contains(">72<"))
        let bytes = try folder.read("it's small.safetensors").count
        #expect(page.contains(">\(bytes < 1000 ? "\(bytes)" : String(format: "%.3g", Double(bytes) / 1000))\u{a0}"))
        // A dry run writes the page alone.
        let dry = try BuiltTool.run(
            ["prune", "net.safetensors", "--dry-run", "--keep", "0.5", "--report", "dry.html", "--learn", "0", "--force-quality"],
            in: folder)
        #expect(dry.status == 0, "\(dry.errors)")
        #expect(String(decoding: try folder.read("dry.html"), as: UTF8.self).contains("This was a dry run"))
    }

    @Test func anAnswerThatIsNotTheOriginalsAnyMoreEndsWith3AfterAllIsWritten() throws {
        let folder = try ScratchFolder()
        var seen: Set<Int32> = []
        // One neuron in each layer does not tell ten digits apart.
        for keep in ["1", "0.01"] {
            let arguments = [
                "prune", DigitsAccuracyTests.path("digits.safetensors"), "-o", "small.safetensors", "--force", "--keep", keep, "--recipe",
                "paper", "--select", "uniform", "--reweight", "none", "--round-to", "1", "--evaluate",
                DigitsAccuracyTests.path("digits-test597.npz"), "--json",
            ]
            let outcome = try BuiltTool.run(arguments, in: folder)
            let agreement = try #require(try outcome.json()["measuredAgreement"] as? Double)
            #expect(outcome.status == (agreement < 0.5 ? 3 : 0), "\(keep): \(agreement), \(outcome.errors)")
            #expect((outcome.errors.isEmpty) == (outcome.status == 0))
            #expect(try outcome.json()["isRuined"] as? Bool == (agreement < 0.5))
            #expect(try TensorArchive.read(path: folder.path("small.safetensors")).names.count == 6)
            seen.insert(outcome.status)
            #expect(try BuiltTool.run(arguments + ["--force-quality"], in: folder).status == 0)
        }
        #expect(seen == [0, 3])
    }

    @Test func recipePaperDependsOnItsSeedAlone() throws {
        let folder = try ScratchFolder()
        try ChainFile.archive([20, 60, 40, 5]).write(to: folder.path("net.safetensors"), force: false)
        for (seed, name) in [("1", "a"), ("1", "b"), ("2", "c")] {
            let outcome = try BuiltTool.run(
                ["prune", "net.safetensors", "-o", name + ".safetensors", "--recipe", "paper", "--seed", seed], in: folder)
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        #expect(try folder.read("a.safetensors") == folder.read("b.safetensors"))
        #expect(try folder.read("a.safetensors") != folder.read("c.safetensors"))
    }

    @Test func oddNetworksArePrunedAndTheirWeightsStayFinite() throws {
        var duplicated = try ChainFile.archive(Self.widths)
        var dead = duplicated
        let weight = try #require(duplicated["fc1.weight"]).floats()
        let half = Array(weight[..<(12 * 16)])
        duplicated["fc1.weight"] = try .float32(half + half, shape: [24, 16])
        duplicated["fc1.bias"] = .float32([Float](repeating: 0.1, count: 24))
        dead["fc1.weight"] = try .float32([Float](repeating: 0, count: 24 * 16), shape: [24, 16])
        dead["fc1.bias"] = .float32([Float](repeating: -1, count: 24))
        let tiny = TensorArchive(
            try ChainFile.archive(Self.widths).entries.map { name, tensor in
                (name, try .float32(try tensor.floats().map { $0 * 1e-18 }, shape: tensor.shape))
            })
        let cases: [(String, TensorArchive, [Int])] = [
            ("duplicated", duplicated, [12, 6]), ("dead", dead, [12, 6]), ("tiny", tiny, [12, 6]),
            ("one neuron", try ChainFile.archive([16, 1, 1, 3]), [1, 1]),
            ("fewer neurons than inputs", try ChainFile.archive([40, 8, 30, 3]), [4, 16]),
            ("one output", try ChainFile.archive([16, 24, 12, 1]), [12, 6]),
        ]
        for (name, archive, widths) in cases {
            for recipe in ["best", "paper"] {
                let folder = try ScratchFolder()
                try archive.write(to: folder.path("net.safetensors"), force: false)
                let outcome = try BuiltTool.run(
                    ["prune", "net.safetensors", "-o", "small.safetensors", "--recipe", recipe, "--force-quality"] + Self.declared,
                    in: folder)
                #expect(outcome.status == 0, "\(name), \(recipe): \(outcome.errors)")
                let small = try TensorArchive.read(path: folder.path("small.safetensors"))
                #expect([small["fc1.weight"]?.shape[0], small["fc2.weight"]?.shape[0]] == widths, "\(name), \(recipe)")
                for (tensor, values) in small.entries {
                    #expect(try values.floats().allSatisfy(\.isFinite), "\(name), \(recipe), \(tensor)")
                }
            }
        }
    }

    @Test func badInputIsOneLineAndWritesNothing() throws {
        let folder = try ScratchFolder()
        let archive = try ChainFile.archive(Self.widths)
        try archive.write(to: folder.path("net.safetensors"), force: false)
        try ChainFile.archive(Self.widths, seed: 2).write(to: folder.path("other.safetensors"), force: false)
        try ChainFile.archive([4, 3]).write(to: folder.path("single.safetensors"), force: false)
        var values = try #require(archive["fc2.weight"]).floats()
        var poisoned = archive
        values[7] = .nan
        poisoned["fc2.weight"] = try .float32(values, shape: [12, 24])
        try poisoned.write(to: folder.path("nan.safetensors"), force: false)
        values = try #require(archive["fc1.weight"]).floats().map { $0 * 1e30 }
        var huge = archive
        huge["fc1.weight"] = try .float32(values, shape: [24, 16])
        try huge.write(to: folder.path("huge.safetensors"), force: false)
        try TensorArchive(archive.entries.filter { $0.name != "fc2.weight" }).write(to: folder.path("gap.safetensors"), force: false)
        try folder.write(try folder.read("net.safetensors").dropLast(3), to: "cut.safetensors")
        try folder.write([UInt8](repeating: 0xff, count: 64), to: "hostile.safetensors")
        try folder.write("old".utf8, to: "old.safetensors")
        try folder.write("{}".utf8, to: "empty.json")
        try folder.write("{\"version\": 1, \"warnings\": [\"\"]}".utf8, to: "early.json")
        let made = try BuiltTool.run(["prune", "net.safetensors", "--dry-run", "--plan", "plan.json"] + Self.declared, in: folder)
        #expect(made.status == 0, "\(made.errors)")
        let before = try folder.files()
        let net = ["prune", "net.safetensors", "-o", "small.safetensors"]
        let cases: [(arguments: [String], status: Int32, mentions: String)] = [
            (net + ["--keep", "0"], 2, "above 0"), (net + ["--keep", "2"], 2, "at most 1"), (net + ["--keep", "nan"], 2, "nan"),
            (net + ["--keep", "0.5", "--params", "0.5"], 2, "--keep"), (net + ["--params", "0.001"], 1, "--params"),
            (net + ["--layer", "fc9=0.5"], 1, "fc9"), (net + ["--layer", "fc1=0"], 2, "fc1"), (net + ["--round-to", "0"], 2, "--round-to"),
            (net + ["--effort", "much"], 2, "--effort"), (net + ["--memory", "1MB"], 2, "64MB"),
            (net + ["--memory", "many"], 2, "--memory"),
            (net + ["--input-std", "0"], 2, "--input-std"), (net + ["--input-correlation", "1"], 2, "--input-correlation"),
            (net + ["--input-shape", "3,5"], 1, "16"), (net + ["--calibration", "missing.npz"], 1, "missing.npz"),
            (net + ["--report", "report.txt"], 2, "report.txt"), (net + ["--plan", "small.safetensors"], 2, "different files"),
            (net + ["--input-model", "calibration"], 1, "--calibration"),
            (net + ["--select", "top", "--reweight", "coreset"], 1, "coreset"),
            (["prune", "net.safetensors"], 2, "-o"), (["prune", "net.safetensors", "-o", "old.safetensors"], 1, "--force"),
            (["prune", "net.safetensors", "-o", "net.safetensors", "--force"], 2, "input"),
            (["prune", "net.safetensors", "-o", "small.npz"], 2, ".safetensors"),
            (["prune", "net.safetensors", "-o", "no/small.safetensors"], 1, "folder"),
            (["prune", "single.safetensors", "-o", "small.safetensors"], 1, "prunable"),
            (["prune", "nan.safetensors", "-o", "small.safetensors"], 1, "finite"),
            (["prune", "huge.safetensors", "-o", "small.safetensors"] + Self.declared, 1, "finite"),
            (["prune", "gap.safetensors", "-o", "small.safetensors"], 1, "fc2"),
            (["prune", "cut.safetensors", "-o", "small.safetensors"], 1, "cut.safetensors"),
            (["prune", "hostile.safetensors", "-o", "small.safetensors"], 1, "hostile.safetensors"),
            (["apply", "plan.json", "other.safetensors", "-o", "small.safetensors"], 1, "fingerprint"),
            (["apply", "early.json", "net.safetensors", "-o", "small.safetensors"], 1, "found version 1"),
            (["apply", "empty.json", "net.safetensors", "-o", "small.safetensors"], 1, "version"),
            (["apply", "net.safetensors", "net.safetensors", "-o", "small.safetensors"], 1, "JSON"),
            (["apply", "plan.json", "net.safetensors", "-o", "old.safetensors"], 1, "--force"),
        ]
        for entry in cases {
            let outcome = try BuiltTool.run(entry.arguments, in: folder)
            #expect(outcome.status == entry.status, "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.errors.contains(entry.mentions), "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.output.isEmpty, "\(entry.arguments)")
        }
        #expect(try folder.files() == before)
        #expect(try folder.read("old.safetensors") == Array("old".utf8))
    }
}
