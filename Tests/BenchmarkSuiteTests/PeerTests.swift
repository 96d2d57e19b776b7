import BenchmarkSuite
import Foundation
import Testing

/// Commands written for the test that speak the protocol of peers, well or badly.
@Suite(.serialized) struct PeerTests {
    private final class Folder {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("loewner-peer-test-\(UUID().uuidString)")

        init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }

        deinit { try? FileManager.default.removeItem(at: url) }

        func write(_ name: String, list: String, run: String, executable: Bool = true) throws {
            let script = "#!/bin/sh\nif [ \"$1\" = list ]; then\necho noise\necho '\(list)'\nelse\n\(run)\nfi\n"
            let file = url.appendingPathComponent(name)
            try Data(script.utf8).write(to: file)
            try FileManager.default.setAttributes([.posixPermissions: executable ? 0o755 : 0o644], ofItemAtPath: file.path)
        }

        func peers() throws -> [Peer] { try PeerList.peers(at: url.path, environment: [:], isCancelled: { false }) }
    }

    private static func ellipsoid(_ name: String) -> String { "{\"peers\": [{\"name\": \"\(name)\", \"task\": \"ellipsoid\"}]}" }

    /// The square with corners ±1 and its center; the smallest ellipse has weight ¼ on each corner.
    private static func workload() -> Workload {
        let points: [Double] = [-1, -1, -1, 1, 1, -1, 1, 1, 0, 0]
        return Workload(.ellipsoid, "square", [Size("n", 5), Size("d", 2)]) {
            Instance(
                run: { Answer { Verification("distance", error: 0, tolerance: 1) } },
                peer: EllipsoidWorkloads.peerInput(points, dimension: 2))
        }
    }

    private static func lines(_ peers: [Peer]) throws -> [BenchmarkLine] {
        try BenchmarkRun.perform(
            BenchmarkRun.Configuration(
                workloads: [workload()], threads: [1], comparisons: [], quick: true, executable: nil, version: "test", peers: peers),
            isCancelled: { false }, observer: { _ in }
        ).lines
    }

    @Test func goodAnswersAreCompared() throws {
        let folder = try Folder()
        try folder.write(
            "weights", list: Self.ellipsoid("by weights"),
            run: """
                echo progress
                echo '{"seconds": 0.5, "indices": [0, 1, 2, 3], "weights": [0.25, 0.25, 0.25, 0.25]}'
                """)
        // The circle of radius √2, given twice too large: it is scaled to the points before it is judged.
        try folder.write(
            "shape", list: Self.ellipsoid("by shape"),
            run: """
                echo '{"seconds": 0.25, "center": [0, 0], "shape": [[0.125, 0], [0, 0.125]]}'
                """)
        try folder.write("data.txt", list: "not a peer", run: "", executable: false)
        let lines = try Self.lines(try folder.peers())
        #expect(lines.map(\.baseline) == ["by shape", "by weights"])
        #expect(lines.map(\.baselineSeconds) == [0.25, 0.5])
        for line in lines {
            #expect(line.verified && line.baselineFailure == nil)
            #expect(try #require(line.baselineError) <= 1e-12)
            #expect(try #require(line.speedup) > 1)
        }
    }

    @Test func badAnswersAreNamedAndNotCompared() throws {
        let folder = try Folder()
        let answers = [
            ("a", "echo '{\"seconds\": 0.5, \"indices\": [0, 3], \"weights\": [0.5, 0.5]}'", "κ/D"),
            ("b", "echo '{\"seconds\": 0.5, \"indices\": [0, 99], \"weights\": [0.5, 0.5]}'", "weights"),
            ("c", "echo '{\"seconds\": 0.5, \"center\": [0.5, 0], \"shape\": [[1, 0], [0, 1]]}'", "volume"),
            ("d", "echo '{\"failure\": \"no license\"}'", "no license"),
            ("e", "echo garbage", "last line"),
            ("f", "exit 3", "status"),
            ("g", "echo '{\"indices\": [0], \"weights\": [1]}'", "seconds"),
            ("h", "echo '{\"seconds\": 0.5}'", "ellipsoid"),
        ]
        for (name, run, _) in answers { try folder.write(name, list: Self.ellipsoid(name), run: run) }
        let lines = try Self.lines(try folder.peers())
        #expect(lines.compactMap(\.baseline) == answers.map(\.0))
        for (line, (_, _, mention)) in zip(lines, answers) {
            #expect(try #require(line.baselineFailure).contains(mention), "\(line.baselineFailure ?? "")")
            #expect(line.speedup == nil && line.verdict == nil)
            // Ours was right.
            #expect(line.verified && line.error == 0)
        }
    }

    @Test func aFolderWithoutPeersSaysSo() throws {
        let folder = try Folder()
        try folder.write("broken", list: "no list", run: "")
        #expect(throws: BenchmarkError.self) { try folder.peers() }
        #expect(throws: BenchmarkError.self) {
            try PeerList.peers(at: folder.url.appendingPathComponent("absent").path, environment: [:], isCancelled: { false })
        }
    }
}
