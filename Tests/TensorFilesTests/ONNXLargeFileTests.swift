// External data beyond what 32 bits can address, in a file of holes: it costs two pages of disk and no memory.

import Foundation
import TensorFiles
import Testing

@Suite struct ONNXLargeFileTests {
    /// A tensor of external data in `large.data`.
    private static func external(_ name: String, _ dims: [Int64], offset: Int) -> ONNXWireTensor {
        var tensor = ONNXWireTensor()
        (tensor.name, tensor.dims, tensor.dataType) = (name, dims, 1)
        tensor.dataLocation = .external
        tensor.externalData = [("location", "large.data"), ("offset", "\(offset)")].map { key, value in
            var entry = ONNXWireStringEntry()
            (entry.key, entry.value) = (key, value)
            return entry
        }
        return tensor
    }

    private static func bytes(_ tensors: [ONNXWireTensor]) throws -> [UInt8] {
        var wire = ONNXWireModel(), opset = ONNXWireOperatorSet()
        wire.irVersion = 8
        opset.version = 17
        wire.opsetImport = [opset]
        wire.graph.initializer = tensors
        return try ONNX.encode(ONNXModel(wire: wire, payloads: []))
    }

    @Test func offsetsAndSizesBeyond31And32Bits() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/loewner-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let near = 1 << 31 + 8, far = 1 << 32 + 4096, size = 5 << 30
        let data = folder + "/large.data"
        #expect(FileManager.default.createFile(atPath: data, contents: nil))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: data))
        try file.truncate(atOffset: UInt64(size))
        for (offset, values) in [(near, [1, 2, 3, 4, 5, 6]), (far, [7, 8])] as [(Int, [Float])] {
            try file.seek(toOffset: UInt64(offset))
            try file.write(contentsOf: values.withUnsafeBytes { Data($0) })
        }
        try file.close()

        let path = folder + "/large.onnx"
        let small = [
            Self.external("near", [2, 3], offset: near), Self.external("far", [2], offset: far),
            Self.external("hole", [4], offset: size - 16),
        ]
        let model = try ONNX.decode(Self.bytes(small), modelPath: path)
        #expect(try model.tensor(named: "near").floats() == [1, 2, 3, 4, 5, 6])
        #expect(try model.tensor(named: "far").floats() == [7, 8])
        #expect(try model.tensor(named: "hole").floats() == [0, 0, 0, 0])

        // What is written holds the values and none of the holes.
        try ONNX.write(model, to: folder + "/copy.onnx", force: false)
        let copy = try ONNX.read(path: folder + "/copy.onnx")
        for name in model.tensorNames { #expect(try copy.tensor(named: name) == model.tensor(named: name)) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["copy.onnx", "large.data"])
        #expect(try #require(FileManager.default.attributesOfItem(atPath: folder + "/copy.onnx")[.size] as? Int) < 1000)

        // A tensor of the whole five gigabytes is found and checked, not read; inside one message it would have no place.
        let whole = try ONNX.decode(Self.bytes([Self.external("whole", [5, 1 << 28], offset: 0)]), modelPath: path)
        #expect(whole.tensorNames == ["whole"])
        let refusal = #expect(throws: TensorFileError.self) { try ONNX.encode(whole) }
        #expect(refusal?.description.contains("external data") == true, "\(refusal?.description ?? "")")

        // One byte too far is too far, in 64 bits as in 32.
        for (dims, offset) in [([4], size - 15), ([5, 1 << 28], 4), ([4], 1 << 33), ([4], .max)] as [([Int64], Int)] {
            let lie = #expect(throws: TensorFileError.self) {
                try ONNX.decode(Self.bytes([Self.external("liar", dims, offset: offset)]), modelPath: path)
            }
            #expect(lie?.description.contains("liar") == true && lie?.description.contains("\(size)") == true, "\(lie?.description ?? "")")
        }
    }
}
