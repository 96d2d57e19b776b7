// The graph as a picture that needs nothing else, or as a part of a page.

/// A drawn network: boxes in layers from top to bottom, what may be cut in color, channels on the arrows, details on hovering.
///
/// ```swift
/// let drawing = try NetworkDrawing(network, comparedWith: smaller)
/// let document = drawing.document
/// ```
public struct NetworkDrawing: Sendable {
    private let body: String
    private let width: Double
    private let height: Double
    private let kinds: [DrawnGraph.Kind]
    private let notes: [String]

    /// - Parameters:
    ///   - network: what is drawn.
    ///   - smaller: the network after pruning; arrows then say how many channels it has.
    /// - Throws: ``NetworkError`` when a layer's tensors are missing or misshapen.
    /// - Complexity: O(nodes + values) after the shapes; repeated blocks are drawn once.
    public init(_ network: Network, comparedWith smaller: Network? = nil) throws(NetworkError) {
        let graph = try DrawnGraph(network, comparedWith: smaller)
        let titles = graph.boxes.map { Self.clipped($0.title) }
        let sizes = zip(titles, graph.boxes).map { title, box in
            let longest = max(Double(title.count) * 7.9, (box.lines.map(\.count).max().map(Double.init) ?? 0) * 6.2)
            return (width: longest + 20, height: 22 + 14 * Double(box.lines.count))
        }
        let layout = LayeredLayout(sizes: sizes, arrows: graph.arrows, gap: 34)
        var lines: [String] = []
        // Frames lie below everything.
        var right = layout.width
        for repetition in graph.repetitions {
            var (left, top, end, bottom) = (Double.infinity, Double.infinity, 0.0, 0.0)
            for index in repetition.boxes {
                let (center, size) = (layout.centers[index], sizes[index])
                (left, end) = (min(left, center.x - size.width / 2), max(end, center.x + size.width / 2))
                (top, bottom) = (min(top, center.y - size.height / 2), max(bottom, center.y + size.height / 2))
            }
            lines.append(SVGText.rectangle(left - 9, top - 10, end - left + 18, bottom - top + 20, style: "repeat", radius: 10))
            lines.append(SVGText.line("× \(repetition.times)", x: end + 15, y: top + 4, style: "times", anchor: "start"))
            right = max(right, end + 58)
        }
        for (index, arrow) in graph.arrows.enumerated() {
            var points = layout.bends[index]
            let (from, to) = (layout.centers[arrow.from], layout.centers[arrow.to])
            points.insert(.init(x: from.x, y: from.y + sizes[arrow.from].height / 2), at: 0)
            points.append(.init(x: to.x, y: to.y - sizes[arrow.to].height / 2))
            lines.append("<path d=\"\(SVGText.curve(points))\" class=\"flow\" marker-end=\"url(#tip)\"/>")
        }
        for (index, box) in graph.boxes.enumerated() {
            let (center, size) = (layout.centers[index], sizes[index])
            let (left, top) = (center.x - size.width / 2, center.y - size.height / 2)
            lines.append("<g><title>\(SVGText.escaped(box.details))</title>")
            lines.append(SVGText.rectangle(left, top, size.width, size.height, style: "box \(box.kind.rawValue)", radius: 6))
            lines.append(SVGText.line(titles[index], x: center.x, y: top + 16, style: "title"))
            for (row, text) in box.lines.enumerated() {
                lines.append(SVGText.line(text, x: center.x, y: top + 30 + 14 * Double(row), style: "line"))
            }
            lines.append("</g>")
            // One label for all arrows that leave a box: they carry the same.
            if graph.arrows.contains(where: { $0.from == index }), let text = DrawnGraph.channels(box) {
                let style = text.contains("→") ? "channels cut" : "channels"
                lines.append(SVGText.line(text, x: center.x + 6, y: top + size.height + 14, style: style, anchor: "start"))
                right = max(right, center.x + 12 + 6.6 * Double(text.count))
            }
        }
        body = lines.joined(separator: "\n")
        (width, height) = (right + 4, layout.height)
        kinds = DrawnGraph.Kind.allCases.filter { kind in kind != .plain && graph.boxes.contains { $0.kind == kind } }
        notes =
            [smaller == nil ? "on arrows: channels" : "on arrows: channels before → after"]
            + (graph.repetitions.isEmpty ? [] : ["frame: drawn once, so many times in the network"])
    }

    /// An SVG element for a page that holds ``style``, as wide as the drawing is.
    public var fragment: String {
        """
        <svg viewBox="0 0 \(SVGText.number(width)) \(SVGText.number(height))" width="\(SVGText.number(width))" height="\(SVGText.number(height))" role="img" aria-label="the network" class="graph">
        \(Self.marker)
        \(body)
        </svg>
        """
    }

