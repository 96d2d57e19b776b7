extension Tensor {
    /// The tensor with its elements in another type.
    ///
    /// * to f16, bf16, f32, f64: round to nearest, ties to even, in one rounding; overflow gives infinity;
    /// * to an integer type: exact, else `notRepresentable` (no silent truncation or wrap-around);
    /// * to bool: whether the element differs from zero (a NaN does).
    ///
    /// Throws `opaque` from or to the 8-bit float kinds, unless the type stays the same. Time and memory O(elements).
    public func converted(to target: DType) throws(TensorFileError) -> Tensor {
        if target == dtype { return self }
        try checkNumeric()
        let bytes: [UInt8]
        switch target {
        case .f32: bytes = results(Float.self) { writeFloats(to: $0) }
        case .f64: bytes = results(Double.self) { writeDoubles(to: $0) }
        case .f16: bytes = results(UInt16.self) { writeNarrowed(to: $0) { HalfPrecision.half(from: $0) } }
        case .bf16: bytes = results(UInt16.self) { writeNarrowed(to: $0) { HalfPrecision.brain(from: $0) } }
        case .bool: bytes = results(UInt8.self) { writeTruths(to: $0) }
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

    private func results<Result: BitwiseCopyable>(
        _: Result.Type, _ write: (UnsafeMutableRawBufferPointer) -> Void
    ) -> [UInt8] {
        let count = elementCount * MemoryLayout<Result>.size
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            Platform.preferLargePages(UnsafeMutableRawBufferPointer(buffer))
            write(UnsafeMutableRawBufferPointer(buffer))
            initialized = count
        }
    }

    /// To a 16-bit format; sources wider than Float pass through a Float rounded to odd, so that they are in effect rounded once.
    @inline(__always)
    private func writeNarrowed(to output: UnsafeMutableRawBufferPointer, _ round: (Float) -> UInt16) {
        switch dtype {
        case .f32: transfer(Float.self, to: output) { round($0) }
        case .f64: transfer(Double.self, to: output) { round(HalfPrecision.roundedToOdd($0)) }
        case .f16: transfer(UInt16.self, to: output) { round(HalfPrecision.float(fromHalf: $0)) }
        case .bf16: transfer(UInt16.self, to: output) { round(HalfPrecision.float(fromBrain: $0)) }
        case .bool: transfer(UInt8.self, to: output) { round($0 == 0 ? 0 : 1) }
        case .u8: transfer(UInt8.self, to: output) { round(Float($0)) }
        case .i8: transfer(Int8.self, to: output) { round(Float($0)) }
        case .u16: transfer(UInt16.self, to: output) { round(Float($0)) }
        case .i16: transfer(Int16.self, to: output) { round(Float($0)) }
        case .u32: transfer(UInt32.self, to: output) { round(HalfPrecision.roundedToOdd(Double($0))) }
        case .i32: transfer(Int32.self, to: output) { round(HalfPrecision.roundedToOdd(Double($0))) }
        case .u64: transfer(UInt64.self, to: output) { round(HalfPrecision.roundedToOdd(HalfPrecision.roundedToOdd($0))) }
        case .i64: transfer(Int64.self, to: output) { round(HalfPrecision.roundedToOdd(HalfPrecision.roundedToOdd($0))) }
        case .f8_e4m3, .f8_e5m2, .f8_e8m0: preconditionFailure("opaque types are refused before")
        }
    }

    private func writeTruths(to output: UnsafeMutableRawBufferPointer) {
        switch dtype {
        case .bool, .u8, .i8: transfer(UInt8.self, to: output) { $0 == 0 ? 0 : 1 as UInt8 }
        case .u16, .i16: transfer(UInt16.self, to: output) { $0 == 0 ? 0 : 1 as UInt8 }
        case .u32, .i32: transfer(UInt32.self, to: output) { $0 == 0 ? 0 : 1 as UInt8 }
        case .u64, .i64: transfer(UInt64.self, to: output) { $0 == 0 ? 0 : 1 as UInt8 }
        // Zero is what is left without the sign bit.
        case .f16, .bf16: transfer(UInt16.self, to: output) { $0 << 1 == 0 ? 0 : 1 as UInt8 }
        case .f32: transfer(Float.self, to: output) { $0 == 0 ? 0 : 1 as UInt8 }
        case .f64: transfer(Double.self, to: output) { $0 == 0 ? 0 : 1 as UInt8 }
        case .f8_e4m3, .f8_e5m2, .f8_e8m0: preconditionFailure("opaque types are refused before")
        }
    }

    /// The elements as integers, exactly; `target` is for the message.
    func integers<Target: FixedWidthInteger & BitwiseCopyable>(
        as _: Target.Type, dtype target: DType
    ) throws(TensorFileError) -> [Target] {
        try checkNumeric()
        switch dtype {
        case .bool: return try exact(UInt8.self, target) { $0 == 0 ? 0 : 1 }
        case .u8: return try exact(UInt8.self, target) { Target(exactly: $0) }
        case .i8: return try exact(Int8.self, target) { Target(exactly: $0) }
        case .u16: return try exact(UInt16.self, target) { Target(exactly: $0) }
        case .i16: return try exact(Int16.self, target) { Target(exactly: $0) }
        case .u32: return try exact(UInt32.self, target) { Target(exactly: $0) }
        case .i32: return try exact(Int32.self, target) { Target(exactly: $0) }
        case .u64: return try exact(UInt64.self, target) { Target(exactly: $0) }
        case .i64: return try exact(Int64.self, target) { Target(exactly: $0) }
        case .f32: return try exact(Float.self, target) { Target(exactly: $0) }
        case .f64: return try exact(Double.self, target) { Target(exactly: $0) }
        case .f16, .bf16: return try converted(to: .f32).exact(Float.self, target) { Target(exactly: $0) }
        case .f8_e4m3, .f8_e5m2, .f8_e8m0: preconditionFailure("opaque types are refused before")
        }
    }

    @inline(__always)
    private func exact<Source: BitwiseCopyable, Target: FixedWidthInteger & BitwiseCopyable>(
        _: Source.Type, _ target: DType, _ transform: (Source) -> Target?
    ) throws(TensorFileError) -> [Target] {
        var index = 0
        var failure: TensorFileError?
        let count = elementCount
        let result = [Target](unsafeUninitializedCapacity: count) { buffer, initialized in
            transfer(Source.self, to: UnsafeMutableRawBufferPointer(buffer)) { element -> Target in
                let value = transform(element)
                if value == nil, failure == nil {
                    failure = .notRepresentable(index: index, value: "\(element)", dtype: target)
                }
                index &+= 1
                return value ?? 0
            }
            initialized = count
        }
        if let failure { throw failure }
        return result
    }
}
