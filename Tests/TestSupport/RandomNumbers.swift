// Seeded random numbers for tests: SplitMix64 (Steele, Lea & Flood, OOPSLA 2014), independent of the generator under test.

package struct TestGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Uniform on [0, 1).
    package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Standard normal by the sum of twelve uniforms: light tails, exact moments up to order three, no transcendental functions.
    package mutating func normal() -> Double {
        var sum = -6.0
        for _ in 0..<12 { sum += uniform() }
        return sum
    }

    package mutating func normals(_ count: Int) -> [Double] { (0..<count).map { _ in normal() } }
}
