import Foundation
import Testing
import TensorFiles

@Suite struct AtomicFileTests {
    @Test func writesWholeFilesAndNothingElse() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/out.bin"
            try AtomicFile.write([1, 2, 3], to: path, force: false)
            #expect(FileManager.default.contents(atPath: path) == Data([1, 2, 3]))
            #expect(throws: TensorFileError.outputExists(path: path)) { try AtomicFile.write([4], to: path, force: false) }
            #expect(FileManager.default.contents(atPath: path) == Data([1, 2, 3]))
            try AtomicFile.write([4], to: path, force: true)
            #expect(FileManager.default.contents(atPath: path) == Data([4]))
            try AtomicFile.write([], to: folder + "/empty", force: true)
            #expect(filesIn(folder) == ["empty", "out.bin"])
        }
    }

    @Test func streamsPieces() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/out.bin"
            try AtomicFile.write(to: path, force: false) { writer throws(TensorFileError) in
                for byte in 0..<100 { try writer.append([UInt8](repeating: UInt8(byte), count: byte)) }
                var word = UInt16(7)
                try withUnsafeBytes(of: &word) { buffer throws(TensorFileError) in try writer.append(buffer) }
                #expect(writer.count == 4952)
                #expect(!FileManager.default.fileExists(atPath: path))
            }
            #expect(FileManager.default.contents(atPath: path)?.count == 4952)
        }
    }

    @Test(arguments: [false, true])
    func failureLeavesNothingBehind(_ exists: Bool) throws {
        try withTemporaryFolder { folder in
            let path = folder + "/out.bin"
            if exists { try AtomicFile.write([9], to: path, force: false) }
            let error = TensorFileError.opaque(dtype: .f8_e4m3)
            #expect(throws: error) {
                try AtomicFile.write(to: path, force: true) { writer throws(TensorFileError) in
                    try writer.append([1, 2, 3])
                    throw error
                }
            }
            #expect(filesIn(folder) == (exists ? ["out.bin"] : []))
            #expect(FileManager.default.contents(atPath: path) == (exists ? Data([9]) : nil))
        }
    }

    @Test func aTargetThatAppearsMeanwhileIsNotReplaced() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/out.bin"
            #expect(throws: TensorFileError.outputExists(path: path)) {
                try AtomicFile.write(to: path, force: false) { writer throws(TensorFileError) in
                    _ = FileManager.default.createFile(atPath: path, contents: Data([7]))
                    try writer.append([1])
                }
            }
            #expect(filesIn(folder) == ["out.bin"])
            #expect(FileManager.default.contents(atPath: path) == Data([7]))
        }
    }

    @Test func whatCannotBeWritten() throws {
        try withTemporaryFolder { folder in
            #expect(
                message { try AtomicFile.write([1], to: folder + "/none/out", force: true) }?.contains("No such file or directory") == true)
            #expect(message { try AtomicFile.write([1], to: folder, force: true) }?.hasSuffix("found a directory") == true)
            #expect(message { try AtomicFile.write([1], to: "/dev/null", force: true) }?.hasSuffix("found a device") == true)
            #expect(message { try AtomicFile.write([1], to: "", force: true) } != nil)
            #expect(message { try AtomicFile.write([1], to: folder + "/a\0b", force: true) } != nil)
            #expect(message { try AtomicFile.write([1], to: folder + "/" + String(repeating: "n", count: 300), force: true) } != nil)
            #expect(filesIn(folder) == [])
        }
    }

    @Test func symbolicLinksAreFollowed() throws {
        try withTemporaryFolder { folder in
            try AtomicFile.write([1], to: folder + "/real", force: false)
            try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: "real")
            #expect(throws: TensorFileError.self) { try AtomicFile.write([2], to: folder + "/link", force: false) }
            try AtomicFile.write([3], to: folder + "/link", force: true)
            #expect(FileManager.default.contents(atPath: folder + "/real") == Data([3]))
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/link") == "real")
            #expect(filesIn(folder) == ["link", "real"])
        }
    }

    @Test(arguments: ["a.safetensors", "a.npz", "B.NPZ", "a.npy"])
    func archivesRoundTripThroughFiles(_ name: String) throws {
        try withTemporaryFolder { folder in
            let path = folder + "/" + name
            let stem = name.hasSuffix("npy") ? "a" : "weights"
            let archive = TensorArchive([(stem, .float32([1, 2, 3]))])
            try archive.write(to: path, force: false)
            #expect(try TensorArchive.read(path: path) == archive)
            let text = message { try archive.write(to: path, force: false) }
            #expect(text == "expected no file at \(path), found one (overwriting needs force)")
            try archive.write(to: path, force: true)
            #expect(filesIn(folder) == [name])
        }
    }

    @Test func archivesThatCannotBeWrittenLeaveNoFile() throws {
        try withTemporaryFolder { folder in
            let two: TensorArchive = ["a": .uint8([1]), "b": .uint8([2])]
            #expect(message { try two.write(to: folder + "/x.npy", force: true) }?.contains("x.npy: expected one tensor") == true)
            #expect(
                message { try two.write(to: folder + "/x.bin", force: true) }?.contains("*.safetensors, *.npz or *.npy, found .bin") == true
            )
            #expect(message { try two.write(to: folder + "/x", force: true) }?.hasSuffix("found no extension") == true)
            let brain: TensorArchive = ["a": .uint8([1]), "b": try Tensor(dtype: .bf16, shape: [0], bytes: [])]
            #expect(message { try brain.write(to: folder + "/x.npz", force: true) }?.hasSuffix("in tensor 'b'") == true)
            #expect(filesIn(folder) == [])
        }
    }

    @Test func whatCannotBeRead() throws {
        try withTemporaryFolder { folder in
            #expect(
                message { _ = try TensorArchive.read(path: folder + "/none.npz") }
                    == "cannot open \(folder)/none.npz: No such file or directory")
            #expect(message { _ = try TensorArchive.read(path: folder) } == "expected a regular file at \(folder), found a directory")
            try AtomicFile.write([], to: folder + "/empty.npy", force: false)
            #expect(message { _ = try TensorArchive.read(path: folder + "/empty.npy") }?.hasSuffix("found an empty file") == true)
            try AtomicFile.write(Array("hello, world".utf8), to: folder + "/text.npz", force: false)
            #expect(
                message { _ = try TensorArchive.read(path: folder + "/text.npz") }
                    == "\(folder)/text.npz: expected a safetensors, npz or npy file, found 12 bytes of something else")
        }
    }
}
