/// Scanner for the few Python literals of a `.npy` header: strings, booleans, and tuples of nonnegative integers.
struct PythonLiteralScanner {
    let bytes: [UInt8]
    /// Place of the literal in the file, for messages.
    let offset: Int
    private(set) var position = 0

    init(bytes: [UInt8], offset: Int) {
        self.bytes = bytes
        self.offset = offset
    }

    /// A string in single or double quotes without escapes.
    mutating func string() throws(TensorFileError) -> String {
        skipSpace()
        guard position < bytes.count, bytes[position] == 0x27 || bytes[position] == 0x22 else {
            throw error("a string", found(), at: position)
        }
        let quote = bytes[position], start = position + 1
        position = start
        while position < bytes.count, bytes[position] != quote {
            if bytes[position] == 0x5c { throw error("a string without escapes", "a backslash", at: position) }
            position += 1
        }
        guard position < bytes.count else { throw error("a closing quote", found(), at: position) }
        defer { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// The value of 'descr'; a list there describes a structured type.
    mutating func typeDescription() throws(TensorFileError) -> String {
        skipSpace()
        if position < bytes.count, bytes[position] == UInt8(ascii: "[") || bytes[position] == UInt8(ascii: "(") {
            throw .unsupported(format: .npy, expected: "a plain element type", found: "a structured dtype")
        }
        return try string()
    }

    mutating func boolean() throws(TensorFileError) -> Bool {
        skipSpace()
        for (word, value) in [("True", true), ("False", false)] where bytes[position...].starts(with: word.utf8) {
            position += word.utf8.count
            return value
        }
        throw error("True or False", found(), at: position)
    }

    /// A tuple of nonnegative integers; `(3)` is not a tuple, `(3,)` is. Python 2 files write longs as `3L`.
    mutating func tuple() throws(TensorFileError) -> [Int] {
        try expect("(")
        var result: [Int] = []
        while !accept(")") {
            result.append(try integer())
            if !accept(",") {
                if result.count == 1 { throw error("',' after the only dimension", found(), at: position) }
                try expect(")")
                break
            }
        }
        return result
    }

    private mutating func integer() throws(TensorFileError) -> Int {
        skipSpace()
        let start = position
        var value = 0
        while position < bytes.count, case let digit = bytes[position], digit >= 0x30, digit <= 0x39 {
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.addingReportingOverflow(Int(digit) - 0x30)
            if overflow || carry { throw error("a dimension below 2^63", "more digits", at: start) }
            value = sum
            position += 1
        }
        if position == start { throw error("a dimension of at least 0", found(), at: start) }
        if position < bytes.count, bytes[position] == UInt8(ascii: "L") { position += 1 }
        return value
    }

    mutating func accept(_ token: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: token) else { return false }
        position += 1
        return true
    }

    mutating func expect(_ token: Unicode.Scalar) throws(TensorFileError) {
        if !accept(token) { throw error("'\(token)'", found(), at: position) }
    }

    mutating func expectEnd() throws(TensorFileError) {
        skipSpace()
        if position != bytes.count { throw error("spaces after the dictionary", found(), at: position) }
    }

    private mutating func skipSpace() {
        while position < bytes.count, bytes[position] == 0x20 || (0x09...0x0d).contains(bytes[position]) { position += 1 }
    }

    private func found() -> String {
        guard position < bytes.count else { return "the end of the header" }
        let byte = bytes[position]
        return byte > 0x20 && byte < 0x7f ? "'\(Character(Unicode.Scalar(byte)))'" : "byte 0x" + String(byte, radix: 16)
    }

    func error(_ expected: String, _ found: String, at place: Int) -> TensorFileError {
        .malformed(format: .npy, offset: offset + place, expected: expected, found: found)
    }
}
