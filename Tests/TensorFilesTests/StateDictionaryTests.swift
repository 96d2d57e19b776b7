// Files of torch.save: the plain dictionary is read, everything else is refused by name, and nothing a file says makes the reader call,
// recurse or take memory beyond its size.

import TensorFiles
import Testing

@Suite struct StateDictionaryTests {
    @Test func tensorsOfAPlainDictionary() throws {
        let archive = try TensorArchive.read(path: Fixtures.path("state.pt"))
        #expect(
            archive.names == [
                "fc1.weight", "fc1.bias", "tied", "transposed", "part", "half", "double", "bytes", "bn.num_batches_tracked", "empty",
            ])
        let all = (0..<12).map { Float($0 - 2) / 4 }
        #expect(archive["fc1.weight"]?.shape == [3, 4])
        #expect(try archive.tensor(named: "fc1.weight").floats() == all)
        #expect(try archive.tensor(named: "tied").floats() == all)
        #expect(archive["transposed"]?.shape == [4, 3])
        #expect(try archive.tensor(named: "transposed").floats() == (0..<4).flatMap { row in (0..<3).map { all[row + 4 * $0] } })
        #expect(try archive.tensor(named: "part").floats() == [all[5], all[6], all[9], all[10]])
        #expect(try archive.tensor(named: "fc1.bias").floats() == [-0.5, -0.25, 0])
        #expect(archive["half"]?.dtype == .f16 && archive["double"]?.dtype == .f64 && archive["bytes"]?.dtype == .u8)
        #expect(try archive.tensor(named: "half").floats() == Array(all[..<5]))
        #expect(archive["bn.num_batches_tracked"]?.shape == [] && archive["empty"]?.shape == [0, 4])
        #expect(try archive.tensor(named: "bn.num_batches_tracked").int64s() == [-2])
    }

    @Test func everythingElseGetsTheLinesThatExportIt() {
        let text = message { _ = try TensorArchive.read(path: Fixtures.path("module.pt")) } ?? ""
        for part in ["found __main__.Module", "safetensors.torch.save_file", "torch.onnx.export"] {
            #expect(text.contains(part), "\(text)")
        }
    }

    /// `{"epoch": 3, "state_dict": …}`
    @Test func theOnlyDictionaryOfTensorsInACheckpointIsRead() throws {
        let plain = try TensorArchive.read(path: Fixtures.path("state.pt"))
        let wrapped = try TensorArchive.read(path: Fixtures.path("nested.pt"))
        #expect(wrapped.enclosingKeys == ["state_dict"] && plain.enclosingKeys.isEmpty)
        #expect(wrapped == plain)
    }

    @Test func olderFilesAndProgramsAreNamed() {
        #expect(message { _ = try TensorArchive.decode([0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc]) }?.contains("before PyTorch 1.6") == true)
        let program = ZipBuilder(ZipBuilder.Member("m/data.pkl", Array("N.".utf8)), ZipBuilder.Member("m/code/a.py", []))
        #expect(message { _ = try TensorArchive.decode(program.bytes) }?.contains("TorchScript") == true)
    }

    /// A pickle as the only content of an archive.
    private static func decode(_ pickle: [UInt8], data: [UInt8] = []) throws -> TensorArchive {
        try TensorArchive.decode(
            ZipBuilder(ZipBuilder.Member("m/data.pkl", [0x80, 2] + pickle), ZipBuilder.Member("m/data/0", data)).bytes)
    }

    /// GLOBAL
    private static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }

    /// {"w": tensor of a storage of `count` with the size and strides given as instructions}
    private static func tensor(
        count: [UInt8], offset: [UInt8] = [0x4b, 0], size: [UInt8], strides: [UInt8], metadata: [UInt8] = [],
        type: String = "FloatStorage"
    ) -> [UInt8] {
        var bytes: [UInt8] = Array("}X".utf8) + le(UInt32(1)) + Array("w".utf8)
        bytes += global("torch._utils", "_rebuild_tensor_v2") + Array("((X".utf8) + le(UInt32(7)) + Array("storage".utf8)
        bytes += global("torch", type) + Array("X".utf8) + le(UInt32(1)) + Array("0".utf8)
        bytes += Array("X".utf8) + le(UInt32(3)) + Array("cpu".utf8) + count + Array("tQ".utf8)
        return bytes + offset + size + strides + [0x89] + Array("N".utf8) + metadata + Array("tRs.".utf8)
    }

    private static func text(_ text: String) -> [UInt8] { Array("X".utf8) + le(UInt32(text.utf8.count)) + Array(text.utf8) }

    /// Entries of dictionaries of one tensor under the given keys, beside what `others` leaves there; a class of the file's own among them.
    private static func checkpoint(_ keys: [String], others: [UInt8] = []) -> [UInt8] {
        let inner = tensor(count: [0x4b, 4], size: [0x4b, 4, 0x85], strides: [0x4b, 1, 0x85]).dropLast()
        let odd =
            text("options") + global("argparse", "Namespace") + [0x29, 0x81] + Array("}".utf8) + text("lr") + [0x4b, 1] + Array("sb".utf8)
        return Array("}(".utf8) + odd + keys.flatMap { text($0) + inner } + others + Array("u.".utf8)
    }

    @Test func checkpointsSayWhichWeightsAreMeantOrAreAskedTo() throws {
        let data = [UInt8](repeating: 0, count: 16)
        for (keys, read) in [
            (["weights of it"], "weights of it"), (["model"], "model"), (["normalizer", "model_state_dict"], "model_state_dict"),
        ] {
            let archive = try Self.decode(Self.checkpoint(keys), data: data)
            #expect(archive.names == ["w"] && archive.enclosingKeys == [read])
        }
        // A scalar beside them is no other set of weights.
        let loss = Self.text("loss") + Self.tensor(count: [0x4b, 4], size: [0x29], strides: [0x29]).dropFirst(7).dropLast(2)
        #expect(try Self.decode(Self.checkpoint(["net"], others: loss), data: data).enclosingKeys == ["net"])
        // Numbers of a type that is not read are left out with all else.
        let complex = Self.tensor(count: [0x4b, 4], size: [0x29], strides: [0x29], type: "ComplexFloatStorage").dropFirst(7).dropLast(2)
        #expect(try Self.decode(Self.checkpoint(["net"], others: Self.text("z") + complex), data: data).enclosingKeys == ["net"])
        for keys in [["model", "ema"], ["encoder", "decoder"]] {
            let text = message { _ = try Self.decode(Self.checkpoint(keys), data: data) } ?? ""
            for key in keys { #expect(text.contains("'\(key)'"), "\(text)") }
        }
        let none = message { _ = try Self.decode(Self.checkpoint([]), data: data) } ?? ""
        #expect(none.contains("argparse.Namespace"), "\(none)")
        let epoch = message { _ = try Self.decode(Array("}".utf8) + Self.text("epoch") + [0x4b, 3] + Array("s.".utf8)) } ?? ""
        #expect(epoch.contains("'epoch', which is no tensor"), "\(epoch)")
    }

    /// Dictionaries that refer to each other as often as they like are each read once.
    @Test func dictionariesThatShareDictionariesAreReadOnce() {
        let count = 3000
        func fill(_ memo: UInt8, _ item: (Int) -> [UInt8]) -> [UInt8] {
            [0x68, memo] + Array("(".utf8) + (0..<count).flatMap { Self.text("k\($0)") + item($0) } + Array("u0".utf8)
        }
        // Three dictionaries, each full of the next, the last of numbers.
        var pickle = (0..<3).flatMap { Array("}q".utf8) + [UInt8($0)] + Array("0".utf8) }
        pickle += fill(2) { _ in [0x4b, 1] } + fill(1) { _ in [0x68, 2] } + fill(0) { _ in [0x68, 1] }
        pickle += Array("h\u{0}.".utf8)
        #expect(message { _ = try Self.decode(pickle) }?.contains("which is no tensor") == true)
    }

    private static func integer(_ value: Int64) -> [UInt8] { [0x8a, 8] + le(value) }

    @Test func viewsOutsideOfTheirStorageAreRefused() throws {
        let data = [UInt8](repeating: 0, count: 16)
        let four: [UInt8] = [0x4b, 4]
        #expect(try Self.decode(Self.tensor(count: four, size: four + [0x85], strides: [0x4b, 1, 0x85]), data: data)["w"]?.shape == [4])
        let cases: [(String, [UInt8])] = [
            ("too many", Self.tensor(count: four, size: [0x4b, 5, 0x85], strides: [0x4b, 1, 0x85])),
            ("offset", Self.tensor(count: four, offset: [0x4b, 1], size: four + [0x85], strides: [0x4b, 1, 0x85])),
            ("negative offset", Self.tensor(count: four, offset: Self.integer(-1), size: four + [0x85], strides: [0x4b, 1, 0x85])),
            ("stride", Self.tensor(count: four, size: four + [0x85], strides: [0x4b, 2, 0x85])),
            ("negative stride", Self.tensor(count: four, size: four + [0x85], strides: Self.integer(-1) + [0x85])),
            ("huge stride", Self.tensor(count: four, size: [0x4b, 2, 0x85], strides: Self.integer(.max) + [0x85])),
            ("negative size", Self.tensor(count: four, size: Self.integer(-4) + [0x85], strides: [0x4b, 1, 0x85])),
            (
                "overflow",
                Self.tensor(count: four, size: Self.integer(1 << 62) + Self.integer(4) + [0x86], strides: [0x4b, 1, 0x4b, 1, 0x86])
            ),
            ("huge storage", Self.tensor(count: Self.integer(1 << 61), size: four + [0x85], strides: [0x4b, 1, 0x85])),
            ("storage without bytes", Self.tensor(count: [0x4b, 5], size: [0x4b, 5, 0x85], strides: [0x4b, 1, 0x85])),
            ("expanded", Self.tensor(count: four, size: Self.integer(1 << 40) + [0x85], strides: [0x4b, 0, 0x85])),
            ("fewer strides", Self.tensor(count: four, size: four + [0x85], strides: [0x29])),
        ]
        for (name, pickle) in cases {
            #expect(message { _ = try Self.decode(pickle, data: data) }?.hasPrefix("pytorch: ") == true, "\(name)")
        }
    }

    /// A view whose sign is still to be turned holds other numbers than its storage.
    @Test func viewsThatAreStillToBeComputedAreRefused() throws {
        let data = [UInt8](repeating: 0, count: 16)
        func pickle(_ metadata: [UInt8]) -> [UInt8] {
            Self.tensor(count: [0x4b, 4], size: [0x4b, 4, 0x85], strides: [0x4b, 1, 0x85], metadata: metadata)
        }
        #expect(try Self.decode(pickle(Array("}".utf8)), data: data)["w"]?.shape == [4])
        // {"neg": True}
        let negated = Array("}X".utf8) + le(UInt32(3)) + Array("neg".utf8) + [0x88] + Array("s".utf8)
        #expect(message { _ = try Self.decode(pickle(negated), data: data) }?.contains("pending negation") == true)
    }

    @Test func picklesThatWantMore() {
        let cases: [(String, [UInt8], String)] = [
            (
                "a call",
                Self.global("os", "system") + Array("X".utf8) + le(UInt32(2)) + Array("ls".utf8) + [0x85] + Array("R.".utf8),
                "os.system"
            ),
            ("an import", Self.global("builtins", "eval") + Array(".".utf8), "builtins.eval"),
            ("an instance", Array("(ios\nsystem\n.".utf8), "pickle instruction 0x69"),
            ("nothing", [], "more bytes"), ("no value", Array(".".utf8), "one value"),
            ("a number", [0x4b, 1] + Array(".".utf8), "no dictionary"),
            ("no mark", Array("}u.".utf8), "a mark"), ("odd items", Array("}(Nu.".utf8), "pairs"),
            ("below the mark", Array("N(".utf8) + [0x85, 0x2e], "values"),
            ("no memo", Array("h\u{7}.".utf8), "remembered as 7"), ("long text", Array("X".utf8) + [255, 255, 255, 255], "more bytes"),
            ("itself", Array("}q\u{0}h\u{0}Ns.".utf8), "keys are no names"), ("bytes", Array("}X".utf8) + [1, 0, 0, 0, 0xff], "UTF-8"),
        ]
        for (name, pickle, expected) in cases {
            let text = message { _ = try Self.decode(pickle) } ?? "accepted"
            #expect(text.contains(expected), "\(name): \(text)")
        }
        // As deep as the file is long; no stack is deep enough to follow it.
        let deep = [UInt8](repeating: 0x29, count: 1) + [UInt8](repeating: 0x85, count: 1_000_000) + Array(".".utf8)
        #expect(message { _ = try Self.decode(deep) }?.contains("no dictionary") == true)
    }

    @Test func damagedFilesThrowAndNeverTrap() throws {
        let bytes = try Fixtures.bytes("state.pt")
        for count in 0..<bytes.count { #expect(message { _ = try TensorArchive.decode(Array(bytes[..<count])) } != nil) }
        for at in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[at] ^= 1 << UInt8(bit)
                _ = try? TensorArchive.decode(changed)
            }
        }
        // The checksum of a zip archive stops most of these early: the pickle, its first member, is more of a target when it is put right.
        let start = 30 + Int(bytes[26]), size = Int(bytes[18]) | Int(bytes[19]) << 8
        let pickle = Array(bytes[start..<start + size])
        #expect(pickle[0] == 0x80 && pickle.last == UInt8(ascii: "."))
        for at in pickle.indices.dropFirst(2) {
            for value in UInt8.min...UInt8.max {
                var changed = pickle
                changed[at] = value
                _ = try? Self.decode(Array(changed[2...]))
            }
        }
    }
}
