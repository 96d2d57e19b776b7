import Testing
import TensorFiles

private let readable = Fixtures.named(".npy").filter { !$0.hasPrefix("refused") }

/// A `.npy` file of version 1 with that dictionary and data.
private func file(_ dictionary: String, _ data: Int = 0, version: [UInt8] = [1, 0], length: Int? = nil) -> [UInt8] {
    let length = length ?? dictionary.utf8.count
    return [0x93] + Array("NUMPY".utf8) + version + (version[0] == 1 ? le(UInt16(length)) : le(UInt32(length))) + Array(dictionary.utf8)
        + [UInt8](repeating: 1, count: data)
}

@Suite struct NPYTests {
    @Test(arguments: readable)
    func valuesComeInRowMajorOrder(_ name: String) throws {
        let tensor = try NPY.decode(Fixtures.bytes(name))
        #expect(try tensor.doubles() == Fixtures.values(tensor))
        #expect(try NPY.decode(NPY.encode(tensor)) == tensor)
        #expect(try TensorArchive.read(path: Fixtures.path(name)).names == [String(name.dropLast(4))])
    }

    /// C order, little endian, version 1: the bytes of numpy.save.
    @Test(arguments: readable.filter { !$0.contains("fortran") && !$0.contains("big") && !$0.contains("version") })
    func numpyFilesComeBackByteForByte(_ name: String) throws {
        let bytes = try Fixtures.bytes(name)
        #expect(try NPY.encode(NPY.decode(bytes)) == bytes)
    }

    @Test func typesAndShapes() throws {
        let types = try Set(readable.map { try NPY.decode(Fixtures.bytes($0)).dtype })
        #expect(types == Set(DType.allCases).subtracting([.bf16, .f8_e4m3, .f8_e5m2, .f8_e8m0]))
        #expect(try NPY.decode(Fixtures.bytes("scalar.npy")).shape == [])
        #expect(try NPY.decode(Fixtures.bytes("empty.npy")).shape == [0, 5])
        #expect(try NPY.decode(Fixtures.bytes("fortran_3d.npy")) == NPY.decode(Fixtures.bytes("cube.npy")))
    }

    @Test(arguments: [
        ("object", "an array of pickled Python objects"), ("structured", "a structured dtype"), ("text", "an array of text, dtype '<U2'"),
        ("complex", "complex numbers"), ("date", "dates or durations"),
    ])
    func foreignTypesAreRefused(_ name: String, _ expected: String) throws {
        let bytes = try Fixtures.bytes("refused_\(name).npy")
        let text = message { _ = try NPY.decode(bytes) }
        #expect(text?.contains("found " + expected) == true && text?.hasSuffix("which is not supported") == true, "\(text ?? "accepted")")
    }

    /// Larger transpositions, with sides that are no multiple of a tile.
    @Test(arguments: [[1, 1], [33, 65], [100, 7], [7, 100], [5, 1, 9], [3, 4, 5, 6], [64, 64]])
    func fortranOrder(_ shape: [Int]) throws {
        let count = shape.reduce(1, *)
        // Column-major position of each row-major index, by definition.
        var columnMajor = [Float](repeating: -1, count: count)
        for index in 0..<count {
            var left = index, position = 0, stride = count
            for size in shape.reversed() {
                stride /= size
                position += left % size * stride
                left /= size
            }
            columnMajor[position] = Float(index)
        }
        let text = "{'descr': '<f4', 'fortran_order': True, 'shape': (\(shape.map(String.init).joined(separator: ", ")))}"
        let tensor = try NPY.decode(file(text) + Tensor.float32(columnMajor).bytes)
        #expect(try tensor.floats() == (0..<count).map(Float.init))
    }

