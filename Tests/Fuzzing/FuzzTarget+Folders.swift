// Folders of shards: their index and headers, and the integers of config.json.

import Foundation
import Pruning
import RandomNumbers
import TensorFiles

extension FuzzTarget {
    /// An index, a zero byte, and the second of two shards.
    static let shards = FuzzTarget(
        name: "shards",
        seeds: {
            let index = Array(
                """
                {"metadata": {"total_size": 480}, "weight_map": {"fc1.weight": "a.safetensors", "fc1.bias": "a.safetensors",
                "fc2.weight": "b.safetensors", "fc2.bias": "b.safetensors"}}
                """.utf8)
            return [index + [0] + (try Safetensors.encode(layer("fc2", inputs: 8, outputs: 3)))]
        },
        mutate: { seeds, generator in
            let seed = Mutations.pick(seeds, &generator)
            let cut = seed.firstIndex(of: 0) ?? seed.count
            let (index, shard) = (Array(seed[..<cut]), Array(seed[cut...].dropFirst()))
            return Bool.random(using: &generator)
                ? JSONMutations.text(index, &generator).filter { $0 != 0 } + [0] + shard
                : index + [0] + ContainerMutations.safetensors(shard, &generator)
        },
        prepare: {
            let folder = FileManager.default.temporaryDirectory.path + "/fuzz-shards-\(ProcessInfo.processInfo.processIdentifier)"
            try? FileManager.default.removeItem(atPath: folder)
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try layer("fc1", inputs: 6, outputs: 8).write(to: folder + "/a.safetensors", force: true)
            return { bytes in
                let cut = bytes.firstIndex(of: 0) ?? bytes.count
                replace(folder + "/" + TensorStore.indexName, bytes[..<cut])
                replace(folder + "/b.safetensors", bytes[cut...].dropFirst())
                return accepts {
                    let store = try TensorStore(path: folder)
                    for entry in store.entries where entry.dtype != nil {
                        precondition(entry.byteCount == entry.elementCount * (entry.dtype?.byteWidth ?? 0), "size of \(entry.name)")
                        _ = try store.floats(of: entry, at: 0..<min(4, entry.elementCount))
                    }
                    var settings = PruningSettings(recipe: .paper, budget: .keep(0.5), seed: 1)
                    settings.learning = nil
                    let topology = StreamedTopology(store, configuration: nil)
                    _ = try StreamedPruning(topology, in: store, settings: settings, configuration: nil, observer: nil)
                }
            }
        })

    /// `config.json`: widths are read and others put in their place.
    static let configuration = FuzzTarget(
        name: "configuration",
        seeds: {
            [
                #"{"hidden_size": 64, "intermediate_size": 256, "architectures": ["LlamaForCausalLM"], "rope_scaling": null, "eps": 1e-5}"#,
                #"{ }"#, "{\"num_attention_heads\":8,\n \"num_attention_heads\" : 4, \"a\": {\"hidden_size\": 3}}",
            ].map { Array($0.utf8) }
        },
        mutate: { JSONMutations.text(Mutations.pick($0, &$1), &$1) },
        prepare: {
            { bytes in
                accepts {
                    let integers = try JSONIntegers(bytes)
                    let wanted = ["hidden_size": 48, "head_dim": 16]
                    let again = try JSONIntegers(integers.replacing(wanted))
                    for (key, value) in wanted { precondition(again[key] == value, "\(key) after it was replaced") }
                    for key in integers.keys where wanted[key] == nil {
                        precondition(again[key] == integers[key], "\(key), which nobody changed")
                    }
                }
            }
        })

    private static func layer(_ name: String, inputs: Int, outputs: Int) throws -> TensorArchive {
        var generator = SeededGenerator(seed: 2)
        return [
            name + ".weight": try .float32((0..<inputs * outputs).map { _ in Float(generator.normal()) }, shape: [outputs, inputs]),
            name + ".bias": .float32((0..<outputs).map { _ in Float(generator.normal()) }),
        ]
    }

    private static func replace(_ path: String, _ bytes: ArraySlice<UInt8>) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        precondition(descriptor >= 0, "a temporary file")
        defer { close(descriptor) }
        precondition(bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == bytes.count, "a temporary file")
    }
}
