/// A hash of bytes, however they are cut into pieces: tells contents apart, is no defense against forgery.
///
/// FNV-1a (draft-eastlake-fnv) over words of eight bytes, with a shift that lets their high bits reach the low ones; eight times as fast as
/// byte by byte.
package struct ContentHash {
    private var state: UInt64 = 0xcbf2_9ce4_8422_2325
    /// Bytes that do not fill a word yet.
    private var rest: UInt64 = 0
    private var restCount: UInt64 = 0

    package init() {}

    /// The hash of all so far.
    package var value: UInt64 {
        var result = self
        result.fold(rest)
        result.fold(restCount)
        return result.state
    }

    package mutating func fold(_ word: UInt64) {
        state = (state ^ word) &* 0x100_0000_01b3
        state ^= state >> 29
    }

    package mutating func fold(_ bytes: UnsafeRawBufferPointer) {
        var place = 0
        while restCount > 0, place < bytes.count {
            append(bytes[place])
            place += 1
        }
        while place + 8 <= bytes.count {
            fold(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)))
            place += 8
        }
        for byte in bytes[place...] { append(byte) }
    }

    private mutating func append(_ byte: UInt8) {
        rest |= UInt64(byte) << (8 * restCount)
        restCount += 1
        guard restCount == 8 else { return }
        fold(rest)
        (rest, restCount) = (0, 0)
    }
}
