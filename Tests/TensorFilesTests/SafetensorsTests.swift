import Testing
import TensorFiles

/// A safetensors file of that header and data.
private func file(_ header: String, _ data: Int = 0, length: UInt64? = nil) -> [UInt8] {
    le(length ?? UInt64(header.utf8.count)) + Array(header.utf8) + [UInt8](repeating: 7, count: data)
}

private let a = #""dtype":"U8","shape":[1],"data_offsets":[0,1]"#

@Suite struct SafetensorsTests {
    @Test(arguments: Fixtures.named(".safetensors"))
    func pythonFilesComeBackByteForByte(_ name: String) throws {
        let bytes = try Fixtures.bytes(name)
        let archive = try Safetensors.decode(bytes)
        #expect(try Safetensors.encode(archive) == bytes)
        // Without the kept header, from tensors in another order, the reference's own order and escapes must come out.
        let fresh = TensorArchive(archive.entries.reversed().map { ($0.name, $0.tensor) }, metadata: archive.metadata)
        #expect(try Safetensors.encode(fresh) == bytes)
        #expect(try TensorArchive.read(path: Fixtures.path(name)) == archive)
    }

    @Test func valuesOfEveryType() throws {
        let archive = try Safetensors.decode(Fixtures.bytes("types.safetensors"))
        #expect(archive.count == 16 && archive.metadata == ["format": "pt"])
        #expect(Set(archive.entries.map(\.tensor.dtype)) == Set(DType.allCases))
        for (_, tensor) in archive.entries where !tensor.dtype.isOpaque {
            #expect(tensor.shape == [2, 3])
            #expect(try tensor.doubles() == Fixtures.values(tensor))
        }
        #expect(archive["float8_e5m2"]?.bytes == [0, 1, 2, 3, 4, 5])
    }

