import Foundation
import TensorFiles
import TestSupport
import Testing

/// Folders of shards, whose weights stay in their files.
@Suite struct LargeModelTests {
    private static func write(to folder: ScratchFolder) throws {
        var generator = TestGenerator(seed: 5)
        try FileManager.default.createDirectory(at: folder.url.appendingPathComponent("model"), withIntermediateDirectories: true)
        var map: [String] = []
        for block in 0..<2 {
            var archive = TensorArchive()
            for (tensor, shape) in [
                ("mlp.gate_proj", [96, 16]), ("mlp.up_proj", [96, 16]), ("mlp.down_proj", [16, 96]), ("self_attn.q_proj", [16, 16]),
                ("self_attn.k_proj", [8, 16]), ("self_attn.v_proj", [8, 16]), ("self_attn.o_proj", [16, 16]),
            ] {
                let name = "model.layers.\(block).\(tensor).weight"
                let values = (0..<shape[0] * shape[1]).map { _ in Float(generator.normal()) }
                archive[name] = try .float32(values, shape: shape)
                map.append("\"\(name)\": \"part-\(block).safetensors\"")
            }
            try archive.write(to: folder.path("model/part-\(block).safetensors"), force: false)
        }
        func write(_ name: String, _ text: String) throws {
            try Data(text.utf8).write(to: folder.url.appendingPathComponent("model").appendingPathComponent(name))
        }
        try write("model.safetensors.index.json", "{\"weight_map\": {\(map.joined(separator: ", "))}}")
        try write("config.json", "{\"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"intermediate_size\": 96}")
        try write("tokenizer.txt", "words")
        try write("pytorch_model.bin", "weights of another kind")
    }

    @Test func aFolderIsTold() throws {
        let folder = try ScratchFolder()
        try Self.write(to: folder)
        let report = try BuiltTool.run(["inspect", "model", "--json"], in: folder).json()
        #expect(report["parametersTotal"] as? Int == 2 * (3 * 96 * 16 + 2 * 256 + 2 * 128))
        #expect(report["shards"] as? Int == 2 && (report["groups"] as? [Any])?.count == 4)
        #expect(try BuiltTool.run(["inspect", "model"], in: folder).output.contains("model.layers.1.mlp"))
    }

    @Test func aFolderIsPrunedIntoANewOne() throws {
        let folder = try ScratchFolder()
        try Self.write(to: folder)
        let outcome = try BuiltTool.run(["prune", "model", "-o", "small", "--recipe", "paper", "--keep", "0.5", "--json"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try outcome.json()["parametersAfter"] as? Int == 2 * (3 * 96 * 16 + 2 * 256 + 2 * 128) / 2)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("small")).sorted()
        #expect(names == ["config.json", "model.safetensors.index.json", "part-0.safetensors", "part-1.safetensors", "tokenizer.txt"])
        let configuration = try JSONIntegers(Array(Data(contentsOf: folder.url.appendingPathComponent("small/config.json"))))
        #expect(configuration["intermediate_size"] == 48 && configuration["num_attention_heads"] == 2)
        #expect(configuration["num_key_value_heads"] == 1 && configuration["head_dim"] == 4)
        #expect(
            try TensorArchive.read(path: folder.path("small/part-1.safetensors"))["model.layers.1.mlp.down_proj.weight"]?.shape == [16, 48])
        // Seeds decide, and nothing else.
        for name in ["again", "other"] {
            _ = try BuiltTool.run(
                ["prune", "model", "-o", name, "--recipe", "paper", "--keep", "0.5", "--seed", name == "again" ? "0" : "1"], in: folder)
        }
        #expect(try folder.read("again/part-0.safetensors") == folder.read("small/part-0.safetensors"))
        #expect(try folder.read("other/part-0.safetensors") != folder.read("small/part-0.safetensors"))
    }

    @Test func whatCannotBeDoneIsRefusedAndNothingIsLeft() throws {
        let folder = try ScratchFolder()
        try Self.write(to: folder)
        let before = try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted()
        for (line, status, word) in [
            ("$L prune model -o small", 1, "weights that stay in their files"),
            ("$L prune model -o small --recipe paper --evaluate x.npz", 2, "--evaluate"),
            ("$L prune model -o model --recipe paper", 1, "model"),
            ("$L prune model -o small --recipe paper --exclude nothing", 1, "nothing"),
            // A disk that is full in the middle of the first shard.
            ("ulimit -f 4; $L prune model -o small --recipe paper", 1, "small"),
        ] {
            let outcome = try BuiltTool.shell(line, in: folder)
            #expect(outcome.status == status && outcome.errors.contains(word), "\(line): \(outcome.status) \(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted() == before)
        }
    }
}
