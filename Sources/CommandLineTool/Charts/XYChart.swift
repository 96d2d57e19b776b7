// Curves and points over two labelled axes, with a legend above.

/// A chart of y over x.
struct XYChart {
    struct Series {
        enum Mark { case points, line, dashes, linePoints }

        let name: String
        let points: [(x: Double, y: Double)]
        let mark: Mark
        /// Index into the palette; series of one color belong together.
        let color: Int
        /// Whether the legend names it.
        var inLegend = true
        /// What a pointing device shows for each point.
        var titles: [String] = []
    }

    /// Text beside a place of the chart.
    struct Note {
        let x: Double
        let y: Double
        let text: String
    }

    let title: String
    let xLabel: String
    let yLabel: String
    var xScale: AxisScale
    var yScale: AxisScale
    var series: [Series]
    var notes: [Note] = []

    private static let width = 420.0
    private static let left = 62.0
    private static let right = 14.0
    private static let plotHeight = 220.0
    /// Mean width of a character of the legend at 12 units.
    private static let characterWidth = 6.4

    /// The drawing.
    func drawing() -> SVG {
        let legend = legendRows()
        let top = 26 + Double(legend.count) * 17
        let bottom = top + Self.plotHeight
        var svg = SVG(width: Self.width, height: bottom + 44)
        svg.text(0, 14, title, style: "axis")
        drawLegend(legend, &svg)
        func px(_ position: Double) -> Double { Self.left + position * (Self.width - Self.left - Self.right) }
        func py(_ position: Double) -> Double { bottom - position * Self.plotHeight }

        for tick in yScale.ticks {
            guard let position = yScale.position(tick), position >= -1e-6, position <= 1 + 1e-6 else { continue }
            svg.line(px(0), py(position), px(1), py(position), "grid")
            svg.text(Self.left - 6, py(position) + 4, yScale.label(tick), anchor: .end, style: "small")
        }
        for tick in xScale.ticks {
            guard let position = xScale.position(tick), position >= -1e-6, position <= 1 + 1e-6 else { continue }
            svg.line(px(position), bottom, px(position), bottom + 4, "frame")
            svg.text(px(position), bottom + 17, xScale.label(tick), anchor: .middle, style: "small")
        }
        svg.rectangle(px(0), py(1), px(1) - px(0), py(0) - py(1), "frame")
        svg.text(px(0.5), bottom + 36, xLabel, anchor: .middle)
        svg.text(13, py(0.5), yLabel, anchor: .middle, rotated: true)

        for entry in series {
            let places = entry.points.compactMap { point -> (x: Double, y: Double)? in
                guard let x = xScale.position(point.x), let y = yScale.position(point.y), (-0.02...1.02).contains(x),
                    (-0.02...1.02).contains(y)
                else { return nil }
                return (px(x), py(y))
            }
            let color = entry.color % ChartStyle.seriesCount
            switch entry.mark {
            case .line: svg.polyline(places, "line\(color)")
            case .dashes: svg.polyline(places, "dash\(color)")
            case .points, .linePoints:
                if entry.mark == .linePoints { svg.polyline(places, "line\(color)") }
                let hasTitles = entry.titles.count == places.count
                for (index, place) in places.enumerated() {
                    svg.circle(place.x, place.y, radius: 3.5, "dot\(color)", title: hasTitles ? entry.titles[index] : nil)
                }
            }
        }
        for note in notes {
            guard let x = xScale.position(note.x), let y = yScale.position(note.y) else { continue }
            svg.text(px(x), py(y), note.text, anchor: x > 0.5 ? .end : .start, style: "small")
        }
        return svg
    }

    /// Legend entries in rows that fit the width.
    private func legendRows() -> [[Series]] {
        var rows: [[Series]] = []
        var used = 0.0
        for entry in series where entry.inLegend {
            let needed = 44 + Double(entry.name.count) * Self.characterWidth
            if rows.isEmpty || used + needed > Self.width {
                rows.append([])
                used = 0
            }
            rows[rows.count - 1].append(entry)
            used += needed
        }
        return rows
    }

    private func drawLegend(_ rows: [[Series]], _ svg: inout SVG) {
        for (row, entries) in rows.enumerated() {
            var x = 0.0
            let y = 31 + Double(row) * 17
            for entry in entries {
                let color = entry.color % ChartStyle.seriesCount
                switch entry.mark {
                case .points: svg.circle(x + 13, y - 4, radius: 3.5, "dot\(color)")
                case .dashes: svg.line(x, y - 4, x + 26, y - 4, "dash\(color)")
                case .line: svg.line(x, y - 4, x + 26, y - 4, "line\(color)")
                case .linePoints:
                    svg.line(x, y - 4, x + 26, y - 4, "line\(color)")
                    svg.circle(x + 13, y - 4, radius: 3, "dot\(color)")
                }
                svg.text(x + 31, y, entry.name)
                x += 44 + Double(entry.name.count) * Self.characterWidth
            }
        }
    }
}
