// Files whose names are no UTF-8, in every verb and for everything that is read or written.

import Foundation
import TensorFiles
import Testing

/// That of macOS takes UTF-8 alone.
private let takesAnyBytes: Bool = {
    let path = FileManager.default.temporaryDirectory.path + "/" + SystemPath.text(of: [0xe9]) + UUID().uuidString
    guard (try? AtomicFile.write([1], to: path, force: false)) != nil else { return false }
    try? FileSystem.remove(path)
    return true
}()

@Suite(.enabled(if: takesAnyBytes, "a file system that takes any bytes in names"))
struct FileNameTests {
    /// Runs a line of bash with `points.npy` as `p‹e9›.npy` and the network as `n‹e9›.safetensors`, and removes what Foundation could not.
    private static func shell(_ line: String) throws -> BuiltTool.Outcome {
        let folder = try ScratchFolder()
        try SmallNetwork.write(to: folder)
        let points: [Float] = (0..<60).map { (k: Int) -> Float in Float(k * k * 7919 % 1009) / 100 }
        try folder.write(NPY.encode(try .float32(points, shape: [20, 3])), to: "points.npy")
        try folder.write(NPY.encode(try .float32([2, 1], shape: [1, 2])), to: "image.npy")
        let names = #"cp points.npy $'p\xe9.npy'; cp net.safetensors $'n\xe9.safetensors'; cp data.npz $'d\xe9.npz'"#
        return try BuiltTool.shell("\(names); set -e; \(line); rm -rf *", in: folder)
    }

    @Test(arguments: [
        #"$L fit $'p\xe9.npy' -o $'o\xe9.npz' --plot $'o\xe9.svg'; $L score $'o\xe9.npz' $'p\xe9.npy'; test -s $'o\xe9.npz' -a -s $'o\xe9.svg'"#,
        #"$L reduce $'p\xe9.npy' -o $'o\xe9.npz'; test -s $'o\xe9.npz'"#,
        #"$L coreset $'p\xe9.npy' $'p\xe9.npy' -o $'o\xe9.npz'; test -s $'o\xe9.npz'"#,
        #"$L design $'p\xe9.npy' --runs 6 -o $'o\xe9.npz'; test -s $'o\xe9.npz'"#,
        #"printf '1,2\n3,5\n4,1\n' > $'t\xe9.csv'; $L fit $'t\xe9.csv'; mkdir $'\xe9'; TMPDIR=$PWD/$'\xe9' $L fit $'t\xe9.csv'"#,
        #"$L evaluate $'n\xe9.safetensors' --data $'d\xe9.npz' --logits $'o\xe9.npy'; test -s $'o\xe9.npy'"#,
        #"mkdir -p $'s\xe9/0' $'s\xe9/1'; cp image.npy $'s\xe9/0/\xff.npy'; cp image.npy $'s\xe9/1/\xfe.npy'; $L evaluate net.safetensors --data $'s\xe9'"#,
        #"$L inspect $'n\xe9.safetensors' --graph $'o\xe9.html' --describe $'o\xe9.json'; $L inspect net.safetensors --network $'o\xe9.json'; test -s $'o\xe9.html'"#,
        #"mkdir $'w\xe9'; cd $'w\xe9'; cp ../points.npy .; $L fit points.npy -o o.npz; test -s o.npz; $L fit points.npy -o o.npz --force; cd ..; $L fit points.npy -o $'w\xe9/q.npz'"#,
    ])
    func everyVerbTakesThem(_ line: String) throws {
        let outcome = try Self.shell(line)
        #expect(outcome.status == 0, "\(line): \(outcome.errors)")
        #expect(!outcome.output.contains("\u{10ffe9}") && !outcome.errors.contains("\u{10ffe9}"), "\(outcome.output)")
    }

