// Elements as Swift arrays, and conversion between element types. Same type: one memory copy. Else: one pass.

extension Tensor {
    /// The elements as Float, in row-major order. f64 and integers round to nearest even; false and true are 0 and 1.
    ///
    /// Throws `opaque` for the 8-bit float kinds. Time and memory O(elements).
    public func floats() throws(TensorFileError) -> [Float] {
        switch dtype {
        case .f32: mapped(Float.self) { $0 }
        case .f64: mapped(Double.self) { Float($0) }
        case .f16: mapped(UInt16.self) { HalfPrecision.float(fromHalf: $0) }
        case .bf16: mapped(UInt16.self) { HalfPrecision.float(fromBrain: $0) }
        case .bool: mapped(UInt8.self) { $0 == 0 ? 0 : 1 }
        case .u8: mapped(UInt8.self) { Float($0) }
        case .i8: mapped(Int8.self) { Float($0) }
        case .u16: mapped(UInt16.self) { Float($0) }
        case .i16: mapped(Int16.self) { Float($0) }
        case .u32: mapped(UInt32.self) { Float($0) }
        case .i32: mapped(Int32.self) { Float($0) }
        case .u64: mapped(UInt64.self) { Float($0) }
        case .i64: mapped(Int64.self) { Float($0) }
        case .f8_e4m3, .f8_e5m2, .f8_e8m0: throw .opaque(dtype: dtype)
        }
    }

    /// The elements as Double, in row-major order. 64-bit integers round to nearest even; false and true are 0 and 1.
    ///
    /// Throws `opaque` for the 8-bit float kinds. Time and memory O(elements).
    public func doubles() throws(TensorFileError) -> [Double] {
        switch dtype {
        case .f32: mapped(Float.self) { Double($0) }
        case .f64: mapped(Double.self) { $0 }
        case .f16: mapped(UInt16.self) { Double(HalfPrecision.float(fromHalf: $0)) }
        case .bf16: mapped(UInt16.self) { Double(HalfPrecision.float(fromBrain: $0)) }
        case .bool: mapped(UInt8.self) { $0 == 0 ? 0 : 1 }
        case .u8: mapped(UInt8.self) { Double($0) }
        case .i8: mapped(Int8.self) { Double($0) }
        case .u16: mapped(UInt16.self) { Double($0) }
        case .i16: mapped(Int16.self) { Double($0) }
        case .u32: mapped(UInt32.self) { Double($0) }
        case .i32: mapped(Int32.self) { Double($0) }
        case .u64: mapped(UInt64.self) { Double($0) }
        case .i64: mapped(Int64.self) { Double($0) }
        case .f8_e4m3, .f8_e5m2, .f8_e8m0: throw .opaque(dtype: dtype)
        }
    }

    /// The elements as Int64, in row-major order, exactly.
    ///
    /// Throws `notRepresentable` at the first element that is not an integer or does not fit, `opaque` for the 8-bit float kinds.
    public func int64s() throws(TensorFileError) -> [Int64] {
        try integers(as: Int64.self, dtype: .i64)
    }

    /// The tensor with its elements in another type.
    ///
    /// * to f16, bf16, f32, f64: round to nearest, ties to even, in one rounding; overflow gives infinity;
    /// * to an integer type: exact, else `notRepresentable` (no silent truncation or wrap-around);
    /// * to bool: whether the element differs from zero (a NaN does).
    ///
    /// Throws `opaque` from or to the 8-bit float kinds, unless the type stays the same.
    public func converted(to target: DType) throws(TensorFileError) -> Tensor {
        if target == dtype { return self }
        let bytes: [UInt8]
        switch target {
        case .f32: bytes = rawBytes(try floats())
        case .f64: bytes = rawBytes(try doubles())
        case .f16: bytes = rawBytes(try narrowed { HalfPrecision.half(from: $0) })
        case .bf16: bytes = rawBytes(try narrowed { HalfPrecision.brain(from: $0) })
        case .bool: bytes = try truths()
        case .u8: bytes = try integers(as: UInt8.self, dtype: target)
        case .i8: bytes = rawBytes(try integers(as: Int8.self, dtype: target))
        case .u16: bytes = rawBytes(try integers(as: UInt16.self, dtype: target))
        case .i16: bytes = rawBytes(try integers(as: Int16.self, dtype: target))
        case .u32: bytes = rawBytes(try integers(as: UInt32.self, dtype: target))
        case .i32: bytes = rawBytes(try integers(as: Int32.self, dtype: target))
        case .u64: bytes = rawBytes(try integers(as: UInt64.self, dtype: target))
        case .i64: bytes = rawBytes(try integers(as: Int64.self, dtype: target))
        case .f8_e4m3, .f8_e5m2, .f8_e8m0: throw .opaque(dtype: target)
        }
        return Tensor(unchecked: target, shape: shape, bytes: bytes)
    }

