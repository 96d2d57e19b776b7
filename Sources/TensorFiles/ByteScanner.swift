/// A position in the text header of a file, with the few tokens that JSON and Python literals share.
struct ByteScanner {
    let bytes: [UInt8]
    let format: TensorFormat
    /// Place of the text in the file, for messages.
    let offset: Int
    var position = 0

    init(_ bytes: [UInt8], format: TensorFormat, offset: Int) {
        self.bytes = bytes
        self.format = format
        self.offset = offset
    }

    /// The byte at the position, nil at the end.
    var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    /// Steps over the token, after spaces, if it is there.
    mutating func accept(_ token: Unicode.Scalar) -> Bool {
        skipSpace()
        guard current == UInt8(ascii: token) else { return false }
        position += 1
        return true
    }

    mutating func expect(_ token: Unicode.Scalar) throws(TensorFileError) {
        if !accept(token) { throw error("'\(token)'", found(), at: position) }
    }

    mutating func expectEnd() throws(TensorFileError) {
        skipSpace()
        if position != bytes.count { throw error("spaces to the end of the header", found(), at: position) }
    }

    /// A nonnegative decimal integer below 2⁶³, without sign, leading zeros, fraction or exponent.
    mutating func integer() throws(TensorFileError) -> Int {
        skipSpace()
        let start = position
        var value = 0
        while let digit = current, digit >= 0x30, digit <= 0x39 {
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.addingReportingOverflow(Int(digit) - 0x30)
            if overflow || carry { throw error("an integer below 2^63", "a larger one", at: start) }
            value = sum
            position += 1
        }
        if position == start || (position - start > 1 && bytes[start] == 0x30) {
            throw error("a nonnegative integer", found(at: start), at: start)
        }
        return value
    }

    /// What stands at the place, for messages.
    func found(at place: Int? = nil) -> String {
        let place = place ?? position
        guard place < bytes.count else { return "the end of the header" }
        let byte = bytes[place]
        return byte > 0x20 && byte < 0x7f ? "'\(Character(Unicode.Scalar(byte)))'" : "byte 0x" + String(byte, radix: 16)
    }

    func error(_ expected: String, _ found: String, at place: Int) -> TensorFileError {
        .malformed(format: format, offset: offset + place, expected: expected, found: found)
    }
}
