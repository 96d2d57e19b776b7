// Members that nobody asked for: they do not block a file, they come out as they went in, and asking for one names the reason.

import Foundation
import TensorFiles
import Testing

@Suite struct CarriedMemberTests {
    private static let foreign = ["object", "structured", "text", "complex", "date"]

    private static func mixed() throws -> [UInt8] {
        var builder = ZipBuilder(ZipBuilder.Member("x.npy", try NPY.encode(.float32([1, 2, 3]))))
        for name in foreign { builder.members.append(ZipBuilder.Member("\(name).npy", try Fixtures.bytes("refused_\(name).npy"))) }
        builder.members.append(ZipBuilder.Member("read me.txt", Array("hello".utf8)))
        builder.members.append(ZipBuilder.Member("x", [1, 2]))
        builder.members.append(ZipBuilder.Member("folder/", []))
        return builder.bytes
    }

    @Test func arraysOfAnArchiveAreReadBesideOthers() throws {
        let archive = try NPZ.decode(Self.mixed())
        #expect(archive.names == ["x"])
        #expect(try archive.tensor().floats() == [1, 2, 3])
        for name in Self.foreign {
            #expect(archive[name] == nil && archive.refusal(of: name) != nil)
            let text = message { _ = try archive.tensor(named: name) }
            #expect(
                text?.contains("in tensor '\(name)'") == true || text?.hasSuffix("which is not supported, in tensor '\(name)'") == true,
                "\(text ?? "")")
        }
        #expect(message { _ = try archive.tensor(named: "read me.txt") }?.contains("named *.npy") == true)
        #expect(message { _ = try archive.tensor(named: "nowhere") }?.contains("'x'") == true)
    }

    @Test(arguments: [NPZ.Compression.stored, .deflated])
    func theyComeOutAsTheyWentIn(_ compression: NPZ.Compression) throws {
        var archive = try NPZ.decode(Self.mixed())
        archive["x"] = .float32([4])
        archive["more"] = .float32([5])
        let bytes = try NPZ.encode(archive, compression: compression)
        #expect(try NPZ.decode(bytes) == archive)
        // x, more, five refused arrays, a text, a file without extension and a folder.
        #expect(Self.memberCount(bytes) == 10)
        for name in Self.foreign { #expect(try Data(bytes).range(of: Data(Fixtures.bytes("refused_\(name).npy"))) != nil, "\(name)") }
        // A tensor of the same name takes the place.
        archive["text"] = .float32([1])
        #expect(archive.refusal(of: "text") == nil)
        #expect(try Self.memberCount(NPZ.encode(archive)) == 10)
    }

    /// Entries of the central directory.
    private static func memberCount(_ bytes: [UInt8]) -> Int {
        bytes.indices.dropLast(3).count { bytes[$0...].starts(with: [0x50, 0x4b, 1, 2]) }
    }

    private static let header =
        #"{"__metadata__":null,"freqs":{"dtype":"C64","shape":[2],"data_offsets":[4,20]},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"#
        + #""q":{"dtype":"F4","shape":[6],"data_offsets":[20,23]}}"#

    private static var safetensors: [UInt8] {
        le(UInt64(header.utf8.count)) + Array(header.utf8) + le(Float(2).bitPattern) + Array(1...16) + [
            7, 8, 9,
        ]
    }

    @Test func typesToComeAreCarriedInSafetensors() throws {
        var archive = try Safetensors.decode(Self.safetensors)
        #expect(archive.names == ["w"] && archive.metadata.isEmpty)
        #expect(message { _ = try archive.tensor(named: "freqs") }?.contains("found dtype 'C64', which is not supported") == true)
        #expect(try Safetensors.encode(archive) == Self.safetensors)
        archive["w"] = .float32([1, 2])
        let again = try Safetensors.decode(Safetensors.encode(archive))
        #expect(again == archive)
        for part in [Array(1...16), [7, 8, 9]] as [[UInt8]] { #expect(try Data(Safetensors.encode(again)).range(of: Data(part)) != nil) }
        #expect(try again.tensor(named: "w").floats() == [1, 2])
    }

    @Test func whatIsCarriedMustStillTileTheData() {
        for (shape, range) in [("[2]", "[5,21]"), ("[4611686018427387904]", "[4,20]"), ("[2]", "[3,20]")] {
            let text = Self.header.replacing(
                #""C64","shape":[2],"data_offsets":[4,20]"#, with: #""C64","shape":\#(shape),"data_offsets":\#(range)"#)
            let bytes = le(UInt64(text.utf8.count)) + Array(text.utf8) + [UInt8](repeating: 0, count: 23)
            #expect(message { _ = try Safetensors.decode(bytes) } != nil)
        }
    }

    /// Zeros deflate to a thousandth: a file of a few megabytes must not become gigabytes.
    @Test func inflationHasALimit() throws {
        let size = 1 << 25
        let zeros = try NPZ.encode(
            TensorArchive([("z", try Tensor(dtype: .u8, shape: [size], bytes: [UInt8](repeating: 0, count: size)))]), compression: .deflated
        )
        // Local header of 30 bytes, name and extra field; then the directory's 46 and name, and the end record's 22.
        let packed = Array(zeros[(30 + 5 + 20)..<(zeros.count - 46 - 5 - 22)])
        let array = try NPY.encode(Tensor(dtype: .u8, shape: [size], bytes: [UInt8](repeating: 0, count: size)))
        let checksum = crc32(array)
        var builder = ZipBuilder()
        for k in 0..<40 {
            var copy = ZipBuilder.Member("z\(k).npy", packed)
            copy.method = 8
            (copy.size, copy.checksum) = (UInt32(array.count), checksum)
            builder.members.append(copy)
        }
        let bytes = builder.bytes
        #expect(bytes.count < 2_000_000)
        #expect(message { _ = try NPZ.decode(bytes) }?.contains("inflate to at most 1073741824 bytes") == true)
    }
}
