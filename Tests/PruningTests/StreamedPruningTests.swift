import Foundation
import NeuralNetworks
import Pruning
import TensorFiles
import TestSupport
import Testing

@Suite struct StreamedPruningTests {
    private final class Folder {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("loewner-streamed-\(UUID().uuidString)").path

        init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        func write(_ name: String, _ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name)) }
    }

    private static func drawn(_ shape: [Int], _ generator: inout TestGenerator) throws -> Tensor {
        try .float32((0..<shape.reduce(1, *)).map { _ in Float(generator.normal()) }, shape: shape)
    }

    /// A chain of linear layers.
    private static func chain(_ widths: [Int], seed: UInt64) throws -> TensorArchive {
        var generator = TestGenerator(seed: seed)
        var archive = TensorArchive()
        for (index, (from, to)) in zip(widths, widths.dropFirst()).enumerated() {
            archive["fc\(index + 1).weight"] = try drawn([to, from], &generator)
            archive["fc\(index + 1).bias"] = try drawn([to], &generator)
        }
        return archive
    }

    private static func settings(_ keep: Double = 0.5, _ selection: Selection = .sensitivity) -> PruningSettings {
        var settings = PruningSettings(recipe: .paper, budget: .keep(keep), seed: 3)
        settings.selection = selection
        if selection != .sensitivity { settings.reweighting = .none }
        return settings
    }

    @Test(arguments: [Selection.sensitivity, .top, .l1, .l2])
    func whatStaysInFilesIsPrunedLikeWhatIsInMemory(_ selection: Selection) throws {
        // More weights than channels, fewer, and as many.
        let archive = try Self.chain([90, 40, 120, 60, 60, 5], seed: 1)
        let folder = try Folder()
        try folder.write("net.safetensors", Safetensors.encode(archive))
        let settings = Self.settings(0.5, selection)
        let network = try Network(archive: archive)
        let expected = try Pruner(network: network, settings: settings).plan().apply(to: network).archive(replacing: archive)

        let store = try TensorStore(path: folder.path + "/net.safetensors")
        let pruning = try StreamedPruning(StreamedTopology(store), in: store, settings: settings)
        try store.write(cutting: pruning.cuts, to: folder.path + "/small.safetensors")
        let small = try TensorArchive.read(path: folder.path + "/small.safetensors")
        #expect(Set(small.names) == Set(expected.names))
        for (name, tensor) in expected.entries {
            let own = try #require(small[name])
            #expect(own.shape == tensor.shape, "\(name)")
            let (a, b) = (try own.floats(), try tensor.floats())
            #expect(zip(a, b).allSatisfy { abs($0 - $1) <= 1e-5 * max(1, abs($1)) }, "\(name) by \(selection)")
        }
        #expect(pruning.parametersAfter == expected.entries.reduce(0) { $0 + $1.tensor.elementCount })
        #expect(pruning.layers.map(\.name) == ["fc1", "fc2", "fc3", "fc4"])
    }

    @Test func manyChannelsAndWeightsAreLookedAtInFewDirections() throws {
        // Weights that vary in four directions: the leading ones are found without a Gram matrix, with all of the energy.
        var generator = TestGenerator(seed: 4)
        let (n, d) = (1100, 1050)
        let basis = (0..<4).map { _ in (0..<d).map { _ in generator.normal() } }
        let rows = (0..<n).flatMap { _ in
            let c = (0..<4).map { _ in generator.normal() }
            return (0..<d).map { k in Float((0..<4).reduce(0) { $0 + c[$1] * basis[$1][k] }) }
        }
        let archive: TensorArchive = [
            "fc1.weight": try .float32(rows, shape: [n, d]), "fc2.weight": try Self.drawn([3, n], &generator),
        ]
        let folder = try Folder()
        try folder.write("net.safetensors", Safetensors.encode(archive))
        let store = try TensorStore(path: folder.path + "/net.safetensors")
        let pruning = try StreamedPruning(StreamedTopology(store), in: store, settings: Self.settings(0.25))
        let layer = try #require(pruning.layers.first)
        #expect(layer.before == 1100 && layer.after == 275)
        #expect(try abs(#require(layer.retainedEnergy) - 1) < 1e-9)
        #expect(try #require(layer.provenFactor) < 4)
    }

    // MARK: Language models

    private static let configuration =
        "{\"hidden_size\": 12, \"intermediate_size\": 24, \"num_attention_heads\": 8, \"num_key_value_heads\": 4, \"rate\": 1e-5}"

    /// Two blocks with heads of 3 numbers, two of queries to one of keys and values.
    private static func model(_ folder: Folder, blocks: Int = 2, configuration text: String? = nil) throws -> TensorStore {
        var generator = TestGenerator(seed: 7)
        for block in 0..<blocks {
            let name = "model.layers.\(block)."
            var archive = TensorArchive()
            for (tensor, shape) in [
                ("mlp.gate_proj.weight", [24, 12]), ("mlp.up_proj.weight", [24, 12]), ("mlp.down_proj.weight", [12, 24]),
                ("self_attn.q_proj.weight", [24, 12]), ("self_attn.k_proj.weight", [12, 12]), ("self_attn.k_proj.bias", [12]),
                ("self_attn.v_proj.weight", [12, 12]), ("self_attn.o_proj.weight", [12, 24]), ("input_layernorm.weight", [12]),
            ] { archive[name + tensor] = try drawn(shape, &generator).converted(to: .bf16) }
            try folder.write("shard-\(block).safetensors", Safetensors.encode(archive))
        }
        let map = try (0..<blocks).flatMap { block in
            try TensorArchive.read(path: folder.path + "/shard-\(block).safetensors").names.map {
                "\"\($0)\": \"shard-\(block).safetensors\""
            }
        }
        try folder.write("model.safetensors.index.json", Array("{\"weight_map\": {\(map.joined(separator: ","))}}".utf8))
        try folder.write("config.json", Array((text ?? configuration).utf8))
        return try TensorStore(path: folder.path)
    }

    @Test func blocksOfATransformer() throws {
        let folder = try Folder()
        let store = try Self.model(folder)
        let configuration = try JSONIntegers(Array(Self.configuration.utf8))
        let topology = StreamedTopology(store, configuration: configuration)
        #expect(topology.whole.isEmpty)
        #expect(
            Set(topology.groups.map(\.name))
                == ["model.layers.0.mlp", "model.layers.0.self_attn", "model.layers.1.mlp", "model.layers.1.self_attn"])
        var settings = Self.settings()
        settings.roundTo = nil
        let pruning = try StreamedPruning(topology, in: store, settings: settings, configuration: configuration)
        let output = folder.path + "/small"
        try store.write(cutting: pruning.cuts, to: output)
        let small = try TensorStore(path: output)
        for block in 0..<2 {
            let name = "model.layers.\(block)."
            func shape(_ tensor: String) -> [Int]? { small[name + tensor]?.shape }
            #expect(shape("mlp.gate_proj.weight") == [12, 12] && shape("mlp.up_proj.weight") == [12, 12])
            #expect(shape("mlp.down_proj.weight") == [12, 12])
            // Two of four heads of keys, with the queries that share them.
            #expect(shape("self_attn.q_proj.weight") == [12, 12] && shape("self_attn.k_proj.weight") == [6, 12])
            #expect(shape("self_attn.k_proj.bias") == [6] && shape("self_attn.v_proj.weight") == [6, 12])
            #expect(shape("self_attn.o_proj.weight") == [12, 12] && shape("input_layernorm.weight") == [12])
            // The rows that are left are rows of the original, the same in both projections.
            func rows(_ store: TensorStore, _ tensor: String) throws -> [[Float]] {
                let entry = try #require(store[name + tensor])
                let all = try store.floats(of: entry, at: 0..<entry.elementCount)
                return stride(from: 0, to: all.count, by: 12).map { Array(all[$0..<$0 + 12]) }
            }
            let gates = try rows(small, "mlp.gate_proj.weight").map { row in
                try #require(try rows(store, "mlp.gate_proj.weight").firstIndex(of: row))
            }
            let ups = try rows(small, "mlp.up_proj.weight").map { row in
                try #require(try rows(store, "mlp.up_proj.weight").firstIndex(of: row))
            }
            #expect(gates == ups && gates == gates.sorted())
            let keys = try rows(small, "self_attn.k_proj.weight").map { row in
                try #require(try rows(store, "self_attn.k_proj.weight").firstIndex(of: row))
            }
            let queries = try rows(small, "self_attn.q_proj.weight").map { row in
                try #require(try rows(store, "self_attn.q_proj.weight").firstIndex(of: row))
            }
            #expect(Set(keys.map { $0 / 3 }) == Set(queries.map { $0 / 6 }) && Set(keys.map { $0 / 3 }).count == 2)
        }
        #expect(
            pruning.configuration
                == ["intermediate_size": 12, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 3])
    }

    @Test func namesKeepGroupsWholeAndSharesAreTheirOwn() throws {
        let folder = try Folder()
        let store = try Self.model(folder)
        let configuration = try JSONIntegers(Array(Self.configuration.utf8))
        let topology = StreamedTopology(store, configuration: configuration)
        var settings = Self.settings()
        settings.excludedNames = ["*.self_attn"]
        let pruning = try StreamedPruning(topology, in: store, settings: settings, configuration: configuration)
        #expect(pruning.layers.count == 2 && pruning.cuts.keys.allSatisfy { $0.contains("mlp") })
        #expect(pruning.configuration == ["intermediate_size": 12])
        settings.excludedNames = ["nothing"]
        #expect(throws: PruningError.self) { try StreamedPruning(topology, in: store, settings: settings) }
        // One width for all blocks is all that a configuration can say.
        settings.excludedNames = ["*.self_attn"]
        settings.layerRatios = ["model.layers.1.mlp": 0.25]
        #expect(throws: PruningError.self) { try StreamedPruning(topology, in: store, settings: settings, configuration: configuration) }
    }

    @Test func whatNeedsMoreThanWeightsIsRefused() throws {
        let folder = try Folder()
        let store = try Self.model(folder)
        let topology = StreamedTopology(store)
        // Without a configuration nobody knows the heads.
        #expect(topology.groups.count == 2 && topology.whole.count == 2 && topology.whole[0].reason.contains("config.json"))
        for change in [
            { (settings: inout PruningSettings) in settings = PruningSettings(recipe: .best) }, { $0.budget = .parameters(0.5) },
            { $0.selection = .backward }, { $0.reweighting = .leastSquares }, { $0.points = .function }, { $0.rank = .energy(0.9) },
        ] {
            var settings = Self.settings()
            change(&settings)
            #expect(throws: PruningError.self) { try StreamedPruning(topology, in: store, settings: settings) }
        }
    }

    @Test func shapesThatDoNotFitStayWhole() throws {
        let folder = try Folder()
        let store = try Self.model(folder, configuration: Self.configuration)
        for text in [
            "{\"num_attention_heads\": 7}", "{\"num_attention_heads\": 8, \"num_key_value_heads\": 3}", "{\"num_attention_heads\": 8}",
        ] {
            let topology = StreamedTopology(store, configuration: try JSONIntegers(Array(text.utf8)))
            #expect(topology.groups.allSatisfy { $0.kind == .neurons } && topology.whole.count == 2, "\(text)")
        }
    }

    @Test func aNumberThatIsNoneIsNamed() throws {
        var archive = try Self.chain([6, 8, 4], seed: 2)
        var values = try #require(archive["fc1.weight"]).floats()
        values[13] = .nan
        archive["fc1.weight"] = try .float32(values, shape: [8, 6])
        let folder = try Folder()
        try folder.write("net.safetensors", Safetensors.encode(archive))
        let store = try TensorStore(path: folder.path + "/net.safetensors")
        #expect(throws: PruningError.nonFiniteParameter(name: "fc1.weight", index: 13)) {
            try StreamedPruning(StreamedTopology(store), in: store, settings: Self.settings())
        }
    }
}
