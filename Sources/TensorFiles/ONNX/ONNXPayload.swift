/// The values of one tensor: a range of the model file, of an external data file, or of an array in memory.
///
/// Nothing is read until asked for, so a model costs its structure, not its weights.
package struct ONNXPayload: Sendable {
    private let source: ByteSource
    private let offset: Int
    /// Number of bytes.
    package let count: Int

    init(source: ByteSource, offset: Int, count: Int) {
        self.source = source
        self.offset = offset
        self.count = count
    }

    package init(_ bytes: [UInt8]) {
        self.init(source: ByteSource(bytes), offset: 0, count: bytes.count)
    }

    /// All bytes. Throws `fileSystem` when the file has changed, `tooLarge` when they cannot fit in memory.
    package func bytes() throws(TensorFileError) -> [UInt8] {
        try source.bytes(at: offset, count: count)
    }

    /// Hands the bytes over in pieces of at most a few megabytes.
    func forEachPiece(_ body: ([UInt8]) throws(TensorFileError) -> Void) throws(TensorFileError) {
        var done = 0
        while done < count {
            let step = min(count - done, 1 << 22)
            try body(try source.bytes(at: offset + done, count: step))
            done += step
        }
    }
}
