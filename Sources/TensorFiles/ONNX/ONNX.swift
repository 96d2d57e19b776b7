// ONNX models (https://onnx.ai/onnx/repo-docs/IR.html): a protobuf message with a graph of operations and its tensors.

/// Reads and writes ONNX models.
///
/// ```swift
/// var model = try ONNX.read(path: "model.onnx")
/// let weight = try model.tensor(named: "fc1.weight")
/// try ONNX.write(model, to: "copy.onnx", force: false)
/// ```
///
/// Everything a model holds survives a round trip, fields that this module does not know included. Values stay where they are
/// until asked for: reading costs the structure of the model, not its weights. External data are found and checked, never
/// outside the model's folder.
public enum ONNX {
    /// Opset versions of the default domain whose operators this project knows.
    public static let opsets = 7...28

    /// Reads a model and finds its external data.
    /// - Throws: `malformed` or `unsupported` naming tensor or node, `fileSystem`; every error carries the path.
    public static func read(path: String) throws(TensorFileError) -> ONNXModel {
        do throws(TensorFileError) {
            return try decode(ByteSource(path: path), modelPath: path)
        } catch {
            throw error.inFile(path)
        }
    }

    /// Decodes a model; `modelPath` says where its external data are, if it has any.
    public static func decode(_ bytes: [UInt8], modelPath: String? = nil) throws(TensorFileError) -> ONNXModel {
        try decode(ByteSource(bytes), modelPath: modelPath)
    }

    private static func decode(_ source: ByteSource, modelPath: String?) throws(TensorFileError) -> ONNXModel {
        let scanner = try ONNXScanner(source)
        let wire: ONNXWireModel
        do {
            wire = try ONNXWireModel(serializedBytes: scanner.skeleton, partial: true)
        } catch {
            throw .malformed(format: .onnx, expected: "a protobuf message", found: "one that breaks its rules (\(error))")
        }
        var model = ONNXModel(wire: wire, payloads: scanner.payloads)
        var external = ONNXExternalData(modelPath: modelPath)
        try model.findExternalData(&external)
        try model.validate()
        return model
    }

    /// Encodes a model, all values inside.
    /// - Throws: `unsupported` for a model of 2 GB or more, which no protobuf reader would take: `write` it with external data.
    public static func encode(_ model: ONNXModel) throws(TensorFileError) -> [UInt8] {
        let layout = try ONNXLayout(model, externalName: nil)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(layout.byteCount)
        try layout.forEachPiece { piece throws(TensorFileError) in bytes += piece }
        return bytes
    }

    /// Writes a model whole or not at all.
    ///
    /// Values that came from external data, and all long ones when the model would reach 2 GB, go to a file beside it, named
    /// like it with `.data` appended; that file is written first.
    /// - Throws: `outputExists` when one of the two files exists and `force` is false; never overwrites external data that the
    ///   model itself was read from.
    public static func write(_ model: ONNXModel, to path: String, force: Bool) throws(TensorFileError) {
        do throws(TensorFileError) {
            let name = path.split(separator: "/").last.map(String.init) ?? path
            let layout = try ONNXLayout(model, externalName: name + ".data")
            if !layout.external.isEmpty {
                let dataPath = path + ".data"
                if let resolved = ONNXExternalData.resolved(dataPath), model.externalPaths.contains(resolved) {
                    throw .outputExists(path: dataPath)
                }
                try AtomicFile.write(to: dataPath, force: force) { writer throws(TensorFileError) in
                    for part in layout.external {
                        if part.offset > writer.count { try writer.append([UInt8](repeating: 0, count: part.offset - writer.count)) }
                        try part.payload.forEachPiece { piece throws(TensorFileError) in try writer.append(piece) }
                    }
                }
            }
            try AtomicFile.write(to: path, force: force) { writer throws(TensorFileError) in
                try layout.forEachPiece { piece throws(TensorFileError) in try writer.append(piece) }
            }
        } catch {
            throw error.inFile(path)
        }
    }
}
