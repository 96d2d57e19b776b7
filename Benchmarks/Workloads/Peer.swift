// Other programs that do the same work, run beside ours.
//
// Protocol, in full in Benchmarks/Peers/README.md. A peer is a command:
//     COMMAND list                        → {"peers": [{"name": "…", "task": "ellipsoid" | "reduce"}, …]}
//     COMMAND run NAME POINTS.npy [--gap G | --weights W.npy]
//                                         → {"seconds": …, "indices": […], "weights": […]}
// One JSON object on the last line of standard output. `seconds` is the CPU time of the work alone; the answer is
// checked here, like our own.

import Foundation
import TensorFiles

/// What a peer can be asked for.
package enum PeerTask: String, Codable, Sendable {
    /// The minimum-volume ellipsoid of points, to a gap.
    case ellipsoid
    /// A Carathéodory reduction of weighted points.
    case reduce
}

/// One program that does one task.
package struct Peer: Sendable {
    package let name: String
    package let task: PeerTask
    let command: PeerCommand
}

/// What a peer answered.
package struct PeerAnswer: Codable, Sendable {
    /// CPU seconds of the work, files and start-up excluded.
    package var seconds: Double?
    /// The points that carry weight, and their weights.
    package var indices: [Int]?
    package var weights: [Double]?
    /// The ellipsoid (x−c)ᵀA(x−c) ≤ 1, from programs that return no weights.
    package var center: [Double]?
    package var shape: [[Double]]?
    package var iterations: Int?
    /// Why there is no answer.
    package var failure: String?
}

/// The input of a peer, and the check of what it answers.
package struct PeerInput {
    let task: PeerTask
    /// d×n by columns, which is (n, d) by rows.
    let points: [Double]
    let dimension: Int
    var weights: [Double]?
    var gap: Double?
    let check: (PeerAnswer) throws -> Verification
}

/// Where peers come from.
package enum PeerList {
    /// The folder of the adapter, from the root of the working copy, and the variable that tells it which scripts to use.
    private static let adapter = "Benchmarks/Peers/adapter.py"
    private static let scripts = "LOEWNER_PEER_SCRIPTS"

    /// Peers of a command that speaks the protocol, of all such commands in a folder, or, when a folder holds none,
    /// of the scripts in it that the adapter of the working copy knows.
    package static func peers(at path: String, environment: [String: String], isCancelled: @escaping () -> Bool) throws -> [Peer] {
        // Commands are started by Foundation, which has paths as UTF-8 alone.
        guard path == SystemPath.shown(path) else { throw BenchmarkError.noPeers(path: path, reason: "a name that is not UTF-8") }
        let manager = FileManager.default
        let url = URL(fileURLWithPath: path)
        var isFolder: ObjCBool = false
        guard manager.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw BenchmarkError.noPeers(path: path, reason: "nothing there")
        }
        var commands: [PeerCommand] = []
        if isFolder.boolValue {
            let names = try manager.contentsOfDirectory(atPath: path).sorted()
            commands = names.map(url.appendingPathComponent).filter { file in
                var isNested: ObjCBool = false
                return manager.fileExists(atPath: file.path, isDirectory: &isNested) && !isNested.boolValue
                    && manager.isExecutableFile(atPath: file.path)
            }.map { PeerCommand(executable: $0, environment: environment) }
            if commands.isEmpty, let adapter = WorkingCopy.existing(adapter) {
                commands = [
                    PeerCommand(
                        executable: adapter, environment: environment.merging([scripts: url.standardizedFileURL.path]) { $1 })
                ]
            }
        } else {
            commands = [PeerCommand(executable: url, environment: environment)]
        }
        let found = try commands.flatMap { command in
            try command.list(isCancelled: isCancelled).map { Peer(name: $0.name, task: $0.task, command: command) }
        }
        guard !found.isEmpty else { throw BenchmarkError.noPeers(path: path, reason: "no command that lists a peer") }
        return found
    }
}
