// `loewner benchmark history`: how times developed over the runs on this machine.

import ArgumentParser
import BenchmarkSuite
import Foundation

struct BenchmarkHistoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Show trends over earlier runs.",
        discussion: """
            A time is compared in units of a fixed piece of work measured beside it, so that busy hours do not look like \
            slower code. The bars run from the oldest to the newest run.

            EXAMPLE:
              loewner benchmark history --only ellipsoid
            """)

    @Option(help: "The JSON Lines file. Default: $XDG_STATE_HOME/loewner/benchmarks.jsonl, under ~/.local/state.", completion: .file())
    var history: String?

    @Option(help: "Only workloads whose identifier contains this text.")
    var only: String?

    @Option(help: "Only the newest runs, so many.")
    var last = 20

    @OptionGroup var format: FormatOptions

    private struct Trend: Encodable {
        struct Run: Encodable {
            let date: String
            let commit: String?
            let seconds: Double
            let paced: Double?
        }

        let workload: String
        let runs: [Run]
        /// Newest over oldest, in units of the pace where both have it.
        let change: Double
    }

    func validate() throws {
        guard last >= 1 else { throw ValidationError("expected --last of at least 1, found \(last)") }
    }

    func run() throws {
        guard let path = history ?? BenchmarkHistory.defaultPath else {
            throw CommandFailure.usage("expected --history FILE where there is no home folder, found none")
        }
        let entries = try BenchmarkHistory.read(path).suffix(last)
        let trends = trends(Array(entries))
        if format.json { return try JSONOutput.show(trends) }
        guard !trends.isEmpty else { return Console.say("no measurements match in \(path)") }
        var table = ConsoleTable([
            ("workload", .left), ("runs", .right), ("oldest", .right), ("newest", .right), ("change", .right), ("trend", .left),
        ])
        for trend in trends {
            table.append([
                trend.workload, "\(trend.runs.count)", Format.seconds(trend.runs[0].seconds),
                Format.seconds(trend.runs[trend.runs.count - 1].seconds),
                trend.runs.count > 1 ? String(format: "%+.0f %%", 100 * (trend.change - 1)) : "",
                Self.bars(trend.runs.map { $0.paced ?? $0.seconds }),
            ])
        }
        table.show()
        Console.say("\(entries.count) runs in \(path), \(entries.first?.date ?? "") to \(entries.last?.date ?? "")")
    }

    private func trends(_ entries: [HistoryEntry]) -> [Trend] {
        var order: [String] = []
        var runs: [String: [Trend.Run]] = [:]
        for entry in entries {
            var seen: Set<String> = []
            for line in entry.lines where only.map(line.identifier.contains) ?? true {
                // A workload compared with several baselines appears several times with one time.
                guard seen.insert(line.identifier).inserted else { continue }
                if runs[line.identifier] == nil { order.append(line.identifier) }
                runs[line.identifier, default: []].append(
                    Trend.Run(date: entry.date, commit: entry.commit, seconds: line.seconds, paced: line.paced))
            }
        }
        return order.compactMap { name in
            guard let list = runs[name], let first = list.first, let newest = list.last else { return nil }
            let change = if let a = first.paced, let b = newest.paced { b / a } else { newest.seconds / first.seconds }
            return Trend(workload: name, runs: list, change: change)
        }
    }

    /// Heights from one eighth to a full block, largest value full.
    private static func bars(_ values: [Double]) -> String {
        let blocks = Array("▁▂▃▄▅▆▇█")
        guard let most = values.max(), most > 0 else { return "" }
        return String(values.map { blocks[min(7, max(0, Int(($0 / most * 8).rounded(.up)) - 1))] })
    }
}
