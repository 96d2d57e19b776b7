// `--force`, and the check that an output may be written before hours are spent on its content.

import ArgumentParser
import Synchronization
import TensorFiles

/// `--force`, for every verb that writes a file.
struct OverwriteOptions: ParsableArguments {
    @Flag(help: "Overwrite existing outputs.")
    var force = false

    /// Every output of this run that has passed its check, with what it is on disk.
    private static let outputs = Mutex<[(path: String, identity: FileIdentity?)]>([])

    /// Fails early when `path` exists and may not be overwritten, when its folder is missing, or when it is one of `inputs` or of the
    /// outputs checked before, under whatever name.
    func check(_ path: String?, inputs: [String] = []) throws {
        guard let path else { return }
        guard !path.isEmpty else { throw CommandFailure.usage("expected the name of a file to write, found an empty one") }
        try Self.refuseAlias(path, of: inputs)
        if FileSystem.exists(path) {
            if FileSystem.isFolder(path) { throw CommandFailure.failure("expected a file name, found the folder \(path)") }
            if !force { throw CommandFailure.failure("expected no file at \(path), found one; --force overwrites it") }
        } else {
            // A link that leads nowhere yet is written through.
            guard FileSystem.isFolder(SystemPath.folder(of: FileSystem.target(of: path))) else {
                throw CommandFailure.failure("expected a folder to write \(path) into, found none")
            }
        }
        let identity = FileIdentity(of: path)
        try Self.outputs.withLock { outputs in
            for other in outputs where Self.isSame(other.path, path) || identity != nil && other.identity == identity {
                throw CommandFailure.usage("expected different files for all outputs, found \(path) and \(other.path), which are one")
            }
            outputs.append((path, identity))
        }
        Interruption.promise(path)
    }

    /// Fails when an output that has been checked is one of `inputs`: for files that only reading another has revealed.
    func check(inputs: [String]) throws {
        for output in Self.outputs.withLock({ $0 }) { try Self.refuseAlias(output.path, of: inputs) }
    }

    /// By bytes: one character may be spelled in two ways, and name two files.
    private static func isSame(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

    private static func refuseAlias(_ path: String, of inputs: [String]) throws {
        guard let identity = FileIdentity(of: path) else { return }
        for input in inputs {
            guard isSame(input, path) || FileIdentity(of: input) == identity || identity.lies(inFolder: input) else { continue }
            let place = isSame(input, path) ? "" : ", which is \(input) or lies in it"
            throw CommandFailure.usage("expected an output that is not an input, found \(path)\(place)")
        }
    }
}
