// Random numbers with an explicit seed: the same seed gives the same numbers everywhere.
//
// xoshiro256** (Blackman & Vigna, ACM Trans. Math. Softw. 47, 2021), its state filled by SplitMix64 (Steele, Lea &
// Flood, OOPSLA 2014) as its authors advise. Period 2²⁵⁶ − 1. Not for cryptography.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A reproducible random number generator.
///
/// ```swift
/// var generator = SeededGenerator(seed: 7)
/// generator.uniform()      // the same on every run
/// ```
public struct SeededGenerator: RandomNumberGenerator, Sendable, Equatable {
    /// The seed that the generator was made from.
    public let seed: UInt64
    private var s0, s1, s2, s3: UInt64
    private var spareNormal: Double?

    public init(seed: UInt64) {
        self.seed = seed
        var mixer = seed
        func mixed() -> UInt64 {
            mixer &+= 0x9E37_79B9_7F4A_7C15
            var z = mixer
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
        (s0, s1, s2, s3) = (mixed(), mixed(), mixed(), mixed())
    }

    public mutating func next() -> UInt64 {
        let scrambled = s1 &* 5
        let result = (scrambled << 7 | scrambled >> 57) &* 9
        let shifted = s1 << 17
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= shifted
        s3 = s3 << 45 | s3 >> 19
        return result
    }

    /// Uniform on [0, 1), a multiple of 2⁻⁵³.
    public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Standard normal, by Marsaglia's polar method.
    public mutating func normal() -> Double {
        if let spare = spareNormal {
            spareNormal = nil
            return spare
        }
        while true {
            let x = 2 * uniform() - 1, y = 2 * uniform() - 1
            let square = x * x + y * y
            guard square < 1, square > 0 else { continue }
            let factor = (-2 * log(square) / square).squareRoot()
            spareNormal = y * factor
            return x * factor
        }
    }

    /// An independent stream for a numbered task of the same run.
    public func stream(_ number: UInt64) -> SeededGenerator {
        SeededGenerator(seed: seed ^ (number &+ 1) &* 0xD1B5_4A32_D192_ED03)
    }
}
