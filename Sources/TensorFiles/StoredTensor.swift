// A tensor whose numbers stay in their file until they are asked for.

/// A tensor of a file, or what a cut leaves of it: type, shape, and where its bytes are.
///
/// A value of some words, whatever the size of the tensor; the file stays open as long as one of its tensors is there. Two are equal when
/// they are the same cut of the same bytes of the same open file.
public struct StoredTensor: Sendable, Equatable {
    /// The tensor's name, for messages.
    public let name: String
    /// Element type.
    public let dtype: DType
    /// Extents in the file.
    public let storedShape: [Int]
    /// What of it stays.
    public private(set) var cut: TensorCut
    private let source: ByteSource
    private let offset: Int
    private let format: TensorFormat

    /// The caller has checked that the bytes are there.
    init(name: String, dtype: DType, shape: [Int], source: ByteSource, offset: Int, cut: TensorCut = TensorCut(), format: TensorFormat) {
        (self.name, self.dtype, storedShape, self.cut) = (name, dtype, shape, cut)
        (self.source, self.offset, self.format) = (source, offset, format)
    }

    /// Numbers in memory as such a tensor.
    public init(name: String, _ tensor: Tensor) {
        self.init(
            name: name, dtype: tensor.dtype, shape: tensor.shape, source: ByteSource(tensor.bytes), offset: 0, format: .safetensors)
    }

    /// Extents of what stays.
    public var shape: [Int] { cut.shape(of: storedShape) }
    /// Numbers that stay.
    public var elementCount: Int { shape.reduce(1, *) }
    /// Bytes that stay.
    public var byteCount: Int { elementCount * dtype.byteWidth }
    /// Numbers in the file.
    public var storedCount: Int { storedShape.reduce(1, *) }

    /// The positions `chosen` of one axis of what stays, ascending. Precondition: positions within the axis.
    public func selecting(_ chosen: [Int], along axis: Int) -> StoredTensor {
        var result = self
        let before = cut.positions[axis]
        result.cut.positions[axis] = before.map { before in chosen.map { before[$0] } } ?? chosen
        if let factors = cut.factors, cut.factorAxis == axis { result.cut.factors = chosen.map { factors[$0] } }
        return result
    }

    /// What stays, multiplied by a number for each position of an axis. Precondition: of one and the same axis.
    public func scaled(by factors: [Float], along axis: Int) -> StoredTensor {
        precondition(cut.factors == nil || cut.factorAxis == axis, "factors along one axis of a tensor")
        precondition(factors.count == shape[axis], "a factor for every position of the axis")
        var result = self
        result.cut.factors = cut.factors.map { before in zip(before, factors).map { $0 * $1 } } ?? factors
        result.cut.factorAxis = axis
        return result
    }

    /// The same bytes under other extents. Precondition: nothing is cut, and as many numbers.
    public func reshaped(to shape: [Int]) -> StoredTensor {
        precondition(cut == TensorCut() && shape.reduce(1, *) == storedCount, "other extents for a whole tensor")
        return StoredTensor(name: name, dtype: dtype, shape: shape, source: source, offset: offset, format: format)
    }

