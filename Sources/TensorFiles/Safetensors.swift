/// The safetensors format: an 8-byte header length, a JSON header, and the tensors' bytes without gaps.
///
/// Reading accepts what the reference implementation accepts, and refuses repeated names, which the format forbids.
/// Writing gives the bytes that the reference gives for the same tensors; a file read and written back unchanged keeps its own header,
/// so it comes out byte for byte.
public enum Safetensors {
    /// The reference implementation refuses longer headers.
    static let maximumHeaderLength = 100_000_000
    /// The one key of the header that is not a tensor.
    static let metadataKey = "__metadata__"

    /// Tensors and metadata of a safetensors file, in header order.
    ///
    /// Throws `malformed` or `unsupported` with the place; cost O(bytes).
    public static func decode(_ bytes: [UInt8]) throws(TensorFileError) -> TensorArchive {
        try decode(ByteSource(bytes))
    }

    static func decode(_ source: ByteSource) throws(TensorFileError) -> TensorArchive {
        let headerBytes = try headerBytes(of: source)
        let header = try SafetensorsHeader(scanning: headerBytes)
        let dataStart = 8 + headerBytes.count
        _ = try validated(header.entries, dataCount: source.count - dataStart)
        var archive = TensorArchive()
        for entry in header.entries {
            let bytes = try source.bytes(at: dataStart + entry.range.lowerBound, count: entry.range.count)
            if let dtype = entry.dtype {
                archive[entry.name] = Tensor(unchecked: dtype, shape: entry.shape, bytes: bytes)
            } else {
                let reason = TensorFileError.unsupported(
                    format: .safetensors, tensor: entry.name,
                    expected: "one of " + DType.allCases.map(\.safetensorsName).joined(separator: " "),
                    found: "dtype \(quoted(entry.dtypeName))")
                archive.carry(
                    CarriedMember(
                        name: entry.name, reason: reason,
                        content: .safetensors(dtype: entry.dtypeName, shape: entry.shape, bytes: bytes)))
            }
        }
        archive.metadata = header.metadata
        archive.safetensorsHeader = headerBytes
        return archive
    }

    /// The bytes of a safetensors file holding the archive.
    ///
    /// Throws `unsupported` for a tensor named `__metadata__`, which the format reserves, and for a header above its limit of 100 MB.
    ///
    /// - Complexity: O(bytes); the whole file in memory.
    public static func encode(_ archive: TensorArchive) throws(TensorFileError) -> [UInt8] {
        let layout = try layout(of: archive)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(layout.header.count + archive.entries.reduce(0) { $0 + $1.tensor.bytes.count })
        bytes += layout.header
        for name in layout.order { bytes += archive.safetensorsBytes(of: name) }
        return bytes
    }

    /// The 8-byte length with the header, and the tensors' names in the order of their data.
    static func layout(of archive: TensorArchive) throws(TensorFileError) -> (header: [UInt8], order: [String]) {
        if let header = archive.safetensorsHeader, let scanned = try? SafetensorsHeader(scanning: header) {
            let order = scanned.entries.indices.sorted { isBefore(scanned.entries, $0, $1) }.map { scanned.entries[$0].name }
            return (littleEndianBytes(UInt64(header.count)) + header, order)
        }
        if archive[metadataKey] != nil {
            throw .unsupported(format: .safetensors, expected: "another name than \(quoted(metadataKey))", found: "a tensor of that name")
        }
        let layout = canonicalLayout(of: archive)
        return (try checked(layout.header), layout.order)
    }

    /// A header of a length that readers accept.
    static func checked(_ header: [UInt8]) throws(TensorFileError) -> [UInt8] {
        if header.count - 8 > maximumHeaderLength {
            throw .unsupported(
                format: .safetensors, expected: "a header of at most \(maximumHeaderLength) bytes", found: "\(header.count - 8)")
        }
        return header
    }

    // MARK: Reading

    /// The header of a file, and where its data begin.
    static func header(of source: ByteSource) throws(TensorFileError) -> (header: SafetensorsHeader, dataStart: Int) {
        let bytes = try headerBytes(of: source)
        return (try SafetensorsHeader(scanning: bytes), 8 + bytes.count)
    }

    private static func headerBytes(of source: ByteSource) throws(TensorFileError) -> [UInt8] {
        guard source.count >= 8 else {
            throw .malformed(format: .safetensors, expected: "8 bytes of header length", found: "a file of \(source.count) bytes")
        }
        let length = littleEndian(try source.bytes(at: 0, count: 8))
        guard length <= UInt64(maximumHeaderLength), length <= UInt64(source.count - 8) else {
            let limit = min(maximumHeaderLength, source.count - 8)
            throw .malformed(
                format: .safetensors, offset: 0, expected: "a header of at most \(limit) bytes", found: "a length of \(length)")
        }
        return try source.bytes(at: 8, count: Int(length))
    }

