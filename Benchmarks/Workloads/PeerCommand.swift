// A command that speaks the protocol of peers, run once per question.

import Foundation
import TensorFiles

/// An executable and the environment it runs in.
struct PeerCommand: Sendable {
    let executable: URL
    let environment: [String: String]

    struct Entry: Codable {
        let name: String
        let task: PeerTask
    }

    private struct List: Codable { let peers: [Entry] }

    /// What the command offers.
    func list(isCancelled: () -> Bool) throws -> [Entry] {
        let text = try output(of: ["list"], seconds: 60, isCancelled: isCancelled)
        guard let line = text.split(whereSeparator: \.isNewline).last,
            let list = try? JSONDecoder().decode(List.self, from: Data(line.utf8))
        else { throw BenchmarkError.peerFailed(executable.lastPathComponent, "expected a list of peers on the last line, found none") }
        return list.peers
    }

    /// One answer.
    func run(_ name: String, _ arguments: [String], seconds: Double, isCancelled: () -> Bool) throws -> PeerAnswer {
        let text = try output(of: ["run", name] + arguments, seconds: seconds, isCancelled: isCancelled)
        guard let line = text.split(whereSeparator: \.isNewline).last,
            let answer = try? JSONDecoder().decode(PeerAnswer.self, from: Data(line.utf8))
        else { throw BenchmarkError.peerFailed(name, "expected an answer on the last line, found none") }
        if let failure = answer.failure { throw BenchmarkError.peerFailed(name, failure) }
        guard let seconds = answer.seconds, seconds > 0, seconds.isFinite else {
            throw BenchmarkError.peerFailed(name, "expected seconds above 0, found \(answer.seconds.map { "\($0)" } ?? "none")")
        }
        return answer
    }

    /// Standard output of the command, which must end within `seconds`.
    private func output(of arguments: [String], seconds: Double, isCancelled: () -> Bool) throws -> String {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("loewner-peer-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        guard FileManager.default.createFile(atPath: file.path, contents: nil), let sink = FileHandle(forWritingAtPath: file.path) else {
            throw BenchmarkError.peerFailed(
                executable.lastPathComponent, "expected room for its answer in the temporary folder, found none")
        }
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = sink
        process.standardError = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            throw BenchmarkError.peerFailed(executable.lastPathComponent, "expected an executable, found one that cannot be started")
        }
        let clock = ContinuousClock()
        let start = clock.now
        while process.isRunning {
            if isCancelled() || start.duration(to: clock.now).seconds > seconds {
                process.terminate()
                process.waitUntilExit()
                throw BenchmarkError.peerFailed(
                    executable.lastPathComponent, isCancelled() ? "interrupted" : "expected an answer within \(Int(seconds)) s, found none")
            }
            usleep(2000)
        }
        guard process.terminationStatus == 0 else {
            throw BenchmarkError.peerFailed(executable.lastPathComponent, "expected exit status 0, found \(process.terminationStatus)")
        }
        return String(decoding: FileManager.default.contents(atPath: file.path) ?? Data(), as: UTF8.self)
    }
}

/// The files that the peers of one workload read; removed with it.
final class PeerFiles {
    private let folder: URL
    private let arguments: [String]

    init(_ input: PeerInput) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("loewner-peers-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let count = input.points.count / input.dimension
        let points = folder.appendingPathComponent("points.npy").path
        try AtomicFile.write(try NPY.encode(try Tensor.float64(input.points, shape: [count, input.dimension])), to: points, force: false)
        var arguments = [points]
        if let weights = input.weights {
            let path = folder.appendingPathComponent("weights.npy").path
            try AtomicFile.write(try NPY.encode(Tensor.float64(weights)), to: path, force: false)
            arguments += ["--weights", path]
        }
        if let gap = input.gap { arguments += ["--gap", "\(gap)"] }
        self.arguments = arguments
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Runs `peer` on the files.
    func ask(_ peer: Peer, seconds: Double, isCancelled: () -> Bool) throws -> PeerAnswer {
        try peer.command.run(peer.name, arguments, seconds: seconds, isCancelled: isCancelled)
    }
}
