/// One tensor of a safetensors header.
struct SafetensorsEntry {
    var name: String
    var dtype: DType
    var shape: [Int]
    /// Offsets into the data section that follows the header.
    var range: Range<Int>
}

/// Strict scanner for the one JSON schema of a safetensors header, in a single pass, keeping the order of keys.
///
///     { "__metadata__": {text: text, …}?, name: {"dtype": text, "shape": [n, …], "data_offsets": [from, to]}, … }
///
/// Unknown keys of a tensor are skipped, nested at most `maximumDepth` deep; repeated keys are errors.
/// Source: the format description of the safetensors project (huggingface/safetensors) and RFC 8259.
struct SafetensorsHeader {
    private(set) var entries: [SafetensorsEntry] = []
    private(set) var metadata: [String: String] = [:]

    private static let maximumDepth = 16
    private let bytes: [UInt8]
    private var position = 0

    /// Scans the header; offsets in errors count from the start of the file.
    init(scanning bytes: [UInt8]) throws(TensorFileError) {
        self.bytes = bytes
        var seen: Set<String> = []
        // The reference demands that the header opens with a brace, without spaces before it.
        try expect("{", skippingSpace: false)
        try scanMembers { scanner, key, at throws(TensorFileError) in
            if !seen.insert(key).inserted { throw scanner.error("distinct names", "\(quoted(key)) twice", at: at) }
            if key == Safetensors.metadataKey {
                try scanner.scanMetadata()
            } else {
                scanner.entries.append(try scanner.scanEntry(named: key))
            }
        }
        skipSpace()
        if position != bytes.count { throw error("spaces after the header", found(), at: position) }
    }

    // MARK: Schema

    private mutating func scanMetadata() throws(TensorFileError) {
        try expect("{")
        try scanMembers { scanner, key, at throws(TensorFileError) in
            let value = try scanner.scanString()
            if scanner.metadata.updateValue(value, forKey: key) != nil {
                throw scanner.error("distinct metadata keys", "\(quoted(key)) twice", at: at)
            }
        }
    }

    private mutating func scanEntry(named name: String) throws(TensorFileError) -> SafetensorsEntry {
        let start = position
        var dtype: DType?, shape: [Int]?, offsets: [Int]?
        try expect("{")
        try scanMembers { scanner, key, at throws(TensorFileError) in
            switch key {
            case "dtype" where dtype == nil:
                let text = try scanner.scanString()
                guard let known = DType(safetensorsName: text) else {
                    throw .unsupported(
                        format: .safetensors, tensor: name,
                        expected: "one of " + DType.allCases.map(\.safetensorsName).joined(separator: " "),
                        found: "dtype \(quoted(text))")
                }
                dtype = known
            case "shape" where shape == nil: shape = try scanner.scanIntegers()
            case "data_offsets" where offsets == nil: offsets = try scanner.scanIntegers()
            case "dtype", "shape", "data_offsets":
                throw scanner.error("one \(quoted(key)) in tensor \(quoted(name))", "two", at: at)
            default: try scanner.skipValue(depth: 0)
            }
        }
        guard let dtype, let shape, let offsets else {
            let missing = dtype == nil ? "dtype" : shape == nil ? "shape" : "data_offsets"
            throw error("a \(quoted(missing)) in tensor \(quoted(name))", "none", at: start)
        }
        guard offsets.count == 2, offsets[0] <= offsets[1] else {
            throw error("data_offsets [from, to] with from ≤ to in tensor \(quoted(name))", "\(offsets.prefix(4))", at: start)
        }
        return SafetensorsEntry(name: name, dtype: dtype, shape: shape, range: offsets[0]..<offsets[1])
    }

    // MARK: JSON

    /// The members of an object whose brace has been read, up to and including the closing brace.
    private mutating func scanMembers(
        _ member: (inout SafetensorsHeader, String, Int) throws(TensorFileError) -> Void
    ) throws(TensorFileError) {
        if accept("}") { return }
        repeat {
            skipSpace()
            let at = position
            let key = try scanString()
            try expect(":")
            try member(&self, key, at)
        } while accept(",")
        try expect("}")
    }

    private mutating func scanIntegers() throws(TensorFileError) -> [Int] {
        try expect("[")
        if accept("]") { return [] }
        var result: [Int] = []
        repeat { result.append(try scanInteger()) } while accept(",")
        try expect("]")
        return result
    }

    /// A nonnegative integer without sign, fraction or exponent, below 2⁶³.
    private mutating func scanInteger() throws(TensorFileError) -> Int {
        skipSpace()
        let start = position
        var value = 0
        while position < bytes.count, case let digit = bytes[position], digit >= 0x30, digit <= 0x39 {
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.addingReportingOverflow(Int(digit) - 0x30)
            if overflow || carry { throw error("an integer below 2^63", "more digits", at: start) }
            value = sum
            position += 1
        }
        if position == start || (position - start > 1 && bytes[start] == 0x30) {
            throw error("a nonnegative integer", found(at: start), at: start)
        }
        return value
    }

