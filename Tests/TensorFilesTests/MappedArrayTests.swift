import Foundation
import Testing
import TensorFiles

private let files = Fixtures.named(".npy").filter { !$0.hasPrefix("refused") }

@Suite struct MappedArrayTests {
    @Test(arguments: files)
    func rowsEqualTheDecodedTensor(_ name: String) throws {
        let mapped = try MappedArray(path: Fixtures.path(name))
        let tensor = try NPY.decode(Fixtures.bytes(name))
        let expected = try tensor.doubles()
        #expect(mapped.shape == tensor.shape && mapped.dtype == tensor.dtype)
        #expect(mapped.rowCount * mapped.columnCount == tensor.elementCount)
        #expect(mapped.withUnsafeBytes { $0.count } == tensor.bytes.count)
        let width = mapped.columnCount
        for start in 0...mapped.rowCount {
            for end in start...mapped.rowCount {
                let count = (end - start) * width
                let doubles = [Double](unsafeUninitializedCapacity: count) { buffer, initialized in
                    mapped.copyRows(start..<end, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
                    initialized = count
                }
                #expect(doubles == Array(expected[start * width..<end * width]))
                let floats = [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
                    mapped.copyRows(start..<end, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
                    initialized = count
                }
                #expect(floats == doubles.map(Float.init))
            }
        }
        mapped.prefetchRows(0..<mapped.rowCount)
    }

    /// What is lost at the end of a page reads as zeros, without a signal.
    @Test func aFileThatChangesUnderItsMappingIsNoticed() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/a.npy"
            let bytes = try NPY.encode(try .float64((0..<300).map { Double($0) + 1 }, shape: [100, 3]))
            func mapped() throws -> MappedArray {
                try AtomicFile.write(bytes, to: path, force: true)
                return try MappedArray(path: path)
            }
            func handle() throws -> FileHandle { try FileHandle(forUpdating: URL(fileURLWithPath: path)) }

            let short = try mapped()
            try short.checkUnchanged()
            try handle().truncate(atOffset: UInt64(bytes.count - 8))
            #expect(short.withUnsafeElements(Double.self) { $0.last } == 0)
            #expect(throws: TensorFileError.fileChanged(path: path, found: "shorter")) { try short.checkUnchanged() }

            let overwritten = try mapped()
            // The system's clock of files has ticks.
            usleep(50_000)
            let file = try handle()
            try file.seek(toOffset: UInt64(bytes.count - 8))
            try file.write(contentsOf: Data(repeating: 1, count: 8))
            #expect(throws: TensorFileError.fileChanged(path: path, found: "written to")) { try overwritten.checkUnchanged() }

            // A log may grow, and another file may take the name.
            let grown = try mapped()
            let end = try handle()
            try end.seekToEnd()
            try end.write(contentsOf: Data([1]))
            try grown.checkUnchanged()
            let replaced = try mapped()
            try AtomicFile.write([1], to: path, force: true)
            try replaced.checkUnchanged()
            #expect(replaced.withUnsafeElements(Double.self) { $0.last } == 300)
        }
    }

    /// Tensors of archives in place: those of safetensors, stored members of npz, none that are deflated, absent or of no `.npy` type.
    @Test func tensorsOfArchives() throws {
        try withTemporaryFolder { folder in
            let values = (0..<12).map { Double($0) }
            let archive: TensorArchive = ["points": try .float64(values, shape: [4, 3]), "other": .float32([1, 2, 3])]
            let (safetensors, stored, deflated) = (folder + "/a.safetensors", folder + "/a.npz", folder + "/b.npz")
            try AtomicFile.write(try Safetensors.encode(archive), to: safetensors, force: false)
            try AtomicFile.write(try NPZ.encode(archive), to: stored, force: false)
            try AtomicFile.write(try NPZ.encode(archive, compression: .deflated), to: deflated, force: false)
            for path in [safetensors, stored] {
                let array = try #require(try MappedArray.inArchive(path: path, tensor: "points", verifies: true))
                #expect(array.shape == [4, 3] && array.dtype == .f64)
                let rows = [Double](unsafeUninitializedCapacity: 6) {
                    array.copyRows(1..<3, into: UnsafeMutableBufferPointer(rebasing: $0[..<6]))
                    $1 = 6
                }
                #expect(rows == Array(values[3..<9]))
                #expect(try MappedArray.inArchive(path: path, tensor: nil, verifies: true) == nil)
                #expect(try MappedArray.inArchive(path: path, tensor: "absent", verifies: true) == nil)
            }
            #expect(try MappedArray.inArchive(path: deflated, tensor: "points", verifies: true) == nil)
            let half: TensorArchive = ["h": try Tensor(dtype: .bf16, shape: [1, 2], bytes: [0, 0, 0, 0])]
            try AtomicFile.write(try Safetensors.encode(half), to: folder + "/h.safetensors", force: false)
            #expect(try MappedArray.inArchive(path: folder + "/h.safetensors", tensor: nil, verifies: true) == nil)
            // A damaged member is left to the reader that says so.
            var bytes = try NPZ.encode(archive)
            let place = try #require(bytes.firstIndex(of: 0x93)) + 130
            bytes[place] ^= 1
            try AtomicFile.write(bytes, to: folder + "/damaged.npz", force: false)
            #expect(try MappedArray.inArchive(path: folder + "/damaged.npz", tensor: "points", verifies: true) == nil)
        }
    }

