// Telling networks apart.
//
// Words w₁, w₂, … are folded into a state of 64 bits, one xor and one product each:
//   h ← (h ⊕ w)·p,   h ← h ⊕ ⌊h/2²⁹⌋                                                                        (1)
// p and the first state are those of FNV-1a, which folds bytes and has no second step; here a word is a whole bit pattern, four
// times as fast, and the shift lets its high bits reach the low ones. Every list is preceded by its length, so that no two
// networks give the same words. Source of p: Fowler, Noll & Vo (draft-eastlake-fnv).

import NeuralNetworks

extension Network {
    /// A 64-bit fingerprint of names, shapes and bit patterns of all parameters, 16 hexadecimal digits; what follows from the sizes of
    /// inputs excepted, so that a network is the same whatever sizes it was read with.
    ///
    /// It tells networks apart by accident, two in 2⁶⁴; it is no defense against forgery.
    /// - Complexity: O(values).
    public var fingerprint: String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func fold(_ word: UInt64) {
            hash = (hash ^ word) &* 0x0000_0100_0000_01b3
            hash ^= hash >> 29
        }
        func fold(_ count: Int) { fold(UInt64(bitPattern: Int64(count))) }
        let own = parameters.filter { !derivedParameters.contains($0.key) }
        fold(own.count)
        for (name, parameter) in own.sorted(by: { $0.key < $1.key }) {
            fold(name.utf8.count)
            for byte in name.utf8 { fold(UInt64(byte)) }
            fold(parameter.shape.count)
            for extent in parameter.shape { fold(extent) }
            fold(parameter.values.count)
            for value in parameter.values { fold(UInt64(value.bitPattern)) }
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