    /// One pass over the elements, seen as `Source`. The caller guarantees that `Source` has the width of `dtype`.
    @inline(__always)
    func mapped<Source: BitwiseCopyable, Result>(_: Source.Type, _ transform: (Source) -> Result) -> [Result] {
        let count = elementCount
        return bytes.withUnsafeBytes { raw in
            [Result](unsafeUninitializedCapacity: count) { buffer, initialized in
                for index in 0..<count {
                    let element = raw.loadUnaligned(fromByteOffset: index &* MemoryLayout<Source>.size, as: Source.self)
                    buffer.initializeElement(at: index, to: transform(element))
                }
                initialized = count
            }
        }
    }

    /// To a 16-bit format; wider sources pass through a Float rounded to odd, so that they are rounded once.
    @inline(__always)
    private func narrowed(_ round: (Float) -> UInt16) throws(TensorFileError) -> [UInt16] {
        switch dtype {
        case .f64: mapped(Double.self) { round(HalfPrecision.roundedToOdd($0)) }
        case .u32: mapped(UInt32.self) { round(HalfPrecision.roundedToOdd(Double($0))) }
        case .i32: mapped(Int32.self) { round(HalfPrecision.roundedToOdd(Double($0))) }
        case .u64: mapped(UInt64.self) { round(HalfPrecision.roundedToOdd(HalfPrecision.roundedToOdd($0))) }
        case .i64: mapped(Int64.self) { round(HalfPrecision.roundedToOdd(HalfPrecision.roundedToOdd($0))) }
        default: try floats().map(round)
        }
    }

    private func truths() throws(TensorFileError) -> [UInt8] {
        switch dtype {
        case .bool, .u8, .i8: bytes.map { $0 == 0 ? 0 : 1 }
        case .u16, .i16: mapped(UInt16.self) { $0 == 0 ? 0 : 1 }
        case .u32, .i32: mapped(UInt32.self) { $0 == 0 ? 0 : 1 }
        case .u64, .i64: mapped(UInt64.self) { $0 == 0 ? 0 : 1 }
        case .f16, .bf16, .f32, .f64: try doubles().map { $0 == 0 ? 0 : 1 }
        case .f8_e4m3, .f8_e5m2, .f8_e8m0: throw .opaque(dtype: dtype)
        }
    }

    private func integers<Target: FixedWidthInteger & BitwiseCopyable>(
        as _: Target.Type, dtype target: DType
    ) throws(TensorFileError) -> [Target] {
        switch dtype {
        case .bool: mapped(UInt8.self) { $0 == 0 ? 0 : 1 }
        case .u8: try exact(UInt8.self, target) { Target(exactly: $0) }
        case .i8: try exact(Int8.self, target) { Target(exactly: $0) }
        case .u16: try exact(UInt16.self, target) { Target(exactly: $0) }
        case .i16: try exact(Int16.self, target) { Target(exactly: $0) }
        case .u32: try exact(UInt32.self, target) { Target(exactly: $0) }
        case .i32: try exact(Int32.self, target) { Target(exactly: $0) }
        case .u64: try exact(UInt64.self, target) { Target(exactly: $0) }
        case .i64: try exact(Int64.self, target) { Target(exactly: $0) }
        case .f32: try exact(Float.self, target) { Target(exactly: $0) }
        case .f64: try exact(Double.self, target) { Target(exactly: $0) }
        case .f16, .bf16:
            try Tensor(unchecked: .f32, shape: shape, bytes: rawBytes(try floats()))
                .exact(Float.self, target) { Target(exactly: $0) }
        case .f8_e4m3, .f8_e5m2, .f8_e8m0: throw .opaque(dtype: dtype)
        }
    }

    @inline(__always)
    private func exact<Source: BitwiseCopyable, Target: FixedWidthInteger>(
        _: Source.Type, _ target: DType, _ transform: (Source) -> Target?
    ) throws(TensorFileError) -> [Target] {
        var failed: (index: Int, value: Source)?
        var index = 0
        let result = mapped(Source.self) { element -> Target in
            defer { index &+= 1 }
            if let value = transform(element) { return value }
            if failed == nil { failed = (index, element) }
            return 0
        }
        if let failed { throw .notRepresentable(index: failed.index, value: "\(failed.value)", dtype: target) }
        return result
    }
}
