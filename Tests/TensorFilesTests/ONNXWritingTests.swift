// Models too large for one file: their data get a new name with every content, so that no graph ever meets another's values.

import Foundation
import TensorFiles
import Testing

@Suite struct ONNXWritingTests {
    private final class Folder {
        let path = FileManager.default.temporaryDirectory.path + "/loewner-" + UUID().uuidString
        init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(atPath: path) }
        func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    }

    /// One long and one short tensor.
    private static func model(_ value: Float) throws -> ONNXModel {
        var wire = ONNXWireModel(), opset = ONNXWireOperatorSet()
        wire.irVersion = 8
        opset.version = 17
        wire.opsetImport = [opset]
        let extents: [(String, Int)] = [("w", 4096), ("b", 2)]
        for (name, extent) in extents {
            var tensor = ONNXWireTensor()
            (tensor.name, tensor.dims, tensor.dataType) = (name, [Int64(extent)], 1)
            tensor.rawData = [Float](repeating: value, count: extent).withUnsafeBytes { Data($0) }
            wire.graph.initializer.append(tensor)
        }
        // Through bytes, so that the long tensor is a payload.
        return try ONNX.decode(ONNX.encode(ONNXModel(wire: wire, payloads: [])))
    }

    @Test func dataHaveANamePerContentAndOldOnesGo() throws {
        let folder = try Folder()
        let path = folder.path + "/m.onnx"
        try ONNX.write(Self.model(1), to: path, force: false, inlineLimit: 100)
        let first = try folder.files()
        #expect(first.count == 2 && first[0] == "m.onnx" && first[1].hasPrefix("m.onnx.") && first[1].hasSuffix(".data"))
        #expect(try ONNX.read(path: path).tensor(named: "w").floats() == [Float](repeating: 1, count: 4096))

        // Files of other names are not ours.
        for name in ["m.onnx.data", "m.onnx.0123.data", "m.onnx.0123456789abcdeg.data", "n.onnx.0123456789abcdef.data"] {
            #expect(FileManager.default.createFile(atPath: folder.path + "/" + name, contents: Data([1])))
        }
        try ONNX.write(Self.model(2), to: path, force: true, inlineLimit: 100)
        let second = try folder.files()
        #expect(second.count == 6 && !second.contains(first[1]))
        #expect(try ONNX.read(path: path).tensor(named: "w").floats() == [Float](repeating: 2, count: 4096))
        #expect(try ONNX.read(path: path).tensor(named: "b").floats() == [2, 2])

        // Small enough for one file again.
        try ONNX.write(Self.model(3), to: path, force: true)
        #expect(try folder.files().count == 5)
        #expect(try ONNX.read(path: path).tensor(named: "w").floats() == [Float](repeating: 3, count: 4096))
    }

    @Test(arguments: [100, 1 << 20]) func theBytesOfAFileAreKnownBeforeItIsWritten(_ inlineLimit: Int) throws {
        let folder = try Folder()
        let model = try Self.model(1)
        try ONNX.write(model, to: folder.path + "/model.onnx", force: false, inlineLimit: inlineLimit)
        let sizes = try folder.files().map { try Data(contentsOf: URL(fileURLWithPath: folder.path + "/" + $0)).count }
        #expect(sizes.count == (inlineLimit == 100 ? 2 : 1))
        #expect(try ONNX.byteCount(of: model, inlineLimit: inlineLimit) == sizes.reduce(0, +))
    }

    /// Names that a model's field for them cannot hold: bytes beyond UTF-8, and the backslash, which readers refuse. Another model may have
    /// the name that stands for them.
    @Test func dataOfModelsOfAnyNameAreFoundAndNeverThoseOfAnother() throws {
        let folder = try Folder()
        let bytes: [[UInt8]] = [[0x64, 0xe9], Array("d%e9".utf8), Array("d\\".utf8), Array("d%5c".utf8), Array("d\u{10ffe9}".utf8)]
        let paths = bytes.map { folder.path + "/" + SystemPath.text(of: $0) + ".onnx" }
        for round in 0..<2 {
            for (k, path) in paths.enumerated() {
                try ONNX.write(Self.model(Float(10 * round + k)), to: path, force: round > 0, inlineLimit: 100)
            }
        }
        for (k, path) in paths.enumerated() {
            #expect(try ONNX.read(path: path).tensor(named: "w").floats() == [Float](repeating: Float(10 + k), count: 4096))
        }
        #expect(try FileSystem.names(inFolder: folder.path).count == 2 * paths.count)
    }

    @Test func anExistingModelStaysWithItsData() throws {
        let folder = try Folder()
        let path = folder.path + "/m.onnx"
        try ONNX.write(Self.model(1), to: path, force: false, inlineLimit: 100)
        let before = try folder.files()
        #expect(throws: TensorFileError.self) { try ONNX.write(Self.model(2), to: path, force: false, inlineLimit: 100) }
        #expect(try folder.files() == before)
        #expect(try ONNX.read(path: path).tensor(named: "w").floats() == [Float](repeating: 1, count: 4096))
    }

    @Test func aModelReplacesItselfWhileItsDataAreRead() throws {
        let folder = try Folder()
        let path = folder.path + "/m.onnx"
        try ONNX.write(Self.model(1), to: path, force: false, inlineLimit: 100)
        let read = try ONNX.read(path: path)
        try ONNX.write(read, to: path, force: true, inlineLimit: 100)
        #expect(try ONNX.read(path: path).tensor(named: "w").floats() == [Float](repeating: 1, count: 4096))
        try ONNX.write(read, to: path, force: true)
        #expect(try ONNX.read(path: path).tensor(named: "w").floats() == [Float](repeating: 1, count: 4096))
    }
}
