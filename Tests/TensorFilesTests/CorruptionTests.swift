// `LOEWNER_FUZZ=1000000 swift test -c release --filter CorruptionTests` runs as many mutations as one likes; `LOEWNER_FUZZ_SEED` picks others.

import Foundation
import Testing
import TensorFiles
import TestSupport

/// What a decoder may do with any bytes whatever: throw a one-line `TensorFileError`, or give an archive that survives a round trip.
///
/// Returns whether it decoded. A trap ends the test run, which is the failure this suite is for.
@discardableResult
private func survives(_ bytes: [UInt8], _ note: @autoclosure () -> String) -> Bool {
    do throws(TensorFileError) {
        let archive = try TensorArchive.decode(bytes)
        for (name, tensor) in archive.entries {
            if tensor.bytes.count != tensor.shape.reduce(tensor.dtype.byteWidth, *) { Issue.record("\(note()): size of \(name)") }
        }
        if archive["__metadata__"] == nil {
            let again = try Safetensors.decode(Safetensors.encode(archive))
            if Set(again.names) != Set(archive.names) { Issue.record("\(note()): names after a round trip") }
            for (name, tensor) in archive.entries where again[name] != tensor { Issue.record("\(note()): \(name) after a round trip") }
        }
        return true
    } catch {
        let text = error.description
        if text.isEmpty || text.utf8.count > 2000 || text.contains(where: \.isNewline) || !text.contains("expected ") {
            Issue.record("\(note()): message \(text)")
        }
    }
    return false
}

@Suite struct CorruptionTests {
    @Test(arguments: Fixtures.all)
    func everyFlippedBit(_ name: String) throws {
        var bytes = try Fixtures.bytes(name)
        var refused = 0
        for index in bytes.indices {
            for bit in 0..<8 {
                bytes[index] ^= 1 << bit
                if !survives(bytes, "\(name), bit \(bit) of byte \(index)") { refused += 1 }
                bytes[index] ^= 1 << bit
            }
        }
        #expect(refused > 0)
    }

    /// Only the empty archive could lose bytes unnoticed, and not even that does.
    @Test(arguments: Fixtures.all)
    func everyTruncation(_ name: String) throws {
        let bytes = try Fixtures.bytes(name)
        for count in bytes.indices {
            #expect(!survives(Array(bytes[..<count]), "\(name), first \(count) bytes"))
            survives(Array(bytes[count...]), "\(name), from byte \(count)")
        }
    }

    @Test(arguments: Fixtures.all)
    func everyRemovedOrDoubledByte(_ name: String) throws {
        let bytes = try Fixtures.bytes(name)
        for index in bytes.indices {
            survives(Array(bytes[..<index] + bytes[(index + 1)...]), "\(name) without byte \(index)")
            survives(Array(bytes[...index] + bytes[index...]), "\(name) with byte \(index) twice")
        }
    }

    /// In a zip with checksums no flipped bit of a member's data can pass.
    @Test(arguments: ["stored.npz", "deflated.npz"])
    func checksumsCatchEveryFlippedBitOfTheData(_ name: String) throws {
        var bytes = try Fixtures.bytes(name)
        let archive = try NPZ.decode(bytes)
        for index in bytes.indices {
            bytes[index] ^= 0x10
            // Whatever still decodes must hold the same arrays, perhaps under another name.
            if let changed = try? NPZ.decode(bytes) { #expect(changed.entries.map(\.tensor) == archive.entries.map(\.tensor)) }
            bytes[index] ^= 0x10
        }
    }

    /// Random mutations: up to four edits each of a random fixture.
    @Test func randomMutations() throws {
        let environment = ProcessInfo.processInfo.environment
        let rounds = environment["LOEWNER_FUZZ"].flatMap(Int.init) ?? 100_000
        var generator = TestGenerator(seed: environment["LOEWNER_FUZZ_SEED"].flatMap(UInt64.init) ?? 20_240_607)
        let originals = try Fixtures.all.map { try Fixtures.bytes($0) }
        var decoded = 0
        for round in 0..<rounds {
            let bytes = mutated(originals.randomElement(using: &generator)!, originals, &generator)
            if survives(bytes, "mutation \(round)") { decoded += 1 }
        }
        // Edits of tensor data pass, edits of structure do not: both must happen, or the mutations test nothing.
        #expect(decoded > rounds / 100 && decoded < rounds / 10 * 9)
    }
}

private let dictionary: [[UInt8]] =
    [
        "PK\u{3}\u{4}", "PK\u{1}\u{2}", "PK\u{5}\u{6}", "PK\u{6}\u{6}", "PK\u{6}\u{7}", "{", "}", "[", "]", "\"", "\\u", ",", "(", ")",
        "-1", "0",
        "9223372036854775807", "18446744073709551615", "__metadata__", "'descr'", "True", "F64", "dtype", "<f8", "|O", "NUMPY",
    ].map { Array($0.utf8) }
    + [
        [0xff, 0xff], [0xff, 0xff, 0xff, 0xff], [0, 0, 0, 0], [0xff, 0xff, 0xff, 0x7f], [UInt8](repeating: 0xff, count: 8),
        [0, 0, 0, 0, 0, 0, 0, 0x80],
    ]

private func mutated(_ original: [UInt8], _ others: [[UInt8]], _ generator: inout TestGenerator) -> [UInt8] {
    var bytes = original
    for _ in 0...Int.random(in: 0...3, using: &generator) {
        let place = Int.random(in: 0...bytes.count, using: &generator)
        let end = min(bytes.count, place + Int.random(in: 0...12, using: &generator))
        switch Int.random(in: 0..<8, using: &generator) {
        case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1 where place < bytes.count: bytes[place] = .random(in: 0...255, using: &generator)
        case 2 where place < bytes.count: bytes[place] &+= Bool.random(using: &generator) ? 1 : 255
        case 3: bytes.removeSubrange(place..<end)
        case 4: bytes.insert(contentsOf: bytes[place..<end], at: place)
        case 5:
            let word = dictionary.randomElement(using: &generator)!
            bytes.replaceSubrange(place..<min(bytes.count, place + word.count), with: word)
        case 6: bytes.insert(contentsOf: dictionary.randomElement(using: &generator)!, at: place)
        default:
            let other = others.randomElement(using: &generator)!
            let from = Int.random(in: 0...other.count, using: &generator)
            bytes.replaceSubrange(place..<end, with: other[from..<min(other.count, from + 40)])
        }
    }
    return bytes
}
