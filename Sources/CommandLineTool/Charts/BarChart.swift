// Horizontal bars. Label and value stand in a line of their own above each bar, so nothing can overlap at any width.

import Foundation

/// Bars of one or several kinds per row, on a linear or logarithmic scale.
struct BarChart {
    struct Bar {
        let value: Double
        /// Interval drawn as a whisker.
        var low: Double?
        var high: Double?
        let text: String
        let color: Int
        /// Lighter, for what came before.
        var isPale = false
    }

    struct Row {
        let label: String
        let bars: [Bar]
    }

    let title: String
    let axisLabel: String
    let scale: AxisScale
    /// A value that a vertical line marks, such as 1 for ratios.
    var reference: Double?
    /// Names of colors, when there are several kinds of bars.
    var legend: [(name: String, color: Int, isPale: Bool)] = []
    let rows: [Row]

    private static let width = 420.0
    private static let barHeight = 9.0

    func drawing() -> SVG {
        let top = legend.isEmpty ? 26.0 : 44.0
        let rowHeights = rows.map { 20 + Double(max(1, $0.bars.count)) * (Self.barHeight + 3) + 4 }
        let bottom = top + rowHeights.reduce(0, +)
        var svg = SVG(width: Self.width, height: bottom + 40)
        svg.text(0, 14, title, style: "axis")
        var x = 0.0
        for entry in legend {
            svg.rectangle(x, 24, 12, 10, (entry.isPale ? "pale" : "bar") + "\(entry.color % ChartStyle.seriesCount)")
            svg.text(x + 17, 33, entry.name)
            x += 34 + Double(entry.name.count) * 6.4
        }
        func px(_ position: Double) -> Double { 1 + min(max(position, 0), 1) * (Self.width - 2) }
        for tick in scale.ticks {
            guard let position = scale.position(tick) else { continue }
            svg.line(px(position), top, px(position), bottom, "grid")
            // The outermost labels stay inside the drawing.
            let anchor: SVG.Anchor = position < 0.04 ? .start : position > 0.96 ? .end : .middle
            svg.text(px(position), bottom + 15, scale.label(tick), anchor: anchor, style: "small")
        }
        svg.text(Self.width / 2, bottom + 34, axisLabel, anchor: .middle)
        if let reference, let position = scale.position(reference), (0...1).contains(position) {
            svg.line(px(position), top, px(position), bottom, "bound")
        }
        var y = top
        for (row, height) in zip(rows, rowHeights) {
            draw(row, at: y, px, &svg)
            y += height
        }
        return svg
    }

    private func draw(_ row: Row, at y: Double, _ px: (Double) -> Double, _ svg: inout SVG) {
        let values = row.bars.map(\.text).filter { !$0.isEmpty }.joined(separator: " → ")
        let room = max(8, Int(Self.width / 6.6) - values.count - 3)
        let label = row.label.count > room ? row.label.prefix(room - 1) + "…" : Substring(row.label)
        svg.text(4, y + 14, String(label), style: "axis")
        svg.text(Self.width, y + 14, values, anchor: .end, style: "value")
        var top = y + 19
        for bar in row.bars {
            let color = bar.color % ChartStyle.seriesCount
            if let position = scale.position(bar.value) {
                // Bars of ratios grow from 1, others from the low end.
                let origin = px(reference.flatMap { scale.kind == .logarithmic ? scale.position($0) : nil } ?? 0)
                let end = px(position)
                svg.rectangle(
                    min(origin, end), top, abs(end - origin), Self.barHeight, (bar.isPale ? "pale" : "bar") + "\(color)",
                    title: "\(row.label): \(bar.text)")
                if let low = bar.low.flatMap(scale.position), let high = bar.high.flatMap(scale.position), px(high) - px(low) > 1.5 {
                    let middle = top + Self.barHeight / 2
                    svg.line(px(low), middle, px(high), middle, "whisker")
                    svg.line(px(low), middle - 3, px(low), middle + 3, "whisker")
                    svg.line(px(high), middle - 3, px(high), middle + 3, "whisker")
                }
            }
            top += Self.barHeight + 3
        }
    }
}
