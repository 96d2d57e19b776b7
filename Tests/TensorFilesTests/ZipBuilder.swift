// A zip writer for hostile archives: every field can lie. Independent of the module's own writer.

struct ZipBuilder {
    struct Member {
        var name: [UInt8]
        var data: [UInt8]
        var method: UInt16 = 0
        var flags: UInt16 = 0
        var checksum: UInt32?
        var compressedSize: UInt32?
        var size: UInt32?
        var offset: UInt32?
        var localName: [UInt8]?
        var localMethod: UInt16?
        var extra: [UInt8] = []
        var disk: UInt16 = 0

        init(_ name: String, _ data: [UInt8]) {
            self.name = Array(name.utf8)
            self.data = data
        }
    }

    var members: [Member]
    var prefix: [UInt8] = []
    var comment: [UInt8] = []
    var count: UInt16?
    var directorySize: UInt32?
    var directoryOffset: UInt32?
    /// Zip64 end record and locator: count, size, offset and place, when given in place of the true ones.
    var zip64: (count: UInt64?, size: UInt64?, offset: UInt64?, place: UInt64?)?

    init(_ members: Member...) { self.members = members }

    var bytes: [UInt8] {
        var out = prefix, directory: [UInt8] = []
        for member in members {
            let offset = UInt32(out.count)
            // Of what the member holds; a deflated one must state its checksum and size.
            let checksum = le(member.checksum ?? crc32(member.data))
            let sizes = le(member.compressedSize ?? UInt32(member.data.count)) + le(member.size ?? UInt32(member.data.count))
            let localName = member.localName ?? member.name
            out += le(UInt32(0x0403_4b50)) + le(UInt16(20)) + le(member.flags) + le(member.localMethod ?? member.method)
            out += le(UInt32(0)) + checksum + sizes + le(UInt16(localName.count)) + le(UInt16(0)) + localName + member.data
            directory += le(UInt32(0x0201_4b50)) + le(UInt16(20)) + le(UInt16(20)) + le(member.flags) + le(member.method)
            directory += le(UInt32(0)) + checksum + sizes + le(UInt16(member.name.count)) + le(UInt16(member.extra.count)) + le(UInt16(0))
            directory += le(member.disk) + le(UInt16(0)) + le(UInt32(0)) + le(member.offset ?? offset) + member.name + member.extra
        }
        let offset = out.count
        out += directory
        if let zip64 {
            let place = out.count
            let count = zip64.count ?? UInt64(members.count)
            out += le(UInt32(0x0606_4b50)) + le(UInt64(44)) + le(UInt16(45)) + le(UInt16(45)) + le(UInt64(0)) + le(count) + le(count)
            out += le(zip64.size ?? UInt64(directory.count)) + le(zip64.offset ?? UInt64(offset))
            out += le(UInt32(0x0706_4b50)) + le(UInt32(0)) + le(zip64.place ?? UInt64(place)) + le(UInt32(1))
        }
        let shortCount = count ?? (zip64 == nil ? UInt16(members.count) : 0xffff)
        out += le(UInt32(0x0605_4b50)) + le(UInt32(0)) + le(shortCount) + le(shortCount)
        out += le(directorySize ?? (zip64 == nil ? UInt32(directory.count) : .max))
        out += le(directoryOffset ?? (zip64 == nil ? UInt32(offset) : .max))
        return out + le(UInt16(comment.count)) + comment
    }
}

/// CRC-32 of zip (reflected polynomial EDB88320), bit by bit.
func crc32(_ bytes: [UInt8]) -> UInt32 {
    var value: UInt32 = .max
    for byte in bytes {
        value ^= UInt32(byte)
        for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xedb8_8320 : value >> 1 }
    }
    return ~value
}

/// The bytes as deflate blocks of type 0, which hold them as they are (RFC 1951 §3.2.4).
func storedDeflate(_ bytes: [UInt8]) -> [UInt8] {
    [1] + le(UInt16(bytes.count)) + le(~UInt16(bytes.count)) + bytes
}