    private mutating func scanString() throws(TensorFileError) -> String {
        try expect("\"")
        let start = position
        while position < bytes.count, bytes[position] != 0x22, bytes[position] != 0x5c, bytes[position] >= 0x20 { position += 1 }
        var content = Array(bytes[start..<position])
        while position < bytes.count, bytes[position] != 0x22 {
            if bytes[position] < 0x20 { throw error("an escaped control character", found(), at: position) }
            if bytes[position] == 0x5c {
                content.append(contentsOf: String(try scanEscape()).utf8)
            } else {
                content.append(bytes[position])
                position += 1
            }
        }
        try expect("\"", skippingSpace: false)
        let text = String(decoding: content, as: UTF8.self)
        // Decoding replaces what is not UTF-8, so a difference means that there was something to replace.
        if !text.utf8.elementsEqual(content) { throw error("UTF-8", "other bytes", at: start) }
        return text
    }

    private mutating func scanEscape() throws(TensorFileError) -> Unicode.Scalar {
        let start = position
        position += 1
        guard position < bytes.count else { throw error("an escape", "the end of the header", at: start) }
        let letter = bytes[position]
        position += 1
        switch letter {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            var value = try scanHex()
            if value & 0xfc00 == 0xd800, position + 1 < bytes.count, bytes[position] == 0x5c, bytes[position + 1] == UInt8(ascii: "u") {
                position += 2
                let low = try scanHex()
                if low & 0xfc00 == 0xdc00 { value = 0x10000 + (value - 0xd800) << 10 + (low - 0xdc00) }
            }
            guard let scalar = Unicode.Scalar(value) else { throw error("a Unicode scalar", "a lone surrogate", at: start) }
            return scalar
        default: throw error("a JSON escape", found(at: start + 1), at: start)
        }
    }

    private mutating func scanHex() throws(TensorFileError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard position < bytes.count, let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
                throw error("four hexadecimal digits", found(), at: position)
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    /// Any JSON value, checked for its brackets and strings only as far as needed to find its end.
    private mutating func skipValue(depth: Int) throws(TensorFileError) {
        skipSpace()
        if depth > Self.maximumDepth { throw error("at most \(Self.maximumDepth) levels of nesting", "more", at: position) }
        guard position < bytes.count else { throw error("a value", found(), at: position) }
        switch bytes[position] {
        case UInt8(ascii: "\""): _ = try scanString()
        case UInt8(ascii: "{"):
            position += 1
            try scanMembers { scanner, _, _ throws(TensorFileError) in try scanner.skipValue(depth: depth + 1) }
        case UInt8(ascii: "["):
            position += 1
            if accept("]") { return }
            repeat { try skipValue(depth: depth + 1) } while accept(",")
            try expect("]")
        default:
            // true, false, null or a number
            let start = position
            while position < bytes.count, isWordByte(bytes[position]) { position += 1 }
            if position == start { throw error("a value", found(), at: position) }
        }
    }

    private func isWordByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x45 || byte == 0x2b || byte == 0x2d || byte == 0x2e
    }

    private mutating func skipSpace() {
        while position < bytes.count, bytes[position] == 0x20 || bytes[position] == 0x0a || bytes[position] == 0x0d || bytes[position] == 0x09 {
            position += 1
        }
    }

    private mutating func accept(_ token: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: token) else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ token: Unicode.Scalar, skippingSpace: Bool = true) throws(TensorFileError) {
        if skippingSpace { skipSpace() }
        guard position < bytes.count, bytes[position] == UInt8(ascii: token) else {
            throw error("'\(token)'", found(), at: position)
        }
        position += 1
    }

    private func found(at place: Int? = nil) -> String {
        let place = place ?? position
        guard place < bytes.count else { return "the end of the header" }
        let byte = bytes[place]
        return byte > 0x20 && byte < 0x7f ? "'\(Character(Unicode.Scalar(byte)))'" : "byte 0x" + String(byte, radix: 16)
    }

    private func error(_ expected: String, _ found: String, at place: Int) -> TensorFileError {
        .malformed(format: .safetensors, offset: place + 8, expected: expected, found: found)
    }
}

extension DType {
    /// The spelling in a safetensors header.
    var safetensorsName: String {
        switch self {
        case .bool: "BOOL"
        case .u8: "U8"
        case .i8: "I8"
        case .u16: "U16"
        case .i16: "I16"
        case .u32: "U32"
        case .i32: "I32"
        case .u64: "U64"
        case .i64: "I64"
        case .f16: "F16"
        case .bf16: "BF16"
        case .f32: "F32"
        case .f64: "F64"
        case .f8_e4m3: "F8_E4M3"
        case .f8_e5m2: "F8_E5M2"
        case .f8_e8m0: "F8_E8M0"
        }
    }

    init?(safetensorsName: String) {
        guard let match = DType.allCases.first(where: { $0.safetensorsName == safetensorsName }) else { return nil }
        self = match
    }

    /// Rank in the reference implementation's writing order: wide elements first, so that every tensor is aligned.
    var safetensorsRank: Int {
        switch self {
        case .bool: 0
        case .u8: 1
        case .i8: 2
        case .f8_e5m2: 3
        case .f8_e4m3: 4
        case .f8_e8m0: 5
        case .i16: 6
        case .u16: 7
        case .f16: 8
        case .bf16: 9
        case .i32: 10
        case .u32: 11
        case .f32: 12
        case .f64: 13
        case .i64: 14
        case .u64: 15
        }
    }
}
