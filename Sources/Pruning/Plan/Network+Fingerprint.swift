// Telling networks apart.

import NeuralNetworks

extension Network {
    /// A 64-bit fingerprint (FNV-1a over names, shapes and bit patterns), 16 hexadecimal digits.
    ///
    /// It tells networks apart; it is no defense against forgery.
    public var fingerprint: String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func mix(_ value: UInt64) {
            hash = (hash ^ value) &* 0x0000_0100_0000_01b3
            hash ^= hash >> 29
        }
        for name in parameters.keys.sorted() {
            for byte in name.utf8 { mix(UInt64(byte)) }
            guard let parameter = parameters[name] else { continue }
            for extent in parameter.shape { mix(UInt64(bitPattern: Int64(extent))) }
            for value in parameter.values { mix(UInt64(value.bitPattern)) }
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
