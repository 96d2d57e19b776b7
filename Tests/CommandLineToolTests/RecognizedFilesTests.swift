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
