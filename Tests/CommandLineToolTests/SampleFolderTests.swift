import Foundation
import TensorFiles
import Testing

/// Folders of pictures and arrays, and archives with one array per network input, as data.
@Suite struct SampleFolderTests {
    /// One pixel of red, green, blue, as PNG (written by Pillow).
    private static let pixels = [
        ("red", "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"),
        ("green", "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNg+M8AAAICAQB7CYF4AAAAAElFTkSuQmCC"),
        ("blue", "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYPgPAAEDAQAIicLsAAAAAElFTkSuQmCC"),
    ]

    /// The three as bytes.
    static var pictures: [Data] { pixels.compactMap { Data(base64Encoded: $0.1) } }

    /// Three inputs to three outputs, unchanged.
    private static func writeIdentity(to folder: ScratchFolder) throws {
        let identity: [Float] = [1, 0, 0, 0, 1, 0, 0, 0, 1]
        let archive: TensorArchive = [
            "fc1.weight": try .float32(identity, shape: [3, 3]), "fc1.bias": .float32([0, 0, 0]),
            "fc2.weight": try .float32(identity, shape: [3, 3]), "fc2.bias": .float32([0, 0, 0]),
        ]
        try archive.write(to: folder.path("net.safetensors"), force: false)
    }

    private static func writePictures(to folder: ScratchFolder, classes: [String]) throws {
        for ((name, picture), category) in zip(pixels, classes) {
            try FileManager.default.createDirectory(atPath: folder.path("set/\(category)"), withIntermediateDirectories: true)
            try folder.write(Data(base64Encoded: picture)!, to: "set/\(category)/\(name).PNG")
        }
    }

