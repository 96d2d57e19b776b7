// The charts of a benchmark report.

import BenchmarkSuite
import Foundation

enum BenchmarkCharts {
    typealias Labelled = (drawing: SVG, label: String)

    /// Bars of the ratios against one baseline, at most 14 to a chart.
    static func speedups(_ results: BenchmarkResults, against baseline: String) -> [Labelled] {
        let lines = results.lines.filter { $0.baseline == baseline && $0.verified && $0.speedup != nil }
        // One scale for all parts, so that bars can be compared between them.
        let values: [Double] = lines.flatMap { line in [line.speedup, line.speedupLow, line.speedupHigh].compactMap { $0 } } + [1]
        // Charts of about equal length.
        let charts = max(1, (lines.count + 13) / 14)
        let bars = max(1, (lines.count + charts - 1) / charts)
        return stride(from: 0, to: lines.count, by: bars).map { start in
            let group = Array(lines[start..<min(start + bars, lines.count)])
            let part = lines.count > bars ? " (\(start / bars + 1) of \((lines.count + bars - 1) / bars))" : ""
            let title = "Time of \(BenchmarkRows.title(of: baseline)) / time here\(part)"
            let drawing = BarChart(
                title: title, axisLabel: "ratio (logarithmic; right of 1: faster here)", scale: AxisScale(spanning: values), reference: 1,
                rows: group.map { line in
                    BarChart.Row(
                        label: "\(line.name) \(BenchmarkRows.size(line))",
                        bars: [
                            BarChart.Bar(
                                value: line.speedup ?? 1, low: line.speedupLow, high: line.speedupHigh,
                                text: BenchmarkRows.ratio(line.speedup ?? 1), color: (line.speedup ?? 1) >= 1 ? 0 : 1)
                        ])
                }
            ).drawing()
            return (drawing, title)
        }
    }

    /// One chart for each sweep: measured points, fitted lines, dashes where nothing was run.
    static func scaling(_ results: BenchmarkResults) -> [Labelled] {
        var keys: [String] = []
        var groups: [String: [ScalingFit]] = [:]
        for fit in results.scaling {
            let key = "\(fit.suite.rawValue) \(fit.name) \(fit.variable) \(fit.fixed)"
            if groups[key] == nil { keys.append(key) }
            groups[key, default: []].append(fit)
        }
        return keys.compactMap { key in
            guard let fits = groups[key], let first = fits.first else { return nil }
            var series: [XYChart.Series] = []
            for (color, fit) in fits.enumerated() {
                let least = Double(fit.measured.min() ?? 1)
                let most = Double(fit.measured.max() ?? 1)
                let name = fit.side == "product" ? "loewner" : "plain Swift"
                let exponent = fit.exponentError.map { " ± \(Format.fixed($0, 2))" } ?? ""
                series.append(
                    .init(
                        name: "\(name): \(fit.variable)^\(Format.fixed(fit.exponent, 2))\(exponent)",
                        points: [least, most].map { (x: $0, y: fit.predicted($0)) }, mark: .line, color: color))
                series.append(
                    .init(
                        name: "measured", points: zip(fit.measured, fit.measuredSeconds).map { (x: Double($0), y: $1) }, mark: .points,
                        color: color,
                        inLegend: false,
                        titles: zip(fit.measured, fit.measuredSeconds).map { "\(fit.variable)=\($0): \(Format.seconds($1))" }))
                if let far = fit.extrapolated.last {
                    series.append(
                        .init(
                            name: "extrapolated, not run", points: [most, Double(far.value)].map { (x: $0, y: fit.predicted($0)) },
                            mark: .dashes,
                            color: color, inLegend: color == 0))
                }
            }
            let title = "\(first.suite.rawValue): \(first.name)" + (first.fixed.isEmpty ? "" : ", \(first.fixed)")
            let drawing = XYChart(
                title: title, xLabel: "\(first.variable)", yLabel: "seconds",
                xScale: AxisScale(spanning: series.flatMap { $0.points.map(\.x) }),
                yScale: AxisScale(.logarithmic, covering: series.flatMap { $0.points.map(\.y) }), series: series
            ).drawing()
            return (drawing, "Time over \(first.variable), \(title)")
        }
    }

