/// What precedes the data of a `.npy` file: magic, version, and a Python dictionary literal.
///
///     \x93NUMPY  major minor  length (2 bytes LE in version 1, 4 in 2 and 3)
///     {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }␣…␣\n
///
/// Source: numpy.lib.format (NEP 1), versions 1.0, 2.0 and 3.0.
struct NPYHeader: Equatable {
    var dtype: DType
    var bigEndian: Bool
    var fortranOrder: Bool
    var shape: [Int]
    /// Offset of the first element.
    var dataOffset: Int

    static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    /// Longer headers belong to structured types; numpy itself warns above 10 000 bytes.
    static let maximumLength = 1 << 20

    /// Size of the data; the initializers have checked that it does not overflow.
    var dataByteCount: Int { dtype.byteCount(shape: shape) ?? 0 }

    /// Reads the header through a function that returns the next `count` bytes of the file or throws when there are fewer.
    init(reading next: (_ count: Int) throws(TensorFileError) -> [UInt8]) throws(TensorFileError) {
        let start = try next(8)
        guard Array(start[..<6]) == Self.magic else {
            throw .malformed(format: .npy, offset: 0, expected: "the magic \\x93NUMPY", found: "other bytes")
        }
        guard (1...3).contains(start[6]), start[7] == 0 else {
            throw .unsupported(format: .npy, expected: "version 1.0, 2.0 or 3.0", found: "\(start[6]).\(start[7])")
        }
        let lengthBytes = try next(start[6] == 1 ? 2 : 4)
        let length = Int(littleEndian(lengthBytes))
        guard length <= Self.maximumLength else {
            throw .malformed(format: .npy, offset: 8, expected: "a header of at most \(Self.maximumLength) bytes", found: "\(length)")
        }
        let start2 = 8 + lengthBytes.count
        try self.init(scanning: try next(length), at: start2)
    }

    /// Parses the dictionary; `offset` is its place in the file.
    private init(scanning bytes: [UInt8], at offset: Int) throws(TensorFileError) {
        var scanner = ByteScanner(bytes, format: .npy, offset: offset)
        var descr: String?, fortranOrder: Bool?, shape: [Int]?
        try scanner.expect("{")
        while !scanner.accept("}") {
            let at = scanner.position
            let key = try scanner.pythonString()
            try scanner.expect(":")
            switch key {
            case "descr" where descr == nil: descr = try Self.typeDescription(&scanner)
            case "fortran_order" where fortranOrder == nil: fortranOrder = try scanner.pythonBoolean()
            case "shape" where shape == nil: shape = try scanner.pythonTuple()
            default:
                throw scanner.error("each of 'descr', 'fortran_order', 'shape' once", "key \(quoted(key))", at: at)
            }
            if !scanner.accept(",") {
                try scanner.expect("}")
                break
            }
        }
        try scanner.expectEnd()
        guard let descr, let fortranOrder, let shape else {
            let missing = descr == nil ? "descr" : fortranOrder == nil ? "fortran_order" : "shape"
            throw scanner.error("the key '\(missing)'", "none", at: 0)
        }
        let type = try Self.elementType(descr)
        guard type.dtype.byteCount(shape: shape) != nil else {
            throw scanner.error("a size that fits 64 bits", "shape \(describe(shape))", at: 0)
        }
        dtype = type.dtype
        bigEndian = type.bigEndian
        self.fortranOrder = fortranOrder
        self.shape = shape
        dataOffset = offset + bytes.count
    }

    /// The value of 'descr'; a list there describes a structured type.
    private static func typeDescription(_ scanner: inout ByteScanner) throws(TensorFileError) -> String {
        scanner.skipSpace()
        if scanner.current == UInt8(ascii: "[") || scanner.current == UInt8(ascii: "(") {
            throw .unsupported(format: .npy, expected: "a plain element type", found: "a structured dtype")
        }
        return try scanner.pythonString()
    }

    /// The element type of an array-protocol type string such as `<f4`, `|b1`, `>i8`.
    private static func elementType(_ descr: String) throws(TensorFileError) -> (dtype: DType, bigEndian: Bool) {
        var code = Substring(descr)
        var bigEndian = false
        if let first = code.first, "<>|=".contains(first) {
            bigEndian = first == ">"
            code = code.dropFirst()
        }
        let dtype: DType? =
            switch code {
            case "b1", "?": .bool
            case "u1": .u8
            case "i1": .i8
            case "u2": .u16
            case "i2": .i16
            case "u4": .u32
            case "i4": .i32
            case "u8": .u64
            case "i8": .i64
            case "f2": .f16
            case "f4": .f32
            case "f8": .f64
            default: nil
            }
        guard let dtype else {
            let found =
                switch code.first {
                case "O": "an array of pickled Python objects"
                case "U", "S", "a": "an array of text, dtype \(quoted(descr))"
                case "c": "complex numbers, dtype \(quoted(descr))"
                case "M", "m": "dates or durations, dtype \(quoted(descr))"
                default: "dtype \(quoted(descr))"
                }
            throw .unsupported(format: .npy, expected: "booleans, integers or floats of 16 to 64 bits", found: found)
        }
        return (dtype, bigEndian && dtype.byteWidth > 1)
    }

    // MARK: Writing

    /// The header numpy writes for a little-endian, row-major array, padded so that the data starts at a multiple of 64.
    ///
    /// Throws `unsupported` for types that numpy does not have.
    static func bytes(dtype: DType, shape: [Int]) throws(TensorFileError) -> [UInt8] {
        let descr: String
        switch dtype {
        case .bool: descr = "|b1"
        case .u8: descr = "|u1"
        case .i8: descr = "|i1"
        case .u16: descr = "<u2"
        case .i16: descr = "<i2"
        case .u32: descr = "<u4"
        case .i32: descr = "<i4"
        case .u64: descr = "<u8"
        case .i64: descr = "<i8"
        case .f16: descr = "<f2"
        case .f32: descr = "<f4"
        case .f64: descr = "<f8"
        case .bf16, .f8_e4m3, .f8_e5m2, .f8_e8m0:
            throw .unsupported(
                format: .npy, expected: "a dtype that numpy has (convert to f32, or write safetensors)", found: dtype.rawValue)
        }
        let tuple = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        var text = "{'descr': '\(descr)', 'fortran_order': False, 'shape': (\(tuple)), }"
        // numpy leaves room to grow the first dimension in place to 21 digits.
        if let first = shape.first { text += String(repeating: " ", count: max(0, 21 - String(first).utf8.count)) }
        var version: UInt8 = 1
        var length = paddedLength(text.utf8.count, prefix: 10)
        if length > 0xffff {
            version = 2
            length = paddedLength(text.utf8.count, prefix: 12)
        }
        let lengthBytes = version == 1 ? littleEndianBytes(UInt16(length)) : littleEndianBytes(UInt32(length))
        let padding = [UInt8](repeating: 0x20, count: length - text.utf8.count - 1)
        return magic + [version, 0] + lengthBytes + Array(text.utf8) + padding + [0x0a]
    }

    /// Text, padding and newline after a prefix, such that the sum is a multiple of 64. numpy pads by 1…64, never by 0.
    private static func paddedLength(_ text: Int, prefix: Int) -> Int {
        let used = prefix + text + 1
        return text + 1 + (64 - used % 64)
    }
}