    private static func logits(_ arguments: [String], in folder: ScratchFolder) throws -> (report: [String: Any], values: [Float]) {
        let outcome = try BuiltTool.run(
            ["evaluate", "net.safetensors", "--data", "set", "--logits", "l.npy", "--force", "--json"] + arguments, in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return (try outcome.json(), try NPY.decode(try folder.read("l.npy")).floats())
    }

    @Test func picturesAreLabelledByTheirFoldersAndScaledAsTold() throws {
        let folder = try ScratchFolder()
        try Self.writeIdentity(to: folder)
        try Self.writePictures(to: folder, classes: ["0", "01", "2"])
        try folder.write("x".utf8, to: "set/notes.txt")
        let plain = try Self.logits([], in: folder)
        #expect(plain.values == [1, 0, 0, 0, 1, 0, 0, 0, 1])
        #expect(plain.report["accuracy"] as? Double == 1)
        let said = try #require(plain.report["preprocessing"] as? String)
        for part in ["3 inputs", "3 class folders", "1 other file", "RGB", "x/255"] { #expect(said.contains(part), "\(said)") }
        #expect(try Self.logits(["--raw"], in: folder).values == [255, 0, 0, 0, 255, 0, 0, 0, 255])
        #expect(
            try Self.logits(["--pixel-range", "255", "--mean", "1,2,0", "--std", "2"], in: folder).values == [
                127, 0, 0, 0, 126.5, 0, 0, 0, 127.5,
            ])
        #expect(try Self.logits(["--mean", "-1"], in: folder).values == [2, 1, 1, 1, 2, 1, 1, 1, 2])
        let swapped = try Self.logits(["--channel-order", "bgr"], in: folder)
        #expect(swapped.values == [0, 0, 1, 0, 1, 0, 1, 0, 0] && swapped.report["correct"] as? Int == 1)
    }

    @Test func foldersInsideOfClassFoldersAreCounted() throws {
        let folder = try ScratchFolder()
        try Self.writeIdentity(to: folder)
        try Self.writePictures(to: folder, classes: ["0", "1", "2"])
        for name in ["set/1/more", "set/2/more", "deep/train/0"] {
            try FileManager.default.createDirectory(atPath: folder.path(name), withIntermediateDirectories: true)
            try folder.write(Self.pictures[0], to: name + "/a.png")
        }
        let said = try #require(try Self.logits([], in: folder).report["preprocessing"] as? String)
        #expect(said.contains("2 folders inside of class folders passed over"), "\(said)")
        let outcome = try BuiltTool.run(["evaluate", "net.safetensors", "--data", "deep"], in: folder)
        #expect(outcome.status == 1 && outcome.errors.contains("1 folder inside"), "\(outcome.errors)")
    }

    @Test func namesThatAreNoNumbersAreNumberedInTheirOrder() throws {
        let folder = try ScratchFolder()
        try Self.writeIdentity(to: folder)
        try Self.writePictures(to: folder, classes: ["ant", "bee", "cat"])
        #expect(try Self.logits([], in: folder).report["correct"] as? Int == 3)
    }

    @Test func arraysOfOneSampleEachAndLabelsBesideThem() throws {
        let folder = try ScratchFolder()
        try Self.writeIdentity(to: folder)
        try FileManager.default.createDirectory(atPath: folder.path("set"), withIntermediateDirectories: true)
        try folder.write(NPY.encode(.float32([1, 2, 3])), to: "set/a.npy")
        try folder.write(NPY.encode(.float32([3, 2, 1])), to: "set/b.npy")
        try folder.write(NPY.encode(.int64([2, 1])), to: "set/labels.npy")
        let result = try Self.logits([], in: folder)
        #expect(result.values == [1, 2, 3, 3, 2, 1] && result.report["correct"] as? Int == 1)
        // A file with an axis more holds several samples.
        try folder.write(NPY.encode(try .float32([1, 2, 3, 3, 2, 1], shape: [2, 3])), to: "set/a.npy")
        try FileManager.default.removeItem(atPath: folder.path("set/b.npy"))
        #expect(try Self.logits([], in: folder).values == [1, 2, 3, 3, 2, 1])
    }

    @Test func archivesMayNameTheInputOfTheNetwork() throws {
        let folder = try ScratchFolder()
        try Self.writeIdentity(to: folder)
        let inspected = try BuiltTool.run(["inspect", "net.safetensors", "--json"], in: folder).json()
        let name = try #require((inspected["inputs"] as? [[String: Any]])?.first?["name"] as? String)
        try TensorArchive([(name, try .int64([5, 6, 7], shape: [1, 3])), ("labels", .int64([2]))]).write(to: folder.path("set"), asNPZ: ())
        #expect(try Self.logits([], in: folder).values == [5, 6, 7])
    }

    @Test func badFoldersAreOneLine() throws {
        let folder = try ScratchFolder()
        try Self.writeIdentity(to: folder)
        try Self.writePictures(to: folder, classes: ["0", "1", "2"])
        for name in ["none", "mixed/0", "flat", "broken/0", "huge"] {
            try FileManager.default.createDirectory(atPath: folder.path(name), withIntermediateDirectories: true)
        }
        try folder.write(folder.read("set/0/red.PNG"), to: "mixed/0/a.png")
        try folder.write(NPY.encode(.float32([1, 2, 3])), to: "mixed/0/b.npy")
        try folder.write(folder.read("set/0/red.PNG"), to: "flat/a.png")
        try folder.write(folder.read("set/0/red.PNG").dropLast(15), to: "broken/0/a.png")
        let cases: [(arguments: [String], status: Int32, mentions: String)] = [
            (["none"], 1, "found none"), (["mixed"], 1, "found both"), (["flat"], 1, "named for the classes"), (["broken"], 1, "0/a.png"),
            (["nowhere"], 1, "nowhere"), (["set", "--crop", "5"], 1, "3 samples"), (["set", "--pixel-range", "2"], 2, "--pixel-range"),
            (["set", "--mean", "127", "--std", "128"], 2, "--pixel-range 255"), (["set", "--std", "255"], 2, "--pixel-range 255"),
            (["set", "--mean", "300", "--pixel-range", "255"], 2, "at most 255"),
            (["set", "--resize", "4,4", "--crop", "5"], 2, "--resize"), (["set", "--crop", "0"], 2, "--crop"),
        ]
        for entry in cases {
            let outcome = try BuiltTool.run(["evaluate", "net.safetensors", "--data"] + entry.arguments, in: folder)
            #expect(outcome.status == entry.status, "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.errors.contains(entry.mentions), "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count == 1 && outcome.output.isEmpty, "\(entry.arguments): \(outcome.errors)")
        }
    }
}

extension TensorArchive {
    /// Writes an archive under a name without extension.
    fileprivate func write(to path: String, asNPZ: Void) throws {
        try write(to: path + ".npz", force: false)
        try FileManager.default.moveItem(atPath: path + ".npz", toPath: path)
    }
}
