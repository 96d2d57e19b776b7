// Models that lie. Every one must be refused with a message that names node and tensor, before anything large is allocated.

import Foundation
import TensorFiles
import Testing

/// input (N, 2) → Gemm with a weight of (2, 3) → output.
private func smallModel(_ edit: (inout ONNXWireModel) -> Void = { _ in }) throws -> [UInt8] {
    var model = ONNXWireModel()
    model.irVersion = 8
    var opset = ONNXWireOperatorSet()
    opset.domain = ""
    opset.version = 17
    model.opsetImport = [opset]
    var weight = ONNXWireTensor()
    weight.name = "the weight"
    weight.dims = [2, 3]
    weight.dataType = 1
    weight.floatData = [1, 2, 3, 4, 5, 6]
    var input = ONNXWireValueInfo(), output = ONNXWireValueInfo()
    input.name = "input"
    output.name = "output"
    var node = ONNXWireNode()
    node.name = "the node"
    node.opType = "Gemm"
    node.input = ["input", "the weight"]
    node.output = ["output"]
    model.graph.input = [input]
    model.graph.output = [output]
    model.graph.node = [node]
    model.graph.initializer = [weight]
    edit(&model)
    return try ONNX.encode(ONNXModel(wire: model, payloads: []))
}

/// The message with which a model is refused; nil when it is not.
private func refusal(_ bytes: [UInt8], path: String? = nil) -> String? {
    do {
        _ = try ONNX.decode(bytes, modelPath: path)
        return nil
    } catch {
        return error.description
    }
}

