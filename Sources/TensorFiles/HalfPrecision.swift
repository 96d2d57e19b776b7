// Conversions between Float and the 16-bit formats, in integer arithmetic that a compiler can vectorize.
//
// Float16 is not available on every platform and is a library call on the x86-64 baseline, hence our own.
// Narrowing rounds to nearest, ties to even; overflow gives infinity; a NaN stays a NaN and keeps the payload bits that fit.
// IEEE 754-2019 §3.4, §5.4.2; bfloat16 is the upper half of a Float32.

enum HalfPrecision {
    /// The value of an IEEE binary16 bit pattern.
    @inline(__always)
    static func float(fromHalf half: UInt16) -> Float {
        let sign = UInt32(half & 0x8000) << 16
        let magnitude = UInt32(half & 0x7fff) << 13
        let exponent = magnitude & 0x0f80_0000
        // Normal numbers need the exponent rebiased from 15 to 127, infinities and NaNs to 255.
        let normal = magnitude &+ (112 << 23) &+ (exponent == 0x0f80_0000 ? 112 << 23 : 0)
        // A subnormal m·2⁻²⁴ is (2⁻¹⁴ + m·2⁻²⁴) − 2⁻¹⁴, exact in Float.
        let subnormal = (Float(bitPattern: magnitude &+ (113 << 23)) - 0x1p-14).bitPattern
        return Float(bitPattern: (exponent == 0 ? subnormal : normal) | sign)
    }

    /// The binary16 nearest to a Float, ties to even.
    @inline(__always)
    static func half(from value: Float) -> UInt16 {
        let sign = UInt16(truncatingIfNeeded: (value.bitPattern & 0x8000_0000) >> 16)
        let magnitude = value.bitPattern & 0x7fff_ffff
        // All cases are computed and one is selected, without branches, so that loops vectorize.
        let payload = (magnitude >> 13) & 0x03ff
        let nan = 0x7c00 | (payload == 0 ? 0x0200 : payload)
        // Below 2⁻¹⁴ adding ½ makes the adder round at 2⁻²⁴, the spacing of the subnormals.
        let subnormal = (Float(bitPattern: magnitude) + 0.5).bitPattern &- (0.5 as Float).bitPattern
        let normal = (magnitude &- (112 << 23) &+ 0x0fff &+ ((magnitude >> 13) & 1)) >> 13
        let finite = magnitude < 0x3880_0000 ? subnormal : normal
        let rounded = magnitude >= 0x4780_0000 ? 0x7c00 : finite  // ≥ 2¹⁶
        return sign | UInt16(truncatingIfNeeded: magnitude > 0x7f80_0000 ? nan : rounded)
    }

    /// The value of a bfloat16 bit pattern.
    @inline(__always)
    static func float(fromBrain brain: UInt16) -> Float { Float(bitPattern: UInt32(brain) << 16) }

    /// The bfloat16 nearest to a Float, ties to even.
    @inline(__always)
    static func brain(from value: Float) -> UInt16 {
        let bits = value.bitPattern
        let upper = bits >> 16
        let nan = upper & 0x007f == 0 ? upper | 0x0040 : upper
        let rounded = (bits &+ 0x7fff &+ (upper & 1)) >> 16
        return UInt16(truncatingIfNeeded: bits & 0x7fff_ffff > 0x7f80_0000 ? nan : rounded)
    }

    /// A Float that rounds to any narrower format as the Double itself would.
    ///
    /// Rounding to odd: inexact values become the neighbor with an odd last bit, so a second rounding never sees a false tie
    /// (Boldo and Melquiond, IEEE Trans. Comput. 57 (2008), doi 10.1109/TC.2007.70819).
    @inline(__always)
    static func roundedToOdd(_ value: Double) -> Float {
        let nearest = Float(value)
        if Double(nearest) == value || value.isNaN { return nearest }
        var bits = nearest.bitPattern
        if Double(nearest).magnitude > value.magnitude { bits &-= 1 }
        return Float(bitPattern: bits | 1)
    }

    /// A Double that rounds to Float or narrower as the integer itself would.
    @inline(__always)
    static func roundedToOdd(_ value: Int64) -> Double {
        value < 0 ? -roundedToOdd(value.magnitude) : roundedToOdd(value.magnitude)
    }

    @inline(__always)
    static func roundedToOdd(_ value: UInt64) -> Double {
        if value >> 53 == 0 { return Double(value) }
        // The upper 53 bits and one sticky bit would need 54; the lowest of the 53 takes the sticky bit.
        let dropped = value & 0x7ff
        return Double((value & ~0x7ff) | (dropped != 0 ? 0x800 : 0))
    }
}
