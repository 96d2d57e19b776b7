// Random numbers with an explicit seed: the same seed gives the same numbers everywhere.
//
// xoshiro256** (Blackman & Vigna, ACM Trans. Math. Softw. 47, 2021), its state filled by SplitMix64 (Steele, Lea &
// Flood, OOPSLA 2014) as its authors advise. Period 2²⁵⁶ − 1. Not for cryptography.

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

    /// A generator whose state comes from a seed; equal seeds give equal numbers on every machine.
    public init(seed: UInt64) {
        self.seed = seed
        var mixer = SplitMix64(seed: seed)
        (s0, s1, s2, s3) = (mixer.next(), mixer.next(), mixer.next(), mixer.next())
    }

    /// The next 64 random bits.
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

    /// Standard normal; every second call is the other half of a pair.
    public mutating func normal() -> Double {
        if let spare = spareNormal {
            spareNormal = nil
            return spare
        }
        let pair = normalPair()
        spareNormal = pair.1
        return pair.0
    }

    /// An independent generator for one consumer of the same run.
    public func stream(_ consumer: RandomStream) -> SeededGenerator {
        SeededGenerator(seed: seed ^ (consumer.number &+ 1) &* 0xD1B5_4A32_D192_ED03)
    }

    /// The words of the state, for tests that streams share none.
    package var state: [UInt64] { [s0, s1, s2, s3] }
}
