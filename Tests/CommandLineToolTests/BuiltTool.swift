// The built `loewner` as a subprocess: what a user sees, nothing less.

import Foundation
import Testing

/// Runs the tool that was built beside this test bundle.
struct BuiltTool {
    struct Outcome {
        let status: Int32
        let output: String
        let errors: String

        /// The object that `--json` printed.
        func json(_ location: SourceLocation = #_sourceLocation) throws -> [String: Any] {
            let parsed = try JSONSerialization.jsonObject(with: Data(output.utf8))
            return try #require(parsed as? [String: Any], "one JSON object", sourceLocation: location)
        }
    }

    /// The executable: in the folder that holds the test bundle.
    static var executable: URL {
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        var folder = bundle.deletingLastPathComponent()
        while folder.path != "/" {
            let candidate = folder.appendingPathComponent("loewner")
            if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
            folder.deleteLastPathComponent()
        }
        return bundle.deletingLastPathComponent().appendingPathComponent("loewner")
    }

    /// Runs `loewner` with `arguments` in `folder`; variables of `environment` are added to those of the test.
    static func run(_ arguments: [String], in folder: ScratchFolder, environment: [String: String] = [:]) throws -> Outcome {
        try run(executable, arguments, in: folder, environment: environment)
    }

    /// Runs a line of bash in which `$L` is the tool: for redirections, limits and signals.
    static func shell(_ line: String, in folder: ScratchFolder) throws -> Outcome {
        try run(URL(fileURLWithPath: "/bin/bash"), ["-c", line], in: folder, environment: ["L": executable.path])
    }

    private static func run(
        _ executable: URL, _ arguments: [String], in folder: ScratchFolder, environment: [String: String]
    ) throws -> Outcome {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.currentDirectoryURL = folder.url
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        // Files, not pipes: a full pipe would stop the tool while nobody reads.
        let streams = try ["stdout", "stderr"].map { name -> (URL, FileHandle) in
            let url = folder.hidden.appendingPathComponent(name)
            try Data().write(to: url)
            return (url, try FileHandle(forWritingTo: url))
        }
        process.standardOutput = streams[0].1
        process.standardError = streams[1].1
        try process.run()
        process.waitUntilExit()
        for stream in streams { try stream.1.close() }
        #expect(process.terminationReason == .exit, "the tool must exit, not be killed by signal \(process.terminationStatus)")
        return Outcome(
            status: process.terminationStatus, output: try String(contentsOf: streams[0].0, encoding: .utf8),
            errors: try String(contentsOf: streams[1].0, encoding: .utf8))
    }
}

/// A folder for one test, removed with it.
final class ScratchFolder {
    let url: URL
    /// Where the streams of the tool go, outside of what the tests list.
    let hidden: URL

    init() throws {
        let base = FileManager.default.temporaryDirectory.appendingPathComponent("loewner-test-\(UUID().uuidString)")
        url = base.appendingPathComponent("work")
        hidden = base.appendingPathComponent("streams")
        for folder in [url, hidden] { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
    }

    deinit { try? FileManager.default.removeItem(at: url.deletingLastPathComponent()) }

    func path(_ name: String) -> String { url.appendingPathComponent(name).path }

    func write(_ bytes: some Sequence<UInt8>, to name: String) throws {
        try Data(bytes).write(to: url.appendingPathComponent(name))
    }

    func read(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: url.appendingPathComponent(name))) }

    /// Names of the files in the folder, sorted.
    func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
}
