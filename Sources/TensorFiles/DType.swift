/// The element type of a tensor, named as the safetensors and numpy worlds name it.
///
/// `f8_e4m3`, `f8_e5m2` and `f8_e8m0` are carried as opaque bytes: they survive a round trip, but have no values here.
public enum DType: String, Sendable, CaseIterable, Codable {
    case bool, u8, i8, u16, i16, u32, i32, u64, i64, f16, bf16, f32, f64
    case f8_e4m3, f8_e5m2, f8_e8m0

    /// Bytes per element.
    public var byteWidth: Int {
        switch self {
        case .bool, .u8, .i8, .f8_e4m3, .f8_e5m2, .f8_e8m0: 1
        case .u16, .i16, .f16, .bf16: 2
        case .u32, .i32, .f32: 4
        case .u64, .i64, .f64: 8
        }
    }

    /// True for the floating point types whose values can be read.
    public var isFloatingPoint: Bool {
        switch self {
        case .f16, .bf16, .f32, .f64: true
        default: false
        }
    }

    /// True for the kinds that are only carried, never converted.
    public var isOpaque: Bool {
        switch self {
        case .f8_e4m3, .f8_e5m2, .f8_e8m0: true
        default: false
        }
    }

    /// Bytes of a dense tensor of this type and shape, or nil if a dimension is negative or the size overflows.
    ///
    /// The product of the nonzero dimensions must not overflow either, so that [2^62, 2^62, 0] has no size in any order.
    func byteCount(shape: [Int]) -> Int? {
        var product = byteWidth
        var empty = false
        for dimension in shape {
            if dimension < 0 { return nil }
            if dimension == 0 {
                empty = true
                continue
            }
            let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
            if overflow { return nil }
            product = next
        }
        return empty ? 0 : product
    }
}
