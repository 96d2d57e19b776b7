// The Python literals of a `.npy` header: strings, booleans, and tuples of nonnegative integers.

extension ByteScanner {
    /// A string in single or double quotes without escapes.
    mutating func pythonString() throws(TensorFileError) -> String {
        skipSpace()
        guard let quote = current, quote == 0x27 || quote == 0x22 else { throw error("a string", found(), at: position) }
        let start = position + 1
        position = start
        while let byte = current, byte != quote {
            if byte == 0x5c { throw error("a string without escapes", "a backslash", at: position) }
            position += 1
        }
        guard current != nil else { throw error("a closing quote", found(), at: position) }
        defer { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    mutating func pythonBoolean() throws(TensorFileError) -> Bool {
        skipSpace()
        for (word, value) in [("True", true), ("False", false)] where bytes[position...].starts(with: word.utf8) {
            position += word.utf8.count
            return value
        }
        throw error("True or False", found(), at: position)
    }

    /// A tuple of nonnegative integers; `(3)` is not a tuple, `(3,)` is. Python 2 wrote long integers as `3L`.
    mutating func pythonTuple() throws(TensorFileError) -> [Int] {
        try expect("(")
        var result: [Int] = []
        while !accept(")") {
            result.append(try integer())
            if current == UInt8(ascii: "L") { position += 1 }
            if !accept(",") {
                if result.count == 1 { throw error("',' after the only dimension", found(), at: position) }
                try expect(")")
                break
            }
        }
        return result
    }
}
