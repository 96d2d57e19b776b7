// Values of a TensorProto: raw bytes, one of the typed lists, or a payload elsewhere. All become little-endian bytes here.
//
// Which list holds which type: the comments of TensorProto in onnx.proto (https://onnx.ai/onnx/repo-docs/IR.html).

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

extension ONNXWireTensor {
    /// Where the values are.
    enum Storage: Equatable {
        case raw, float, int32, int64, double, uint64, string, payload, none
    }

    var elementType: ONNXElementType { ONNXElementType(dataType) }

    /// How messages name the tensor.
    var label: String { name.isEmpty ? "(unnamed)" : name }

    /// The fields that hold values; a valid tensor has one at most.
    private var storages: [Storage] {
        var result: [Storage] = []
        if hasPayloadIndex { result.append(.payload) }
        if hasRawData { result.append(.raw) }
        if !floatData.isEmpty { result.append(.float) }
        if !int32Data.isEmpty { result.append(.int32) }
        if !int64Data.isEmpty { result.append(.int64) }
        if !doubleData.isEmpty { result.append(.double) }
        if !uint64Data.isEmpty { result.append(.uint64) }
        if !stringData.isEmpty { result.append(.string) }
        return result
    }

    var storage: Storage { storages.first ?? .none }

    /// The list that holds the type when the values are not raw.
    private var typedStorage: Storage {
        switch dataType {
        case 1, 14: .float
        case 7: .int64
        case 8: .string
        case 11, 15: .double
        case 12, 13: .uint64
        default: .int32
        }
    }

    /// Number of elements by the dimensions.
    /// - Throws: `malformed` for a negative dimension or a product beyond 64 bits.
    func elementCount() throws(TensorFileError) -> Int {
        // Bytes, not elements, must fit; 16 bytes is the widest type.
        guard let shape = shape, let size = DType.f64.byteCount(shape: shape), size <= Int.max / 2 else {
            throw .malformed(
                format: .onnx, tensor: label, expected: "dimensions of at least 0 whose product fits 64 bits",
                found: describe(dims.prefix(9).map { Int(clamping: $0) }))
        }
        return size / 8
    }

    package var shape: [Int]? {
        let shape = dims.compactMap { Int(exactly: $0) }
        return shape.count == dims.count ? shape : nil
    }

    /// Bytes of the raw form; `nil` for strings and unknown types.
    func byteCount() throws(TensorFileError) -> Int? {
        let count = try elementCount()
        guard let width = elementType.bitWidth else { return nil }
        return width >= 8 ? count * (width / 8) : (count * width + 7) / 8
    }

    /// Checks dimensions, type and number of values, without looking at a value.
    /// - Throws: `malformed` naming the tensor.
    func check(payloads: [ONNXPayload]) throws(TensorFileError) {
        let count = try elementCount()
        let storages = self.storages
        guard storages.count <= 1 else {
            throw .malformed(format: .onnx, tensor: label, expected: "values in one field", found: "them in \(storages.count)")
        }
        guard dataType > 0 else {
            throw .malformed(format: .onnx, tensor: label, expected: "an element type", found: "\(dataType)")
        }
        func expect(_ expected: Int, _ found: Int, _ what: String) throws(TensorFileError) {
            if expected != found {
                throw .malformed(
                    format: .onnx, tensor: label,
                    expected: "\(expected) \(what) for \(elementType.name) of shape \(describe(shape ?? []))", found: "\(found)")
            }
        }
        switch storage {
        case .payload:
            guard Int(payloadIndex) < payloads.count else {
                throw .malformed(format: .onnx, tensor: label, expected: "values inside the model", found: "a reference to nowhere")
            }
            if elementType == .string {
                throw .malformed(format: .onnx, tensor: label, expected: "strings in string_data", found: "raw bytes")
            }
            if let size = try byteCount() { try expect(size, payloads[Int(payloadIndex)].count, "bytes") }
        case .raw:
            if elementType == .string {
                throw .malformed(format: .onnx, tensor: label, expected: "strings in string_data", found: "raw bytes")
            }
            if let size = try byteCount() { try expect(size, rawData.count, "bytes") }
        case .none:
            if elementType == .string || elementType.bitWidth != nil { try expect(count, 0, "values") }
        case let typed:
            guard typed == typedStorage || elementType.bitWidth == nil && elementType != .string else {
                throw .malformed(
                    format: .onnx, tensor: label, expected: "the values of \(elementType.name) in another field",
                    found: "them in \(typed)_data")
            }
            let found =
                switch typed {
                case .float: floatData.count
                case .int32: int32Data.count
                case .int64: int64Data.count
                case .double: doubleData.count
                case .uint64: uint64Data.count
                default: stringData.count
                }
            switch dataType {
            case 14, 15: try expect(2 * count, found, "values")
            // Two or four elements share a byte, and every byte is an entry of its own.
            case 21, 22, 23, 25, 26: try expect(try byteCount() ?? found, found, "values")
            default: if elementType.bitWidth != nil || elementType == .string { try expect(count, found, "values") }
            }
        }
    }

