/// One member of a zip archive, as the central directory declares it.
struct ZipMember {
    var name: String
    var method: Method
    var checksum: UInt32
    var compressedSize: Int
    var size: Int
    /// Offset of the local header, then of the member's data.
    var headerOffset: Int
    var dataOffset: Int

    enum Method: UInt16, Sendable {
        case stored = 0
        case deflated = 8
    }
}

/// The members of a zip archive, read from the end record and the central directory, never by scanning for local headers.
///
/// Refused: several disks, encryption, other methods than stored and deflated, members that overlap each other or the directory, and
/// sizes that no deflate stream of the declared length can reach.
/// Source: PKWARE APPNOTE 6.3.9, §4.3–4.5.
struct ZipDirectory {
    let members: [ZipMember]

    private static let endRecord: UInt32 = 0x0605_4b50
    private static let zip64Locator: UInt32 = 0x0706_4b50
    private static let zip64EndRecord: UInt32 = 0x0606_4b50
    static let centralHeader: UInt32 = 0x0201_4b50
    static let localHeader: UInt32 = 0x0403_4b50

    init(of source: ByteSource) throws(TensorFileError) {
        let place = try Self.directoryPlace(in: source)
        let directory = Fields(try source.bytes(at: place.offset, count: place.size))
        var members: [ZipMember] = []
        var names: Set<String> = []
        var position = 0
        for _ in 0..<place.count {
            let member = try Self.member(directory, at: &position, fileOffset: place.offset)
            if !names.insert(member.name).inserted {
                throw .malformed(format: .zip, expected: "distinct names", found: "\(quoted(member.name)) twice")
            }
            members.append(member)
        }
        if position != place.size {
            throw .malformed(
                format: .zip, offset: place.offset + position, expected: "\(place.count) members in the directory",
                found: "\(place.size - position) more bytes")
        }
        for index in members.indices { try Self.locateData(of: &members[index], in: source, end: place.offset) }
        try Self.checkDisjoint(members)
        self.members = members
    }

    // MARK: End record

    private struct Place {
        var offset: Int
        var size: Int
        var count: Int
    }

    private static func directoryPlace(in source: ByteSource) throws(TensorFileError) -> Place {
        guard source.count >= 22 else {
            throw .malformed(format: .zip, expected: "an end record of 22 bytes", found: "a file of \(source.count) bytes")
        }
        // The end record is followed by a comment of at most 65535 bytes, whose length it declares.
        let tailStart = max(0, source.count - 22 - 0xffff)
        let tail = Fields(try source.bytes(at: tailStart, count: source.count - tailStart))
        var at = tail.count - 22
        while at >= 0, !(tail.u32(at) == endRecord && Int(tail.u16(at + 20)) == tail.count - at - 22) { at -= 1 }
        guard at >= 0 else {
            throw .malformed(format: .zip, expected: "an end record of the zip directory", found: "none (is the file truncated?)")
        }
        let recordOffset = tailStart + at
        var disks = [UInt64(tail.u16(at + 4)), UInt64(tail.u16(at + 6))]
        var counts = [UInt64(tail.u16(at + 8)), UInt64(tail.u16(at + 10))]
        var size = UInt64(tail.u32(at + 12)), offset = UInt64(tail.u32(at + 16))
        var limit = recordOffset
        if recordOffset >= 20, case let locator = Fields(try source.bytes(at: recordOffset - 20, count: 20)), locator.u32(0) == zip64Locator
        {
            let place = locator.u64(8)
            guard recordOffset >= 76, place <= UInt64(recordOffset - 76) else {
                throw .malformed(
                    format: .zip, offset: recordOffset - 20, expected: "a zip64 end record before its locator", found: "offset \(place)")
            }
            let record = Fields(try source.bytes(at: Int(place), count: 56))
            guard record.u32(0) == zip64EndRecord else {
                throw .malformed(format: .zip, offset: Int(place), expected: "a zip64 end record", found: "other bytes")
            }
            disks = [UInt64(record.u32(16)), UInt64(record.u32(20))]
            counts = [record.u64(24), record.u64(32)]
            size = record.u64(40)
            offset = record.u64(48)
            limit = Int(place)
        }
        guard disks.allSatisfy({ $0 == 0 }), counts[0] == counts[1] else {
            throw .unsupported(format: .zip, expected: "an archive in one file", found: "one of several disks")
        }
        guard size <= UInt64(limit), offset <= UInt64(limit) - size else {
            throw .malformed(
                format: .zip, offset: recordOffset, expected: "a directory that ends before byte \(limit)",
                found: "\(size) bytes at byte \(offset)")
        }
        // A directory header has at least 46 bytes.
        guard counts[0] <= size / 46 else {
            throw .malformed(
                format: .zip, offset: recordOffset, expected: "at most \(size / 46) members in \(size) bytes", found: "\(counts[0])")
        }
        return Place(offset: Int(offset), size: Int(size), count: Int(counts[0]))
    }

