// Mutations inside of containers, whose lengths and checksums are put right again, so that they reach what lies behind those.

import RandomNumbers

enum ContainerMutations {
    // MARK: safetensors and npy

    /// A safetensors file with a changed header of the right length.
    static func safetensors(_ original: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        guard original.count > 8, Int.random(in: 0..<4, using: &generator) > 0 else { return Mutations.bytes(original, &generator) }
        let length = min(original.count - 8, Int(original[0]) | Int(original[1]) << 8)
        let header = JSONMutations.text(Array(original[8..<8 + length]), &generator)
        return little(UInt64(header.count)) + header + original[(8 + length)...]
    }

    /// A npy file whose header has other numbers, or a few other bytes, and the right length.
    static func npy(_ original: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        guard original.count > 12, original[6] == 1, Int.random(in: 0..<4, using: &generator) > 0 else {
            return Mutations.bytes(original, &generator)
        }
        let length = min(original.count - 10, Int(original[8]) | Int(original[9]) << 8)
        var header = Array(original[10..<10 + length])
        if Bool.random(using: &generator), let start = header.indices.filter({ isDigit(header[$0]) }).randomElement(using: &generator) {
            let end = header[start...].firstIndex { !isDigit($0) } ?? header.count
            header.replaceSubrange(start..<end, with: Array("\(Mutations.pick(Mutations.numbers, &generator))".utf8))
        } else {
            header = Mutations.bytes(header, &generator)
        }
        return Array(original[..<8]) + [UInt8(truncatingIfNeeded: header.count), UInt8(truncatingIfNeeded: header.count >> 8)] + header
            + original[(10 + length)...]
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    // MARK: zip

    typealias Member = (name: [UInt8], data: [UInt8])

    /// A zip archive of stored members, one or two of them changed.
    static func zip(_ members: [Member], _ generator: inout SeededGenerator, _ change: ([UInt8], inout SeededGenerator) -> [UInt8])
        -> [UInt8]
    {
        var members = members
        for _ in 0...Int.random(in: 0...1, using: &generator) {
            let at = Int.random(in: 0..<members.count, using: &generator)
            switch Int.random(in: 0..<8, using: &generator) {
            case 0: members.append(members[at])
            case 1 where members.count > 1: members.remove(at: at)
            case 2: members[at].name = Mutations.bytes(members[at].name, &generator)
            default: members[at].data = change(members[at].data, &generator)
            }
        }
        let bytes = zip(members)
        return Int.random(in: 0..<6, using: &generator) == 0 ? Mutations.bytes(bytes, &generator) : bytes
    }

    static func zip(_ members: [Member]) -> [UInt8] {
        var (bytes, directory) = ([UInt8](), [UInt8]())
        for member in members {
            let sizes = little(crc(member.data)) + little(UInt32(member.data.count)) + little(UInt32(member.data.count))
            let common =
                little(UInt16(20)) + little(UInt16(0)) + little(UInt16(0)) + little(UInt32(0)) + sizes + little(UInt16(member.name.count))
            directory += little(UInt32(0x0201_4b50)) + little(UInt16(20)) + common + [UInt8](repeating: 0, count: 12)
            directory += little(UInt32(bytes.count)) + member.name
            bytes += little(UInt32(0x0403_4b50)) + common + little(UInt16(0)) + member.name + member.data
        }
        let end = little(UInt32(0x0605_4b50)) + little(UInt32(0)) + little(UInt16(members.count)) + little(UInt16(members.count))
        return bytes + directory + end + little(UInt32(directory.count)) + little(UInt32(bytes.count)) + little(UInt16(0))
    }

    /// The members of an archive that stores them one behind the other.
    static func members(_ archive: [UInt8]) -> [Member] {
        var (members, at) = ([Member](), 0)
        while at + 30 <= archive.count, archive[at...].starts(with: [0x50, 0x4b, 3, 4]) {
            func field(_ offset: Int, _ width: Int) -> Int { (0..<width).reduce(0) { $0 | Int(archive[at + offset + $1]) << (8 * $1) } }
            let (size, name, extra) = (field(18, 4), field(26, 2), field(28, 2))
            let start = at + 30 + name + extra
            members.append((Array(archive[at + 30..<at + 30 + name]), Array(archive[start..<start + size])))
            at = start + size
        }
        return members
    }

    // MARK: png

    /// A PNG whose chunks have changed, gone, doubled or moved, with right lengths and checksums.
    static func png(_ original: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        if Int.random(in: 0..<6, using: &generator) == 0 { return Mutations.bytes(original, &generator) }
        var chunks: [(kind: [UInt8], data: [UInt8])] = []
        var at = 8
        while at + 12 <= original.count {
            let length = original[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
            guard length <= original.count - at - 12 else { break }
            chunks.append((Array(original[at + 4..<at + 8]), Array(original[at + 8..<at + 8 + length])))
            at += 12 + length
        }
        guard !chunks.isEmpty else { return Mutations.bytes(original, &generator) }
        let which = Int.random(in: 0..<chunks.count, using: &generator)
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: chunks.remove(at: which)
        case 1: chunks.insert(chunks[which], at: which)
        case 2: chunks.swapAt(which, Int.random(in: 0..<chunks.count, using: &generator))
        case 3:
            chunks[which].kind = Array(Mutations.pick(["PLTE", "tRNS", "gAMA", "iCCP", "zTXt", "sPLT", "IDAT", "acTL"], &generator).utf8)
        default: chunks[which].data = Mutations.bytes(chunks[which].data, &generator)
        }
        return chunks.reduce(into: Array(original[..<8])) { bytes, chunk in
            bytes += little(UInt32(chunk.data.count)).reversed() + chunk.kind + chunk.data + little(crc(chunk.kind + chunk.data)).reversed()
        }
    }

    // MARK: Numbers

    private static func little<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
        (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> Number(8 * $0)) }
    }

    private static let table: [UInt32] = (0..<256).map {
        (0..<8).reduce(UInt32($0)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xedb8_8320 : value >> 1 }
    }

    private static func crc(_ bytes: [UInt8]) -> UInt32 { ~bytes.reduce(UInt32.max) { table[Int(($0 ^ UInt32($1)) & 0xff)] ^ $0 >> 8 } }
}
