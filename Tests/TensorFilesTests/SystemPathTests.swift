// Names of files, whatever their bytes.

import Foundation
import TensorFiles
import TestSupport
import Testing

@Suite struct SystemPathTests {
    private static let latin = SystemPath.text(of: [0x63, 0x61, 0x66, 0xe9])

    @Test func everyByteComesBack() {
        for first in UInt8.min...UInt8.max {
            #expect(SystemPath.bytes(of: SystemPath.text(of: [first])) == [first])
            for second in UInt8.min...UInt8.max {
                let bytes = [0x61, first, second, 0x62]
                #expect(SystemPath.bytes(of: SystemPath.text(of: bytes)) == bytes)
            }
        }
        // Parts of characters of two, three and four bytes, surrogates, and numbers beyond Unicode.
        var generator = TestGenerator(seed: 1)
        let parts: [UInt8] = [0x2e, 0x7f, 0x80, 0x8f, 0xa9, 0xbf, 0xc0, 0xc3, 0xe2, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff]
        for _ in 0..<20_000 {
            let bytes = (0..<8).map { _ in parts[Int(generator.next() % UInt64(parts.count))] }
            #expect(SystemPath.bytes(of: SystemPath.text(of: bytes)) == bytes)
        }
    }

    @Test func aNameInUTF8IsItself() {
        for name in ["", "a/b.npy", "café", "\u{65}\u{301}", "日本", "🦀", "\u{10ff7f}", "\u{e000}", "\u{feff}x"] {
            #expect(SystemPath.text(of: name.utf8).utf8.elementsEqual(name.utf8))
            #expect(SystemPath.bytes(of: name) == Array(name.utf8))
            #expect(SystemPath.path(named: name) == name && SystemPath.shown(name) == name)
        }
    }

    /// The characters that stand for bytes are characters that a name may hold.
    @Test func noCharacterIsTakenForAByte() throws {
        for value: UInt32 in 0x10ff70...0x10ffff {
            let name = "a" + String(try #require(Unicode.Scalar(value))) + "b"
            #expect(SystemPath.bytes(of: SystemPath.text(of: name.utf8)) == Array(name.utf8))
            #expect(SystemPath.bytes(of: SystemPath.path(named: name)) == Array(name.utf8))
        }
    }

    @Test func bytesAreShown() {
        #expect(SystemPath.shown(Self.latin) == #"caf\xe9"#)
        #expect("\(TensorFileError.fileSystem(action: "open", path: Self.latin, code: ENOENT))".contains(#"caf\xe9"#))
    }

    @Test func parts() {
        for (path, folder, name, stem, ending) in [
            ("a/b.npz", "a", "b.npz", "b", "npz"), ("/b.NPZ", "/", "b.NPZ", "b", "npz"), ("b", ".", "b", "b", ""),
            ("a.d/.hidden", "a.d", ".hidden", ".hidden", ""), ("a//b.c.d", "a/", "b.c.d", "b.c", "d"),
            // A mark that joins the slash or the dot before it to one character of text.
            ("a/\u{301}b.\u{301}npy", "a", "\u{301}b.\u{301}npy", "\u{301}b", "\u{301}npy"),
        ] {
            #expect(SystemPath.folder(of: path).utf8.elementsEqual(folder.utf8), "\(path)")
            #expect(SystemPath.lastComponent(of: path).utf8.elementsEqual(name.utf8), "\(path)")
            #expect(SystemPath.stem(of: path).utf8.elementsEqual(stem.utf8), "\(path)")
            #expect(SystemPath.ending(of: path).utf8.elementsEqual(ending.utf8), "\(path)")
        }
    }

    /// The Linux file systems take any bytes, others may not.
    @Test func filesOfSuchNames() throws {
        try withTemporaryFolder { folder in
            for name in [Self.latin, SystemPath.path(named: "a\u{10ffe9}"), "e\u{301}", "\u{e9}"] {
                let path = folder + "/" + name + ".npy"
                try AtomicFile.write(NPY.encode(.float32([1, 2])), to: path, force: false)
                #expect(throws: TensorFileError.outputExists(path: path)) { try AtomicFile.write([1], to: path, force: false) }
                try AtomicFile.write(NPY.encode(.float32([3, 4])), to: path, force: true)
                #expect(try TensorArchive.read(path: path).tensor().floats() == [3, 4])
                #expect(try MappedArray(path: path).shape == [2])
                #expect(try FileSystem.names(inFolder: folder).map(SystemPath.bytes) == [SystemPath.bytes(of: name + ".npy")])
                let resolved = try #require(FileSystem.resolved(path))
                #expect(SystemPath.bytes(of: resolved).suffix(4) == [UInt8](".npy".utf8) && FileSystem.exists(resolved))
                try FileSystem.remove(path)
            }
            let inner = folder + "/" + Self.latin
            try AtomicFolder.write(to: inner) { (folder) throws(TensorFileError) in
                try folder.write(Self.latin) { (writer) throws(TensorFileError) in try writer.append([1]) }
            }
            #expect(try FileSystem.contents(of: inner + "/" + Self.latin) == [1])
            try FileSystem.remove(inner + "/" + Self.latin)
        }
    }

    @Test func aZeroByteNamesNoFile() throws {
        try withTemporaryFolder { folder in
            try AtomicFile.write([1], to: folder + "/a", force: false)
            #expect(!FileSystem.exists(folder + "/a\0b"))
            #expect(throws: TensorFileError.self) { try FileSystem.contents(of: folder + "/a\0b") }
        }
    }

    @Test func linksThatLeadNowhereYetAreWrittenThrough() throws {
        try withTemporaryFolder { folder in
            try FileManager.default.createDirectory(atPath: folder + "/inner", withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(atPath: folder + "/a", withDestinationPath: "inner/b")
            try FileManager.default.createSymbolicLink(atPath: folder + "/inner/b", withDestinationPath: "c")
            try AtomicFile.write([1], to: folder + "/a", force: false)
            #expect(try FileSystem.contents(of: folder + "/inner/c") == [1])
            try FileManager.default.createSymbolicLink(atPath: folder + "/round", withDestinationPath: "round")
            #expect(throws: TensorFileError.fileSystem(action: "write", path: folder + "/round", code: ELOOP)) {
                try AtomicFile.write([1], to: folder + "/round", force: true)
            }
        }
    }
}
