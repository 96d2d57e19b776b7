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

    // MARK: Networks

    /// The network with every tensor of two axes or more left where it is.
    private static func left(_ network: Network) throws -> Network {
        var result = network
        for (name, parameter) in network.parameters where parameter.shape.count > 1 {
            result.parameters[name] = Parameter(StoredTensor(name: name, try .float32(parameter.values, shape: parameter.shape)))
        }
        return result
    }

    /// Weights stored (in, out), convolutions with a normalization behind one, a flatten, and a layer that the other two do not have.
    private static func mixed() throws -> Network {
        var generator = TestGenerator(seed: 11)
        var parameters: [String: Parameter] = [:]
        func add(_ name: String, _ shape: [Int], positive: Bool = false) {
            let values = (0..<shape.reduce(1, *)).map { _ in Float(generator.normal()) }
            parameters[name] = Parameter(shape: shape, values: positive ? values.map { abs($0) + 0.5 } : values)
        }
        for (name, shape) in [
            ("c1.w", [12, 3, 3, 3]), ("c1.b", [12]), ("bn.scale", [12]), ("bn.shift", [12]), ("bn.mean", [12]), ("c2.w", [8, 12, 3, 3]),
            ("f1.w", [32, 40]), ("f1.b", [40]), ("f2.w", [40, 24]), ("f3.w", [5, 24]), ("f3.b", [5]),
        ] { add(name, shape) }
        add("bn.variance", [12], positive: true)
        func convolution(_ name: String, bias: Bool) -> Layer {
            .convolution(
                .init(weight: name + ".w", bias: bias ? name + ".b" : nil, strides: [1, 1], padding: [0, 0, 0, 0], dilations: [1, 1]))
        }
        let layers: [(String, Layer)] = [
            ("c1", convolution("c1", bias: true)),
            (
                "bn",
                .batchNormalization(.init(scale: "bn.scale", shift: "bn.shift", mean: "bn.mean", variance: "bn.variance", epsilon: 1e-5))
            ),
            ("r1", .activation(.relu)), ("c2", convolution("c2", bias: false)), ("r2", .activation(.relu)), ("flat", .flatten(axis: 1)),
            ("f1", .linear(.init(weight: "f1.w", bias: "f1.b", isTransposed: true))), ("r3", .activation(.relu)),
            ("f2", .linear(.init(weight: "f2.w", bias: nil, isTransposed: true))), ("r4", .activation(.tanh)),
            ("f3", .linear(.init(weight: "f3.w", bias: "f3.b"))),
        ]
        var network = Network(nodes: [], values: [.init(name: "x", shape: [3, 6, 6])], inputs: [0], outputs: [], parameters: parameters)
        for (index, (name, layer)) in layers.enumerated() {
            network.values.append(.init(name: name))
            network.nodes.append(.init(name: name, layer: layer, inputs: [index], outputs: [index + 1]))
        }
        network.outputs = [layers.count]
        return try network.inferringShapes()
    }

    @Test(arguments: [Selection.sensitivity, .top, .l1, .l2])
    func aNetworkWhoseWeightsStayInFilesIsPrunedLikeOneInMemory(_ selection: Selection) throws {
        let network = try Self.mixed()
        var settings = Self.settings(0.5, selection)
        settings.mergesRedundantChannels = false
        let expected = try Pruner(network: network, settings: settings).plan().apply(to: network)
        let pruning = try StreamedPruning(Self.left(network), settings: settings)
        let small = try #require(pruning.network)
        #expect(small.parameters["f1.w"]?.stored != nil)
        let found = try small.loaded()
        #expect(found.nodes == expected.nodes)
        for (name, parameter) in expected.parameters {
            let own = try #require(found.parameters[name])
            #expect(own.shape == parameter.shape, "\(name) by \(selection)")
            #expect(zip(own.values, parameter.values).allSatisfy { abs($0 - $1) <= 1e-5 * max(1, abs($1)) }, "\(name) by \(selection)")
        }
        #expect(pruning.layers.map(\.name) == ["c1", "c2", "f1", "f2"])
        #expect(pruning.parametersAfter == expected.cost.parameters && pruning.parametersBefore == network.cost.parameters)
    }

    @Test func plansFitNetworksWhoseWeightsStayInFiles() throws {
        let network = try Self.mixed(), left = try Self.left(network)
        let plan = try Pruner(network: network, settings: Self.settings()).plan()
        #expect(try plan.apply(to: left).loaded().parameters == plan.apply(to: network).parameters)
        var other = network
        other.parameters["f2.w"]?.values[7] += 1
        #expect(throws: PruningError.self) { try plan.apply(to: Self.left(other)) }
    }

    @Test func numbersThatAreNoneAreNamedWhereverTheyAre() throws {
        for name in ["c2.w", "f1.w", "f3.w"] {
            var network = try Self.mixed()
            network.parameters[name]?.values[17] = .nan
            let left = try Self.left(network)
            #expect(throws: PruningError.nonFiniteParameter(name: name, index: 17)) { try StreamedPruning(left, settings: Self.settings()) }
        }
    }

    // MARK: Language models

    private static let configuration =
        "{\"hidden_size\": 12, \"intermediate_size\": 24, \"num_attention_heads\": 8, \"num_key_value_heads\": 4, \"rate\": 1e-5}"

    /// Two blocks with heads of 3 numbers, two of queries to one of keys and values.
    private static func model(
        _ folder: Folder, blocks: Int = 2, configuration text: String? = nil,
        _ change: (Int, inout TensorArchive) throws -> Void = { _, _ in }
    ) throws -> TensorStore {
        var generator = TestGenerator(seed: 7)
        for block in 0..<blocks {
            let name = "model.layers.\(block)."
            var archive = TensorArchive()
            for (tensor, shape) in [
                ("mlp.gate_proj.weight", [24, 12]), ("mlp.up_proj.weight", [24, 12]), ("mlp.down_proj.weight", [12, 24]),
                ("self_attn.q_proj.weight", [24, 12]), ("self_attn.k_proj.weight", [12, 12]), ("self_attn.k_proj.bias", [12]),
                ("self_attn.v_proj.weight", [12, 12]), ("self_attn.o_proj.weight", [12, 24]), ("input_layernorm.weight", [12]),
            ] { archive[name + tensor] = try drawn(shape, &generator).converted(to: .bf16) }
            try change(block, &archive)
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

    /// Wherever its tensors stand: a block whose up projection is in an earlier file than its gate is cut as a whole.
    @Test func theOrderOfTensorsDoesNotMatter() throws {
        let folder = try Folder()
        var late: Tensor?
        let store = try Self.model(folder) { block, archive in
            if block == 0 {
                late = archive["model.layers.0.mlp.gate_proj.weight"]
                archive["model.layers.0.mlp.gate_proj.weight"] = nil
            } else {
                archive["model.layers.0.mlp.gate_proj.weight"] = late
            }
        }
        let topology = StreamedTopology(store, configuration: try JSONIntegers(Array(Self.configuration.utf8)))
        #expect(topology.groups.filter { $0.kind == .neurons }.allSatisfy { $0.producers.count == 2 } && topology.groups.count == 4)
    }

    /// A configuration has one number for all blocks: it is true of those that stay whole, or nothing is cut.
    @Test func configurationsAreTrueOfAllBlocks() throws {
        let configuration = try JSONIntegers(Array(Self.configuration.utf8))
        for (excluded, change) in [
            ("model.layers.0.mlp", nil), ("model.layers.1.self_attn", nil),
            (nil, "mlp.up_proj.weight"), (nil, "self_attn.k_proj.weight"),
        ] as [(String?, String?)] {
            let folder = try Folder()
            let store = try Self.model(folder) { block, archive in
                if let change, block == 1, let tensor = archive["model.layers.1." + change] {
                    archive["model.layers.1." + change] = try .uint8([UInt8](repeating: 1, count: tensor.elementCount), shape: tensor.shape)
                }
            }
            let topology = StreamedTopology(store, configuration: configuration)
            var settings = Self.settings()
            settings.excludedNames = excluded.map { [$0] }
            do throws(PruningError) {
                _ = try StreamedPruning(topology, in: store, settings: settings, configuration: configuration)
                Issue.record("\(excluded ?? "") \(change ?? "")")
            } catch {
                guard case .severalSizes = error else { throw error }
            }
            // Without a configuration there is nothing to contradict.
            #expect(try StreamedPruning(topology, in: store, settings: settings).layers.count == 3)
        }
        // Normalized over all heads, heads are not cut; a width may stand in a part of the configuration.
        let folder = try Folder()
        let text = "{\"num_attention_heads\": 8, \"num_key_value_heads\": 4, \"text_config\": {\"intermediate_size\": 24, \"name\": \"a\"}}"
        let store = try Self.model(folder) { block, archive in
            archive["model.layers.\(block).self_attn.q_norm.weight"] = .float32([Float](repeating: 1, count: 24))
        }
        let parts = try JSONIntegers(Array(text.utf8))
        let topology = StreamedTopology(store, configuration: parts)
        #expect(topology.whole.count == 2 && topology.whole.allSatisfy { $0.reason.contains("q_norm") })
        let pruning = try StreamedPruning(topology, in: store, settings: Self.settings(), configuration: parts)
        #expect(pruning.configuration == ["text_config.intermediate_size": 12])
        let written = String(decoding: parts.replacing(pruning.configuration), as: UTF8.self)
        #expect(written == text.replacing("24", with: "12"))
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
