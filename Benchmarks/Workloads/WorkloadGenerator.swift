// Inputs of the benchmarks must never change between versions: their generator is named here and frozen.

import RandomNumbers

/// SplitMix64 with normal deviates in pairs.
package struct WorkloadGenerator: RandomNumberGenerator {
    private var words: SplitMix64
    private var spare: Double?

    package init(seed: UInt64) { words = SplitMix64(seed: seed) }

    package mutating func next() -> UInt64 { words.next() }

    /// Standard normal.
    package mutating func normal() -> Double {
        if let value = spare {
            spare = nil
            return value
        }
        let pair = normalPair()
        spare = pair.1
        return pair.0
    }

    package mutating func normals(_ count: Int) -> [Double] { (0..<count).map { _ in normal() } }
}
