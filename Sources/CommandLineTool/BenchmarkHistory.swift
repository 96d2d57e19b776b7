// Results of many runs, one JSON object per line: appended to by `benchmark`, read by `benchmark history`.

import BenchmarkSuite
import Foundation
import TensorFiles

/// What one run left behind.
struct HistoryEntry: Codable {
    struct Line: Codable {
        let identifier: String
        let seconds: Double
        /// Seconds in units of the fixed work measured beside them: comparable between busy and idle hours.
        let paced: Double?
        let error: Double?
        let baseline: String?
        let speedup: Double?
    }

    let date: String
    let commit: String?
    let version: String
    let cpu: String
    let coreType: String
    let peakGflops: Double
    let quick: Bool
    let lines: [Line]

    init(_ results: BenchmarkResults) {
        date = results.date
        commit = results.commit
        version = results.version
        cpu = results.machine.cpu
        coreType = results.coreType
        peakGflops = results.peakGflops
        quick = results.quick
        lines = results.lines.compactMap { line in
            guard line.verified, let seconds = line.seconds else { return nil }
            return Line(
                identifier: line.identifier, seconds: seconds, paced: line.pacedSeconds, error: line.error, baseline: line.baseline,
                speedup: line.speedup)
        }
    }
}

enum BenchmarkHistory {
    /// `$XDG_STATE_HOME/loewner/benchmarks.jsonl`, by default under `~/.local/state`.
    static var defaultPath: String? {
        if let state = Console.environment("XDG_STATE_HOME") { return state + "/loewner/benchmarks.jsonl" }
        return Console.environment("HOME").map { $0 + "/.local/state/loewner/benchmarks.jsonl" }
    }

    /// Appends one line; a single write, so that concurrent runs do not mix.
    static func append(_ entry: HistoryEntry, to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let line = try encoder.encode(entry) + Data([10])
        try FileSystem.makeFolder(SystemPath.folder(of: path))
        let descriptor = SystemPath.withCString(path) { open($0, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644) }
        guard descriptor >= 0 else {
            throw CommandFailure.failure("expected to append to \(path), found \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        let written = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard written == line.count else {
            throw CommandFailure.failure("expected to append \(line.count) bytes to \(path), found room for \(written)")
        }
    }

    /// All entries, oldest first; a damaged line is named.
    static func read(_ path: String) throws -> [HistoryEntry] {
        let data = Data(try FileSystem.contents(of: path))
        return try data.split(separator: 10).enumerated().map { number, line in
            do {
                return try JSONDecoder().decode(HistoryEntry.self, from: Data(line))
            } catch {
                throw CommandFailure.failure("\(path): expected one result per line, found something else in line \(number + 1)")
            }
        }
    }
}
