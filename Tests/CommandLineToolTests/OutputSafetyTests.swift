// Files that are written: never over an input, whole or not at all, and as the owner had them.

import Foundation
import TensorFiles
import Testing

@Suite struct OutputSafetyTests {
    private static let description =
        #"{"input": [2], "layers": [{"type": "linear", "name": "fc1", "activation": "relu"}, {"type": "linear", "name": "fc2"}]}"#

    private static func folder() throws -> ScratchFolder {
        let folder = try ScratchFolder()
        try SmallNetwork.write(to: folder)
        try folder.write(description.utf8, to: "net.json")
        try FileManager.default.createSymbolicLink(atPath: folder.path("alias.safetensors"), withDestinationPath: "net.safetensors")
        try FileManager.default.linkItem(atPath: folder.path("net.safetensors"), toPath: folder.path("hard.safetensors"))
        try FileManager.default.createDirectory(atPath: folder.path("set/0"), withIntermediateDirectories: true)
        try folder.write(NPY.encode(.float32([1, 2])), to: "set/0/a.npy")
        return folder
    }

    @Test func noOutputIsAnInputUnderAnyName() throws {
        let folder = try Self.folder()
        let before = try Dictionary(
            uniqueKeysWithValues: ["net.safetensors", "net.json", "data.npz", "set/0/a.npy"].map { ($0, try folder.read($0)) })
        let prune = "prune net.safetensors --keep 0.7 --samples 64 --force"
        let cases = [
            "\(prune) -o net.safetensors", "\(prune) -o ./net.safetensors", "\(prune) -o alias.safetensors", "\(prune) -o hard.safetensors",
            "\(prune) -o small.safetensors --plan hard.safetensors", "\(prune) -o small.safetensors --plan net.json --network net.json",
            "\(prune) -o small.safetensors --report data.npz.html --plan data.npz --evaluate data.npz",
            "\(prune) -o small.safetensors --plan set/0/a.npy --evaluate set", "\(prune) -o same.safetensors --plan ./same.safetensors",
            "\(prune) -o small.safetensors --plan r.md --report ./r.md",
            "inspect net.safetensors --graph net.json --network net.json --force",
            "evaluate net.safetensors --data data.npz --logits hard.safetensors --force",
            "evaluate net.safetensors --data set --logits set/0/a.npy --force",
            "evaluate net.safetensors --data set/0/a.npy --logits ./set/0/../0/a.npy --force",
        ]
        for line in cases {
            let outcome = try BuiltTool.run(line.split(separator: " ").map(String.init), in: folder)
            #expect(outcome.status == 2 && outcome.errors.split(separator: "\n").count == 1, "\(line): \(outcome.status) \(outcome.errors)")
            #expect(!(try folder.files()).contains { ["small.safetensors", "same.safetensors", "r.md"].contains($0) }, "\(line)")
        }
        for (name, bytes) in before { #expect(try folder.read(name) == bytes, "\(name)") }
    }

    @Test func aReplacedFileKeepsItsMode() throws {
        let folder = try Self.folder()
        for mode in [0o600, 0o640, 0o444, 0o755] {
            try folder.write("old".utf8, to: "small.safetensors")
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: folder.path("small.safetensors"))
            let outcome = try BuiltTool.run(
                ["prune", "net.safetensors", "-o", "small.safetensors", "--keep", "0.7", "--samples", "64", "--force"], in: folder)
            #expect(outcome.status == 0, "\(outcome.errors)")
            let attributes = try FileManager.default.attributesOfItem(atPath: folder.path("small.safetensors"))
            #expect(attributes[.posixPermissions] as? Int == mode)
            try FileManager.default.removeItem(atPath: folder.path("small.safetensors"))
        }
    }

    /// The data come through a pipe that nobody fills: the output has been promised, and reading waits until the signal comes.
    @Test(arguments: [("INT", 130, "interrupted"), ("TERM", 143, "terminated"), ("HUP", 129, "hung up")])
    func aSignalLeavesNoTemporaryFileAndSaysWhatIsMissing(_ signal: String, _ status: Int, _ word: String) throws {
        let folder = try Self.folder()
        // Job control, or bash has its background jobs ignore SIGINT. A thread that runs tests may block SIGTERM, and so does what it starts.
        let line =
            "set -m; mkfifo p; sleep 30 > p & sleeper=$!; $L evaluate net.safetensors --data p --logits l.npy & tool=$!; sleep 2;"
            + " kill -\(signal) $tool; wait $tool; code=$?; kill -KILL $sleeper; exit $code"
        let outcome = try BuiltTool.shell(line, in: folder)
        #expect(outcome.status == Int32(status), "\(outcome.status) \(outcome.errors)")
        #expect(outcome.errors.contains("\(word); not written: l.npy"), "\(outcome.errors)")
        #expect(!(try folder.files()).contains { $0.hasSuffix(".tmp") || $0 == "l.npy" })
    }

    /// Data that can be read once are checked before the work and looked at behind it.
    @Test func aPipeOfLabelledInputsIsReadOnce() throws {
        let folder = try Self.folder()
        let outcome = try BuiltTool.shell(
            "$L prune net.safetensors -o small.safetensors --keep 0.7 --samples 64 --force-quality --json --calibration <(cat data.npz)"
                + " --evaluate <(cat data.npz)", in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try outcome.json()["accuracyAfter"] is Double)
        #expect(try folder.files().contains("small.safetensors"))
    }

    @Test func aLimitOnFileSizeIsAnErrorOfWriting() throws {
        let folder = try Self.folder()
        try folder.write(NPY.encode(try .float64((0..<4000).map { Double($0 * 7919 % 1009) }, shape: [40, 100])), to: "points.npy")
        let outcome = try BuiltTool.shell("ulimit -f 1; $L fit points.npy -o e.npz --json > /dev/null", in: folder)
        #expect(outcome.status == 1 && outcome.errors.contains("File too large"), "\(outcome.status) \(outcome.errors)")
        #expect(!(try folder.files()).contains { $0.hasSuffix(".tmp") || $0 == "e.npz" })
    }
}