    /// More rows than a run of the transposition.
    @Test func tallColumnMajorArrays() throws {
        try withTemporaryFolder { folder in
            let (rows, columns) = (1000, 7)
            let header = Array("{'descr': '>f4', 'fortran_order': True, 'shape': (1000, 7), }\n".utf8)
            let data = (0..<columns).flatMap { column in
                (0..<rows).flatMap { row in le(Float(row * columns + column).bitPattern.byteSwapped) }
            }
            let path = folder + "/tall.npy"
            try AtomicFile.write([0x93] + Array("NUMPY".utf8) + [1, 0] + le(UInt16(header.count)) + header + data, to: path, force: false)
            let mapped = try MappedArray(path: path)
            #expect(mapped.isColumnMajor && mapped.isBigEndian)
            for range in [0..<1000, 3..<70, 63..<64, 500..<999] {
                let count = range.count * columns
                let values = [Double](unsafeUninitializedCapacity: count) { buffer, initialized in
                    mapped.copyRows(range, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
                    initialized = count
                }
                #expect(values == (range.lowerBound * columns..<range.upperBound * columns).map(Double.init))
            }
        }
    }

    @Test func elementsWithoutCopy() throws {
        let floats = try MappedArray(path: Fixtures.path("c_float32.npy"))
        #expect(floats.withUnsafeElements(Float.self) { Array($0) } == [-0.5, -0.25, 0, 0.25, 0.5, 0.75])
        #expect(floats.withUnsafeElements(Double.self) { $0.count } == nil)
        #expect(floats.withUnsafeElements(Int32.self) { $0.count } == nil)
        #expect(try MappedArray(path: Fixtures.path("c_int64.npy")).withUnsafeElements(Int.self) { Array($0) } == [-2, -1, 0, 1, 2, 3])
        #expect(try MappedArray(path: Fixtures.path("fortran_2d.npy")).withUnsafeElements(Float.self) { $0.count } == nil)
        #expect(try MappedArray(path: Fixtures.path("big_f8.npy")).withUnsafeElements(Double.self) { $0.count } == nil)
        #expect(try MappedArray(path: Fixtures.path("empty.npy")).withUnsafeElements(Float.self) { $0.count } == 0)
    }

    /// A header that leaves the data at an odd offset: copied, but not lent.
    @Test func unalignedData() throws {
        try withTemporaryFolder { folder in
            let header = Array("{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}".utf8)
            let path = folder + "/odd.npy"
            let start = [0x93] + Array("NUMPY".utf8) + [1, 0] + le(UInt16(header.count)) + header
            #expect(start.count % 8 != 0)
            try AtomicFile.write(start + Tensor.float64([1.5, -2.5]).bytes, to: path, force: false)
            let mapped = try MappedArray(path: path)
            #expect(mapped.withUnsafeElements(Double.self) { $0.count } == nil)
            var values = [0.0, 0]
            values.withUnsafeMutableBufferPointer { mapped.copyRows(0..<2, into: $0) }
            #expect(values == [1.5, -2.5])
        }
    }

    @Test func whatCannotBeMapped() throws {
        try withTemporaryFolder { folder in
            #expect(message { _ = try MappedArray(path: folder + "/none") } == "cannot open \(folder)/none: No such file or directory")
            #expect(message { _ = try MappedArray(path: folder) } == "expected a regular file at \(folder), found a directory")
            try AtomicFile.write([], to: folder + "/empty", force: false)
            #expect(
                message { _ = try MappedArray(path: folder + "/empty") }
                    == "\(folder)/empty: npy: expected 8 more bytes of header, found 0, at byte 0")
            for (name, drop) in [("cut", 1), ("head", 30), ("start", 130)] {
                let bytes = try Fixtures.bytes("c_float32.npy")
                try AtomicFile.write(Array(bytes.dropLast(drop)), to: folder + "/" + name, force: false)
                #expect(message { _ = try MappedArray(path: folder + "/" + name) }?.hasPrefix("\(folder)/\(name): npy: expected ") == true)
            }
            #expect(message { _ = try MappedArray(path: Fixtures.path("stored.npz")) }?.contains("the magic") == true)
        }
        for name in Fixtures.named(".npy") where name.hasPrefix("refused") {
            #expect(message { _ = try MappedArray(path: Fixtures.path(name)) }?.contains("not supported") == true)
        }
    }
}
