/// The array of a `.npy` file, or one of a `.safetensors` or `.npz` archive, read in place: for point sets too large to copy.
///
/// Rows are the first dimension, columns all the others together, so row i of an (n, d) array is point i. In C order a block of rows is at
/// the same time a column-major d × n block of points. Every header is accepted that `NPY.decode` accepts.
///
///     let points = try MappedArray(path: "points.npy")
///     points.copyRows(0..<512, into: buffer)           // any element type and order, as Double
///     points.withUnsafeElements(Float.self) { … }      // no copy; nil unless the file holds just that, in C order
public struct MappedArray: Sendable {
    /// Element type in the file.
    public let dtype: DType
    /// Extents; empty for a single number.
    public let shape: [Int]
    /// True when the file holds the first index fastest. Irrelevant, hence false, below two dimensions.
    public let isColumnMajor: Bool
    /// Whether the most significant byte of an element comes first.
    public let isBigEndian: Bool
    private let file: MappedFile
    private let dataOffset: Int
    private let dataCount: Int

    /// Maps the file and checks its header against its size. Throws as `NPY.decode`, with the path.
    ///
    /// - Complexity: O(header): no number is read.
    public init(path: String) throws(TensorFileError) {
        let file = try MappedFile(path: path)
        let header: NPYHeader
        do throws(TensorFileError) {
            header = try NPY.header(count: file.count) { range throws(TensorFileError) in
                file.withUnsafeBytes { Array($0[range]) }
            }
        } catch {
            throw error.inFile(path)
        }
        self.file = file
        dtype = header.dtype
        shape = header.shape
        isColumnMajor = header.fortranOrder && header.shape.count > 1
        isBigEndian = header.bigEndian
        dataOffset = header.dataOffset
        dataCount = header.dataByteCount
    }

    init(_ header: NPYHeader, in file: MappedFile, at dataOffset: Int) {
        (self.file, self.dataOffset) = (file, dataOffset)
        (dtype, shape, isBigEndian) = (header.dtype, header.shape, header.bigEndian)
        isColumnMajor = header.fortranOrder && header.shape.count > 1
        dataCount = header.dataByteCount
    }

    init(dtype: DType, shape: [Int], in file: MappedFile, bytes: Range<Int>) {
        (self.file, self.dtype, self.shape) = (file, dtype, shape)
        (isColumnMajor, isBigEndian) = (false, false)
        (dataOffset, dataCount) = (bytes.lowerBound, bytes.count)
    }

    /// Fails when the file has changed under the numbers, as `MappedFile.checkUnchanged`.
    public func checkUnchanged() throws(TensorFileError) { try file.checkUnchanged() }

    /// First dimension; 1 for a scalar.
    public var rowCount: Int { shape.first ?? 1 }
    /// Product of the other dimensions.
    public var columnCount: Int { shape.dropFirst().reduce(1, *) }

    /// Whether the file holds numbers of this machine's byte order, row by row.
    public var isPlain: Bool { !isColumnMajor && !isBigEndian }

