// `loewner benchmark`: run suites, compare, report.

import ArgumentParser
import BenchmarkSuite

struct Benchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the engines on this machine, against plain Swift and against earlier runs.",
        discussion: """
            Suites: \(Suite.allCases.map(\.rawValue).joined(separator: ", ")); all of them by default. `loewner help benchmark run` has all \
            options.

            EXAMPLES:
              loewner benchmark --quick
              loewner benchmark ellipsoid caratheodory --report report.html -o results.json
              loewner benchmark --baseline results.json
              loewner benchmark history
            """,
        subcommands: [BenchmarkRunCommand.self, BenchmarkHistoryCommand.self, BenchmarkWorkerCommand.self],
        defaultSubcommand: BenchmarkRunCommand.self)
}