    @Test(arguments: [
        "{'descr':'<f4','fortran_order':False,'shape':(3,)}",
        "{\"shape\": (3,), \"descr\": \"f4\", \"fortran_order\": False}  \n",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (3L,), }",
        " { 'fortran_order' : False , 'descr' : '=f4' , 'shape' : ( 3 , ) } ",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 1)}",
    ])
    func otherSpellings(_ dictionary: String) throws {
        #expect(try NPY.decode(file(dictionary, 12)).elementCount == 3)
        #expect(try NPY.decode(file(dictionary, 12, version: [2, 0])).elementCount == 3)
        #expect(try NPY.decode(file(dictionary, 12, version: [3, 0])).elementCount == 3)
    }

    @Test func longHeadersUseVersion2() throws {
        let tensor = try Tensor(dtype: .u8, shape: [Int](repeating: 1, count: 30_000), bytes: [5])
        let bytes = try NPY.encode(tensor)
        #expect(bytes[6] == 2 && (bytes.count - 1) % 64 == 0)
        #expect(try NPY.decode(bytes) == tensor)
    }

    @Test func typesThatNumpyLacksAreNotWritten() throws {
        for dtype in [DType.bf16, .f8_e4m3] {
            let tensor = try Tensor(dtype: dtype, shape: [0], bytes: [])
            #expect(message { _ = try NPY.encode(tensor) }?.contains("found \(dtype.rawValue)") == true)
        }
    }

    static let attacks: [(String, [UInt8], String)] = [
        ("empty file", [], "8 more bytes of header, found 0"),
        ("magic only", Array(file("").prefix(6)), "8 more bytes of header"),
        ("wrong magic", [0x93] + Array("NUMPZ".utf8) + [1, 0, 0, 0], "the magic"),
        ("version 4", file("{}", version: [4, 0]), "version 1.0, 2.0 or 3.0, found 4.0"),
        ("version 1.1", file("{}", version: [1, 1]), "version 1.0, 2.0 or 3.0, found 1.1"),
        ("header beyond the file", file("{}", length: 3), "3 more bytes of header, found 2"),
        ("header of 4 GB", file("{}", version: [2, 0], length: 0xffff_ffff), "a header of at most"),
        ("no dictionary", file("()"), "expected '{', found '('"),
        ("missing key", file("{'descr': '<f4', 'shape': (3,)}", 12), "the key 'fortran_order', found none"),
        ("key twice", file("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", 12), "found key 'descr'"),
        ("unknown key", file("{'descr': '<f4', 'order': False}", 12), "found key 'order'"),
        ("order 1", file("{'descr': '<f4', 'fortran_order': 1, 'shape': (3,)}", 12), "True or False, found '1'"),
        ("no tuple", file("{'descr': '<f4', 'fortran_order': False, 'shape': (3)}", 12), "',' after the only dimension"),
        ("a list", file("{'descr': '<f4', 'fortran_order': False, 'shape': [3]}", 12), "expected '(', found '['"),
        ("negative dimension", file("{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}", 12), "a nonnegative integer, found '-'"),
        ("dimension 2^63", file("{'descr': '|u1', 'fortran_order': False, 'shape': (9223372036854775808,)}", 12), "an integer below 2^63"),
        (
            "size overflow", file("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", 12),
            "a size that fits 64 bits"
        ),
        (
            "size overflow beside 0", file("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296)}"),
            "a size that fits 64 bits"
        ),
        (
            "too little data", file("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", 11),
            "12 bytes of data for f32 of shape (3,), found 11"
        ),
        (
            "too much data", file("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", 13),
            "12 bytes of data for f32 of shape (3,), found 13"
        ),
        (
            "a terabyte", file("{'descr': '<f8', 'fortran_order': False, 'shape': (137438953472,)}", 8),
            "bytes of data for f64 of shape (137438953472,), found 8"
        ),
        ("open string", file("{'descr: "), "a closing quote"),
        ("escape", file("{'\\x64escr': 1}"), "a string without escapes"),
        ("text after the dictionary", file("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)} + 1", 12), "spaces to the end"),
        ("half of a float", file("{'descr': '<f1', 'fortran_order': False, 'shape': (3,)}", 3), "found dtype '<f1'"),
        ("a wide float", file("{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}", 16), "found dtype '<f16'"),
        ("no type", file("{'descr': '', 'fortran_order': False, 'shape': (1,)}", 16), "found dtype ''"),
        ("nested tuple", file("{'descr': '<f4', 'fortran_order': False, 'shape': ((3,),)}", 12), "a nonnegative integer, found '('"),
        ("not UTF-8", Array(file("{'x':").dropLast(3)) + [0xff, 0x27, 0x3a], "found key '\u{fffd}'"),
    ]

    @Test(arguments: attacks.indices)
    func attackIsRefused(_ index: Int) {
        let (name, bytes, expected) = Self.attacks[index]
        let text = message { _ = try NPY.decode(bytes) }
        #expect(text?.contains(expected) == true, "\(name): \(text ?? "accepted")")
        #expect(text?.hasPrefix("npy: expected ") == true)
    }
}
