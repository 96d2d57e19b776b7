// Processes that share a fit, against one: times, traffic, and memory of each.
//
// Three runs tell both ways to scale: one process with the points of one, one with those of all, and all with those of all. The first
// two also tell what a point costs and what does not depend on their number; the model of Documentation/Scale.md makes of these, and of
// the bytes, what the third should take.

import Foundation
import Synchronization
import TensorFiles

/// A fit by several processes on this machine.
package struct RankScaling: Codable, Sendable {
    /// One run.
    package struct Run: Codable, Sendable {
        package let ranks: Int
        package let pointCount: Int
        /// Median time of a solve.
        package let seconds: Double
        package let dataPasses: Int
        package let messages: Int
        package let bytesSent: Int
        /// Anonymous memory, the most of any rank; 0 where the system does not say.
        package let bytesPerRank: Int
    }

    package let dimension: Int
    /// One process and its points; one with all points; all.
    package let runs: [Run]
    /// What the last run should have taken by the model.
    package let predictedSeconds: Double
    /// Whether all processes together write what one writes.
    package let hasSameBytes: Bool

    /// Time of one process over that of all, for all points; as many as there are processes would be ideal.
    package var strongRatio: Double { runs[1].seconds / runs[2].seconds }
    /// The same for as many points as each process has; 1 would be ideal.
    package var weakRatio: Double { runs[0].seconds / runs[2].seconds }

    /// Measures with `ranks` processes of `executable`, which must know MPI, each on one thread.
    /// - Parameter pointsPerRank: single-precision points of ten coordinates, in a file for every rank.
    package static func measure(
        ranks: Int, pointsPerRank n: Int, executable: URL, progress: (_ run: Int) -> Void
    ) throws -> RankScaling {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("loewner-ranks-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (d, points) = (10, GeneratedPoints(ranks * n, 10, seed: 63))
        let files = try (0..<ranks).map { rank in
            let path = folder.appendingPathComponent("part-\(rank).npy").path
            try points.writeNPY(rank * n..<(rank + 1) * n, to: path)
            return path
        }
        var answers: [Data] = []
        let runs = try [(1, 1), (1, ranks), (ranks, ranks)].enumerated().map { place, sizes in
            progress(place)
            let output = folder.appendingPathComponent("fit-\(place).npz").path
            let report = try launch(executable, ranks: sizes.0, files: Array(files.prefix(sizes.1)), output: output)
            answers.append(try Data(contentsOf: URL(fileURLWithPath: output)))
            return Run(
                ranks: sizes.0, pointCount: sizes.1 * n, seconds: report.fit.seconds, dataPasses: report.fit.dataPasses,
                messages: report.fit.messages ?? 0, bytesSent: report.fit.bytesSent ?? 0, bytesPerRank: report.memory)
        }
        let perPoint = (runs[1].seconds - runs[0].seconds) / Double(runs[1].pointCount - runs[0].pointCount)
        let fixed = max(0, runs[0].seconds - perPoint * Double(n))
        let model = RankCosts(fixed: fixed, perPoint: perPoint)
        return RankScaling(
            dimension: d, runs: runs,
            predictedSeconds: model.seconds(
                points: ranks * n, ranks: ranks, messages: runs[2].messages, bytes: runs[2].bytesSent),
            hasSameBytes: answers[1] == answers[2])
    }

    /// The part of a report of `fit` that is looked at.
    private struct Report: Decodable {
        let seconds: Double
        let dataPasses: Int
        let messages: Int?
        let bytesSent: Int?
    }

    private static func launch(
        _ executable: URL, ranks: Int, files: [String], output: String
    ) throws -> (fit: Report, memory: Int) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["mpirun", "-n", "\(ranks)", executable.path, "fit"] + files
            + ["--json", "--threads", "1", "--gap", "1e-6", "--repeats", "3", "-o", output]
        // More ranks than processors, and root in a container, are what a benchmark may ask for.
        process.environment = ProcessInfo.processInfo.environment.merging([
            "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
        ]) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let printed = Pipe()
        process.standardOutput = printed
        try process.run()
        let most = Mutex(0)
        let pid = process.processIdentifier
        Thread.detachNewThread {
            while process.isRunning {
                let bytes = AnonymousMemory.children(of: pid).map { AnonymousMemory.resident("\($0)") }.max() ?? 0
                most.withLock { $0 = max($0, bytes) }
                Thread.sleep(forTimeInterval: 0.01)
            }
        }
        let text = printed.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0, let report = try? JSONDecoder().decode(Report.self, from: text) else {
            throw BenchmarkError.ranksFailed(ranks)
        }
        return (report, most.withLock { $0 })
    }
}