    /// Some consecutive numbers of the tensor in the file, whatever the cut, in single precision.
    /// - Complexity: one read of the range.
    public func floats(at range: Range<Int>) throws(TensorFileError) -> [Float] {
        try Platform.checkMemory(range.count * MemoryLayout<Float>.size)
        var failure: TensorFileError?
        let result = [Float](unsafeUninitializedCapacity: range.count) { buffer, count in
            do throws(TensorFileError) {
                try read(range, into: UnsafeMutableBufferPointer(rebasing: buffer[..<range.count]))
                count = range.count
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return result
    }

    /// The same into memory of the caller, as many numbers as the range has.
    public func read(_ range: Range<Int>, into buffer: UnsafeMutableBufferPointer<Float>) throws(TensorFileError) {
        let width = dtype.byteWidth
        precondition(range.lowerBound >= 0 && range.upperBound <= storedCount, "numbers outside of the tensor")
        precondition(buffer.count == range.count, "the buffer must hold the numbers exactly")
        let start = offset + range.lowerBound * width
        if dtype == .f32 { return try source.read(at: start, into: UnsafeMutableRawBufferPointer(buffer)) }
        let bytes = try source.bytes(at: start, count: range.count * width)
        _ = buffer.update(fromContentsOf: try Tensor(dtype: dtype, shape: [range.count], bytes: bytes).floats())
    }

    /// All numbers that stay, in single precision.
    /// - Complexity: one read of the tensor, and memory for what stays.
    public func floats() throws(TensorFileError) -> [Float] {
        if cut == TensorCut() { return try floats(at: 0..<storedCount) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(byteCount)
        try forEachPiece { (piece) throws(TensorFileError) in bytes.append(contentsOf: piece) }
        return try Tensor(dtype: dtype, shape: shape, bytes: bytes).floats()
    }

    /// Gives `body` the bytes of what stays, piece by piece, some megabytes at a time, and a row (what is at one position of the first
    /// axis) at least.
    /// - Throws: `malformed` where a factor leads beyond what the type can hold; what `body` throws.
    public func forEachPiece(_ body: (UnsafeRawBufferPointer) throws(TensorFileError) -> Void) throws(TensorFileError) {
        let width = dtype.byteWidth
        let range = offset..<offset + storedCount * width
        guard cut != TensorCut(), !storedShape.isEmpty, !range.isEmpty else {
            return try source.forEachChunk(of: range, unit: 1) { (_, bytes) throws(TensorFileError) in try body(bytes) }
        }
        let row = RowCut(cut, of: storedShape, width: width)
        let rowBytes = range.count / storedShape[0]
        let (rows, factors) = (cut.positions[0], cut.factorAxis == 0 ? cut.factors : nil)
        var next = 0
        var kept: [UInt8] = []
        try source.forEachChunk(of: range, unit: rowBytes) { (place, bytes) throws(TensorFileError) in
            kept.removeAll(keepingCapacity: true)
            for index in place / rowBytes..<(place + bytes.count) / rowBytes {
                if let rows { guard next < rows.count, rows[next] == index else { continue } }
                let start = kept.count
                row.append(UnsafeRawBufferPointer(rebasing: bytes[index * rowBytes - place..<(index + 1) * rowBytes - place]), to: &kept)
                if let factor = factors?[next] {
                    try multiply(&kept, from: start) { _ in factor }
                } else if let scales = row.scales {
                    try multiply(&kept, from: start) { scales[$0] }
                }
                next += 1
            }
            try kept.withPiece(body)
        }
    }

    /// Multiplies the numbers behind a place in the bytes.
    private func multiply(_ bytes: inout [UInt8], from start: Int, by factor: (Int) -> Float) throws(TensorFileError) {
        if dtype == .f32 {
            let bad: (value: Float, factor: Float)? = bytes.withUnsafeMutableBytes { bytes in
                let numbers = UnsafeMutableRawBufferPointer(rebasing: bytes[start...]).bindMemory(to: Float.self)
                var bad: (Float, Float)?
                for k in numbers.indices {
                    let product = numbers[k] * factor(k)
                    if !product.isFinite, numbers[k].isFinite { bad = (numbers[k], factor(k)) }
                    numbers[k] = product
                }
                return bad
            }
            if let bad { throw excess(bad.value, bad.factor) }
            return
        }
        let values = try Tensor(dtype: dtype, shape: [(bytes.count - start) / dtype.byteWidth], bytes: Array(bytes[start...])).floats()
        let scaled = values.indices.map { values[$0] * factor($0) }
        if let bad = scaled.indices.first(where: { !scaled[$0].isFinite && values[$0].isFinite }) { throw excess(values[bad], factor(bad)) }
        do throws(TensorFileError) {
            bytes.replaceSubrange(start..., with: try Tensor.float32(scaled, shape: [scaled.count]).converted(to: dtype).bytes)
        } catch {
            throw .malformed(
                format: format, tensor: name, expected: "weights that \(dtype.rawValue) can hold after the cut", found: "\(error)")
        }
    }

    private func excess(_ value: Float, _ factor: Float) -> TensorFileError {
        .malformed(format: format, tensor: name, expected: "finite weights after the cut", found: "\(value) times \(factor)")
    }

    /// Whether both are the same cut of the same bytes of one open file.
    public static func == (a: StoredTensor, b: StoredTensor) -> Bool {
        a.dtype == b.dtype && a.storedShape == b.storedShape && a.cut == b.cut && a.offset == b.offset && a.source.isSame(as: b.source)
    }
}

extension [UInt8] {
    /// Hands its memory to `body`.
    func withPiece(_ body: (UnsafeRawBufferPointer) throws(TensorFileError) -> Void) throws(TensorFileError) {
        var failure: TensorFileError?
        withUnsafeBytes { bytes in do throws(TensorFileError) { try body(bytes) } catch { failure = error } }
        if let failure { throw failure }
    }
}
