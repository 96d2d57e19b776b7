// The graph as a picture that needs nothing else.

extension Network {
    /// The graph as an SVG document: boxes in layers from top to bottom, channel groups colored, details on hovering.
    /// - Throws: ``NetworkError`` when a layer's tensors are missing or misshapen.
    public func svg() throws(NetworkError) -> String {
        let graph = try DrawnGraph(self)
        let sizes = graph.boxes.map { box in
            let longest = max(Double(box.title.count) * 7.2, (box.lines.map(\.count).max().map(Double.init) ?? 0) * 6.2)
            return (width: longest + 20, height: 22 + 14 * Double(box.lines.count))
        }
        let layout = LayeredLayout(sizes: sizes, arrows: graph.arrows)
        let legend = SVGText.legend(graph, x: layout.width + 12)
        let height = max(layout.height, legend.height)
        var lines = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(SVGText.number(layout.width + 12 + legend.width)) \(SVGText.number(height))\" width=\"\(SVGText.number(layout.width + 12 + legend.width))\" height=\"\(SVGText.number(height))\" font-family=\"Helvetica, Arial, sans-serif\">",
            "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
            "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0,0 L8,4 L0,8 z\" fill=\"#777777\"/></marker></defs>",
        ]
        for (index, arrow) in graph.arrows.enumerated() {
            var points = layout.bends[index]
            let (from, to) = (layout.centers[arrow.from], layout.centers[arrow.to])
            points.insert(.init(x: from.x, y: from.y + sizes[arrow.from].height / 2), at: 0)
            points.append(.init(x: to.x, y: to.y - sizes[arrow.to].height / 2))
            lines.append(
                "<path d=\"\(SVGText.curve(points))\" fill=\"none\" stroke=\"#777777\" stroke-width=\"1.2\" marker-end=\"url(#tip)\"/>")
        }
        for (index, box) in graph.boxes.enumerated() {
            let (center, size) = (layout.centers[index], sizes[index])
            let fill = box.group.map(GroupPalette.color) ?? (box.isBarrier ? GroupPalette.barrier : "#ffffff")
            let (left, top) = (center.x - size.width / 2, center.y - size.height / 2)
            lines.append("<g><title>\(SVGText.escaped(box.details))</title>")
            lines.append(
                "<rect x=\"\(SVGText.number(left))\" y=\"\(SVGText.number(top))\" width=\"\(SVGText.number(size.width))\" height=\"\(SVGText.number(size.height))\" rx=\"6\" fill=\"\(fill)\" stroke=\"#444444\"\(box.isBarrier ? " stroke-dasharray=\"4 3\"" : "")/>"
            )
            lines.append(SVGText.line(box.title, x: center.x, y: top + 15, size: 12, isBold: true))
            for (row, text) in box.lines.enumerated() {
                lines.append(SVGText.line(text, x: center.x, y: top + 30 + 14 * Double(row), size: 11))
            }
            lines.append("</g>")
        }
        return (lines + legend.lines).joined(separator: "\n") + "\n</svg>\n"
    }
}

/// Pieces of SVG.
private enum SVGText {
    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }

    /// One decimal place.
    static func number(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths < 0 ? "-" : "")\(tenths.magnitude / 10).\(tenths.magnitude % 10)"
    }

    static func line(_ text: String, x: Double, y: Double, size: Int, isBold: Bool = false, anchor: String = "middle") -> String {
        "<text x=\"\(number(x))\" y=\"\(number(y))\" font-size=\"\(size)\" text-anchor=\"\(anchor)\"\(isBold ? " font-weight=\"bold\"" : "")>\(escaped(text))</text>"
    }

    /// Vertical tangents at every point.
    static func curve(_ points: [LayeredLayout.Point]) -> String {
        var path = "M\(number(points[0].x)),\(number(points[0].y))"
        for (a, b) in zip(points, points.dropFirst()) {
            let middle = (a.y + b.y) / 2
            path += " C\(number(a.x)),\(number(middle)) \(number(b.x)),\(number(middle)) \(number(b.x)),\(number(b.y))"
        }
        return path
    }

    /// Colors and what they mean, at most forty groups.
    static func legend(_ graph: DrawnGraph, x: Double) -> (lines: [String], width: Double, height: Double) {
        guard !graph.groups.isEmpty else { return ([], 0, 0) }
        var lines = [line("channel groups", x: x, y: 24, size: 12, isBold: true, anchor: "start")]
        var longest = 14
        var y = 44.0
        func entry(_ text: String, fill: String) {
            lines.append(
                "<rect x=\"\(number(x))\" y=\"\(number(y - 10))\" width=\"14\" height=\"12\" rx=\"3\" fill=\"\(fill)\" stroke=\"#444444\"/>"
            )
            lines.append(line(text, x: x + 20, y: y, size: 11, anchor: "start"))
            longest = max(longest, text.count)
            y += 18
        }
        for (index, group) in graph.groups.prefix(40).enumerated() {
            entry("\(group.name), \(group.channels)\(group.isInner ? "" : ", stream")", fill: GroupPalette.color(index))
        }
        if graph.groups.count > 40 { entry("and \(graph.groups.count - 40) more", fill: "#ffffff") }
        entry("stays whole", fill: GroupPalette.barrier)
        return (lines, Double(longest) * 6.4 + 44, y + 8)
    }
}
