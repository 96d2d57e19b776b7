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
    /// - Complexity: O(bytes); values kept outside of the file are read when they are asked for.
    public static func read(path: String) throws(TensorFileError) -> ONNXModel {
        do throws(TensorFileError) {
            return try decode(ByteSource(path: path), modelPath: path)
        } catch {
            throw error.inFile(path)
        }
    }

    /// Decodes a model; `modelPath` says where its external data are, if it has any.
    ///
    /// - Complexity: O(bytes).
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
    /// - Complexity: O(bytes).
    public static func encode(_ model: ONNXModel) throws(TensorFileError) -> [UInt8] {
        let layout = try ONNXLayout(model, externalName: nil)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(layout.byteCount)
        try layout.forEachPiece { piece throws(TensorFileError) in bytes += piece }
        return bytes
    }
}
