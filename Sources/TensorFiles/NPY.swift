/// The `.npy` format of numpy, versions 1.0, 2.0 and 3.0.
///
/// Reading takes C and Fortran order and either byte order, and gives a row-major little-endian tensor. Writing gives the bytes that
/// `numpy.save` gives for a C-contiguous little-endian array. Structured, object, text, complex and date types are refused.
public enum NPY {
    /// The array of a `.npy` file.
    ///
    /// Throws `malformed` or `unsupported` with the place. Cost O(bytes): one copy, plus a transposition for Fortran order.
    public static func decode(_ bytes: [UInt8]) throws(TensorFileError) -> Tensor {
        try decode(ByteSource(bytes))
    }

    /// The bytes of a `.npy` file; throws `unsupported` for bf16 and the 8-bit floats, which numpy does not have.
    ///
    /// - Complexity: O(bytes), one copy.
    public static func encode(_ tensor: Tensor) throws(TensorFileError) -> [UInt8] {
        try header(dtype: tensor.dtype, shape: tensor.shape) + tensor.bytes
    }

    /// The header of a `.npy` file whose numbers follow, row by row in little-endian order.
    public static func header(dtype: DType, shape: [Int]) throws(TensorFileError) -> [UInt8] {
        try NPYHeader.bytes(dtype: dtype, shape: shape)
    }

    static func decode(_ source: ByteSource) throws(TensorFileError) -> Tensor {
        let header = try header(of: source)
        return tensor(header, data: try source.bytes(at: header.dataOffset, count: header.dataByteCount))
    }

    static func header(of source: ByteSource) throws(TensorFileError) -> NPYHeader {
        try header(count: source.count) { range throws(TensorFileError) in try source.bytes(at: range.lowerBound, count: range.count) }
    }

    /// The header of a file of `count` bytes, checked against that size.
    static func header(
        count total: Int, _ bytes: (Range<Int>) throws(TensorFileError) -> [UInt8]
    ) throws(TensorFileError) -> NPYHeader {
        var position = 0
        let header = try NPYHeader { count throws(TensorFileError) in
            guard count <= total - position else {
                throw .malformed(
                    format: .npy, offset: position, expected: "\(count) more bytes of header", found: "\(total - position)")
            }
            defer { position += count }
            return try bytes(position..<position + count)
        }
        guard header.dataByteCount == total - header.dataOffset else {
            throw .malformed(
                format: .npy, offset: header.dataOffset,
                expected: "\(header.dataByteCount) bytes of data for \(header.dtype.rawValue) of shape \(describe(header.shape))",
                found: "\(total - header.dataOffset)")
        }
        return header
    }

    /// The tensor of a checked header and its data, brought to little-endian row-major order.
    static func tensor(_ header: NPYHeader, data: [UInt8]) -> Tensor {
        var data = data
        if header.bigEndian { swapBytes(&data, width: header.dtype.byteWidth) }
        if header.fortranOrder && header.shape.count > 1 {
            data = rowMajor(fromColumnMajor: data, shape: header.shape, width: header.dtype.byteWidth)
        }
        return Tensor(unchecked: header.dtype, shape: header.shape, bytes: data)
    }

    private static func swapBytes(_ data: inout [UInt8], width: Int) {
        data.withUnsafeMutableBytes { raw in
            switch width {
            case 2: swapElements(raw, UInt16.self)
            case 4: swapElements(raw, UInt32.self)
            case 8: swapElements(raw, UInt64.self)
            default: break
            }
        }
    }

    private static func swapElements<Word: FixedWidthInteger & BitwiseCopyable>(_ raw: UnsafeMutableRawBufferPointer, _: Word.Type) {
        for offset in stride(from: 0, to: raw.count, by: MemoryLayout<Word>.size) {
            raw.storeBytes(of: raw.loadUnaligned(fromByteOffset: offset, as: Word.self).byteSwapped, toByteOffset: offset, as: Word.self)
        }
    }

    private static func rowMajor(fromColumnMajor data: [UInt8], shape: [Int], width: Int) -> [UInt8] {
        switch width {
        case 1: transposed(data, shape, UInt8.self)
        case 2: transposed(data, shape, UInt16.self)
        case 4: transposed(data, shape, UInt32.self)
        default: transposed(data, shape, UInt64.self)
        }
    }

    /// Column-major to row-major: a tiled transposition for two dimensions (32 × 32 words keep both sides in cache), else by counting
    /// through the index.
    private static func transposed<Word: BitwiseCopyable>(_ data: [UInt8], _ shape: [Int], _: Word.Type) -> [UInt8] {
        let width = MemoryLayout<Word>.size
        return [UInt8](unsafeUninitializedCapacity: data.count) { buffer, initialized in
            initialized = data.count
            guard !data.isEmpty else { return }
            let output = UnsafeMutableRawBufferPointer(buffer)
            data.withUnsafeBytes { input in
                if shape.count == 2 {
                    let (rows, columns) = (shape[0], shape[1])
                    for rowTile in stride(from: 0, to: rows, by: 32) {
                        for columnTile in stride(from: 0, to: columns, by: 32) {
                            for row in rowTile..<min(rowTile + 32, rows) {
                                for column in columnTile..<min(columnTile + 32, columns) {
                                    let word = input.loadUnaligned(fromByteOffset: (column &* rows &+ row) &* width, as: Word.self)
                                    output.storeBytes(of: word, toByteOffset: (row &* columns &+ column) &* width, as: Word.self)
                                }
                            }
                        }
                    }
                    return
                }
                var strides = [Int](repeating: 1, count: shape.count)
                for axis in 1..<shape.count { strides[axis] = strides[axis - 1] * shape[axis - 1] }
                var index = [Int](repeating: 0, count: shape.count)
                var source = 0
                for target in 0..<(data.count / width) {
                    output.storeBytes(
                        of: input.loadUnaligned(fromByteOffset: source &* width, as: Word.self), toByteOffset: target &* width,
                        as: Word.self)
                    var axis = shape.count - 1
                    while axis >= 0 {
                        index[axis] += 1
                        source += strides[axis]
                        if index[axis] < shape[axis] { break }
                        source -= strides[axis] * shape[axis]
                        index[axis] = 0
                        axis -= 1
                    }
                }
            }
        }
    }
}
