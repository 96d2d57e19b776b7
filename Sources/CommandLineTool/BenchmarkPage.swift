// `benchmark --report R.html`: failures first, then what the numbers say, then all of them.

import BenchmarkSuite
import Foundation

enum BenchmarkPage {
    /// The page of one run.
    static func html(_ results: BenchmarkResults) -> String {
        var page = HTMLPage(title: "loewner benchmark")
        for line in results.lines where !line.verified {
            page.note("\(line.identifier): \(line.failure ?? "failed its check")", isBad: true)
        }
        for line in results.lines where line.verified {
            if let failure = line.baselineFailure {
                page.note("\(line.name) \(line.sizeText), compared with \(line.baseline ?? "a peer"): \(failure)")
            }
        }
        if !results.complete { page.note("The run was interrupted; what was measured until then is here.") }
        if let note = results.busyNote { page.note(note) }
        page.paragraph(headline(results))
        page.tiles(tiles(results))
        speedups(results, &page)
        scaling(results, &page)
        let roofline = BenchmarkCharts.roofline(results)
        if !roofline.isEmpty {
            page.section("Against the machine's peak")
            page.charts(roofline)
        }
        let progress = BenchmarkCharts.traces(results) + BenchmarkCharts.curves(results)
        if !progress.isEmpty {
            page.section("Accuracy")
            page.charts(progress)
        }
        page.section("All measurements")
        page.table(
            [
                "suite", "workload", "size", "threads", "median", "quartiles", "GFLOP/s", "GB/s", "of peak", "memory", "iterations",
                "error", "at most", "against", "its time", "ratio", "95 % interval", "verdict",
            ],
            results.lines.map(BenchmarkRows.cells), numericFrom: 3, markBad: { !results.lines[$0].verified })
        page.section("How this was measured")
        page.paragraph(BenchmarkRows.method)
        page.definitions(BenchmarkRows.machine(results))
        return page.text()
    }

    private static func headline(_ results: BenchmarkResults) -> String {
        let machine = results.machine
        return
            "\(machine.cpu), \(machine.processors) processors, \(results.coreType) kernels, \(machine.system); \(results.lines.count) measurements in \(Format.seconds(results.seconds)), \(results.date)."
    }

    private static func tiles(_ results: BenchmarkResults) -> [(value: String, caption: String)] {
        var tiles: [(value: String, caption: String)] = results.peaks.map { peak in
            (
                value: "\(Format.fixed(peak.gflops, 1)) GFLOP/s",
                caption: "peak, double precision, \(peak.threads) thread\(peak.threads == 1 ? "" : "s")"
            )
        }
        if let peak = results.peaks.first {
            tiles.append(
                (
                    "\(Format.fixed(peak.gigabytesPerSecond, 1)) GB/s",
                    "peak read of memory, \(peak.threads) thread\(peak.threads == 1 ? "" : "s")"
                ))
        }
        let plain = results.lines.filter { $0.baseline == Comparison.plain.rawValue && $0.verified }.compactMap(\.speedup)
        if !plain.isEmpty {
            tiles.append(
                ("\(BenchmarkRows.ratio(SampleStatistics.median(plain)))", "median speedup over plain Swift, \(plain.count) workloads"))
        }
        tiles.append(("\(results.lines.filter(\.verified).count) of \(results.lines.count)", "lines verified"))
        return tiles
    }

    private static func speedups(_ results: BenchmarkResults, _ page: inout HTMLPage) {
        let names = BenchmarkRows.baselines(results)
        guard !names.isEmpty else { return }
        page.section("Speedups")
        page.charts(names.flatMap { BenchmarkCharts.speedups(results, against: $0) })
    }

    private static func scaling(_ results: BenchmarkResults, _ page: inout HTMLPage) {
        guard !results.scaling.isEmpty else { return }
        page.section("Scaling")
        page.charts(BenchmarkCharts.scaling(results))
        page.table(
            ["suite", "workload", "fixed", "side", "time grows as", "extrapolated (not run)"],
            results.scaling.map { fit in
                [
                    fit.suite.rawValue, fit.name, fit.fixed, fit.side, BenchmarkRows.law(fit),
                    fit.extrapolated.map {
                        "\(Format.seconds($0.seconds)) (\(Format.seconds($0.low))–\(Format.seconds($0.high))) at \(fit.variable)=\($0.value)"
                    }.joined(separator: "; "),
                ]
            }, numericFrom: 6)
    }
}
