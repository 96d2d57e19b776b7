// What is fuzzed: a reader with everything that a verb does behind it before numbers are computed, its seeds, and its mutations.

import Foundation
import ImageFiles
import NeuralNetworks
import Pruning
import RandomNumbers
import TensorFiles

struct FuzzTarget: Sendable {
    let name: String
    /// Inputs that are accepted.
    let seeds: @Sendable () throws -> [[UInt8]]
    let mutate: @Sendable ([[UInt8]], inout SeededGenerator) -> [UInt8]
    /// Makes the function that tries one input: true when it was accepted, false when it was refused; anything else is a finding.
    let prepare: @Sendable () throws -> ([UInt8]) -> Bool

    static let all = [plan, description, onnx, safetensors, npy, npz, text, state, png, jpeg, shards, configuration]

    static func accepts(_ body: () throws -> Void) -> Bool {
        do {
            try body()
            return true
        } catch {
            // A message is one line, and no longer than a screen takes.
            precondition(!"\(error)".contains("\n"), "a message of several lines: \(error)")
            return false
        }
    }

    private static func fixture(_ path: String) throws -> [UInt8] {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return Array(try Data(contentsOf: tests.appendingPathComponent(path)))
    }

    // MARK: Pruning and networks

    /// Six inputs, hidden layers of eight and five, three outputs.
    private static func weights() throws -> TensorArchive {
        var generator = SeededGenerator(seed: 1)
        var archive = TensorArchive()
        for (k, (inputs, outputs)) in [(6, 8), (8, 5), (5, 3)].enumerated() {
            archive["fc\(k + 1).weight"] = try .float32(
                (0..<inputs * outputs).map { _ in Float(generator.normal()) }, shape: [outputs, inputs])
            archive["fc\(k + 1).bias"] = .float32((0..<outputs).map { _ in Float(generator.normal()) })
        }
        return archive
    }

    private static let text = FuzzTarget(
        name: "text",
        seeds: {
            ["x,y,z\r\n1,2.5,-3e-4\n4,nan,\"6\"\n", "# made by hand\n1 2 3\n 4\t5 6e300\n\n", "a;b\n1;2\n", "\u{FEFF}-1\n.5\n+6.25E+2\n"]
                .map {
                    Array($0.utf8)
                }
        },
        mutate: { Mutations.bytes(Mutations.pick($0, &$1), &$1) },
        prepare: {
            { bytes in
                accepts {
                    var count = 0
                    let columns = try bytes.withUnsafeBytes { bytes throws(TensorFileError) in
                        try TextTable.read(bytes) { count += $0.count }
                    }
                    precondition(columns > 0 && count % columns == 0, "a table whose rows differ in length")
                }
            }
        })

    private static let plan = FuzzTarget(
        name: "plan",
        seeds: {
            let network = try Network(archive: weights())
            return try [0.3, 0.7].map { keep in
                var settings = PruningSettings(recipe: .best, budget: .keep(keep), seed: 1)
                settings.sampleCount = 64
                return Array(try JSONEncoder().encode(Pruner(network: network, settings: settings).plan()))
            }
        },
        mutate: { JSONMutations.text(Mutations.pick($0, &$1), &$1) },
        prepare: {
            let network = try Network(archive: weights())
            return { bytes in
                accepts {
                    let plan = try JSONDecoder().decode(PruningPlan.self, from: Data(bytes))
                    let pruned = try plan.apply(to: network)
                    _ = try plan.masked(network)
                    precondition(pruned.parameters.values.allSatisfy { $0.values.allSatisfy(\.isFinite) }, "a plan with NaN was applied")
                }
            }
        })

    private static let description = FuzzTarget(
        name: "description",
        seeds: {
            [
                """
                {"input": [1, 8, 8], "layers": [
                {"type": "convolution", "name": "conv1", "padding": 1, "activation": "relu"}, {"type": "batch-norm", "name": "bn1"},
                {"type": "max-pool", "size": 2}, {"type": "flatten"}, {"type": "linear", "name": "fc1"}]}
                """,
                """
                {"input": [1, 8, 8], "layers": [
                {"type": "convolution", "name": "conv1", "padding": [1, 1], "stride": 1, "dilation": 1, "groups": 1},
                {"type": "activation", "name": "a", "function": {"function": "leaky-relu", "slope": 0.1}},
                {"type": "add", "name": "sum", "from": ["a", "conv1"]}, {"type": "concatenate", "name": "both", "from": ["sum", "a"], "axis": 1},
                {"type": "average-pool", "size": 2, "stride": 2, "padding": 0, "ceil": false, "counts-padding": true},
                {"type": "global-average-pool", "name": "g"}, {"type": "softmax", "axis": -1}], "output": "g"}
                """,
            ].map { Array($0.utf8) }
        },
        mutate: { JSONMutations.text(Mutations.pick($0, &$1), &$1) },
        prepare: {
            var archive = TensorArchive()
            archive["conv1.weight"] = try .float32([Float](repeating: 0.5, count: 36), shape: [4, 1, 3, 3])
            archive["conv1.bias"] = .float32([1, 2, 3, 4])
            for part in ["weight", "bias", "running_mean", "running_var"] { archive["bn1.\(part)"] = .float32([1, 1, 1, 1]) }
            archive["fc1.weight"] = try .float32([Float](repeating: 0.5, count: 192), shape: [3, 64])
            return { bytes in
                accepts { try use(Network(archive: archive, description: NetworkDescription(json: bytes))) }
            }
        })

