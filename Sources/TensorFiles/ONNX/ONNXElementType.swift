/// Element types by the numbers that ONNX gives them.
struct ONNXElementType: Equatable {
    let code: Int32

    init(_ code: Int32) { self.code = code }

    static let string = ONNXElementType(8)

    /// The type here; `nil` for strings, complex numbers, the 8-bit kinds without infinities that safetensors lacks, and sub-byte kinds.
    var dtype: DType? {
        switch code {
        case 1: .f32
        case 2: .u8
        case 3: .i8
        case 4: .u16
        case 5: .i16
        case 6: .i32
        case 7: .i64
        case 9: .bool
        case 10: .f16
        case 11: .f64
        case 12: .u32
        case 13: .u64
        case 16: .bf16
        case 17: .f8_e4m3
        case 19: .f8_e5m2
        case 24: .f8_e8m0
        default: nil
        }
    }

    init?(_ dtype: DType) {
        switch dtype {
        case .f32: code = 1
        case .u8: code = 2
        case .i8: code = 3
        case .u16: code = 4
        case .i16: code = 5
        case .i32: code = 6
        case .i64: code = 7
        case .bool: code = 9
        case .f16: code = 10
        case .f64: code = 11
        case .u32: code = 12
        case .u64: code = 13
        case .bf16: code = 16
        case .f8_e4m3: code = 17
        case .f8_e5m2: code = 19
        case .f8_e8m0: code = 24
        }
    }

    /// Bits per element in raw data; `nil` for strings and for types this module has never heard of.
    var bitWidth: Int? {
        switch code {
        case 14: 64
        case 15: 128
        case 18, 20: 8
        case 21, 22, 23: 4
        case 25, 26: 2
        default: dtype.map { $0.byteWidth * 8 }
        }
    }

    var name: String {
        switch code {
        case 0: "undefined"
        case 8: "string"
        case 14: "complex64"
        case 15: "complex128"
        default: dtype?.rawValue ?? "type \(code)"
        }
    }
}