    @Test func namesThatNeedEscapes() throws {
        let archive = try Safetensors.decode(Fixtures.bytes("names.safetensors"))
        #expect(Set(archive.names) == ["quote \" and \\ back/slash", "tab\tline\nbell\u{7} del\u{7f}", "größe β 🙂", "", "empty", "scalar"])
        #expect(archive.metadata == ["key \" \n β": "value \\ \u{1}"])
        #expect(archive["scalar"]?.shape == [] && archive["empty"]?.shape == [0, 3])
        #expect(try archive["scalar"]?.floats() == [-0.5])
        let escaped = try Safetensors.decode(file(#"{"\u0061\/\uD83D\uDE42\b\f":{\#(a)}}"#, 1))
        #expect(escaped.names == ["a/🙂\u{8}\u{c}"])
    }

    /// Spacing, order of keys and of data that differ from the canonical form: accepted, and kept while the archive is unchanged.
    @Test func foreignLayoutsAreKept() throws {
        let header =
            #"{ "b" : {"shape":[1],"dtype":"U8","data_offsets":[1,2],"note":[{"x":null},-1.5e3,true,"s"]},"#
            + "\n\t" + #""z":{"dtype":"F32","shape":[0],"data_offsets":[1,1]}, "a":{\#(a)} ,"__metadata__":{"k":"v"}}   "#
        let bytes = le(UInt64(header.utf8.count)) + Array(header.utf8) + [5, 6]
        var archive = try Safetensors.decode(bytes)
        #expect(archive.names == ["b", "z", "a"])
        #expect(archive["a"]?.bytes == [5] && archive["b"]?.bytes == [6])
        #expect(try Safetensors.encode(archive) == bytes)
        archive["a"] = .uint8([9])
        #expect(try Safetensors.encode(archive) == Array(bytes.dropLast(2)) + [9, 6])
        archive.metadata["k"] = "w"
        let rewritten = try Safetensors.encode(archive)
        #expect(rewritten.count % 8 == 2 && rewritten[0] % 8 == 0)
        let again = try Safetensors.decode(rewritten)
        #expect(again.metadata == ["k": "w"] && again["a"]?.bytes == [9] && again["b"]?.bytes == [6])
    }

    @Test func changedArchivesGetAFreshHeader() throws {
        var archive = try Safetensors.decode(Fixtures.bytes("types.safetensors"))
        archive["float32"] = .float32([1, 2])
        archive["bool"] = nil
        archive["new"] = .int64([1])
        let again = try Safetensors.decode(Safetensors.encode(archive))
        #expect(Set(again.names) == Set(archive.names))
        for (name, tensor) in archive.entries { #expect(again[name] == tensor) }
        #expect(again.metadata == archive.metadata)
    }

    @Test func reservedNameIsRefused() throws {
        let archive: TensorArchive = ["__metadata__": .uint8([1])]
        #expect(throws: TensorFileError.self) { try Safetensors.encode(archive) }
    }

    static let attacks: [(String, [UInt8], String)] = [
        ("empty file", [], "8 bytes of header length"),
        ("seven bytes", [1, 0, 0, 0, 0, 0, 0], "8 bytes of header length"),
        ("header beyond the file", file("{}", length: 3), "a header of at most 2 bytes, found a length of 3"),
        ("header of 2^64 - 1 bytes", file("{}", length: .max), "a header of at most 2 bytes"),
        ("header of 2^63 bytes", file("{}", length: 1 << 63), "a header of at most 2 bytes"),
        ("no header", file(""), "expected '{', found the end of the header, at byte 8"),
        ("space before the brace", file(" {}"), "expected '{', found byte 0x20, at byte 8"),
        ("an array", file("[]"), "expected '{', found '['"),
        ("open object", file("{"), "found the end of the header"),
        ("open key", file(#"{"a"#), "a closing quote"),
        ("trailing comma", file(#"{"a":{\#(a)},}"#, 1), "expected '\"'"),
        ("text after the header", file("{}x"), "spaces to the end of the header"),
        ("NUL padding", file("{}\0\0"), "spaces to the end of the header"),
        ("name twice", file(#"{"a":{\#(a)},"a":{\#(a)}}"#, 1), "distinct names, found 'a' twice"),
        ("name twice by escape", file(#"{"a":{\#(a)},"\u0061":{\#(a)}}"#, 1), "distinct names, found 'a' twice"),
        ("metadata twice", file(#"{"__metadata__":{},"__metadata__":{}}"#), "distinct names"),
        ("metadata key twice", file(#"{"__metadata__":{"k":"1","k":"2"}}"#), "distinct metadata keys"),
        ("metadata of numbers", file(#"{"__metadata__":{"k":1}}"#), "expected '\"', found '1'"),
        ("field twice", file(#"{"a":{\#(a),"dtype":"U8"}}"#, 1), "one 'dtype' in tensor 'a', found two"),
        ("no dtype", file(#"{"a":{"shape":[1],"data_offsets":[0,1]}}"#, 1), "a 'dtype' in tensor 'a', found none"),
        ("no shape", file(#"{"a":{"dtype":"U8","data_offsets":[0,1]}}"#, 1), "a 'shape' in tensor 'a'"),
        ("no offsets", file(#"{"a":{"dtype":"U8","shape":[1]}}"#, 1), "a 'data_offsets' in tensor 'a'"),
        ("negative dimension", file(#"{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}"#, 1), "a nonnegative integer, found '-'"),
        ("dimension 1.0", file(#"{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}"#, 1), "expected ']', found '.'"),
        ("dimension 1e0", file(#"{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}"#, 1), "expected ']', found 'e'"),
        ("dimension 01", file(#"{"a":{"dtype":"U8","shape":[01],"data_offsets":[0,1]}}"#, 1), "a nonnegative integer"),
        ("dimension 2^63", file(#"{"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,1]}}"#, 1), "an integer below 2^63"),
        (
            "dimension of 400 digits",
            file(#"{"a":{"dtype":"U8","shape":[\#(String(repeating: "9", count: 400))],"data_offsets":[0,1]}}"#, 1), "an integer below 2^63"
        ),
        ("size overflow", file(#"{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}"#), "a size that fits 64 bits"),
        (
            "size overflow to 0", file(#"{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#),
            "a size that fits 64 bits"
        ),
        (
            "size overflow beside 0", file(#"{"a":{"dtype":"U8","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}}"#),
            "a size that fits 64 bits"
        ),
        (
            "too large a size", file(#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,1]}}"#, 1),
            "2 bytes for U8 of shape (2,), found data_offsets of 1 bytes"
        ),
        ("offsets turned around", file(#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}"#, 1), "from ≤ to"),
        ("one offset", file(#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[1]}}"#, 1), "data_offsets [from, to]"),
        ("offsets beyond the file", file(#"{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}"#, 1), "9 bytes of data, found 1"),
        (
            "huge offsets", file(#"{"a":{"dtype":"U8","shape":[9223372036854775806],"data_offsets":[0,9223372036854775806]}}"#, 1),
            "bytes of data, found 1"
        ),
        (
            "overlap",
            file(#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#, 3),
            "starts at offset 2, without gap or overlap, found offset 1, in tensor 'b'"
        ),
        ("same place twice", file(#"{"a":{\#(a)},"b":{\#(a)}}"#, 1), "without gap or overlap"),
        ("hole", file(#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#, 2), "starts at offset 0"),
        ("data at the end", file(#"{"a":{\#(a)}}"#, 2), "1 bytes of data, found 2"),
        ("control character", file("{\"a\n\":{\(a)}}", 1), "an escaped control character"),
        ("bad escape", file(#"{"\x":{\#(a)}}"#, 1), "a JSON escape, found 'x'"),
        ("short escape", file(#"{"\u12"#), "four hexadecimal digits"),
        ("lone surrogate", file(#"{"\ud800":{\#(a)}}"#, 1), "a lone surrogate"),
        ("low surrogate twice", file(#"{"\ud800\ud800":{\#(a)}}"#, 1), "a lone surrogate"),
        ("not UTF-8", le(UInt64(8)) + [0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x7b, 0x7d], "a string in UTF-8"),
        ("overlong UTF-8", le(UInt64(8)) + [0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x7b, 0x7d], "a string in UTF-8"),
        ("deep arrays", file(#"{"a":{"x":"# + String(repeating: "[", count: 100_000)), "levels of nesting"),
        ("deep objects", file(#"{"a":{"x":"# + String(repeating: #"{"k":"#, count: 100_000)), "levels of nesting"),
        ("deep from the start", file(String(repeating: #"{"k":"#, count: 100_000)), "levels of nesting"),
        ("bad word", file(#"{"a":{"x":nul}}"#), "a JSON value, found 'nul'"),
        ("fields as an array", file(#"{"a":["U8",[1],[0,1]]}"#, 1), "expected '{', found '['"),
    ]

    @Test(arguments: attacks.indices)
    func attackIsRefused(_ index: Int) {
        let (name, bytes, expected) = Self.attacks[index]
        let text = message { _ = try Safetensors.decode(bytes) }
        #expect(text?.contains(expected) == true, "\(name): \(text ?? "accepted")")
        #expect(text?.hasPrefix("safetensors: expected ") == true)
    }

    @Test func terminalControlCharactersDoNotReachMessages() {
        let text = message { _ = try Safetensors.decode(file(#"{"\u001b[2J\n\u202e\#(String(repeating: "x", count: 500))":{}}"#)) }
        #expect(text.map { $0.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "\u{202e}" } && $0.utf8.count < 300 } == true)
    }
}
