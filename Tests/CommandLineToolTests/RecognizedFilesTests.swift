import Foundation
import TensorFiles
import TestSupport
import Testing

/// Files of weights that need no --network, state dictionaries, and members that nobody asked for.
@Suite struct RecognizedFilesTests {
    @Test func aFileOfWeightsIsTakenForWhatItsTensorsSay() throws {
        let folder = try ScratchFolder()
        try PublishedWeights.archive(of: "resnet20-cifar", divisor: 4, seed: 3).write(to: folder.path("w.safetensors"), force: false)
        let guessed = try BuiltTool.run(["inspect", "w.safetensors", "--json"], in: folder)
        let told = try BuiltTool.run(["inspect", "w.safetensors", "--network", "resnet20-cifar", "--json"], in: folder)
        #expect(guessed.status == 0 && guessed.output == told.output)
        #expect(guessed.errors.contains("read as resnet20-cifar") && told.errors.isEmpty, "\(guessed.errors)")
    }

    /// BERT's tensors do not say all that a network needs; its blocks are known by their names.
    @Test func aTransformerOfUnknownKindIsCutByItsWeights() throws {
        let folder = try ScratchFolder()
        var archive = TensorArchive()
        func add(_ name: String, _ shape: [Int]) throws {
            let values = (0..<shape.reduce(1, *)).map { Float(($0 * 7919 + name.count * 31) % 101) / 101 - 0.5 }
            archive[name] = try .float32(values, shape: shape)
        }
        try add("bert.embeddings.word_embeddings.weight", [40, 16])
        for block in 0..<2 {
            let stem = "bert.encoder.layer.\(block)."
            for (layer, shape) in [("attention.self.query", [16, 16]), ("intermediate.dense", [32, 16]), ("output.dense", [16, 32])] {
                try add(stem + layer + ".weight", shape)
                try add(stem + layer + ".bias", [shape[0]])
            }
        }
        try add("classifier.weight", [2, 16])
        try archive.write(to: folder.path("bert.safetensors"), force: false)
        let inspected = try BuiltTool.run(["inspect", "bert.safetensors"], in: folder)
        #expect(inspected.status == 0 && inspected.errors.contains("read as a transformer"), "\(inspected.errors)")
        #expect(inspected.output.contains("2 groups can be pruned, 64 channels"), "\(inspected.output)")
        let pruned = try BuiltTool.run(
            ["prune", "bert.safetensors", "-o", "small.safetensors", "--keep", "0.5", "--recipe", "paper"], in: folder)
        #expect(pruned.status == 0, "\(pruned.errors)")
        let small = try TensorArchive.read(path: folder.path("small.safetensors"))
        #expect(small["bert.encoder.layer.1.intermediate.dense.weight"]?.shape == [16, 16])
        #expect(small["bert.encoder.layer.1.output.dense.weight"]?.shape == [16, 16])
        #expect(small["classifier.weight"] == archive["classifier.weight"])
        let graph = try BuiltTool.run(["inspect", "bert.safetensors", "--describe", "net.json"], in: folder)
        #expect(graph.status == 2 && graph.errors.contains("--describe"), "\(graph.errors)")

        // One pair of layers is no block that repeats: what the file is must be said.
        for name in archive.names where name.contains("layer.1") { archive[name] = nil }
        try archive.write(to: folder.path("one.safetensors"), force: false)
        #expect(try BuiltTool.run(["inspect", "one.safetensors"], in: folder).status == 1)
    }

    @Test func aStateDictionaryIsPrunedIntoSafetensors() throws {
        let folder = try ScratchFolder()
        let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("TensorFilesTests/Fixtures/state.pt").path
        let fit = try BuiltTool.run(["fit", fixture, "--tensor", "fc1.weight", "--json"], in: folder)
        #expect(fit.status == 0, "\(fit.errors)")
        let wrong = try BuiltTool.run(["prune", fixture, "-o", "small.pt", "--dry-run"], in: folder)
        #expect(wrong.status != 0 && wrong.errors.split(separator: "\n").count == 1, "\(wrong.errors)")
    }

    @Test func membersThatNobodyAskedForAreCarriedAlong() throws {
        let folder = try ScratchFolder()
        try SmallNetwork.write(to: folder)
        let plain = try folder.read("net.safetensors")
        let length = Int(plain[0]) | Int(plain[1]) << 8
        var header = String(decoding: plain[8..<8 + length], as: UTF8.self).trimmingCharacters(in: .whitespaces)
        let data = Array(plain[(8 + length)...])
        header =
            "{\"__metadata__\":null,\"freqs\":{\"dtype\":\"C64\",\"shape\":[2],\"data_offsets\":[\(data.count),\(data.count + 16)]},"
            + header.dropFirst()
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) } + Array(header.utf8) + data + Array(1...16)
        try folder.write(bytes, to: "more.safetensors")
        let pruned = try BuiltTool.run(
            ["prune", "more.safetensors", "-o", "small.safetensors", "--keep", "0.67", "--samples", "64"], in: folder)
        #expect(pruned.status == 0, "\(pruned.errors)")
        #expect(Data(try folder.read("small.safetensors")).range(of: Data(1...16)) != nil)
        let asked = try BuiltTool.run(["fit", "more.safetensors", "--tensor", "freqs"], in: folder)
        #expect(asked.status == 1 && asked.errors.contains("C64"), "\(asked.errors)")
    }
}
