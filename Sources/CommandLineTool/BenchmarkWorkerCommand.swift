// `loewner benchmark worker`: one workload on request, for a parent process that times us in turns with itself.

import ArgumentParser
import BenchmarkSuite
import Foundation
import LinearAlgebra

struct BenchmarkWorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Run one workload on request (used by run).", shouldDisplay: false)

    @Argument var identifier: String
    @OptionGroup var threading: ThreadOptions

    func run() throws {
        Interruption.ignore()
        let threads = threading.apply()
        guard let workload = try WorkloadList.workloads(of: Suite.allCases).first(where: { $0.identifier == identifier }) else {
            throw BenchmarkError.unknownWorkload(identifier)
        }
        let worker = try BenchmarkRun.Worker(workload, threads: threads)
        let encoder = JSONEncoder()
        Console.say(String(decoding: try encoder.encode(worker.greeting), as: UTF8.self))
        while readLine() != nil { Console.say("\(try worker.sample())") }
    }
}
