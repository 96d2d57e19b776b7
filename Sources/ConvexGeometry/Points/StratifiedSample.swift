// Random indices that are spread evenly.

/// `count` of the indices 0..<n, one drawn from each of `count` equal runs, ascending.
func stratifiedSample(_ n: Int, _ count: Int, _ seed: UInt64) -> [Int] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { k in
        let (low, high) = (k * n / count, (k + 1) * n / count)
        return low + Int(generator.next() % UInt64(high - low))
    }
}

/// Steele, Lea & Flood's SplitMix64: a small generator with a 64-bit state.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