    /// The values as a tensor.
    /// - Throws: `unsupported` for a type without numeric meaning here, else what `check` and reading a payload throw.
    func values(payloads: [ONNXPayload]) throws(TensorFileError) -> Tensor {
        try check(payloads: payloads)
        guard let dtype = elementType.dtype, let shape else {
            throw .unsupported(format: .onnx, tensor: label, expected: "a numeric element type", found: elementType.name)
        }
        let bytes: [UInt8]
        switch storage {
        case .payload: bytes = try payloads[Int(payloadIndex)].bytes()
        case .raw: bytes = [UInt8](rawData)
        case .float: bytes = rawBytes(floatData)
        case .int64: bytes = rawBytes(int64Data)
        case .double: bytes = rawBytes(doubleData)
        case .uint64 where dtype == .u64: bytes = rawBytes(uint64Data)
        case .uint64: bytes = rawBytes(uint64Data.map { UInt32(truncatingIfNeeded: $0) })
        case .int32 where dtype.byteWidth == 4: bytes = rawBytes(int32Data)
        // Narrower types, half precision included, are the low bits of an int32 each.
        case .int32 where dtype.byteWidth == 2: bytes = rawBytes(int32Data.map { UInt16(truncatingIfNeeded: $0) })
        case .int32: bytes = int32Data.map { UInt8(truncatingIfNeeded: $0) }
        case .string, .none: bytes = []
        }
        return try Tensor(dtype: dtype, shape: shape, bytes: bytes)
    }

    /// Takes the values away, whatever field held them, and states a type and extents.
    /// - Throws: `unsupported` when the type has no number in ONNX; nothing is changed then.
    private mutating func clear(for dtype: DType, shape: [Int]) throws(TensorFileError) {
        guard let type = ONNXElementType(dtype) else {
            throw .unsupported(format: .onnx, tensor: label, expected: "a type that ONNX has", found: dtype.rawValue)
        }
        clearRawData()
        clearPayloadIndex()
        clearDataLocation()
        externalData = []
        (floatData, int32Data, int64Data, doubleData, uint64Data, stringData) = ([], [], [], [], [], [])
        dataType = type.code
        dims = shape.map(Int64.init)
    }

    /// Replaces the values, in the kind of field the tensor used before. Long raw values become a payload.
    /// - Throws: `unsupported` when the type has no number in ONNX.
    mutating func setValues(_ tensor: Tensor, payloads: inout [ONNXPayload]) throws(TensorFileError) {
        let before = storage
        try clear(for: tensor.dtype, shape: tensor.shape)
        switch before {
        case .raw, .payload, .none, .string:
            if tensor.bytes.count >= ONNXScanner.detachedByteCount {
                payloadIndex = UInt32(payloads.count)
                payloads.append(ONNXPayload(tensor.bytes))
            } else {
                rawData = Data(tensor.bytes)
            }
        default:
            switch typedStorage {
            case .float: floatData = try tensor.floats()
            case .double: doubleData = try tensor.doubles()
            case .int64: int64Data = try tensor.int64s()
            case .uint64: uint64Data = try tensor.int64s().map(UInt64.init(truncatingIfNeeded:))
            default:
                switch tensor.dtype {
                case .f16, .bf16, .u16: int32Data = tensor.mapped(UInt16.self) { Int32($0) }
                case .f8_e4m3, .f8_e5m2, .f8_e8m0: int32Data = tensor.bytes.map(Int32.init)
                default: int32Data = try tensor.int64s().map(Int32.init(truncatingIfNeeded:))
                }
            }
        }
    }
}

extension ONNXWireTensor {
    /// The values where they are, if they are numbers kept apart from the message; nil for others.
    func stored(payloads: [ONNXPayload]) -> StoredTensor? {
        guard storage == .payload, let dtype = numericType, let shape, Int(payloadIndex) < payloads.count else { return nil }
        return payloads[Int(payloadIndex)].stored(name: label, dtype: dtype, shape: shape)
    }

    /// Makes the values what a stored tensor is or leaves, under the given extents.
    mutating func setValues(_ stored: StoredTensor, shape: [Int], payloads: inout [ONNXPayload]) throws(TensorFileError) {
        let payload = ONNXPayload(stored)
        let small = payload.count < ONNXScanner.detachedByteCount ? try payload.bytes() : nil
        try clear(for: stored.dtype, shape: shape)
        if let small {
            rawData = Data(small)
        } else {
            payloadIndex = UInt32(payloads.count)
            payloads.append(payload)
        }
    }

    /// The element type, when its elements are numbers that this module can convert.
    package var numericType: DType? { elementType.dtype.flatMap { $0.isOpaque ? nil : $0 } }
}
