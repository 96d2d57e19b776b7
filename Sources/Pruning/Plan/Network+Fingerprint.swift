// Telling networks apart.
//
// Words w₁, w₂, … are folded into a state of 64 bits, one xor and one product each:
//   h ← (h ⊕ w)·p,   h ← h ⊕ ⌊h/2²⁹⌋                                                                        (1)
// p and the first state are those of FNV-1a, which folds bytes and has no second step; here a word is a whole bit pattern, four
// times as fast, and the shift lets its high bits reach the low ones. Every list is preceded by its length, so that no two
// networks give the same words. Source of p: Fowler, Noll & Vo (draft-eastlake-fnv).

import NeuralNetworks
import TensorFiles

extension Network {
    /// A 64-bit fingerprint of names, shapes and bit patterns of all parameters, 16 hexadecimal digits; what follows from the sizes of
    /// inputs excepted, so that a network is the same whatever sizes it was read with.
    ///
    /// It tells networks apart by accident, two in 2⁶⁴; it is no defense against forgery.
    /// - Complexity: O(values).
    public var fingerprint: String {
        var state = Fingerprint(self)
        for (name, parameter) in Fingerprint.parameters(of: self) { state.fold(name, parameter) { $0.fold(parameter.values) } }
        return state.text
    }

    /// The same where values may stay in their files: those are read, some megabytes at a time.
    func readFingerprint() throws(TensorFileError) -> String {
        var state = Fingerprint(self)
        for (name, parameter) in Fingerprint.parameters(of: self) {
            try state.fold(name, parameter) { (state) throws(TensorFileError) in
                guard let stored = parameter.stored else { return state.fold(parameter.values) }
                guard stored.cut == TensorCut() else { return state.fold(try stored.floats()) }
                for start in stride(from: 0, to: stored.storedCount, by: Fingerprint.step) {
                    state.fold(try stored.floats(at: start..<Swift.min(start + Fingerprint.step, stored.storedCount)))
                }
            }
        }
        return state.text
    }
}

/// The state of (1).
private struct Fingerprint {
    /// Values that are read at a time.
    static let step = 1 << 20
    private var hash: UInt64 = 0xcbf2_9ce4_8422_2325

    init(_ network: Network) { fold(Self.parameters(of: network).count) }

    static func parameters(of network: Network) -> [(name: String, parameter: Parameter)] {
        network.parameters.filter { !network.derivedParameters.contains($0.key) }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    mutating func fold<Failure>(
        _ name: String, _ parameter: Parameter, values: (inout Fingerprint) throws(Failure) -> Void
    ) throws(Failure) {
        fold(name.utf8.count)
        for byte in name.utf8 { fold(UInt64(byte)) }
        fold(parameter.shape.count)
        for extent in parameter.shape { fold(extent) }
        fold(parameter.count)
        try values(&self)
    }

    mutating func fold(_ values: [Float]) { for value in values { fold(UInt64(value.bitPattern)) } }

    private mutating func fold(_ count: Int) { fold(UInt64(bitPattern: Int64(count))) }

    private mutating func fold(_ word: UInt64) {
        hash = (hash ^ word) &* 0x0000_0100_0000_01b3
        hash ^= hash >> 29
    }

    var text: String {
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
