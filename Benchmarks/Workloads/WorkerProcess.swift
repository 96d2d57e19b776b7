// A second process of the same tool that does the same work with other kernels, one run per request, so that its
// times interleave with ours. OpenBLAS chooses kernels once per process; there is no way to switch inside one.
//
// Protocol, one line each way. At start the worker prepares, runs once, checks, and prints
//     {"estimate": seconds, "error": …, "tolerance": …}
// To "run" it answers with the seconds of one run; at the end of its input it stops.

import Foundation

/// A running worker.
package final class WorkerProcess {
    package struct Greeting: Codable {
        package var estimate: Double
        package var error: Double
        package var tolerance: Double
        package var coreType: String

        package init(estimate: Double, error: Double, tolerance: Double, coreType: String) {
            self.estimate = estimate
            self.error = error
            self.tolerance = tolerance
            self.coreType = coreType
        }
    }

    private let process = Process()
    private let requests = Pipe()
    private let responses = Pipe()
    private var buffered = Data()
    private(set) var greeting = Greeting(estimate: 0, error: .nan, tolerance: 0, coreType: "")

    /// Starts `executable` with `arguments` and waits until it is ready.
    init(executable: URL, arguments: [String], environment: [String: String]) throws {
        process.executableURL = executable
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = requests
        process.standardOutput = responses
        process.standardError = FileHandle.nullDevice
        try process.run()
        // Our own copies of the worker's ends must be closed, or its death would not end our reading.
        try? requests.fileHandleForReading.close()
        try? responses.fileHandleForWriting.close()
        guard let line = readLine(), let greeting = try? JSONDecoder().decode(Greeting.self, from: Data(line.utf8)) else {
            throw BenchmarkError.workerFailed
        }
        self.greeting = greeting
    }

    /// Asks for one run and waits for its seconds.
    func sample() throws -> Double {
        guard process.isRunning else { throw BenchmarkError.workerFailed }
        try requests.fileHandleForWriting.write(contentsOf: Data("run\n".utf8))
        guard let line = readLine(), let seconds = Double(line) else { throw BenchmarkError.workerFailed }
        return seconds
    }

    /// Ends the worker by ending its input.
    func stop() {
        try? requests.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    private func readLine() -> String? {
        while true {
            if let end = buffered.firstIndex(of: 10) {
                let line = String(decoding: buffered[..<end], as: UTF8.self)
                buffered = Data(buffered[(end + 1)...])
                return line
            }
            let chunk = responses.fileHandleForReading.availableData
            if chunk.isEmpty { return nil }
            buffered.append(chunk)
        }
    }
}