    // MARK: Central directory

    private static func member(_ fields: Fields, at position: inout Int, fileOffset: Int) throws(TensorFileError) -> ZipMember {
        let start = position
        func malformed(_ expected: String, _ found: String) -> TensorFileError {
            .malformed(format: .zip, offset: fileOffset + start, expected: expected, found: found)
        }
        guard fields.count - start >= 46, fields.u32(start) == centralHeader else {
            throw malformed("a directory header", fields.count - start < 46 ? "the end of the directory" : "other bytes")
        }
        let flags = fields.u16(start + 8)
        let nameLength = Int(fields.u16(start + 28)), extraLength = Int(fields.u16(start + 30)), commentLength = Int(fields.u16(start + 32))
        guard fields.count - start - 46 >= nameLength + extraLength + commentLength else {
            throw malformed(
                "\(nameLength + extraLength + commentLength) bytes of name, extra field and comment", "the end of the directory")
        }
        let nameBytes = fields.bytes[start + 46..<start + 46 + nameLength]
        let name = String(decoding: nameBytes, as: UTF8.self)
        guard name.utf8.elementsEqual(nameBytes) else { throw malformed("a name in UTF-8", "other bytes") }
        // Bit 0: encrypted; bit 6: strong encryption; bit 13: masked directory.
        guard flags & 0x2041 == 0 else {
            throw .unsupported(format: .zip, tensor: name, expected: "a plain member", found: "an encrypted one")
        }
        guard let method = ZipMember.Method(rawValue: fields.u16(start + 10)) else {
            throw .unsupported(
                format: .zip, tensor: name, expected: "a stored or deflated member", found: "compression method \(fields.u16(start + 10))")
        }
        var sizes = Zip64Sizes(
            size: UInt64(fields.u32(start + 24)), compressed: UInt64(fields.u32(start + 20)), offset: UInt64(fields.u32(start + 42)),
            disk: UInt32(fields.u16(start + 34)))
        let extraStart = start + 46 + nameLength
        guard sizes.readExtra(fields, extraStart..<extraStart + extraLength) else {
            throw malformed("an extra field with the zip64 sizes of \(quoted(name))", "a broken one")
        }
        guard sizes.disk == 0 else { throw .unsupported(format: .zip, expected: "an archive in one file", found: "one of several disks") }
        let limit = UInt64(fileOffset)
        guard sizes.offset <= limit, sizes.compressed <= limit, sizes.size <= UInt64(Int.max) else {
            throw malformed(
                "\(quoted(name)) before the directory at byte \(fileOffset)", "\(sizes.compressed) bytes at byte \(sizes.offset)")
        }
        let member = ZipMember(
            name: name, method: method, checksum: fields.u32(start + 16), compressedSize: Int(sizes.compressed), size: Int(sizes.size),
            headerOffset: Int(sizes.offset), dataOffset: 0)
        try checkSizes(member)
        position = extraStart + extraLength + commentLength
        return member
    }

    /// A deflate stream codes at most 258 bytes in two bits, 1032 bytes in a byte (RFC 1951 §3.2.5); a few bytes more cost nothing to allow.
    private static func checkSizes(_ member: ZipMember) throws(TensorFileError) {
        let fits =
            switch member.method {
            case .stored: member.size == member.compressedSize
            case .deflated: member.size / 1032 <= member.compressedSize
            }
        guard fits else {
            throw .malformed(
                format: .zip, tensor: member.name, expected: "a size that \(member.compressedSize) stored bytes can give",
                found: "\(member.size)")
        }
    }

