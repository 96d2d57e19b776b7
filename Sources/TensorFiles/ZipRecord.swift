/// The headers of one member and the end record, byte for byte as Python's `zipfile` writes them for numpy.
///
/// Sizes always go to a zip64 field in the local header (numpy forces it), and in the directory only above 2³¹ − 1.
/// Source: PKWARE APPNOTE 6.3.9, §4.3.7, §4.3.12–16.
struct ZipRecord: Sendable, Equatable {
    var name: [UInt8]
    var deflated: Bool
    var checksum: UInt32
    var compressedSize: Int
    var size: Int
    /// Offset of the local header.
    var offset: Int

    private static let saturated = littleEndianBytes(UInt32.max)
    /// Above this the 64-bit fields are used, one bit earlier than the format needs.
    private static let limit = 0x7fff_ffff
    /// Zip64 was introduced with version 4.5.
    private static let version = littleEndianBytes(UInt16(45))
    private static let none = littleEndianBytes(UInt16(0))

    /// Flags, method, time 00:00 and date 1980-01-01, checksum: the same in both headers.
    private var common: [UInt8] {
        // Bit 11 says that the name is UTF-8; it is set only when that matters.
        let flags: UInt16 = name.contains { $0 >= 0x80 } ? 0x0800 : 0
        return littleEndianBytes(flags) + littleEndianBytes(UInt16(deflated ? 8 : 0)) + Self.none + littleEndianBytes(UInt16(0x0021))
            + littleEndianBytes(checksum)
    }

    var localHeader: [UInt8] {
        littleEndianBytes(ZipDirectory.localHeader) + Self.version + common + Self.saturated + Self.saturated
            + littleEndianBytes(UInt16(name.count)) + littleEndianBytes(UInt16(20)) + name + littleEndianBytes(UInt16(1))
            + littleEndianBytes(UInt16(16)) + littleEndianBytes(UInt64(size)) + littleEndianBytes(UInt64(compressedSize))
    }

    var directoryHeader: [UInt8] {
        let largeSizes = size > Self.limit || compressedSize > Self.limit, largeOffset = offset > Self.limit
        var values: [UInt8] = []
        if largeSizes { values += littleEndianBytes(UInt64(size)) + littleEndianBytes(UInt64(compressedSize)) }
        if largeOffset { values += littleEndianBytes(UInt64(offset)) }
        let extra = values.isEmpty ? [] : littleEndianBytes(UInt16(1)) + littleEndianBytes(UInt16(values.count)) + values
        // Made by version 4.5 on Unix (3); permissions 0600 in the upper half of the external attributes.
        return littleEndianBytes(ZipDirectory.centralHeader) + [45, 3] + Self.version + common
            + (largeSizes ? Self.saturated : littleEndianBytes(UInt32(compressedSize)))
            + (largeSizes ? Self.saturated : littleEndianBytes(UInt32(size)))
            + littleEndianBytes(UInt16(name.count)) + littleEndianBytes(UInt16(extra.count)) + Self.none + Self.none + Self.none
            + littleEndianBytes(UInt32(0o600 << 16)) + (largeOffset ? Self.saturated : littleEndianBytes(UInt32(offset))) + name + extra
    }

    /// The end of the archive, preceded by the zip64 end record and its locator when a number needs them.
    static func end(count: Int, offset: Int, size: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        if count > 0xffff || offset > limit || size > limit {
            let place = offset + size
            bytes += littleEndianBytes(UInt32(0x0606_4b50)) + littleEndianBytes(UInt64(44)) + version + version
            bytes += littleEndianBytes(UInt64(0))  // two disk numbers
            bytes += littleEndianBytes(UInt64(count)) + littleEndianBytes(UInt64(count))
            bytes += littleEndianBytes(UInt64(size)) + littleEndianBytes(UInt64(offset))
            bytes += littleEndianBytes(UInt32(0x0706_4b50)) + littleEndianBytes(UInt32(0)) + littleEndianBytes(UInt64(place))
            bytes += littleEndianBytes(UInt32(1))
        }
        let shortCount = littleEndianBytes(UInt16(clamping: count))
        return bytes + littleEndianBytes(UInt32(0x0605_4b50)) + none + none + shortCount + shortCount
            + littleEndianBytes(UInt32(clamping: size)) + littleEndianBytes(UInt32(clamping: offset)) + none
    }
}