    /// The data as stored, valid during the call.
    public func withUnsafeBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try file.withUnsafeBytes { all throws(Failure) in
            try body(UnsafeRawBufferPointer(rebasing: all[dataOffset..<dataOffset + dataCount]))
        }
    }

    /// The elements in row-major order without a copy, or nil when the file holds another type, order or byte order, or is not aligned.
    public func withUnsafeElements<Element: BitwiseCopyable, Result, Failure: Error>(
        _: Element.Type, _ body: (UnsafeBufferPointer<Element>) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        guard dtype.matches(Element.self), !isColumnMajor, !isBigEndian else { return nil }
        return try withUnsafeBytes { raw throws(Failure) -> Result? in
            guard let start = raw.baseAddress else { return try body(UnsafeBufferPointer(start: nil, count: 0)) }
            guard UInt(bitPattern: start) % UInt(MemoryLayout<Element>.alignment) == 0 else { return nil }
            return try body(UnsafeBufferPointer(start: start.assumingMemoryBound(to: Element.self), count: dataCount / dtype.byteWidth))
        }
    }

    /// Copies rows, one after the other, as Double. 64-bit integers round to nearest even; false and true are 0 and 1.
    ///
    /// Preconditions: the rows exist and the buffer has `rows.count × columnCount` elements. Cost O(elements); one memory copy for f64 in C order.
    public func copyRows(_ rows: Range<Int>, into buffer: UnsafeMutableBufferPointer<Double>) {
        copy(rows, into: buffer, single: { Double($0) }, exact: { $0 })
    }

    /// The same as Float; every type rounds to nearest even, 64-bit integers by way of Double.
    public func copyRows(_ rows: Range<Int>, into buffer: UnsafeMutableBufferPointer<Float>) {
        copy(rows, into: buffer, single: { $0 }, exact: { Float($0) })
    }

    /// Tells the system to start reading the rows. Only of use in row-major files.
    public func prefetchRows(_ rows: Range<Int>) {
        guard !isColumnMajor else { return }
        let width = columnCount * dtype.byteWidth
        file.willRead(dataOffset + rows.lowerBound * width..<dataOffset + rows.upperBound * width)
    }

    // MARK: Conversion

    @inline(__always)
    private func copy<Target: BitwiseCopyable>(
        _ rows: Range<Int>, into buffer: UnsafeMutableBufferPointer<Target>,
        single: (Float) -> Target, exact: (Double) -> Target
    ) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= rowCount, "rows outside the array")
        precondition(buffer.count == rows.count * columnCount, "the buffer must hold the rows exactly")
        if buffer.isEmpty { return }
        let swap = isBigEndian
        switch dtype {
        case .f32: transfer(rows, buffer, UInt32.self) { single(Float(bitPattern: swap ? $0.byteSwapped : $0)) }
        case .f64: transfer(rows, buffer, UInt64.self) { exact(Double(bitPattern: swap ? $0.byteSwapped : $0)) }
        case .f16: transfer(rows, buffer, UInt16.self) { single(HalfPrecision.float(fromHalf: swap ? $0.byteSwapped : $0)) }
        case .bool: transfer(rows, buffer, UInt8.self) { single($0 == 0 ? 0 : 1) }
        case .u8: transfer(rows, buffer, UInt8.self) { single(Float($0)) }
        case .i8: transfer(rows, buffer, Int8.self) { single(Float($0)) }
        case .u16: transfer(rows, buffer, UInt16.self) { single(Float(swap ? $0.byteSwapped : $0)) }
        case .i16: transfer(rows, buffer, Int16.self) { single(Float(swap ? $0.byteSwapped : $0)) }
        case .u32: transfer(rows, buffer, UInt32.self) { exact(Double(swap ? $0.byteSwapped : $0)) }
        case .i32: transfer(rows, buffer, Int32.self) { exact(Double(swap ? $0.byteSwapped : $0)) }
        case .u64: transfer(rows, buffer, UInt64.self) { exact(Double(swap ? $0.byteSwapped : $0)) }
        case .i64: transfer(rows, buffer, Int64.self) { exact(Double(swap ? $0.byteSwapped : $0)) }
        case .bf16, .f8_e4m3, .f8_e5m2, .f8_e8m0:
            preconditionFailure("no .npy file holds these types")
        }
    }

    @inline(__always)
    private func transfer<Source: BitwiseCopyable, Target: BitwiseCopyable>(
        _ rows: Range<Int>, _ buffer: UnsafeMutableBufferPointer<Target>, _: Source.Type, _ transform: (Source) -> Target
    ) {
        let columns = columnCount, allRows = rowCount, size = MemoryLayout<Source>.size
        withUnsafeBytes { raw in
            guard isColumnMajor else {
                let start = rows.lowerBound * columns
                for index in 0..<buffer.count {
                    buffer[index] = transform(raw.loadUnaligned(fromByteOffset: (start &+ index) &* size, as: Source.self))
                }
                return
            }
            // Within the rest of the dimensions column-major order runs backwards, so more than two of them need a lookup.
            let source = columnMajorOffsets()
            // Runs of 64 elements of a column are read whole, so that each cache line of the file is touched once.
            for first in stride(from: rows.lowerBound, to: rows.upperBound, by: 64) {
                let last = min(first + 64, rows.upperBound)
                for column in 0..<columns {
                    let offset = (source.isEmpty ? column : source[column]) &* allRows
                    for row in first..<last {
                        buffer[(row &- rows.lowerBound) &* columns &+ column] = transform(
                            raw.loadUnaligned(fromByteOffset: (offset &+ row) &* size, as: Source.self))
                    }
                }
            }
        }
    }

    /// For each row-major index of dimensions 1…, the column-major index; empty when they agree (up to two dimensions).
    private func columnMajorOffsets() -> [Int] {
        let rest = Array(shape.dropFirst())
        if rest.count < 2 { return [] }
        var strides = [Int](repeating: 1, count: rest.count)
        for axis in 1..<rest.count { strides[axis] = strides[axis - 1] * rest[axis - 1] }
        return (0..<columnCount).map { column in
            var left = column, result = 0
            for axis in rest.indices.reversed() {
                result += left % rest[axis] * strides[axis]
                left /= rest[axis]
            }
            return result
        }
    }
}

extension DType {
    func matches(_ type: Any.Type) -> Bool {
        switch self {
        // A byte other than 0 and 1 would be an invalid Bool, so booleans are only lent as bytes.
        case .bool, .u8: type == UInt8.self
        case .i8: type == Int8.self
        case .u16: type == UInt16.self
        case .i16: type == Int16.self
        case .u32: type == UInt32.self
        case .i32: type == Int32.self
        case .u64: type == UInt64.self || type == UInt.self
        case .i64: type == Int64.self || type == Int.self
        case .f32: type == Float.self
        case .f64: type == Double.self
        case .f16, .bf16, .f8_e4m3, .f8_e5m2, .f8_e8m0: false
        }
    }
}