    /// Achieved GFLOP/s over flops per byte, under the roof that the probe measured.
    static func roofline(_ results: BenchmarkResults) -> [Labelled] {
        results.peaks.compactMap { peak in
            var seen: Set<String> = []
            let lines = results.lines.filter {
                $0.threads == peak.threads && $0.verified && !$0.singlePrecision && $0.gflops != nil && $0.intensity != nil
                    && seen.insert($0.identifier).inserted
            }
            guard !lines.isEmpty else { return nil }
            let intensities = lines.compactMap(\.intensity)
            let ridge = peak.gflops / peak.gigabytesPerSecond
            let span = [min(intensities.min() ?? 1, ridge / 4), max(intensities.max() ?? 1, ridge * 4)]
            let roof = [span[0], ridge, span[1]].map { (x: $0, y: min(peak.gflops, $0 * peak.gigabytesPerSecond)) }
            var series = [
                XYChart.Series(
                    name: "roof: \(Format.fixed(peak.gflops, 0)) GFLOP/s, \(Format.fixed(peak.gigabytesPerSecond, 1)) GB/s", points: roof,
                    mark: .line, color: 3)
            ]
            let names = lines.map(kind).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
            for (index, name) in names.enumerated() {
                let members = lines.filter { kind($0) == name }
                let color = [0, 1, 2, 4, 5][index % 5]
                series.append(
                    .init(
                        name: name, points: members.map { (x: $0.intensity ?? 1, y: $0.gflops ?? 1) }, mark: .points, color: color,
                        titles: members.map { "\($0.name) \($0.sizeText): \(Format.fixed($0.gflops ?? 0, 1)) GFLOP/s" }))
            }
            let title = "Roofline, double precision, \(peak.threads) thread\(peak.threads == 1 ? "" : "s")"
            let drawing = XYChart(
                title: title, xLabel: "flops per byte that must be read", yLabel: "GFLOP/s",
                xScale: AxisScale(.logarithmic, covering: span),
                yScale: AxisScale(.logarithmic, covering: roof.map(\.y) + lines.compactMap(\.gflops)), series: series
            ).drawing()
            return (drawing, title)
        }
    }

    /// What a line does; steps on layers are named after the step and the network.
    private static func kind(_ line: BenchmarkLine) -> String {
        line.suite == .layers ? "layers: \(line.name.split(separator: " ").first ?? "")" : line.name
    }

    /// Gap of iterative solves, over iterations and over time.
    static func traces(_ results: BenchmarkResults) -> [Labelled] {
        guard !results.traces.isEmpty else { return [] }
        func chart(_ title: String, _ xLabel: String, _ x: (ConvergenceTrace.Point) -> Double) -> Labelled {
            let series = results.traces.enumerated().map { color, trace in
                XYChart.Series(
                    name: trace.name, points: trace.points.filter { $0.gap > 0 && x($0) > 0 }.map { (x: x($0), y: max($0.gap, 1e-12)) },
                    mark: .line, color: color)
            }
            let drawing = XYChart(
                title: title, xLabel: xLabel, yLabel: "gap on the points in work",
                xScale: AxisScale(.logarithmic, covering: series.flatMap { $0.points.map(\.x) }),
                yScale: AxisScale(.logarithmic, covering: series.flatMap { $0.points.map(\.y) }), series: series
            ).drawing()
            return (drawing, title)
        }
        return [
            chart("Gap of the ellipsoid over iterations", "iterations") { Double($0.iteration) },
            chart("Gap of the ellipsoid over time", "seconds") { $0.seconds },
        ]
    }

    /// Error over the kept fraction, one chart for each kind of error.
    static func curves(_ results: BenchmarkResults) -> [Labelled] {
        let measures = results.curves.map(\.measure).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        return measures.map { measure in
            let series = results.curves.filter { $0.measure == measure }.enumerated().map { color, curve in
                XYChart.Series(
                    name: curve.name, points: curve.points.map { (x: $0.kept, y: $0.error) },
                    mark: curve.points.count > 12 ? .line : .linePoints, color: color)
            }
            let drawing = XYChart(
                title: "Pruning: \(measure) over the kept share", xLabel: "kept share of the neurons", yLabel: measure,
                xScale: AxisScale(from: 0, to: 1, step: 0.2),
                yScale: AxisScale(.linear, covering: series.flatMap { $0.points.map(\.y) }, includingZero: true), series: series
            ).drawing()
            return (drawing, "\(measure) over the kept share of the neurons")
        }
    }
}
