/// A dense tensor as a file stores it: element type, shape, and little-endian row-major bytes.
///
/// The empty shape is a scalar with one element. Copying is free until written (the bytes are shared).
public struct Tensor: Sendable, Equatable {
    /// Element type.
    public let dtype: DType
    /// Extents; empty for a single number.
    public let shape: [Int]
    /// Little-endian, row-major (last index fastest).
    public let bytes: [UInt8]

    /// Number of elements: the product of the shape.
    public var elementCount: Int { bytes.count / dtype.byteWidth }

    /// A tensor from raw bytes.
    ///
    /// Throws `invalidTensor` when a dimension is negative, the size overflows, or `bytes.count` is not the size the shape asks for.
    public init(dtype: DType, shape: [Int], bytes: [UInt8]) throws(TensorFileError) {
        guard let size = dtype.byteCount(shape: shape) else {
            throw .invalidTensor(expected: "dimensions of at least 0 whose product fits 64 bits", found: describe(shape))
        }
        guard size == bytes.count else {
            throw .invalidTensor(
                expected: "\(size) bytes for \(dtype.rawValue) of shape \(describe(shape))", found: "\(bytes.count)")
        }
        self.init(unchecked: dtype, shape: shape, bytes: bytes)
    }

    /// For callers that have already checked that dtype, shape and bytes agree.
    init(unchecked dtype: DType, shape: [Int], bytes: [UInt8]) {
        self.dtype = dtype
        self.shape = shape
        self.bytes = bytes
    }

    /// The same elements under another shape of the same size.
    public func reshaped(to shape: [Int]) throws(TensorFileError) -> Tensor {
        try Tensor(dtype: dtype, shape: shape, bytes: bytes)
    }
}

// MARK: - From Swift values

extension Tensor {
    /// Float32 elements in row-major order; throws `invalidTensor` when their number is not the product of `shape`.
    public static func float32(_ values: [Float], shape: [Int]) throws(TensorFileError) -> Tensor {
        try Tensor(dtype: .f32, shape: shape, bytes: rawBytes(values))
    }

    /// Float64 elements in row-major order; throws as `float32`.
    public static func float64(_ values: [Double], shape: [Int]) throws(TensorFileError) -> Tensor {
        try Tensor(dtype: .f64, shape: shape, bytes: rawBytes(values))
    }

    /// Int64 elements in row-major order; throws as `float32`.
    public static func int64(_ values: [Int], shape: [Int]) throws(TensorFileError) -> Tensor {
        try Tensor(dtype: .i64, shape: shape, bytes: rawBytes(values.map(Int64.init)))
    }

    /// Int64 elements in row-major order; throws as `float32`.
    public static func int64(_ values: [Int64], shape: [Int]) throws(TensorFileError) -> Tensor {
        try Tensor(dtype: .i64, shape: shape, bytes: rawBytes(values))
    }

    /// Int32 elements in row-major order; throws as `float32`.
    public static func int32(_ values: [Int32], shape: [Int]) throws(TensorFileError) -> Tensor {
        try Tensor(dtype: .i32, shape: shape, bytes: rawBytes(values))
    }

    /// UInt8 elements in row-major order; throws as `float32`.
    public static func uint8(_ values: [UInt8], shape: [Int]) throws(TensorFileError) -> Tensor {
        try Tensor(dtype: .u8, shape: shape, bytes: values)
    }

    /// Booleans in row-major order, one byte each; throws as `float32`.
    public static func bool(_ values: [Bool], shape: [Int]) throws(TensorFileError) -> Tensor {
        try Tensor(dtype: .bool, shape: shape, bytes: values.map { $0 ? 1 : 0 })
    }

    /// A vector of Float32.
    public static func float32(_ values: [Float]) -> Tensor {
        Tensor(unchecked: .f32, shape: [values.count], bytes: rawBytes(values))
    }

    /// A vector of Float64.
    public static func float64(_ values: [Double]) -> Tensor {
        Tensor(unchecked: .f64, shape: [values.count], bytes: rawBytes(values))
    }

    /// A vector of Int64.
    public static func int64(_ values: [Int]) -> Tensor {
        Tensor(unchecked: .i64, shape: [values.count], bytes: rawBytes(values.map(Int64.init)))
    }

    /// A vector of Int64.
    public static func int64(_ values: [Int64]) -> Tensor {
        Tensor(unchecked: .i64, shape: [values.count], bytes: rawBytes(values))
    }

    /// A vector of UInt8.
    public static func uint8(_ values: [UInt8]) -> Tensor {
        Tensor(unchecked: .u8, shape: [values.count], bytes: values)
    }
}

/// The memory of an array of plain numbers, as bytes.
func rawBytes<Element: BitwiseCopyable>(_ values: [Element]) -> [UInt8] {
    values.withUnsafeBytes { Array($0) }
}

/// A shape for messages: (3, 4), at most eight dimensions of it.
func describe(_ shape: [Int]) -> String {
    let shown = shape.prefix(8).map(String.init).joined(separator: ", ")
    if shape.count > 8 { return "(\(shown), … \(shape.count) dimensions)" }
    return shape.count == 1 ? "(\(shown),)" : "(\(shown))"
}
