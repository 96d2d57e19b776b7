// SplitMix64: a small generator with a 64-bit state, and the way seeds are spread over larger states.
//
// Source     Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.

/// A generator with a 64-bit state and period 2⁶⁴.
public struct SplitMix64: RandomNumberGenerator, Sendable, Equatable {
    private var state: UInt64

    /// A generator that starts at the seed.
    public init(seed: UInt64) { state = seed }

    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