    // MARK: Local headers

    private static func locateData(of member: inout ZipMember, in source: ByteSource, end: Int) throws(TensorFileError) {
        func malformed(_ expected: String, _ found: String) -> TensorFileError {
            .malformed(format: .zip, tensor: member.name, offset: member.headerOffset, expected: expected, found: found)
        }
        guard member.headerOffset <= end - 30 else { throw malformed("a member header before the directory", "the directory") }
        let fields = Fields(try source.bytes(at: member.headerOffset, count: 30))
        guard fields.u32(0) == localHeader else { throw malformed("a member header", "other bytes") }
        guard fields.u16(8) == member.method.rawValue, fields.u16(6) & 0x2041 == 0 else {
            throw malformed("the method of the directory, \(member.method)", "method \(fields.u16(8)), flags \(fields.u16(6))")
        }
        let nameLength = Int(fields.u16(26)), extraLength = Int(fields.u16(28))
        let start = member.headerOffset + 30 + nameLength + extraLength
        guard start <= end, member.compressedSize <= end - start else {
            throw malformed("\(member.compressedSize) bytes before the directory at byte \(end)", "\(max(0, end - start))")
        }
        let name = try source.bytes(at: member.headerOffset + 30, count: nameLength)
        guard name.elementsEqual(member.name.utf8) else { throw malformed("the name of the directory", "another name") }
        member.dataOffset = start
    }

    private static func checkDisjoint(_ members: [ZipMember]) throws(TensorFileError) {
        var end = 0
        for member in members.sorted(by: { $0.headerOffset < $1.headerOffset }) {
            guard member.headerOffset >= end else {
                throw .malformed(
                    format: .zip, tensor: member.name, offset: member.headerOffset, expected: "members that do not overlap",
                    found: "one that starts before byte \(end)")
            }
            end = member.dataOffset + member.compressedSize
        }
    }
}

/// The four values that a zip64 extra field replaces where the 32-bit field is saturated.
private struct Zip64Sizes {
    var size, compressed, offset: UInt64
    var disk: UInt32

    /// False when the extra field is broken or lacks a value that is needed.
    mutating func readExtra(_ fields: Fields, _ range: Range<Int>) -> Bool {
        var wanted = size == 0xffff_ffff || compressed == 0xffff_ffff || offset == 0xffff_ffff || disk == 0xffff
        var at = range.lowerBound
        // Trailing bytes too short for a block are padding, which some writers leave.
        while range.upperBound - at >= 4 {
            let kind = fields.u16(at), length = Int(fields.u16(at + 2))
            at += 4
            guard length <= range.upperBound - at else { return false }
            if kind == 1, wanted {
                var left = length, place = at
                func next() -> UInt64? {
                    guard left >= 8 else { return nil }
                    defer { left -= 8; place += 8 }
                    return fields.u64(place)
                }
                if size == 0xffff_ffff { guard let value = next() else { return false }; size = value }
                if compressed == 0xffff_ffff { guard let value = next() else { return false }; compressed = value }
                if offset == 0xffff_ffff { guard let value = next() else { return false }; offset = value }
                if disk == 0xffff { guard left >= 4 else { return false }; disk = fields.u32(place) }
                wanted = false
            }
            at += length
        }
        // A 32-bit value may really be saturated in an archive without zip64; the checks on ranges decide then.
        return true
    }
}

/// Little-endian fields of a byte array; offsets are checked by the array.
struct Fields {
    let bytes: [UInt8]
    var count: Int { bytes.count }

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func u16(_ at: Int) -> UInt16 { UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8 }
    func u32(_ at: Int) -> UInt32 { UInt32(u16(at)) | UInt32(u16(at + 2)) << 16 }
    func u64(_ at: Int) -> UInt64 { UInt64(u32(at)) | UInt64(u32(at + 4)) << 32 }
}
