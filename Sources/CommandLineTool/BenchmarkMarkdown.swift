// `benchmark --report R.md`: the table for a README, machine named.

import BenchmarkSuite
import Foundation
import Pruning

enum BenchmarkMarkdown {
    static func text(_ results: BenchmarkResults) -> String {
        var text = "# loewner benchmark\n\n"
        for line in results.lines where !line.verified { text += "> **Failed:** \(line.identifier): \(line.failure ?? "check failed")\n\n" }
        if !results.complete { text += "> The run was interrupted.\n\n" }
        if let note = results.busyNote { text += "> \(note)\n\n" }
        let machine = results.machine
        text += "\(machine.cpu), \(machine.processors) processors, \(results.coreType) kernels, \(machine.system), \(results.date)"
        text += results.commit.map { ", commit `\($0)`" } ?? ""
        text += ".\n"
        for peak in results.peaks {
            text +=
                "Peak with \(peak.threads) thread\(peak.threads == 1 ? "" : "s"): \(Format.fixed(peak.gflops, 1)) GFLOP/s double, \(Format.fixed(peak.gflopsSinglePrecision, 1)) single, \(Format.fixed(peak.gigabytesPerSecond, 1)) GB/s.\n"
        }
        text += headline(results)
        for suite in Suite.allCases {
            let lines = results.lines.filter { $0.suite == suite }
            guard !lines.isEmpty else { continue }
            text +=
                "\n## \(suite.rawValue)\n\n| workload | size | time | of peak | error | against | ratio | |\n|---|---|---:|---:|---:|---|---:|---|\n"
            for line in lines {
                let interval = BenchmarkRows.interval(line)
                text += "| \(line.name.markdownCell) | \(BenchmarkRows.size(line)) | \(line.seconds.map(Format.seconds) ?? "failed") | "
                text +=
                    "\(line.shareOfPeak.map { Format.fixed(100 * $0, 0) + " %" } ?? "") | \(line.error.map { String(format: "%.0e", $0) } ?? "") | "
                text +=
                    "\(line.baseline.map(BenchmarkRows.title) ?? "") | \(line.speedup.map(BenchmarkRows.ratio) ?? "")\(interval.isEmpty ? "" : " (\(interval))") | "
                text += "\(line.verified ? line.verdict?.rawValue ?? "" : "**failed**") |\n"
            }
        }
        if !results.scaling.isEmpty {
            text += "\n## scaling\n\n| workload | side | time grows as | extrapolated (not run) |\n|---|---|---|---|\n"
            for fit in results.scaling {
                let next = fit.extrapolated.map { "\(Format.seconds($0.seconds)) at \(fit.variable)=\($0.value)" }.joined(separator: ", ")
                text +=
                    "| \(fit.name.markdownCell)\(fit.fixed.isEmpty ? "" : " \(fit.fixed)") | \(fit.side == "plain" ? "plain Swift" : "loewner") | \(BenchmarkRows.law(fit)) | \(next) |\n"
            }
        }
        return text + "\n\(BenchmarkRows.method)\n"
    }

    /// The speedups over plain Swift in short, for a README: of each kind of work the size at which plain Swift takes longest.
    private static func headline(_ results: BenchmarkResults) -> String {
        var kinds: [String] = []
        var longest: [String: BenchmarkLine] = [:]
        for line in results.lines where line.baseline == Comparison.plain.rawValue && line.verified && line.threads == results.threads.first
        {
            // Steps on layers are named after the step and the network.
            let kind = line.suite == .layers ? "\(line.name.split(separator: " ").first ?? "")" : "\(line.suite.rawValue) \(line.name)"
            if longest[kind] == nil { kinds.append(kind) }
            if (longest[kind]?.baselineSeconds ?? 0) < line.baselineSeconds ?? 0 { longest[kind] = line }
        }
        guard !kinds.isEmpty else { return "" }
        var text =
            "\n## speedup over plain Swift\n\n| work | size | plain Swift | loewner | speedup | error |\n|---|---|---:|---:|---:|---:|\n"
        for line in kinds.compactMap({ longest[$0] }) {
            text +=
                "| \(line.suite == .kernels ? "" : line.suite.rawValue + ": ")\(line.name.markdownCell) | \(BenchmarkRows.size(line)) | "
            text += "\(line.baselineSeconds.map(Format.seconds) ?? "") | \(line.seconds.map(Format.seconds) ?? "") | "
            text += "\(line.speedup.map(BenchmarkRows.ratio) ?? "") | \(line.error.map { String(format: "%.0e", $0) } ?? "") |\n"
        }
        return text
    }
}