private func expectRefusal(_ words: String..., edit: (inout ONNXWireModel) -> Void, source: SourceLocation = #_sourceLocation) throws {
    let message = refusal(try smallModel(edit))
    #expect(message != nil, sourceLocation: source)
    for word in words { #expect(message?.contains(word) == true, "\(message ?? "")", sourceLocation: source) }
    #expect(message?.contains("\n") != true, sourceLocation: source)
}

/// Field `number` with the given content.
private func field(_ number: Int, _ content: [UInt8]) -> [UInt8] { varint(number << 3 | 2) + varint(content.count) + content }

private func varint(_ value: Int) -> [UInt8] {
    var rest = UInt64(bitPattern: Int64(value))
    var result: [UInt8] = []
    while rest >= 0x80 {
        result.append(UInt8(truncatingIfNeeded: rest) | 0x80)
        rest >>= 7
    }
    return result + [UInt8(rest)]
}

@Suite struct ONNXAttackTests {
    @Test func theHonestModelIsAccepted() throws {
        let model = try ONNX.decode(smallModel())
        #expect(try model.tensor(named: "the weight").floats() == [1, 2, 3, 4, 5, 6])
    }

    @Test(arguments: [[Int64.max], [Int64.max, Int64.max], [1 << 62, 1 << 62, 0], [-1], [2, -3], [.min], [1 << 31, 1 << 31, 1 << 31]])
    func impossibleDimensions(_ dims: [Int64]) throws {
        try expectRefusal("the weight") { $0.graph.initializer[0].dims = dims }
        try expectRefusal("the weight") {
            $0.graph.initializer[0].dims = dims
            $0.graph.initializer[0].floatData = []
        }
    }

    @Test func valuesThatDoNotFillTheShape() throws {
        try expectRefusal("the weight", "6", "5") { $0.graph.initializer[0].floatData.removeLast() }
        try expectRefusal("the weight", "24", "23") {
            $0.graph.initializer[0].floatData = []
            $0.graph.initializer[0].rawData = Data(repeating: 0, count: 23)
        }
        try expectRefusal("the weight", "one field") { $0.graph.initializer[0].rawData = Data(repeating: 0, count: 24) }
        try expectRefusal("the weight", "another field") {
            $0.graph.initializer[0].floatData = []
            $0.graph.initializer[0].int64Data = [1, 2, 3, 4, 5, 6]
        }
        try expectRefusal("the weight", "element type") { $0.graph.initializer[0].dataType = 0 }
        try expectRefusal("the weight", "element type") { $0.graph.initializer[0].dataType = -7 }
        try expectRefusal("the weight") { $0.graph.initializer[0].floatData = [] }
        // A declared terabyte is refused without asking for it.
        try expectRefusal("the weight") { $0.graph.initializer[0].dims = [1 << 20, 1 << 20] }
    }

    @Test func graphsWithLooseEnds() throws {
        try expectRefusal("the node", "ghost") { $0.graph.node[0].input[0] = "ghost" }
        try expectRefusal("ghost") { $0.graph.output[0].name = "ghost" }
        try expectRefusal("the node", "cycle") { $0.graph.node[0].input[0] = "output" }
        try expectRefusal("cycle", "a") { model in
            var a = ONNXWireNode(), b = ONNXWireNode()
            (a.name, a.opType, a.input, a.output) = ("a", "Relu", ["y"], ["x"])
            (b.name, b.opType, b.input, b.output) = ("b", "Relu", ["x"], ["y"])
            model.graph.node += [a, b]
        }
        try expectRefusal("the node", "output") { model in model.graph.node.append(model.graph.node[0]) }
        try expectRefusal("the weight", "twice") { model in model.graph.initializer.append(model.graph.initializer[0]) }
        try expectRefusal("input", "twice") { model in model.graph.input.append(model.graph.input[0]) }
        try expectRefusal("the node", "alpha", "twice") { model in
            var attribute = ONNXWireAttribute()
            attribute.name = "alpha"
            model.graph.node[0].attribute = [attribute, attribute]
        }
        try expectRefusal("Gemm") { model in
            model.graph.node[0].name = ""
            model.graph.node[0].input[0] = "ghost"
        }
        try expectRefusal("operation") { $0.graph.node[0].opType = "" }
        try expectRefusal("name") { $0.graph.initializer[0].name = "" }
        try expectRefusal("graph") { $0.clearGraph() }
    }

    @Test func loopsThroughGraphsInsideNodes() throws {
        try expectRefusal("the node", "cycle") { model in
            var inner = ONNXWireGraph(), node = ONNXWireNode(), attribute = ONNXWireAttribute()
            (node.opType, node.input, node.output) = ("Relu", ["output"], ["inside"])
            inner.node = [node]
            (attribute.name, attribute.g) = ("body", inner)
            model.graph.node[0].attribute = [attribute]
        }
        try expectRefusal("the inner node", "ghost") { model in
            var inner = ONNXWireGraph(), node = ONNXWireNode(), attribute = ONNXWireAttribute()
            (node.name, node.opType, node.input, node.output) = ("the inner node", "Relu", ["ghost"], ["inside"])
            inner.node = [node]
            (attribute.name, attribute.g) = ("body", inner)
            model.graph.node[0].attribute = [attribute]
        }
    }

    @Test func versionsNobodyKnows() throws {
        for version: Int64 in [-1, 0, 1, 6, 99, .max] { try expectRefusal("opset", "\(version)") { $0.opsetImport[0].version = version } }
        try expectRefusal("operator set", "0") { $0.opsetImport = [] }
        try expectRefusal("operator set", "2") { model in model.opsetImport.append(model.opsetImport[0]) }
        try expectRefusal("IR version") { $0.irVersion = 2 }
        for version in 8...21 { #expect(refusal(try smallModel { $0.opsetImport[0].version = Int64(version) }) == nil) }
    }

    @Test func nestingWithoutEnd() {
        // A graph in an attribute of a node of a graph, 20 000 times; and with a bottom far below what a stack could take.
        var bytes: [UInt8] = []
        for _ in 0..<20_000 { bytes = field(1, field(5, field(6, bytes))) }
        #expect(refusal(field(7, bytes))?.contains("graphs within graphs") == true)
        // Nesting that only protobuf itself knows.
        var deep: [UInt8] = []
        for _ in 0..<2_000 { deep = field(1, deep) }
        #expect(refusal(field(7, field(11, field(2, deep)))) != nil)
    }

    @Test func moreEntriesThanMemoryWouldLike() {
        let nodes = [UInt8](repeating: 0, count: (1 << 22) + 1).flatMap { _ in [0x0a, 0x00] as [UInt8] }
        #expect(refusal(field(7, nodes))?.contains("at most") == true)
    }

    @Test func brokenWireFormat() throws {
        #expect(refusal([])?.contains("graph") == true)
        #expect(refusal([0x3a]) != nil)
        #expect(refusal([0x00]) != nil)
        #expect(refusal([0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]) != nil)
        #expect(refusal([0x08] + [UInt8](repeating: 0xff, count: 11)) != nil)
        #expect(refusal([0x0b, 0x0c]) != nil, "groups are no part of ONNX")
        // Values that pretend to have been detached.
        let smuggled = field(7, field(5, varint(536_870_911 << 3) + [0]))
        #expect(refusal(smuggled)?.contains("field") == true)
        // Raw values twice: a reader that keeps the first and one that keeps the last would see different models.
        #expect(refusal(field(7, field(5, field(9, [1]) + field(9, [2]))))?.contains("twice") == true)
        // Text that is none.
        #expect(refusal(field(2, [0xff, 0xfe]) + (try smallModel())) != nil)
    }

    @Test func everyPrefixAndEveryFlippedByteIsHandled() throws {
        let bytes = try smallModel { model in
            model.graph.initializer[0].floatData = []
            model.graph.initializer[0].rawData = Data(repeating: 7, count: 24)
        }
        for count in bytes.indices { #expect(refusal(Array(bytes[..<count])) != nil || count == 0) }
        var accepted = 0
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << bit
                if let model = try? ONNX.decode(changed) {
                    accepted += 1
                    for name in model.tensorNames { _ = try? model.tensor(named: name).floats() }
                    #expect((try? ONNX.encode(model)) != nil)
                }
            }
        }
        // The 24 bytes of values may be anything.
        #expect(accepted >= 24 * 8)
    }

    @Test func externalDataThatLie() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/loewner-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder + "/model/inner", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/model/model.onnx"
        #expect(FileManager.default.createFile(atPath: folder + "/model/data", contents: Data((0..<40).map { UInt8($0) })))
        #expect(FileManager.default.createFile(atPath: folder + "/secret", contents: Data(repeating: 1, count: 40)))
        try FileManager.default.createSymbolicLink(atPath: folder + "/model/link", withDestinationPath: folder + "/secret")
        try FileManager.default.createSymbolicLink(atPath: folder + "/model/null", withDestinationPath: "/dev/null")
        #expect(mkfifo(folder + "/model/pipe", 0o600) == 0)
        try FileManager.default.createSymbolicLink(atPath: folder + "/model/inner/data", withDestinationPath: folder + "/model/data")

        func model(_ entries: [(String, String)], dims: [Int64] = [2, 3]) throws -> [UInt8] {
            try smallModel { model in
                model.graph.initializer[0].floatData = []
                model.graph.initializer[0].dims = dims
                model.graph.initializer[0].dataLocation = .external
                model.graph.initializer[0].externalData = entries.map { key, value in
                    var entry = ONNXWireStringEntry()
                    (entry.key, entry.value) = (key, value)
                    return entry
                }
            }
        }
        let honest = try ONNX.decode(model([("location", "data"), ("offset", "8"), ("length", "24")]), modelPath: path)
        #expect(try honest.tensor(named: "the weight").bytes == (8..<32).map { UInt8($0) })
        #expect(
            try ONNX.decode(model([("location", "./inner/data")]), modelPath: path).tensor(named: "the weight").bytes
                == (0..<24).map { UInt8($0) })
        let lies: [[(String, String)]] = [
            [], [("location", "")], [("location", "../secret")], [("location", "inner/../../secret")], [("location", folder + "/secret")],
            [("location", "link")], [("location", "nowhere")], [("location", "pipe")], [("location", "null")], [("location", "inner")],
            [("location", "data\0")], [("location", "..\\secret")],
            [("location", "data"), ("location", "data")],
            [("location", "data"), ("offset", "-1")], [("location", "data"), ("offset", "17")],
            [("location", "data"), ("offset", "9223372036854775807")],
            [("location", "data"), ("offset", "9223372036854775808")], [("location", "data"), ("offset", "x")],
            [("location", "data"), ("length", "23")], [("location", "data"), ("length", "-24")],
        ]
        for lie in lies {
            let message = refusal(try model(lie), path: path)
            #expect(message?.isEmpty == false, "\(lie)")
            #expect(message?.contains("the weight") == true && message?.contains("\n") == false, "\(message ?? "")")
        }
        // Dimensions beyond the file, without a length that would give them away.
        #expect(refusal(try model([("location", "data")], dims: [1 << 40]), path: path)?.contains("the weight") == true)
        // Without a path there is no folder to look in.
        #expect(refusal(try model([("location", "data")]))?.contains("the weight") == true)
        // A file that shrinks after it was opened is an error when it is read, not a crash.
        try FileHandle(forWritingTo: URL(fileURLWithPath: folder + "/model/data")).truncate(atOffset: 3)
        #expect(throws: TensorFileError.self) { try honest.tensor(named: "the weight") }
    }
}
