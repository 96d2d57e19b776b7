// What a terminal, a pipe or a full disk gets, and what the exit code says about it.

import Foundation
import TensorFiles
import Testing

@Suite struct TerminalTests {
    private static func folder() throws -> ScratchFolder {
        let folder = try ScratchFolder()
        try SmallNetwork.write(to: folder)
        try folder.write(NPY.encode(try .float32([0, 0, 1, 0, 0, 1, 1, 1], shape: [4, 2])), to: "points.npy")
        return folder
    }

    private static let verbs = [
        "fit points.npy", "fit points.npy --json", "reduce points.npy", "coreset points.npy --json", "inspect net.safetensors",
        "inspect net.safetensors --json", "evaluate net.safetensors --data data.npz", "prune net.safetensors --dry-run --samples 64",
        "--help", "--version", "fit --help", "help prune", "--generate-completion-script bash",
    ]

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full")), arguments: verbs)
    func aResultThatCannotBePrintedIsAFailure(_ verb: String) throws {
        let folder = try Self.folder()
        let full = try BuiltTool.shell("$L \(verb) > /dev/full", in: folder)
        #expect(full.status == 1 && full.errors.contains("no space left"), "\(verb): \(full.status) \(full.errors)")
        let closed = try BuiltTool.shell("$L \(verb) >&-", in: folder)
        #expect(closed.status == 1 && closed.errors.contains("standard output"), "\(verb): \(closed.status) \(closed.errors)")
    }

