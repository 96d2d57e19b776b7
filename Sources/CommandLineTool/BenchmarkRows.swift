// The words and cells that the terminal, Markdown and HTML share.

import BenchmarkSuite
import Foundation

enum BenchmarkRows {
    static func size(_ line: BenchmarkLine) -> String { line.sizeText + (line.threads == 1 ? "" : " t=\(line.threads)") }

    /// A ratio with three significant digits.
    static func ratio(_ value: Double) -> String { Format.fixed(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0) + "×" }

    /// Baselines in the order in which they appear.
    static func baselines(_ results: BenchmarkResults) -> [String] {
        results.lines.compactMap { $0.speedup == nil ? nil : $0.baseline }.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    static func title(of baseline: String) -> String {
        switch baseline {
        case Comparison.plain.rawValue: "plain Swift"
        case "previous": "the earlier run"
        default: baseline
        }
    }

    static func law(_ fit: ScalingFit) -> String {
        "\(fit.variable)^\(Format.fixed(fit.exponent, 2))" + (fit.exponentError.map { " ± \(Format.fixed($0, 2))" } ?? "")
    }

    /// The cells of the full table.
    static func cells(_ line: BenchmarkLine) -> [String] {
        [
            line.suite.rawValue, line.name, line.sizeText, "\(line.threads)", line.seconds.map(Format.seconds) ?? "failed",
            line.quartiles.map { "\(Format.seconds($0.lower))–\(Format.seconds($0.upper))" } ?? "",
            line.gflops.map { Format.fixed($0, 1) } ?? "",
            line.gigabytesPerSecond.map { Format.fixed($0, 1) } ?? "", line.shareOfPeak.map { Format.fixed(100 * $0, 0) + " %" } ?? "",
            line.memoryBytes.map(Format.bytes) ?? "", line.iterations.map(String.init) ?? "",
            line.error.map { String(format: "%.1e", $0) } ?? "",
            String(format: "%.0e", line.tolerance), line.baseline.map(title) ?? "", line.baselineSeconds.map(Format.seconds) ?? "",
            line.speedup.map(ratio) ?? "", interval(line), line.verified ? line.verdict?.rawValue ?? "" : "FAILED",
        ]
    }

    static func interval(_ line: BenchmarkLine) -> String {
        guard let low = line.speedupLow, let high = line.speedupHigh else { return "" }
        return "\(ratio(low))–\(ratio(high))"
    }

    static let method = """
        Every workload is prepared, run and checked, then timed in turns with what it is compared with, and checked again; a time \
        without its error is not shown. Times are medians; with one thread they are CPU time of the process, with several threads \
        wall time. Ratios are of paired rounds with a 95 % bootstrap interval. The peak is what a matrix product and a dot product \
        of long vectors reach in the same run; data that stays in a cache may be read faster than that. Plain Swift is the same method without BLAS and LAPACK, compiled with the same \
        optimization. Extrapolations come from the fitted power law and were not run.
        """

    static func machine(_ results: BenchmarkResults) -> [(name: String, value: String)] {
        let machine = results.machine
        return [
            ("CPU", "\(machine.cpu), \(machine.processors) processors, \(Format.bytes(Int(clamping: machine.memoryBytes)))"),
            (
                "kernels",
                "\(results.coreType)" + (machine.coreTypeAtLoad == results.coreType ? "" : " (at load: \(machine.coreTypeAtLoad))")
            ),
            ("OpenBLAS", machine.openblas), ("threads", results.threads.map(String.init).joined(separator: ", ")),
            ("system", machine.system),
            ("compiler", "Swift \(machine.swift)"), ("version", results.version + (results.commit.map { ", commit \($0)" } ?? "")),
            ("date", results.date),
            ("run", (results.quick ? "quick, " : "") + Format.seconds(results.seconds) + (results.complete ? "" : ", interrupted")),
        ]
    }
}