    /// The one place that checks a header against its data: every size is dtype × shape, and the ranges tile the data without gap or overlap.
    ///
    /// Returns the indices of the entries in the order of their data.
    static func validated(_ entries: [SafetensorsEntry], dataCount: Int) throws(TensorFileError) -> [Int] {
        for entry in entries {
            guard let dtype = entry.dtype else {
                // The size of an element is not known; that the ranges tile the data is checked below all the same.
                guard CheckedSize.product(entry.shape).value != nil else {
                    throw .malformed(
                        format: .safetensors, tensor: entry.name, expected: "a size that fits 64 bits",
                        found: "shape \(describe(entry.shape))")
                }
                continue
            }
            guard let size = dtype.byteCount(shape: entry.shape) else {
                throw .malformed(
                    format: .safetensors, tensor: entry.name, expected: "a size that fits 64 bits",
                    found: "shape \(describe(entry.shape))")
            }
            guard size == entry.range.count else {
                throw .malformed(
                    format: .safetensors, tensor: entry.name,
                    expected: "\(size) bytes for \(entry.dtypeName) of shape \(describe(entry.shape))",
                    found: "data_offsets of \(entry.range.count) bytes")
            }
        }
        let order = entries.indices.sorted { isBefore(entries, $0, $1) }
        var end = 0
        for index in order {
            let entry = entries[index]
            guard entry.range.lowerBound == end else {
                throw .malformed(
                    format: .safetensors, tensor: entry.name, expected: "data that starts at offset \(end), without gap or overlap",
                    found: "offset \(entry.range.lowerBound)")
            }
            end = entry.range.upperBound
        }
        guard end == dataCount else {
            throw .malformed(format: .safetensors, expected: "\(end) bytes of data", found: "\(dataCount)")
        }
        return order
    }

    private static func isBefore(_ entries: [SafetensorsEntry], _ left: Int, _ right: Int) -> Bool {
        let (a, b) = (entries[left].range, entries[right].range)
        return (a.lowerBound, a.upperBound, left) < (b.lowerBound, b.upperBound, right)
    }

    // MARK: Writing

    /// A tensor, or a member that is none here, with what the header says of it.
    struct Piece {
        let name: String
        let dtype: String
        let shape: [Int]
        let byteCount: Int
        let rank: Int
    }

    /// Reference order: by dtype rank downwards, then by name; header padded with spaces so that the data starts at a multiple of 8.
    ///
    /// The reference writes metadata in no fixed order; here keys are sorted, so that the same archive gives the same bytes.
    private static func canonicalLayout(of archive: TensorArchive) -> (header: [UInt8], order: [String]) {
        var entries = archive.entries.map { name, tensor in
            Piece(
                name: name, dtype: tensor.dtype.safetensorsName, shape: tensor.shape, byteCount: tensor.bytes.count,
                rank: tensor.dtype.safetensorsRank)
        }
        for member in archive.carried {
            guard case .safetensors(let dtype, let shape, let bytes) = member.content else { continue }
            // Before all others where that leaves them aligned, else behind them.
            entries.append(
                Piece(name: member.name, dtype: dtype, shape: shape, byteCount: bytes.count, rank: bytes.count % 8 == 0 ? .max : -1))
        }
        entries.sort { $0.rank == $1.rank ? precedes($0.name, $1.name) : $0.rank > $1.rank }
        return (header(of: entries, metadata: archive.metadata), entries.map(\.name))
    }

    /// The 8-byte length and the header of pieces whose bytes follow each other.
    static func header(of entries: [Piece], metadata: [String: String]) -> [UInt8] {
        var json: [UInt8] = [UInt8(ascii: "{")]
        if !metadata.isEmpty {
            json += Array(#""__metadata__":{"#.utf8)
            for (index, key) in metadata.keys.sorted(by: precedes).enumerated() {
                if index > 0 { json.append(UInt8(ascii: ",")) }
                appendQuoted(key, to: &json)
                json.append(UInt8(ascii: ":"))
                appendQuoted(metadata[key] ?? "", to: &json)
            }
            json.append(UInt8(ascii: "}"))
        }
        var offset = 0
        for entry in entries {
            if json.count > 1 { json.append(UInt8(ascii: ",")) }
            appendQuoted(entry.name, to: &json)
            let shape = entry.shape.map(String.init).joined(separator: ",")
            let end = offset + entry.byteCount
            json += Array(#":{"dtype":"#.utf8)
            appendQuoted(entry.dtype, to: &json)
            json += Array(#","shape":[\#(shape)],"data_offsets":[\#(offset),\#(end)]}"#.utf8)
            offset = end
        }
        json.append(UInt8(ascii: "}"))
        while json.count % 8 != 0 { json.append(0x20) }
        return littleEndianBytes(UInt64(json.count)) + json
    }

    /// A JSON string with the least escaping that RFC 8259 allows, as the reference writes it.
    static func appendQuoted(_ text: String, to json: inout [UInt8]) {
        json.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case 0x22, 0x5c: json += [0x5c, byte]
            case 0x08: json += Array(#"\b"#.utf8)
            case 0x09: json += Array(#"\t"#.utf8)
            case 0x0a: json += Array(#"\n"#.utf8)
            case 0x0c: json += Array(#"\f"#.utf8)
            case 0x0d: json += Array(#"\r"#.utf8)
            case 0..<0x20:
                let digits = String(byte, radix: 16)
                json += Array((digits.count == 1 ? #"\u000"# : #"\u00"#).utf8) + Array(digits.utf8)
            default: json.append(byte)
            }
        }
        json.append(UInt8(ascii: "\""))
    }
}

/// Order by UTF-8 bytes, unlike Swift's `<`, which follows Unicode canonical equivalence.
func precedes(_ left: String, _ right: String) -> Bool { left.utf8.lexicographicallyPrecedes(right.utf8) }

/// Up to eight bytes as an unsigned integer, least significant first.
func littleEndian(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var value: UInt64 = 0, shift: UInt64 = 0
    for byte in bytes {
        value |= UInt64(byte) << shift
        shift += 8
    }
    return value
}

func littleEndianBytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}
