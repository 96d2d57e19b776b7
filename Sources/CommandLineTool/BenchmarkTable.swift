// The table that grows while the benchmark runs: 80 columns, one line for each measurement.

import BenchmarkSuite
import Foundation

struct BenchmarkTable {
    /// Prints nothing when the output is JSON.
    let isSilent: Bool

    func begin() {
        guard !isSilent else { return }
        Console.say(Ink.bold(row("workload", "size", "time", "GFLOP/s", "peak", "against", "speedup", "error", " ")))
    }

    func show(_ line: BenchmarkLine) {
        guard !isSilent else { return }
        guard let seconds = line.seconds, let error = line.error else {
            Console.say(Ink.red(row(line.name, line.sizeText, "failed", "", "", "", "", "", "✗")))
            Console.say(Ink.red(Self.note(line.failure ?? "unknown reason")))
            return
        }
        let text = row(
            line.name, BenchmarkRows.size(line), Format.seconds(seconds),
            line.gflops.map { Format.fixed($0, 1) } ?? "", line.shareOfPeak.map { Format.fixed(100 * $0, 0) + "%" } ?? "",
            line.baseline.map { $0.replacingOccurrences(of: " kernels", with: "") } ?? "",
            line.speedup.map(BenchmarkRows.ratio) ?? "", String(format: "%.0e", error), mark(line))
        Console.say(line.verified ? text : Ink.red(text))
        if let failure = line.failure { Console.say(Ink.red(Self.note(failure))) }
        if line.verified, let failure = line.baselineFailure { Console.say(Ink.dim(Self.note("\(line.baseline ?? ""): \(failure)"))) }
    }

    /// An indented line of at most 80 characters.
    private static func note(_ text: String) -> String {
        let line = "  " + text
        return line.count > 80 ? line.prefix(79) + "…" : line
    }

    func finish(_ results: BenchmarkResults) {
        guard !isSilent else { return }
        Console.say()
        for fit in results.scaling where fit.side == "product" {
            let next =
                fit.extrapolated.first.map {
                    "; extrapolated, not run: \(Format.seconds($0.seconds)) at \(fit.variable)=\($0.value)"
                } ?? ""
            Console.say("\(fit.name)\(fit.fixed.isEmpty ? "" : " " + fit.fixed): time ∝ \(BenchmarkRows.law(fit))\(next)")
        }
        results.busyNote.map(BenchmarkTable.lines)?.forEach { Console.say($0) }
        let peak = results.peaks[0]
        Console.say(
            "peak \(Format.fixed(peak.gflops, 1)) GFLOP/s, \(Format.fixed(peak.gigabytesPerSecond, 1)) GB/s (\(results.coreType), \(peak.threads) thread\(peak.threads == 1 ? "" : "s"))"
        )
        Console.say("▲ faster  ▼ slower  = same within noise  ✗ failed its check")
    }

    /// A text in lines as wide as the table.
    private static func lines(_ text: String) -> [String] {
        text.split(separator: " ").reduce(into: []) { lines, word in
            if let last = lines.last, last.count + 1 + word.count <= 80 {
                lines[lines.count - 1] += " \(word)"
            } else {
                lines.append(String(word))
            }
        }
    }

    private func mark(_ line: BenchmarkLine) -> String {
        if !line.verified { return "✗" }
        switch line.verdict {
        case .faster: return "▲"
        case .slower: return "▼"
        case .same: return "="
        case nil: return " "
        }
    }

    private func row(
        _ name: String, _ size: String, _ time: String, _ rate: String, _ peak: String, _ against: String, _ speedup: String,
        _ error: String, _ mark: String
    ) -> String {
        func left(_ text: String, _ width: Int) -> String {
            text.count > width ? text.prefix(width - 1) + "…" : text + String(repeating: " ", count: width - text.count)
        }
        func right(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
        return [
            left(name, 18), left(size, 14), right(time, 7), right(rate, 7), right(peak, 4), left(against, 8), right(speedup, 7),
            right(error, 5), mark,
        ].joined(separator: " ")
    }
}
