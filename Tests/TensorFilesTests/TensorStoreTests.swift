import Foundation
import TensorFiles
import Testing

@Suite struct TensorStoreTests {
    /// A folder that goes with the test.
    private final class Folder {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("loewner-store-\(UUID().uuidString)").path

        init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        func write(_ name: String, _ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name)) }
        func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }
        var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }
    }

    private static let first: TensorArchive = [
        "a.weight": try! .float32((0..<12).map { Float($0) }, shape: [4, 3]), "a.bias": try! .float32([1, 2, 3, 4], shape: [4]),
    ]
    private static let second: TensorArchive = [
        "b.weight": try! Tensor.float32((0..<8).map { Float($0) - 3 }, shape: [2, 4]).converted(to: .bf16)
    ]

    private static func model(_ map: String? = nil) throws -> Folder {
        let folder = try Folder()
        try folder.write("model-1.safetensors", Safetensors.encode(first))
        try folder.write("model-2.safetensors", Safetensors.encode(second))
        try folder.write(
            "model.safetensors.index.json",
            "{\"metadata\": {\"total_size\": 80}, \"weight_map\": {"
                + (map
                    ?? "\"a.weight\": \"model-1.safetensors\", \"a.bias\": \"model-1.safetensors\", \"b.weight\": \"model-2.safetensors\"")
                + "}}")
        return folder
    }

    @Test func headersAndNumbersOfShards() throws {
        let folder = try Self.model()
        let store = try TensorStore(path: folder.path)
        #expect(store.shards.map(\.name) == ["model-1.safetensors", "model-2.safetensors"])
        #expect(Set(store.entries.map(\.name)) == ["a.weight", "a.bias", "b.weight"])
        let weight = try #require(store["a.weight"])
        #expect(weight.shape == [4, 3] && weight.dtype == .f32 && weight.byteCount == 48)
        #expect(try store.floats(of: weight, at: 4..<9) == [4, 5, 6, 7, 8])
        #expect(try store.floats(of: #require(store["b.weight"]), at: 0..<8) == [-3, -2, -1, 0, 1, 2, 3, 4])
        #expect(store.byteCount == 48 + 16 + 16)
    }

    @Test(arguments: [
        ("\"a.weight\": \"../model-1.safetensors\"", "a file in the folder"), ("\"a.weight\": \"model-2.safetensors\"", "a.weight"),
        ("\"a.weight\": \"model-3.safetensors\"", "model-3.safetensors"), ("\"c\": \"model-1.safetensors\"", "tensor 'c'"),
        ("\"a.weight\": 1", "expected"), ("", "weight_map"), ("\"a.weight\": \"model-1.safetensors\", \"a.weight\": \"x\"", "twice"),
    ])
    func anIndexThatDoesNotFitIsRefused(_ map: String, _ word: String) throws {
        let folder = try Self.model(map)
        #expect {
            try TensorStore(path: folder.path)
        } throws: {
            "\($0)".contains(word)
        }
    }

    @Test func cutsAreWrittenAsTheyAreRead() throws {
        let folder = try Self.model()
        let store = try TensorStore(path: folder.path)
        let cuts = [
            "a.weight": TensorCut(rows: [1, 3]), "a.bias": TensorCut(rows: [1, 3]),
            "b.weight": TensorCut(columns: [1, 3], factors: [2, 0.5]),
        ]
        let output = folder.path + "/small"
        let bytes = try store.write(cutting: cuts, others: ["config.json": Array("{}".utf8)], to: output)
        let small = try TensorStore(path: output)
        #expect(try small.floats(of: #require(small["a.weight"]), at: 0..<6) == [3, 4, 5, 9, 10, 11])
        #expect(try small.floats(of: #require(small["a.bias"]), at: 0..<2) == [2, 4])
        #expect(try small.floats(of: #require(small["b.weight"]), at: 0..<4) == [-4, 0, 4, 2])
        #expect(small["b.weight"]?.dtype == .bf16 && small["b.weight"]?.shape == [2, 2])
        // Each shard is a file that is read as ever.
        #expect(try TensorArchive.read(path: output + "/model-1.safetensors")["a.weight"]?.shape == [2, 3])
        let sizes = try ["model-1.safetensors", "model-2.safetensors"].map {
            try #require(FileManager.default.attributesOfItem(atPath: output + "/" + $0)[.size] as? Int)
        }
        #expect(bytes == sizes.reduce(0, +))
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: output).sorted()
                == ["config.json", "model-1.safetensors", "model-2.safetensors", "model.safetensors.index.json"])
    }

    @Test func whatIsNotCutStaysByteForByte() throws {
        let folder = try Self.model()
        let output = folder.path + "/copy"
        try TensorStore(path: folder.path).write(cutting: [:], to: output)
        for name in ["model-1.safetensors", "model-2.safetensors"] {
            #expect(try TensorArchive.read(path: output + "/" + name) == TensorArchive.read(path: folder.path + "/" + name))
        }
    }

    @Test func aFolderAppearsWholeOrNotAtAll() throws {
        let folder = try Self.model()
        let store = try TensorStore(path: folder.path)
        let before = try folder.names
        // bfloat16 holds no 1e39, which is beyond single precision.
        #expect(throws: TensorFileError.self) {
            try store.write(
                cutting: ["b.weight": TensorCut(columns: [3], factors: [.infinity])], to: folder.path + "/small")
        }
        #expect(try folder.names == before)
        // A folder that is there is not touched, whatever is in it.
        try FileManager.default.createDirectory(atPath: folder.path + "/small", withIntermediateDirectories: true)
        #expect(throws: TensorFileError.folderExists(path: folder.path + "/small")) {
            try store.write(cutting: [:], to: folder.path + "/small")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/small").isEmpty)
    }

    @Test func aFileAlone() throws {
        let folder = try Folder()
        try folder.write("net.safetensors", Safetensors.encode(Self.first))
        let store = try TensorStore(path: folder.path + "/net.safetensors")
        #expect(!store.isFolder && store.shards.count == 1)
        try store.write(cutting: ["a.bias": TensorCut(rows: [0])], to: folder.path + "/small.safetensors")
        #expect(try TensorArchive.read(path: folder.path + "/small.safetensors")["a.bias"]?.floats() == [1])
        #expect(throws: TensorFileError.self) { try store.write(cutting: [:], to: folder.path + "/small.safetensors") }
        try store.write(cutting: [:], to: folder.path + "/small.safetensors", force: true)
    }

    @Test func integersOfAConfiguration() throws {
        let text = "{\"hidden_size\": 8, \"nested\": {\"hidden_size\": 1}, \"rate\": 1.5, \"heads\":4,\n \"name\": \"x\"}"
        let configuration = try JSONIntegers(Array(text.utf8))
        #expect(configuration["hidden_size"] == 8 && configuration["heads"] == 4)
        #expect(configuration["rate"] == nil && configuration["nested"] == nil && configuration["name"] == nil)
        let changed = String(decoding: configuration.replacing(["hidden_size": 16, "heads": 2, "length": 3]), as: UTF8.self)
        #expect(
            changed
                == "{\n  \"length\": 3,\"hidden_size\": 16, \"nested\": {\"hidden_size\": 1}, \"rate\": 1.5, \"heads\":2,\n \"name\": \"x\"}"
        )
        #expect(String(decoding: try JSONIntegers(Array("{ }".utf8)).replacing(["a": 1]), as: UTF8.self) == "{\n  \"a\": 1 }")
        // A width that is none is replaced where it stands: a second one in front would lose to it.
        let odd = try JSONIntegers(Array(#"{"a": [], "b": 1, "b": null}"#.utf8))
        #expect(odd["a"] == nil && odd["b"] == nil && odd.keys.isEmpty)
        #expect(String(decoding: odd.replacing(["a": 2, "b": 3]), as: UTF8.self) == #"{"a": 2, "b": 1, "b": 3}"#)
        #expect(throws: TensorFileError.self) { try JSONIntegers(Array("[1]".utf8)) }
    }
}
