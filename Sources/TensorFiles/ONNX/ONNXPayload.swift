/// The values of one tensor: a range of the model file, of an external data file, or of an array in memory; or a cut of such.
///
/// Nothing is read until asked for, so a model costs its structure, not its weights.
package struct ONNXPayload: Sendable {
    private enum Content {
        case range(ByteSource, offset: Int)
        case tensor(StoredTensor)
    }

    private let content: Content
    /// Number of bytes.
    package let count: Int

    init(source: ByteSource, offset: Int, count: Int) {
        content = .range(source, offset: offset)
        self.count = count
    }

    package init(_ bytes: [UInt8]) {
        self.init(source: ByteSource(bytes), offset: 0, count: bytes.count)
    }

    init(_ tensor: StoredTensor) {
        content = .tensor(tensor)
        count = tensor.byteCount
    }

    /// The values as a tensor that stays where it is. Precondition: as many bytes as the type and the shape ask for.
    func stored(name: String, dtype: DType, shape: [Int]) -> StoredTensor {
        switch content {
        case .range(let source, let offset):
            StoredTensor(name: name, dtype: dtype, shape: shape, source: source, offset: offset, format: .onnx)
        case .tensor(let tensor): tensor
        }
    }

    /// All bytes. Throws `fileSystem` when the file has changed, `tooLarge` when they cannot fit in memory.
    package func bytes() throws(TensorFileError) -> [UInt8] {
        switch content {
        case .range(let source, let offset): return try source.bytes(at: offset, count: count)
        case .tensor:
            try Platform.checkMemory(count)
            var bytes: [UInt8] = []
            bytes.reserveCapacity(count)
            try forEachPiece { (piece) throws(TensorFileError) in bytes.append(contentsOf: piece) }
            return bytes
        }
    }

    /// Hands the bytes over in pieces of some megabytes.
    func forEachPiece(_ body: (UnsafeRawBufferPointer) throws(TensorFileError) -> Void) throws(TensorFileError) {
        switch content {
        case .range(let source, let offset):
            try source.forEachChunk(of: offset..<offset + count, unit: 1) { (_, bytes) throws(TensorFileError) in try body(bytes) }
        case .tensor(let tensor): try tensor.forEachPiece(body)
        }
    }
}
