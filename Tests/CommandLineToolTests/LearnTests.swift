// `loewner learn` as a user meets it.

import Foundation
import TensorFiles
import TestSupport
import Testing

@Suite struct LearnTests {
    private static let widths = [12, 24, 10, 3]

    /// A network, its first twelve hidden neurons as a pruned one, and inputs with labels.
    private func prepare(_ folder: ScratchFolder) throws {
        let whole = try ChainFile.archive(Self.widths, seed: 4)
        try whole.write(to: folder.path("net.safetensors"), force: false)
        var small = whole
        let first = try whole.tensor(named: "fc1.weight").floats(), second = try whole.tensor(named: "fc2.weight").floats()
        small["fc1.weight"] = try .float32(Array(first.prefix(12 * 12)), shape: [12, 12])
        small["fc1.bias"] = try .float32(Array(try whole.tensor(named: "fc1.bias").floats().prefix(12)), shape: [12])
        small["fc2.weight"] = try .float32((0..<10).flatMap { second[24 * $0..<24 * $0 + 12] }, shape: [10, 12])
        try small.write(to: folder.path("small.safetensors"), force: false)
        try ChainFile.images(count: 300, width: 12, classes: 3).write(to: folder.path("data.npz"), force: false)
    }

    @Test func learnsFromTheOriginalAndRepeatsItself() throws {
        let folder = try ScratchFolder()
        try prepare(folder)
        let arguments = [
            "learn", "small.safetensors", "--teacher", "net.safetensors", "--calibration", "data.npz", "--steps", "60", "--json",
        ]
        let outcome = try BuiltTool.run(arguments + ["-o", "better.safetensors"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let report = try outcome.json()
        #expect(report["steps"] as? Int == 60)
        let (before, after) = (try #require(report["heldOutBefore"] as? Double), try #require(report["heldOutAfter"] as? Double))
        #expect(after < before)
        let better = try TensorArchive.read(path: folder.path("better.safetensors"))
        let small = try TensorArchive.read(path: folder.path("small.safetensors"))
        #expect(better.names == small.names)
        #expect(better.names.allSatisfy { better[$0]?.shape == small[$0]?.shape })
        #expect(better != small)
        #expect(try !folder.files().contains("better.safetensors.checkpoint"))
        for (name, flags, isSame) in [
            ("one", ["--threads", "1"], true), ("two", ["--threads", "2"], true), ("other", ["--seed", "5"], false),
        ] {
            let again = try BuiltTool.run(arguments + ["-o", "\(name).safetensors"] + flags, in: folder)
            #expect(again.status == 0, "\(again.errors)")
            #expect(try (folder.read("\(name).safetensors") == folder.read("better.safetensors")) == isSame, "\(name)")
        }
        // Without inputs they are drawn.
        let drawn = try BuiltTool.run(
            ["learn", "small.safetensors", "--teacher", "net.safetensors", "--steps", "5", "--json", "-o", "drawn.safetensors"], in: folder)
        #expect(drawn.status == 0, "\(drawn.errors)")
        #expect((try drawn.json()["inputs"] as? String)?.contains("samples") == true)
    }

    @Test func labelsAreFineTuning() throws {
        let folder = try ScratchFolder()
        try prepare(folder)
        let outcome = try BuiltTool.run(
            [
                "learn", "small.safetensors", "--teacher", "net.safetensors", "--data", "data.npz", "--labels", "--steps", "40",
                "-o", "tuned.safetensors", "--json",
            ], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let report = try outcome.json()
        #expect(try #require(report["heldOutAfter"] as? Double) <= #require(report["heldOutBefore"] as? Double))
        #expect(report["heldOutMeaning"] as? String == "missedLabels")
    }

    /// A run goes on from its checkpoint, whoever ended it, and ends in the same bytes.
    @Test func killedRunsGoOn() throws {
        let folder = try ScratchFolder()
        try prepare(folder)
        let arguments = ["learn", "small.safetensors", "--teacher", "net.safetensors", "--calibration", "data.npz", "--rate", "0.003"]
        let process = Process()
        process.executableURL = BuiltTool.executable
        process.arguments = arguments + ["--steps", "3000", "-o", "killed.safetensors"]
        process.currentDirectoryURL = folder.url
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        while process.isRunning, try !folder.files().contains("killed.safetensors.checkpoint") { Thread.sleep(forTimeInterval: 0.002) }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(try !folder.files().contains("killed.safetensors"))
        let saved = try Safetensors.decode(folder.read("killed.safetensors.checkpoint"))
        #expect(try #require(saved.metadata["step"].flatMap { Int($0) }) > 0)
        // A checkpoint of another run is told apart.
        try folder.write(folder.read("killed.safetensors.checkpoint"), to: "other.safetensors.checkpoint")
        let other = try BuiltTool.run(arguments + ["--steps", "7", "-o", "other.safetensors"], in: folder)
        #expect(other.status == 0 && other.errors.contains("anew"), "\(other.errors)")
        let resumed = try BuiltTool.run(arguments + ["--steps", "3000", "-o", "killed.safetensors", "--json"], in: folder)
        #expect(resumed.status == 0, "\(resumed.errors)")
        #expect(try resumed.json()["resumedAt"] as? Int ?? 0 > 0)
        let whole = try BuiltTool.run(arguments + ["--steps", "3000", "-o", "whole.safetensors"], in: folder)
        #expect(whole.status == 0, "\(whole.errors)")
        #expect(try folder.read("killed.safetensors") == folder.read("whole.safetensors"))
        #expect(try !folder.files().contains { $0.hasSuffix(".checkpoint") })
    }

    @Test func sizesThatFilesLeaveOpenAreThoseOfTheData() throws {
        let folder = try ScratchFolder()
        try ExampleInputs.writeOpenSized(to: folder)
        var generator = TestGenerator(seed: 6)
        let images = try Tensor.float32(generator.normals(40 * 3 * 14 * 10).map(Float.init), shape: [40, 3, 14, 10])
        try TensorArchive([("images", images)]).write(to: folder.path("images.npz"), force: false)
        let data = ["--calibration", "images.npz", "--raw", "--json"]
        let pruned = try BuiltTool.run(["prune", "open.onnx", "-o", "small.onnx", "--keep", "0.5", "--learn", "0"] + data, in: folder)
        #expect(pruned.status == 0, "\(pruned.errors)")
        let outcome = try BuiltTool.run(
            ["learn", "small.onnx", "--teacher", "open.onnx", "-o", "better.onnx", "--steps", "5"] + data, in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try outcome.json()["steps"] as? Int == 5)
    }

    @Test func badInputIsOneLineAndWritesNothing() throws {
        let folder = try ScratchFolder()
        try prepare(folder)
        try ChainFile.archive(Self.widths, seed: 4).write(to: folder.path("old.safetensors"), force: false)
        try TensorArchive([("images", try .float32([1, 2], shape: [1, 2]))]).write(to: folder.path("narrow.npz"), force: false)
        try folder.write("mine".utf8, to: "new.safetensors.checkpoint")
        let before = try folder.files()
        let cases: [(arguments: [String], status: Int32, mentions: String)] = [
            (["small.safetensors", "-o", "x.safetensors"], 2, "--teacher"),
            (["small.safetensors", "--teacher", "net.safetensors"], 2, "-o"),
            (["small.safetensors", "--teacher", "missing.safetensors", "-o", "x.safetensors"], 1, "missing"),
            (["small.safetensors", "--teacher", "net.safetensors", "-o", "old.safetensors"], 1, "--force"),
            (["small.safetensors", "--teacher", "net.safetensors", "-o", "x.onnx"], 2, "safetensors"),
            (["small.safetensors", "--teacher", "net.safetensors", "-o", "x.safetensors", "--labels"], 2, "--data"),
            (["small.safetensors", "--teacher", "net.safetensors", "-o", "x.safetensors", "--steps", "-1"], 2, "--steps"),
            (
                [
                    "small.safetensors", "--teacher", "net.safetensors", "-o", "x.safetensors", "--calibration", "data.npz", "--data",
                    "data.npz",
                ],
                2, "both"
            ),
            (["small.safetensors", "--teacher", "net.safetensors", "-o", "x.safetensors", "--calibration", "narrow.npz"], 1, "expected"),
            (["small.safetensors", "--teacher", "net.safetensors", "-o", "new.safetensors", "--calibration", "data.npz"], 1, "checkpoint"),
        ]
        for entry in cases {
            let outcome = try BuiltTool.run(["learn"] + entry.arguments, in: folder)
            #expect(outcome.status == entry.status, "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.errors.contains(entry.mentions), "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(entry.arguments): \(outcome.errors)")
        }
        #expect(try folder.files() == before)
        #expect(try folder.read("new.safetensors.checkpoint") == Array("mine".utf8))
    }
}
