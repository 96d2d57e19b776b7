// Elements as Swift arrays. One pass over the bytes; for the type of the file itself that pass is a memory copy.

extension Tensor {
    /// The elements as Float, in row-major order. f64 and integers round to nearest even; false and true are 0 and 1.
    ///
    /// Throws `opaque` for the 8-bit float kinds. Time and memory O(elements).
    public func floats() throws(TensorFileError) -> [Float] {
        try checkNumeric()
        return [Float](unsafeUninitializedCapacity: elementCount) { buffer, initialized in
            Platform.preferLargePages(UnsafeMutableRawBufferPointer(buffer))
            writeFloats(to: UnsafeMutableRawBufferPointer(buffer))
            initialized = elementCount
        }
    }

    /// The elements as Double, in row-major order. 64-bit integers round to nearest even; false and true are 0 and 1.
    ///
    /// Throws `opaque` for the 8-bit float kinds. Time and memory O(elements).
    public func doubles() throws(TensorFileError) -> [Double] {
        try checkNumeric()
        return [Double](unsafeUninitializedCapacity: elementCount) { buffer, initialized in
            Platform.preferLargePages(UnsafeMutableRawBufferPointer(buffer))
            writeDoubles(to: UnsafeMutableRawBufferPointer(buffer))
            initialized = elementCount
        }
    }

    /// The elements as Int64, in row-major order, exactly.
    ///
    /// Throws `notRepresentable` at the first element that is not an integer or does not fit, `opaque` for the 8-bit float kinds.
    ///
    /// - Complexity: O(elements).
    public func int64s() throws(TensorFileError) -> [Int64] {
        try integers(as: Int64.self, dtype: .i64)
    }

    /// The elements as UInt64, in row-major order, exactly.
    ///
    /// Throws `notRepresentable` at the first element that is not a whole number or does not fit, `opaque` for the 8-bit float kinds.
    ///
    /// - Complexity: O(elements).
    public func uint64s() throws(TensorFileError) -> [UInt64] {
        try integers(as: UInt64.self, dtype: .u64)
    }

    // MARK: Passes over the bytes

    func checkNumeric() throws(TensorFileError) {
        if dtype.isOpaque { throw .opaque(dtype: dtype) }
    }

    func writeFloats(to output: UnsafeMutableRawBufferPointer) {
        switch dtype {
        case .f32: transfer(Float.self, to: output) { $0 }
        case .f64: transfer(Double.self, to: output) { Float($0) }
        case .f16: transfer(UInt16.self, to: output) { HalfPrecision.float(fromHalf: $0) }
        case .bf16: transfer(UInt16.self, to: output) { HalfPrecision.float(fromBrain: $0) }
        case .bool: transfer(UInt8.self, to: output) { $0 == 0 ? 0 : 1 as Float }
        case .u8: transfer(UInt8.self, to: output) { Float($0) }
        case .i8: transfer(Int8.self, to: output) { Float($0) }
        case .u16: transfer(UInt16.self, to: output) { Float($0) }
        case .i16: transfer(Int16.self, to: output) { Float($0) }
        case .u32: transfer(UInt32.self, to: output) { Float($0) }
        case .i32: transfer(Int32.self, to: output) { Float($0) }
        case .u64: transfer(UInt64.self, to: output) { Float($0) }
        case .i64: transfer(Int64.self, to: output) { Float($0) }
        case .f8_e4m3, .f8_e5m2, .f8_e8m0: preconditionFailure("opaque types are refused before")
        }
    }

    func writeDoubles(to output: UnsafeMutableRawBufferPointer) {
        switch dtype {
        case .f32: transfer(Float.self, to: output) { Double($0) }
        case .f64: transfer(Double.self, to: output) { $0 }
        case .f16: transfer(UInt16.self, to: output) { Double(HalfPrecision.float(fromHalf: $0)) }
        case .bf16: transfer(UInt16.self, to: output) { Double(HalfPrecision.float(fromBrain: $0)) }
        case .bool: transfer(UInt8.self, to: output) { $0 == 0 ? 0 : 1 as Double }
        case .u8: transfer(UInt8.self, to: output) { Double($0) }
        case .i8: transfer(Int8.self, to: output) { Double($0) }
        case .u16: transfer(UInt16.self, to: output) { Double($0) }
        case .i16: transfer(Int16.self, to: output) { Double($0) }
        case .u32: transfer(UInt32.self, to: output) { Double($0) }
        case .i32: transfer(Int32.self, to: output) { Double($0) }
        case .u64: transfer(UInt64.self, to: output) { Double($0) }
        case .i64: transfer(Int64.self, to: output) { Double($0) }
        case .f8_e4m3, .f8_e5m2, .f8_e8m0: preconditionFailure("opaque types are refused before")
        }
    }

    /// The results of one pass over the elements, seen as `Source`, which has the width of `dtype`.
    @inline(__always)
    func mapped<Source: BitwiseCopyable, Result: BitwiseCopyable>(_: Source.Type, _ transform: (Source) -> Result) -> [Result] {
        [Result](unsafeUninitializedCapacity: elementCount) { buffer, initialized in
            transfer(Source.self, to: UnsafeMutableRawBufferPointer(buffer), transform)
            initialized = elementCount
        }
    }

    /// One pass over the elements, seen as `Source`, which has the width of `dtype`; the output has room for `elementCount` results.
    @inline(__always)
    func transfer<Source: BitwiseCopyable, Result: BitwiseCopyable>(
        _: Source.Type, to output: UnsafeMutableRawBufferPointer, _ transform: (Source) -> Result
    ) {
        let count = elementCount
        precondition(count * MemoryLayout<Source>.size == bytes.count && count * MemoryLayout<Result>.size <= output.count)
        guard let target = output.baseAddress else { return }
        bytes.withUnsafeBytes { raw in
            guard let source = raw.baseAddress else { return }
            // Bounds are checked above, once: checks per element would keep the loop from being vectorized.
            for index in 0..<count {
                let element = source.loadUnaligned(fromByteOffset: index &* MemoryLayout<Source>.size, as: Source.self)
                target.storeBytes(of: transform(element), toByteOffset: index &* MemoryLayout<Result>.size, as: Result.self)
            }
        }
    }
}