    @Test func pruningWithAllItsFiles() throws {
        let outcome = try Self.shell(
            #"""
            $L prune $'n\xe9.safetensors' -o $'o\xe9.safetensors' --keep 0.7 --samples 64 --plan $'p\xe9.json' --report $'r\xe9.html' \
                --evaluate $'d\xe9.npz' --emit-python $'m\xe9.py' > /dev/null
            $L prune $'n\xe9.safetensors' --dry-run --keep 0.7 --samples 64 --report $'r\xe9.json' --report $'r\xe9.md' > /dev/null
            $L apply $'p\xe9.json' $'n\xe9.safetensors' -o $'a\xe9.safetensors' --json
            cmp $'o\xe9.safetensors' $'a\xe9.safetensors'
            $L verify $'n\xe9.safetensors' $'o\xe9.safetensors' --plan $'p\xe9.json' > /dev/null
            $L learn $'o\xe9.safetensors' --teacher $'n\xe9.safetensors' --steps 2 -o $'l\xe9.safetensors' > /dev/null
            test ! -e $'l\xe9.safetensors.checkpoint'
            grep -a -q -F "loewner prune \$'n\\351.safetensors'" $'r\xe9.html'
            grep -a -q -F 'Pruning report: n\xe9.safetensors' $'r\xe9.html'
            grep -a -q -F 'WEIGHTS = "o\udce9.safetensors"' $'m\xe9.py'
            $L prune $'n\xe9.safetensors' --keep 0.7 --dry-run --samples 64 --evaluate $'d\xe9.npz' --print-config > $'c\xe9.json'
            $L prune $'n\xe9.safetensors' --config $'c\xe9.json' | grep evaluation
            """#)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(
            outcome.output.contains(#""output" : "a\\xe9.safetensors""#) && outcome.output.contains("evaluation: 4 inputs"),
            "\(outcome.output)")
    }

    @Test func messagesSpellThemOutAndAliasesAreFound() throws {
        let absent = try Self.shell(#"$L fit $'q\xe9.npy'"#)
        #expect(absent.status == 1 && absent.errors.contains(#"q\xe9.npy: No such file"#), "\(absent.errors)")
        let usage = try Self.shell(#"$L fit $'p\xe9.npy' -o $'o\xe9.npy'"#)
        #expect(usage.status == 2 && usage.errors.contains(#"found o\xe9.npy"#), "\(usage.errors)")
        let alias = try Self.shell(#"ln -s $'d\xe9.npz' l.npz; $L fit points.npy --start $'d\xe9.npz' -o l.npz --force"#)
        #expect(alias.status == 2 && alias.errors.contains(#"which is d\xe9.npz"#), "\(alias.errors)")
        // A name that spells the character which stands for the byte is another file.
        let other = try Self.shell(#"cp points.npy $'\xf4\x8f\xbf\xa9.npy'; $L fit $'\xe9.npy'"#)
        #expect(other.status == 1 && other.errors.contains("No such file"), "\(other.errors)")
        let own = try Self.shell(
            #"cp points.npy $'\xf4\x8f\xbf\xa9.npy'; $L fit $'\xf4\x8f\xbf\xa9.npy' -o $'\xf4\x8f\xbf\xa9.npz'; test -s $'\xf4\x8f\xbf\xa9.npz'"#
        )
        #expect(own.status == 0, "\(own.errors)")
        // Composed and decomposed é are two names.
        let twins = try Self.shell(
            #"cp data.npz $'\xc3\xa9.npz'; $L fit points.npy -o $'e\xcc\x81.npz'; test -s $'e\xcc\x81.npz'; cmp data.npz $'\xc3\xa9.npz'"#)
        #expect(twins.status == 0, "\(twins.errors)")
    }

    @Test func foldersOfShards() throws {
        let folder = try ScratchFolder()
        let name = SystemPath.text(of: [0x66, 0xe9])
        let store = folder.path("in")
        try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: true)
        var archive = TensorArchive()
        for (layer, shape) in [("up_proj", [8, 4]), ("gate_proj", [8, 4]), ("down_proj", [4, 8])] {
            archive["model.layers.0.mlp.\(layer).weight"] = try .float32((0..<32).map { Float(($0 * 7 + shape[0]) % 13) - 6 }, shape: shape)
        }
        try archive.write(to: store + "/model.safetensors", force: false)
        try AtomicFile.write(Array("words".utf8), to: store + "/" + name + ".txt", force: false)
        let outcome = try BuiltTool.shell(
            #"mv in $'in\xe9' && $L prune $'in\xe9' -o $'out\xe9' --recipe paper --keep 0.5 && cat $'out\xe9/f\xe9.txt' && test -s $'out\xe9/model.safetensors'; code=$?; rm -rf $'in\xe9' $'out\xe9'; exit $code"#,
            in: folder)
        #expect(outcome.status == 0 && outcome.output.hasSuffix("words"), "\(outcome.status) \(outcome.errors) \(outcome.output)")
    }
}
