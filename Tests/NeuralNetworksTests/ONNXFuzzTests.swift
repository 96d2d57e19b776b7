// Mutated models: refused, or read, cut and written, but never a trap.
//
// `LOEWNER_FUZZ=1000000 swift test -c release --filter ONNXFuzz` runs as many inputs as one likes; `LOEWNER_FUZZ_SEED` picks others.

import Foundation
import NeuralNetworks
import TensorFiles
import TestSupport
import Testing

@Suite struct ONNXFuzzTests {
    private static let iterations = ProcessInfo.processInfo.environment["LOEWNER_FUZZ"].flatMap(Int.init) ?? 3000
    private static let seed = ProcessInfo.processInfo.environment["LOEWNER_FUZZ_SEED"].flatMap(UInt64.init) ?? 1

    /// Everything that happens to a model on the way through a tool.
    private static func exercise(_ model: ONNXModel) throws {
        let source = try ONNXNetwork(model)
        let groups = try source.network.channelGroups()
        _ = try? source.network.validate()
        _ = try? Evaluator(source.network)
        if let group = groups.first(where: { $0.barrier == nil && $0.count > 1 }) {
            let cut = try source.network.keeping([group.id: Array(1..<group.count)])
            _ = try ONNX.encode(source.model(for: cut))
        }
        _ = try ONNX.encode(source.model(for: source.network))
    }

    @Test func mutatedBytesNeverTrap() throws {
        var generator = TestGenerator(seed: Self.seed)
        let names = ONNXFixture.evaluated + ONNXFixture.opaque
        let files = try names.map { [UInt8](try Data(contentsOf: URL(fileURLWithPath: ONNXFixture.folder + $0 + ".onnx"))) }
        var accepted = 0
        for _ in 0..<Self.iterations {
            let index = Int.random(in: files.indices, using: &generator)
            var bytes = files[index]
            for _ in 0..<Int.random(in: 1...4, using: &generator) { mutate(&bytes, &generator) }
            guard let model = try? ONNX.decode(bytes, modelPath: ONNXFixture.folder + names[index] + ".onnx") else { continue }
            accepted += 1
            try? Self.exercise(model)
        }
        // Most mutations hit weights or names; a reader that refuses everything would pass otherwise.
        #expect(accepted > Self.iterations / 20)
    }

    @Test func mutatedStructureNeverTraps() throws {
        var generator = TestGenerator(seed: Self.seed &+ 1)
        let models = try (ONNXFixture.evaluated + ONNXFixture.opaque).map(ONNXFixture.model)
        var read = 0
        for _ in 0..<Self.iterations {
            var model = models[Int.random(in: models.indices, using: &generator)]
            for _ in 0..<Int.random(in: 1...3, using: &generator) { mutate(&model.wire.graph, &generator) }
            if Int.random(in: 0..<8, using: &generator) == 0 {
                model.wire.opsetImport[0].version = Int64.random(in: 7...28, using: &generator)
            }
            guard (try? model.validate()) != nil else { continue }
            if (try? Self.exercise(model)) != nil { read += 1 }
        }
        #expect(read > Self.iterations / 20)
    }

    private func mutate(_ bytes: inout [UInt8], _ generator: inout TestGenerator) {
        guard !bytes.isEmpty else { return }
        let place = Int.random(in: bytes.indices, using: &generator)
        switch Int.random(in: 0..<7, using: &generator) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1: bytes[place] = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &generator) ?? 0
        case 2: bytes.remove(at: place)
        case 3: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
        case 4: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...64, using: &generator)))
        case 5:
            let other = Int.random(in: bytes.indices, using: &generator)
            bytes.insert(contentsOf: bytes[other..<min(bytes.count, other + Int.random(in: 1...64, using: &generator))], at: place)
        default: for index in place..<min(bytes.count, place + 8) { bytes[index] = 0xff }
        }
    }

    private func mutate(_ graph: inout ONNXWireGraph, _ generator: inout TestGenerator) {
        let edges: [Int64] = [0, 1, -1, 2, 3, -2, 7, 1 << 31, 1 << 62, .max, .min, -(1 << 31)]
        let operations = [
            "Conv", "Gemm", "MatMul", "BatchNormalization", "Relu", "Clip", "MaxPool", "AveragePool", "GlobalMaxPool", "ReduceMean", "Add",
            "Mul", "Sub",
            "Div", "Concat", "Split", "Flatten", "Reshape", "Pad", "Slice", "Transpose", "Softmax", "Dropout", "Identity", "Cast", "Shape",
            "Gather",
            "Squeeze", "Unsqueeze", "LayerNormalization", "InstanceNormalization", "Expand", "Range", "ConstantOfShape", "Where", "Erf",
            "Sqrt", "Tanh",
            "Resize",
        ]
        guard !graph.node.isEmpty else { return }
        let node = Int.random(in: graph.node.indices, using: &generator)
        switch Int.random(in: 0..<9, using: &generator) {
        case 0: graph.node[node].opType = operations.randomElement(using: &generator) ?? ""
        case 1:
            guard let attribute = graph.node[node].attribute.indices.randomElement(using: &generator) else { return }
            graph.node[node].attribute[attribute].i = edges.randomElement(using: &generator) ?? 0
            if !graph.node[node].attribute[attribute].ints.isEmpty {
                let place = Int.random(in: graph.node[node].attribute[attribute].ints.indices, using: &generator)
                graph.node[node].attribute[attribute].ints[place] = edges.randomElement(using: &generator) ?? 0
            }
        case 2:
            guard let attribute = graph.node[node].attribute.indices.randomElement(using: &generator) else { return }
            graph.node[node].attribute[attribute].name =
                ["axis", "perm", "pads", "strides", "group", "axes", "epsilon", "to"].randomElement(using: &generator) ?? ""
        case 3: if !graph.node[node].input.isEmpty { graph.node[node].input.removeLast() }
        case 4:
            let names = graph.node.prefix(node).flatMap(\.output) + graph.initializer.map(\.name) + graph.input.map(\.name)
            guard let slot = graph.node[node].input.indices.randomElement(using: &generator),
                let name = names.randomElement(using: &generator)
            else { return }
            graph.node[node].input[slot] = name
        case 5, 6:
            // Other extents for the same values, and other integers where integers are.
            guard let tensor = graph.initializer.indices.randomElement(using: &generator) else { return }
            if graph.initializer[tensor].dataType == 7, graph.initializer[tensor].rawData.count >= 8 {
                let value = edges.randomElement(using: &generator) ?? 0
                let place = Int.random(in: 0..<graph.initializer[tensor].rawData.count / 8, using: &generator) * 8
                for byte in 0..<8 {
                    let index = graph.initializer[tensor].rawData.startIndex + place + byte
                    graph.initializer[tensor].rawData[index] = UInt8(truncatingIfNeeded: value >> Int64(8 * byte))
                }
            } else {
                let count = graph.initializer[tensor].dims.reduce(1, *)
                graph.initializer[tensor].dims =
                    [[count], [1, count], [count, 1], [1, 1, count], [count, 1, 1, 1], [0]].randomElement(using: &generator) ?? []
            }
        case 7:
            guard let input = graph.input.indices.randomElement(using: &generator), !graph.input[input].type.tensorType.shape.dim.isEmpty
            else { return }
            let axis = Int.random(in: graph.input[input].type.tensorType.shape.dim.indices, using: &generator)
            graph.input[input].type.tensorType.shape.dim[axis].dimValue = edges.randomElement(using: &generator) ?? 0
        default:
            graph.node[node].input.append(graph.initializer.randomElement(using: &generator)?.name ?? "")
        }
    }
}
