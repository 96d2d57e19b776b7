import Testing
import TensorFiles

private let array = try! NPY.encode(.float32([1, 2, 3]))
private func member(_ change: (inout ZipBuilder.Member) -> Void = { _ in }) -> ZipBuilder.Member {
    var member = ZipBuilder.Member("x.npy", array)
    change(&member)
    return member
}
private func deflated(_ stream: [UInt8]? = nil, size: Int = array.count, crc: UInt32 = crc32(array)) -> ZipBuilder.Member {
    member {
        $0.method = 8
        $0.data = stream ?? storedDeflate(array)
        $0.size = UInt32(size)
        $0.checksum = crc
    }
}
private func archive(_ change: (inout ZipBuilder) -> Void) -> [UInt8] {
    var builder = ZipBuilder(member())
    change(&builder)
    return builder.bytes
}

@Suite struct NPZTests {
    @Test(arguments: ["stored.npz", "deflated.npz", "descriptor_stored.npz", "descriptor_deflated.npz"])
    func valuesOfEveryKindOfMember(_ name: String) throws {
        let archive = try NPZ.decode(Fixtures.bytes(name))
        #expect(archive.names == ["weight", "labels", "größe/β", "none"])
        #expect(archive.entries.map(\.tensor.shape) == [[3, 4], [5], [2], [0, 3]])
        for (_, tensor) in archive.entries { #expect(try tensor.doubles() == Fixtures.values(tensor)) }
        #expect(try TensorArchive.read(path: Fixtures.path(name)) == archive)
    }

    @Test func numpyFilesComeBackByteForByte() throws {
        for (name, compression) in [("stored.npz", NPZ.Compression.stored), ("deflated.npz", .deflated)] {
            let bytes = try Fixtures.bytes(name)
            let archive = try NPZ.decode(bytes)
            #expect(try NPZ.encode(archive, compression: compression) == bytes)
        }
    }

    @Test func commentThatHoldsASignature() throws {
        #expect(try NPZ.decode(Fixtures.bytes("comment.npz")).names == ["weight"])
    }

    @Test(arguments: [NPZ.Compression.stored, .deflated])
    func roundTrip(_ compression: NPZ.Compression) throws {
        var archive = TensorArchive()
        #expect(try NPZ.decode(NPZ.encode(archive, compression: compression)) == archive)
        for dtype in DType.allCases where !dtype.isOpaque && dtype != .bf16 {
            archive["\(dtype) \\ / \u{600}é🙂"] = try Tensor.float64((0..<1000).map { Double($0 % 100) }, shape: [10, 100]).converted(
                to: dtype)
        }
        archive[""] = .float32([])
        // Longer than one block of the inflater, and hard to compress.
        archive["long"] = .int64((0..<200_000).map { Int(truncatingIfNeeded: UInt64($0) &* 0x9E37_79B9_7F4A_7C15) })
        #expect(try NPZ.decode(NPZ.encode(archive, compression: compression)) == archive)
        archive["brain"] = try Tensor(dtype: .bf16, shape: [0], bytes: [])
        #expect(message { _ = try NPZ.encode(archive) }?.hasSuffix("in tensor 'brain'") == true)
    }

    @Test func unusualButValid() throws {
        let expected = TensorArchive([("x", .float32([1, 2, 3]))])
        let zip64Extra = le(UInt16(1)) + le(UInt16(24)) + le(UInt64(array.count)) + le(UInt64(array.count)) + le(UInt64(0))
        let valid = [
            archive { $0.zip64 = (nil, nil, nil, nil) },
            archive { $0.members = [deflated()] },
            archive { $0.comment = [UInt8](repeating: 0x50, count: 65535) },
            archive { $0.prefix = [1, 2, 3] },
            archive { $0.members = [member { $0.extra = le(UInt16(0x7875)) + le(UInt16(2)) + [0, 0] + [9, 9, 9] }] },
            archive {
                $0.members = [
                    member {
                        $0.size = .max; $0.compressedSize = .max; $0.offset = .max; $0.extra = zip64Extra
                    }
                ]
            },
        ]
        for bytes in valid { #expect(try NPZ.decode(bytes) == expected) }
        #expect(try NPZ.decode(ZipBuilder().bytes).isEmpty)
    }

    static let attacks: [(String, [UInt8], String)] = [
        ("empty file", [], "an end record of 22 bytes"),
        ("no end record", [UInt8](repeating: 0x50, count: 100_000), "an end record of the zip directory"),
        ("cut off", Array(archive { _ in }.dropLast()), "an end record of the zip directory"),
        ("wrong comment length", archive { $0.comment = [1] }.dropLast() + [], "an end record of the zip directory"),
        ("directory beyond the file", archive { $0.directoryOffset = 1 << 30 }, "a directory that ends before"),
        ("directory size beyond the file", archive { $0.directorySize = .max - 1 }, "a directory that ends before"),
        ("too many members", archive { $0.count = 2 }, "members in"),
        (
            "too few members",
            archive {
                $0.members.append(ZipBuilder.Member("y.npy", array)); $0.count = 1
            }, "1 members in the directory, found"
        ),
        ("65535 members", archive { $0.count = 0xffff }, "members in"),
        ("zip64 count", archive { $0.zip64 = (.max, nil, nil, nil) }, "members in"),
        ("zip64 size", archive { $0.zip64 = (nil, .max, nil, nil) }, "a directory that ends before"),
        ("zip64 offset", archive { $0.zip64 = (nil, nil, .max, nil) }, "a directory that ends before"),
        ("zip64 place", archive { $0.zip64 = (nil, nil, nil, .max) }, "a zip64 end record before its locator"),
        ("zip64 place in the data", archive { $0.zip64 = (nil, nil, nil, 0) }, "a zip64 end record, found other bytes"),
        ("directory in the data", archive { $0.directoryOffset = 0 }, "a directory header, found other bytes"),
        ("checksum", archive { $0.members = [member { $0.checksum = 1 }] }, "checksum 1, found "),
        ("checksum of a deflated member", archive { $0.members = [deflated(crc: 1)] }, "checksum 1, found "),
        ("encrypted", archive { $0.members = [member { $0.flags = 1 }] }, "found an encrypted one"),
        ("method 12", archive { $0.members = [member { $0.method = 12 }] }, "found compression method 12"),
        ("methods differ", archive { $0.members = [member { $0.localMethod = 8 }] }, "the method of the directory"),
        ("names differ", archive { $0.members = [member { $0.localName = Array("y.npy".utf8) }] }, "the name of the directory"),
        ("name not UTF-8", archive { $0.members = [member { $0.name = [0xff, 0x2e] }] }, "a name in UTF-8"),
        ("name twice", archive { $0.members += $0.members }, "distinct names, found 'x.npy' twice"),
        ("other disk", archive { $0.members = [member { $0.disk = 1 }] }, "one of several disks"),
        ("member beyond the file", archive { $0.members = [member { $0.offset = 1 << 30 }] }, "before the directory"),
        ("member in the directory", archive { $0.members = [member { $0.offset = UInt32(array.count + 35) }] }, "before the directory"),
        (
            "data beyond the file",
            archive {
                $0.members = [
                    member {
                        $0.compressedSize = 1 << 20; $0.size = 1 << 20
                    }
                ]
            }, "before the directory"
        ),
        ("stored sizes differ", archive { $0.members = [member { $0.size = 5 }] }, "a size that 140 stored bytes can give, found 5"),
        (
            "overlap",
            archive {
                $0.members.append(ZipBuilder.Member("y.npy", array))
                $0.members[1].offset = 0
                $0.members[1].localName = Array("x.npy".utf8)
                $0.members[1].name = Array("x.npy".utf8)
                $0.members[0].name = Array("z.npy".utf8)
                $0.members[0].localName = Array("x.npy".utf8)
            }, "the name of the directory"
        ),
        ("a size of 4 GB in 150 bytes", archive { $0.members = [deflated(size: 0xffff_fffe)] }, "a size that 145 stored bytes can give"),
        ("a size within the bound", archive { $0.members = [deflated(size: 100_000)] }, "bytes of data for f32"),
        ("a size too small", archive { $0.members = [deflated(size: 139)] }, "bytes of data for f32"),
        ("more in the stream", archive { $0.members = [deflated(storedDeflate(array + [0]))] }, "140 inflated bytes, found more"),
        (
            "less in the stream", archive { $0.members = [deflated(storedDeflate(Array(array.dropLast())))] },
            "140 inflated bytes, found 139"
        ),
        ("no stream", archive { $0.members = [deflated([])] }, "140"),
        ("stream cut off", archive { $0.members = [deflated(Array(storedDeflate(array).dropLast(20)))] }, "140 inflated bytes, found 120"),
        (
            "bytes after the stream", archive { $0.members = [deflated(storedDeflate(array) + [1])] },
            "a deflate stream of 146 bytes, found a shorter one"
        ),
        (
            "no end of the stream", archive { $0.members = [deflated([0] + storedDeflate(array).dropFirst())] },
            "the end of the deflate stream"
        ),
        ("bad block type", archive { $0.members = [deflated([7, 0, 0])] }, "valid deflate stream, found invalid block type"),
        (
            "bad block length", archive { $0.members = [deflated([1, 5, 0, 5, 0] + array)] },
            "valid deflate stream, found invalid stored block lengths"
        ),
        (
            "broken extra field",
            archive {
                $0.members = [
                    member {
                        $0.extra = [1, 0, 255, 255]; $0.size = .max
                    }
                ]
            }, "an extra field with the zip64 sizes"
        ),
        (
            "zip64 sizes missing",
            archive {
                $0.members = [
                    member {
                        $0.extra = [1, 0, 0, 0]; $0.size = .max
                    }
                ]
            }, "an extra field with the zip64 sizes"
        ),
        (
            "zip64 sizes of 2^64 - 1",
            archive {
                $0.members = [
                    member {
                        $0.size = .max
                        $0.compressedSize = .max
                        $0.extra = le(UInt16(1)) + le(UInt16(16)) + le(UInt64.max) + le(UInt64.max)
                    }
                ]
            }, "before the directory"
        ),
        (
            "npy cut off", archive { $0.members = [ZipBuilder.Member("x.npy", Array(array.dropLast()))] },
            "12 bytes of data for f32 of shape (3,), found 11"
        ),
        ("no npy", archive { $0.members = [ZipBuilder.Member("x.npy", [UInt8](repeating: 0, count: 20))] }, "the magic"),
        ("empty npy", archive { $0.members = [ZipBuilder.Member("x.npy", [])] }, "8 more bytes, found 0"),
    ]

    @Test(arguments: attacks.indices)
    func attackIsRefused(_ index: Int) {
        let (name, bytes, expected) = Self.attacks[index]
        let text = message { _ = try NPZ.decode(bytes) }
        #expect(text?.contains(expected) == true, "\(name): \(text ?? "accepted")")
        #expect(text?.contains("expected ") == true)
    }

    /// Two directory entries for one run of bytes: the construction of dense zip bombs.
    @Test func overlappingMembersAreRefused() {
        // The local header of y.npy lies inside the data of x.npy, which is itself a zip of y.npy.
        let inner = ZipBuilder(ZipBuilder.Member("y.npy", array)).bytes
        var builder = ZipBuilder(ZipBuilder.Member("x.npy", inner), ZipBuilder.Member("y.npy", array))
        builder.members[1].offset = 35
        #expect(
            message { _ = try NPZ.decode(builder.bytes) }?.contains("members that do not overlap, found one that starts before byte")
                == true)
    }

    /// A real bomb: 1 MB of zeros deflates a thousandfold. Declared truthfully it is read; declared smaller or larger it is not.
    @Test func highCompressionIsNoLie() throws {
        let zeros = TensorArchive([("x", .uint8([UInt8](repeating: 0, count: 1 << 20)))])
        let bytes = try NPZ.encode(zeros, compression: .deflated)
        #expect(bytes.count < 2000)
        #expect(try NPZ.decode(bytes) == zeros)
        var lying = bytes
        // The size in the directory header, 24 bytes into it.
        let directory = try #require((0..<bytes.count - 4).first { Array(bytes[$0..<$0 + 4]) == [0x50, 0x4b, 1, 2] })
        lying[directory + 26] &+= 1
        #expect(throws: TensorFileError.self) { try NPZ.decode(lying) }
        lying[directory + 26] &-= 2
        #expect(throws: TensorFileError.self) { try NPZ.decode(lying) }
    }
}
