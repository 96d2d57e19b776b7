// JSON (RFC 8259) in one pass: keys come in their order, repeated ones included, which is for the schema to judge.

extension ByteScanner {
    private static var maximumDepth: Int { 16 }

    /// An object; `member` is called at each value with the key and its place, and must scan the value.
    mutating func jsonObject(
        _ member: (inout ByteScanner, String, Int) throws(TensorFileError) -> Void
    ) throws(TensorFileError) {
        try expect("{")
        if accept("}") { return }
        repeat {
            skipSpace()
            let place = position
            let key = try jsonString()
            try expect(":")
            try member(&self, key, place)
        } while accept(",")
        try expect("}")
    }

    /// Takes a `null`, if there is one.
    mutating func acceptNull() -> Bool {
        skipSpace()
        guard bytes[position...].starts(with: "null".utf8) else { return false }
        position += 4
        return true
    }

    mutating func jsonIntegers() throws(TensorFileError) -> [Int] {
        try expect("[")
        if accept("]") { return [] }
        var result: [Int] = []
        repeat { result.append(try integer()) } while accept(",")
        try expect("]")
        return result
    }

    mutating func jsonString() throws(TensorFileError) -> String {
        try expect("\"")
        let start = position
        while let byte = current, byte != 0x22, byte != 0x5c, byte >= 0x20 { position += 1 }
        var content = Array(bytes[start..<position])
        while let byte = current, byte != 0x22 {
            if byte < 0x20 { throw error("an escaped control character", found(), at: position) }
            if byte == 0x5c {
                content += String(try jsonEscape()).utf8
            } else {
                content.append(byte)
                position += 1
            }
        }
        guard current != nil else { throw error("a closing quote", found(), at: position) }
        position += 1
        let text = String(decoding: content, as: UTF8.self)
        // Decoding replaces what is not UTF-8, so a difference means that there was something to replace.
        if !text.utf8.elementsEqual(content) { throw error("a string in UTF-8", "other bytes", at: start) }
        return text
    }

    private mutating func jsonEscape() throws(TensorFileError) -> Unicode.Scalar {
        let start = position
        position += 1
        guard let letter = current else { throw error("an escape", found(), at: start) }
        position += 1
        switch Unicode.Scalar(letter) {
        case "\"", "\\", "/": return Unicode.Scalar(letter)
        case "b": return "\u{8}"
        case "f": return "\u{c}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "u":
            var value = try jsonHexadecimal()
            let isHigh = value & 0xfc00 == 0xd800
            if isHigh, bytes[position...].starts(with: #"\u"#.utf8) {
                position += 2
                let low = try jsonHexadecimal()
                if low & 0xfc00 == 0xdc00 { value = 0x10000 + ((value & 0x3ff) << 10 | low & 0x3ff) }
            }
            guard let scalar = Unicode.Scalar(value) else { throw error("a Unicode scalar", "a lone surrogate", at: start) }
            return scalar
        default: throw error("a JSON escape", found(at: start + 1), at: start)
        }
    }

    private mutating func jsonHexadecimal() throws(TensorFileError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw error("four hexadecimal digits", found(), at: position)
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    /// Steps over a value that the schema does not know, nested at most `maximumDepth` deep.
    mutating func skipJSON(depth: Int = 0) throws(TensorFileError) {
        skipSpace()
        if depth > Self.maximumDepth { throw error("at most \(Self.maximumDepth) levels of nesting", "more", at: position) }
        switch current {
        case UInt8(ascii: "\""): _ = try jsonString()
        case UInt8(ascii: "{"):
            try jsonObject { scanner, _, _ throws(TensorFileError) in try scanner.skipJSON(depth: depth + 1) }
        case UInt8(ascii: "["):
            position += 1
            if accept("]") { return }
            repeat { try skipJSON(depth: depth + 1) } while accept(",")
            try expect("]")
        default: try skipJSONWord()
        }
    }

    /// true, false, null, or a number.
    private mutating func skipJSONWord() throws(TensorFileError) {
        let start = position
        while let byte = current, isWordByte(byte) { position += 1 }
        let word = String(decoding: bytes[start..<position], as: UTF8.self)
        let isNumber = word.utf8.first.map { $0 == 0x2d || (0x30...0x39).contains($0) } ?? false
        guard ["true", "false", "null"].contains(word) || (isNumber && Double(word) != nil) else {
            throw error("a JSON value", word.isEmpty ? found(at: start) : quoted(word), at: start)
        }
    }

    private func isWordByte(_ byte: UInt8) -> Bool {
        switch Unicode.Scalar(byte) {
        case "a"..."z", "0"..."9", "E", "+", "-", ".": true
        default: false
        }
    }
}
