extension DType {
    /// The spelling in a safetensors header.
    var safetensorsName: String {
        switch self {
        case .bool: "BOOL"
        case .u8: "U8"
        case .i8: "I8"
        case .u16: "U16"
        case .i16: "I16"
        case .u32: "U32"
        case .i32: "I32"
        case .u64: "U64"
        case .i64: "I64"
        case .f16: "F16"
        case .bf16: "BF16"
        case .f32: "F32"
        case .f64: "F64"
        case .f8_e4m3: "F8_E4M3"
        case .f8_e5m2: "F8_E5M2"
        case .f8_e8m0: "F8_E8M0"
        }
    }

    init?(safetensorsName: String) {
        guard let match = DType.allCases.first(where: { $0.safetensorsName == safetensorsName }) else { return nil }
        self = match
    }

    /// Rank in the reference implementation's writing order: wide elements first, so that every tensor is aligned.
    var safetensorsRank: Int {
        switch self {
        case .bool: 0
        case .u8: 1
        case .i8: 2
        case .f8_e5m2: 3
        case .f8_e4m3: 4
        case .f8_e8m0: 5
        case .i16: 6
        case .u16: 7
        case .f16: 8
        case .bf16: 9
        case .i32: 10
        case .u32: 11
        case .f32: 12
        case .f64: 13
        case .i64: 14
        case .u64: 15
        }
    }
}
