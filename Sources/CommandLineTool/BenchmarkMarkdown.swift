// `benchmark --report R.md`: the table for a README, machine named.

import BenchmarkSuite
import Foundation

enum BenchmarkMarkdown {
    static func text(_ results: BenchmarkResults) -> String {
        var text = "# loewner benchmark\n\n"
        for line in results.lines where !line.verified { text += "> **Failed:** \(line.identifier): \(line.failure ?? "check failed")\n\n" }
        if !results.complete { text += "> The run was interrupted.\n\n" }
        let machine = results.machine
        text += "\(machine.cpu), \(machine.processors) processors, \(results.coreType) kernels, \(machine.system), \(results.date)"
        text += results.commit.map { ", commit `\($0)`" } ?? ""
        text += ".\n"
        for peak in results.peaks {
            text += "Peak with \(peak.threads) thread\(peak.threads == 1 ? "" : "s"): \(Format.fixed(peak.gflops, 1)) GFLOP/s double, \(Format.fixed(peak.gflopsSinglePrecision, 1)) single, \(Format.fixed(peak.gigabytesPerSecond, 1)) GB/s.\n"
        }
        for suite in Suite.allCases {
            let lines = results.lines.filter { $0.suite == suite }
            guard !lines.isEmpty else { continue }
            text += "\n## \(suite.rawValue)\n\n| workload | size | time | of peak | error | against | ratio | |\n|---|---|---:|---:|---:|---|---:|---|\n"
            for line in lines {
                let interval = BenchmarkRows.interval(line)
                text += "| \(line.name) | \(BenchmarkRows.size(line)) | \(line.seconds.map(Format.seconds) ?? "failed") | "
                text += "\(line.shareOfPeak.map { Format.fixed(100 * $0, 0) + " %" } ?? "") | \(line.error.map { String(format: "%.0e", $0) } ?? "") | "
                text += "\(line.baseline.map(BenchmarkRows.title) ?? "") | \(line.speedup.map(BenchmarkRows.ratio) ?? "")\(interval.isEmpty ? "" : " (\(interval))") | "
                text += "\(line.verified ? line.verdict?.rawValue ?? "" : "**failed**") |\n"
            }
        }
        if !results.scaling.isEmpty {
            text += "\n## scaling\n\n| workload | side | time grows as | extrapolated (not run) |\n|---|---|---|---|\n"
            for fit in results.scaling {
                let next = fit.extrapolated.map { "\(Format.seconds($0.seconds)) at \(fit.variable)=\($0.value)" }.joined(separator: ", ")
                text += "| \(fit.name)\(fit.fixed.isEmpty ? "" : " \(fit.fixed)") | \(fit.side == "plain" ? "plain Swift" : "loewner") | \(BenchmarkRows.law(fit)) | \(next) |\n"
            }
        }
        return text + "\n\(BenchmarkRows.method)\n"
    }
}