    /// `script` runs the tool on a terminal of its own; 240 solves take over a second, several times the interval at which progress is
    /// told, also beside other work.
    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/script"), "no script(1) to make a terminal"))
    func longWorkIsWatchedOnATerminalAndLeavesNothingBehind() throws {
        let folder = try Self.folder()
        var state: UInt64 = 1
        let values = (0..<200_000).map { _ -> Float in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(state >> 40) / Float(1 << 24)
        }
        try folder.write(NPY.encode(try .float32(values, shape: [10_000, 20])), to: "many.npy")
        let fit = "fit many.npy --repeats 240"
        let watched = try BuiltTool.shell("TERM=xterm script -qec \"$L \(fit)\" /dev/null; true", in: folder)
        #expect(
            watched.output.contains("\u{1b}[2Kiteration ") && watched.output.contains(" s\r\u{1b}[2K"), "\(watched.output.debugDescription)"
        )
        // The last line that was redrawn is erased before the result is printed.
        let shown = watched.output.components(separatedBy: "\u{1b}[2K").last ?? ""
        #expect(shown.contains("status") && !shown.contains("iteration "), "\(shown)")
        for quiet in [
            "TERM=dumb script -qec \"$L \(fit)\" /dev/null; true", "$L \(fit); true",
            "script -qec \"$L \(fit) --json\" /dev/null; true",
        ] {
            let outcome = try BuiltTool.shell(quiet, in: folder)
            #expect(!outcome.output.contains("\u{1b}[2K") && !outcome.errors.contains("\u{1b}[2K"))
        }
    }

    @Test func aFileNeverGetsWhatWasMeantForAClosedOutput() throws {
        let folder = try Self.folder()
        let outcome = try BuiltTool.shell("$L fit points.npy -o e.npz >&- 2>&-", in: folder)
        #expect(outcome.status == 1)
        #expect(try NPZ.decode(folder.read("e.npz"))["center"]?.shape == [2])
    }

    @Test func aPipeClosedByItsReaderEndsQuietly() throws {
        let folder = try Self.folder()
        let outcome = try BuiltTool.shell(
            "$L help prune | true; echo ${PIPESTATUS[0]}; trap '' PIPE; $L help prune | true; echo ${PIPESTATUS[0]}", in: folder)
        #expect(outcome.errors.isEmpty)
        // The reader may also be quick enough to be written to.
        #expect(outcome.output.split(separator: "\n").allSatisfy { ["141", "0"].contains($0) }, "\(outcome.output)")
    }

    @Test func namesCannotWriteToTheTerminal() throws {
        let folder = try Self.folder()
        let name = "fc\u{1b}[2J\u{9b}31m\u{202e}"
        let archive = TensorArchive(
            try SmallNetwork.archive().entries.map { ($0.name.replacingOccurrences(of: "fc", with: name), $0.tensor) })
        try archive.write(to: folder.path("names.safetensors"), force: false)
        for verb in [
            "inspect names.safetensors", "inspect names.safetensors --json", "fit names.safetensors",
            "fit names.safetensors --tensor \u{1b}x",
        ] {
            let outcome = try BuiltTool.run(verb.split(separator: " ").map(String.init), in: folder)
            for text in [outcome.output, outcome.errors] {
                #expect(
                    !text.unicodeScalars.contains { $0.value == 0x1b || $0.value == 0x9b || $0.value == 0x202e },
                    "\(verb): \(text.debugDescription)")
            }
        }
        let json = try BuiltTool.run(["inspect", "names.safetensors", "--json"], in: folder).json()
        let layers = try #require(json["layers"] as? [[String: Any]])
        #expect(layers.contains { ($0["name"] as? String)?.hasPrefix(name) == true })
    }

    @Test func messagesQuoteLittleOfAFile() throws {
        let folder = try Self.folder()
        let name = String(repeating: "n", count: 5000)
        try TensorArchive([(name, .float32([1])), ("b", .float32([1]))]).write(to: folder.path("long.safetensors"), force: false)
        for verb in [
            ["fit", "long.safetensors"], ["inspect", "long.safetensors"], ["fit", "points.npy", "--tensor", name],
            ["evaluate", name, "--data", name],
        ] {
            let outcome = try BuiltTool.run(verb, in: folder)
            #expect(
                outcome.status != 0 && outcome.errors.utf8.count < 1100 && !outcome.errors.contains(String(repeating: "n", count: 300)),
                "\(outcome.errors)")
        }
    }

    @Test func anEmptyNameIsNoFile() throws {
        let outcome = try BuiltTool.run(["prune", "net.safetensors", "-o", "o.safetensors", "--plan", ""], in: Self.folder())
        #expect(outcome.status == 2 && outcome.errors.contains("found an empty one"), "\(outcome.errors)")
    }

    @Test func negativeValuesAreValuesAndOutOfRangeIsSaid() throws {
        let folder = try Self.folder()
        let cases: [(arguments: String, status: Int32, mentions: String)] = [
            ("prune net.safetensors --dry-run --samples 64 --input-mean -0.3", 0, ""),
            ("evaluate net.safetensors --data data.npz --mean -0.1 --std 2", 0, ""),
            ("prune net.safetensors --dry-run --seed -1", 2, "at least 0 for --seed, found -1"),
            ("prune net.safetensors --dry-run --rank -2", 2, "--rank"),
            ("prune net.safetensors --dry-run --rank 2.5", 2, "whole number for --rank"),
            ("fit points.npy --gap -1", 2, "--gap"), ("fit points.npy --threads -1", 2, "--threads"),
            ("evaluate net.safetensors --data data.npz --batch -1", 2, "--batch"),
            ("prune net.safetensors --dry-run --samples 9223372036854775807", 1, "to be at most"),
            ("prune net.safetensors --dry-run --samples 100000000000", 1, "which memory holds"),
            ("coreset points.npy --sample 9223372036854775807", 2, "--sample of 1 to"),
            ("design points.npy --runs 9223372036854775807", 2, "--runs of 1 to"),
            ("fit points.npy --threads 1.0", 2, "whole number for --threads"), ("fit points.npy -o ..", 2, "found ..;"),
            ("fit points.npy -o .npz", 2, "found .npz"), ("prune net.safetensors -o o.safetensors --plan=", 2, "missing value"),
            ("prun net.safetensors", 2, "did you mean prune?"),
            ("evaluate net.safetensors --data data.npz --network lenet300-100", 1, "did you mean lenet-300-100?"),
            ("fit net.safetensors --tensor fc1.wieght", 1, "did you mean 'fc1.weight'?"),
            ("prune net.safetensors --dry-run --samples 64 --layer fc11=0.5", 1, "did you mean \"fc1\"?"),
        ]
        for entry in cases {
            let outcome = try BuiltTool.run(entry.arguments.split(separator: " ").map(String.init), in: folder)
            #expect(outcome.status == entry.status, "\(entry.arguments): \(outcome.status) \(outcome.errors)")
            #expect(entry.mentions.isEmpty || outcome.errors.contains(entry.mentions), "\(entry.arguments): \(outcome.errors)")
        }
    }

    /// OpenBLAS maps 128 MB for every thread and tries without end where it may not.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/self/statm")))
    func limitsOfTheAddressSpaceAreMessagesOrFewerThreads() throws {
        let folder = try Self.folder()
        // Pruning calls BLAS from threads of our own, which have buffers beside those of the BLAS threads.
        let verbs = [
            "--version", "fit points.npy --threads 2", "fit points.npy --threads 32",
            "prune net.safetensors --dry-run --recipe paper --keep 0.5 --threads 8",
        ]
        for kilobytes in [200_000, 260_000, 380_000, 460_000, 520_000, 640_000, 780_000, 4_000_000] {
            for verb in verbs {
                let outcome = try BuiltTool.shell("ulimit -v \(kilobytes) || exit 77; exec timeout 60 $L \(verb)", in: folder)
                let isSaid =
                    outcome.status == 0 || outcome.errors.contains("expected room for")
                    || outcome.errors.contains("error while loading shared")
                #expect(isSaid, "\(kilobytes) kB, \(verb): \(outcome.status) \(outcome.errors)")
            }
        }
        let many = try BuiltTool.shell("ulimit -v 4000000; $L fit points.npy --threads 32 --json", in: folder)
        #expect(many.status == 0 && many.errors.contains("as many as ulimit leaves room for"), "\(many.errors)")
    }
}