    private static let onnx = FuzzTarget(
        name: "onnx",
        seeds: {
            try [
                "zoo8", "zoo13", "zoo21", "concat", "depthwise", "grouped", "matmul", "attention", "cntk", "nhwc", "spelled", "types",
                "half",
            ].map {
                try fixture("NeuralNetworksTests/Fixtures/\($0).onnx")
            }
        },
        mutate: { ProtobufMutations.message(Mutations.pick($0, &$1), &$1) },
        prepare: {
            { bytes in
                accepts {
                    let model = try ONNX.decode(bytes)
                    let again = try ONNX.decode(ONNX.encode(model))
                    precondition(again.tensorNames == model.tensorNames, "another model after a round trip")
                    let source = try ONNXNetwork(model)
                    try use(source.network)
                }
            }
        })

    /// What every verb does with a network before it computes.
    private static func use(_ network: Network) throws {
        try network.validate()
        let inferred = try network.inferringShapes()
        _ = inferred.cost
        _ = try inferred.summary()
        var kept: [ChannelGroup.ID: [Int]] = [:]
        for group in try network.channelGroups() where group.isCuttable && group.count > 1 { kept[group.id] = Array(0..<group.count / 2) }
        if !kept.isEmpty { _ = try network.keeping(kept) }
    }

    // MARK: Tensors

    private static func roundTrips(_ bytes: [UInt8]) -> Bool {
        accepts {
            let archive = try TensorArchive.decode(bytes)
            for (name, tensor) in archive.entries {
                precondition(tensor.bytes.count == tensor.shape.reduce(tensor.dtype.byteWidth, *), "size of \(name)")
            }
            guard archive["__metadata__"] == nil else { return }
            let again = try Safetensors.decode(Safetensors.encode(archive))
            precondition(again.entries.map(\.tensor).count == archive.count, "tensors after a round trip")
        }
    }

    private static func tensors() throws -> TensorArchive {
        var archive: TensorArchive = ["w": try .float32([1, 2, 3, 4, 5, 6], shape: [2, 3]), "b": .float64([1, 2]), "i": .int64([3])]
        archive.metadata = ["format": "pt"]
        return archive
    }

    private static let safetensors = FuzzTarget(
        name: "safetensors",
        seeds: {
            [
                try Safetensors.encode(tensors()), try fixture("TensorFilesTests/Fixtures/types.safetensors"),
                try fixture("TensorFilesTests/Fixtures/names.safetensors"),
            ]
        },
        mutate: { ContainerMutations.safetensors(Mutations.pick($0, &$1), &$1) }, prepare: { roundTrips })

    private static let npy = FuzzTarget(
        name: "npy",
        seeds: {
            try ["c_float32", "fortran_2d", "fortran_3d", "big_f8", "cube"].map { try fixture("TensorFilesTests/Fixtures/\($0).npy") }
        },
        mutate: { ContainerMutations.npy(Mutations.pick($0, &$1), &$1) }, prepare: { roundTrips })

    private static let npz = FuzzTarget(
        name: "npz",
        seeds: {
            [
                try NPZ.encode(tensors()), try NPZ.encode(tensors(), compression: .deflated),
                try fixture("TensorFilesTests/Fixtures/stored.npz"),
            ]
        },
        mutate: { seeds, generator in
            if Bool.random(using: &generator) { return Mutations.bytes(Mutations.pick(seeds, &generator), &generator) }
            return ContainerMutations.zip(ContainerMutations.members(plainArchive), &generator) { ContainerMutations.npy($0, &$1) }
        }, prepare: { roundTrips })

    private static let plainArchive: [UInt8] =
        (try? ContainerMutations.zip([
            (Array("w.npy".utf8), NPY.encode(.float32([1, 2, 3, 4, 5, 6], shape: [2, 3]))),
            (Array("b.npy".utf8), NPY.encode(.float64([1, 2]))),
            (Array("c.npy".utf8), fixture("TensorFilesTests/Fixtures/refused_complex.npy")),
        ])) ?? []

    private static let state = FuzzTarget(
        name: "state", seeds: { [try fixture("TensorFilesTests/Fixtures/state.pt")] },
        mutate: { ContainerMutations.zip(ContainerMutations.members(Mutations.pick($0, &$1)), &$1) { Mutations.bytes($0, &$1) } },
        prepare: { roundTrips })

    // MARK: Pictures

    private static func decodes(_ bytes: [UInt8]) -> Bool {
        accepts {
            let image = try PixelImage(decoding: bytes, pixelLimit: 1 << 20)
            let preparation = ImagePreparation(crop: (8, 8), channels: 1)
            let prepared = try preparation.apply(to: image)
            precondition(prepared.samples.count == 64, "another size than the crop")
        }
    }

    private static let png = FuzzTarget(
        name: "png", seeds: { FuzzPictures.png }, mutate: { ContainerMutations.png(Mutations.pick($0, &$1), &$1) }, prepare: { decodes })

    private static let jpeg = FuzzTarget(
        name: "jpeg", seeds: { FuzzPictures.jpeg }, mutate: { Mutations.bytes(Mutations.pick($0, &$1), &$1) }, prepare: { decodes })
}