    /// What colors, outlines and marks mean, as HTML for a page that holds ``style``.
    public var legend: String {
        let entries = kinds.map { "<span><i class=\"\($0.rawValue)\"></i>\(GraphPalette.meaning($0))</span>" }
        return "<div class=\"legend\">" + (entries + notes.map { "<span>\($0)</span>" }).joined() + "</div>"
    }

    /// A file of its own. The legend stays in sight where the browser scrolls.
    public var document: String {
        let rows = kinds.count + notes.count
        let top = 14 + 18 * Double(rows)
        let longest = (kinds.map { GraphPalette.meaning($0).count + 4 } + notes.map(\.count)).max() ?? 0
        let total = (width: max(width, Double(longest) * 6.4 + 28), height: top + height)
        var legend: [String] = []
        for (row, kind) in kinds.enumerated() {
            let y = 10 + 18 * Double(row)
            legend.append(SVGText.rectangle(12, y, 18, 12, style: "box \(kind.rawValue)", radius: 3))
            legend.append(SVGText.line(GraphPalette.meaning(kind), x: 36, y: y + 10, style: "line", anchor: "start"))
        }
        for (row, note) in notes.enumerated() {
            legend.append(SVGText.line(note, x: 12, y: 20 + 18 * Double(kinds.count + row), style: "line", anchor: "start"))
        }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(SVGText.number(total.width)) \(SVGText.number(total.height))" width="\(SVGText.number(total.width))" height="\(SVGText.number(total.height))" class="graph">
            <style>
            \(Self.style)
            </style>
            <rect width="100%" height="100%" class="ground"/>
            \(Self.marker)
            <g transform="translate(0 \(SVGText.number(top)))">
            \(body)
            </g>
            <g id="legend">
            <rect width="100%" height="\(SVGText.number(top))" class="ground"/>
            \(legend.joined(separator: "\n"))
            </g>
            <script>
            addEventListener("scroll", function () {
            document.getElementById("legend").setAttribute("transform", "translate(" + scrollX + " " + scrollY + ")")
            })
            </script>
            </svg>

            """
    }

    private static let marker =
        "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0,0 L8,4 L0,8 z\" class=\"tip\"/></marker></defs>"

    /// Rules for ``fragment`` and ``legend``, in light and dark.
    public static let style: String = {
        func colors(_ of: (DrawnGraph.Kind) -> (fill: String, stroke: String)) -> String {
            DrawnGraph.Kind.allCases.map { kind in
                ".graph .\(kind.rawValue){fill:\(of(kind).fill);stroke:\(of(kind).stroke)} .legend .\(kind.rawValue){background:\(of(kind).fill);border-color:\(of(kind).stroke)}"
            }.joined(separator: "\n")
        }
        let dashes = DrawnGraph.Kind.allCases.map { ".graph .\($0.rawValue){stroke-dasharray:\(GraphPalette.dashes($0))}" }
        return """
            .graph text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,"DejaVu Sans",sans-serif;font-size:11px;fill:#1c2530;stroke:none}
            .graph .title{font-size:12px;font-weight:bold} .graph .channels{font-size:10.5px;fill:#5b6875;paint-order:stroke;stroke:#ffffff;stroke-width:3px} .graph .cut{font-weight:bold;fill:#1c2530} .graph .times{font-size:13px;font-weight:bold;paint-order:stroke;stroke:#ffffff;stroke-width:3px}
            .graph .ground{fill:#ffffff} .graph .flow{fill:none;stroke:#7b8794;stroke-width:1.2} .graph .tip{fill:#7b8794} .graph .repeat{fill:#7b87941a;stroke:#7b8794;stroke-dasharray:2 4}
            .graph .box{stroke-width:1.4}
            \(dashes.joined(separator: " "))
            \(colors(GraphPalette.light))
            @media screen and (prefers-color-scheme:dark){
            .graph text{fill:#e6ebf0} .graph .channels{fill:#9aa7b4;stroke:#14191f} .graph .cut{fill:#e6ebf0} .graph .times{stroke:#14191f} .graph .ground{fill:#14191f}
            \(colors(GraphPalette.dark))
            }
            .legend{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;gap:2px 18px;padding:8px 0;background:var(--paper);font-size:.85rem} .legend span{display:flex;align-items:center;gap:6px}
            .legend i{width:18px;height:12px;border:1.5px solid;border-radius:3px} .legend .stream{border-style:dashed} .legend .whole{border-style:dotted}
            .graph{display:block}
            """
    }()

    /// The end of a long name: it tells more than the beginning.
    private static func clipped(_ name: String) -> String { name.count > 30 ? "…" + name.suffix(29) : name }
}
