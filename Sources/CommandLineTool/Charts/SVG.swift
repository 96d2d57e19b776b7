// SVG as text. Coordinates are rounded to a tenth of a unit; everything from outside is escaped.

import Foundation
import NeuralNetworks

/// A growing SVG drawing.
struct SVG {
    let width: Double
    let height: Double
    private(set) var body = ""

    init(width: Double, height: Double) {
        self.width = width
        self.height = height
    }

    enum Anchor: String { case start, middle, end }

    mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) {
        body += "<line x1=\"\(n(x1))\" y1=\"\(n(y1))\" x2=\"\(n(x2))\" y2=\"\(n(y2))\" class=\"\(style)\"/>\n"
    }

    mutating func polyline(_ points: [(x: Double, y: Double)], _ style: String) {
        guard points.count > 1 else { return }
        let list = points.map { "\(n($0.x)),\(n($0.y))" }.joined(separator: " ")
        body += "<polyline points=\"\(list)\" class=\"\(style)\"/>\n"
    }

    mutating func circle(_ x: Double, _ y: Double, radius: Double, _ style: String, title: String? = nil) {
        body += "<circle cx=\"\(n(x))\" cy=\"\(n(y))\" r=\"\(n(radius))\" class=\"\(style)\""
        body += title.map { "><title>\(SVGText.escaped($0))</title></circle>\n" } ?? "/>\n"
    }

    mutating func ellipse(_ x: Double, _ y: Double, _ rx: Double, _ ry: Double, _ style: String) {
        body += "<ellipse cx=\"\(n(x))\" cy=\"\(n(y))\" rx=\"\(n(rx))\" ry=\"\(n(ry))\" class=\"\(style)\"/>\n"
    }

    mutating func rectangle(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ style: String, title: String? = nil) {
        body += "<rect x=\"\(n(x))\" y=\"\(n(y))\" width=\"\(n(max(0, width)))\" height=\"\(n(max(0, height)))\" class=\"\(style)\""
        body += title.map { "><title>\(SVGText.escaped($0))</title></rect>\n" } ?? "/>\n"
    }

    mutating func text(_ x: Double, _ y: Double, _ text: String, anchor: Anchor = .start, style: String = "label", rotated: Bool = false) {
        let turn = rotated ? " transform=\"rotate(-90 \(n(x)) \(n(y)))\"" : ""
        body +=
            "<text x=\"\(n(x))\" y=\"\(n(y))\" text-anchor=\"\(anchor.rawValue)\" class=\"\(style)\"\(turn)>\(SVGText.escaped(text))</text>\n"
    }

    /// A drawing for an HTML page whose style sheet holds `ChartStyle.rules`; as wide as its container.
    func inline(label: String) -> String {
        """
        <svg viewBox="0 0 \(n(width)) \(n(height))" role="img" aria-label="\(SVGText.escaped(label))" class="chart">
        \(body)</svg>
        """
    }

    /// A file of its own. Programs that know no custom properties take the plain rules and ignore the others.
    func standalone(label: String) -> String {
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(n(width)) \(n(height))" width="\(n(width))" height="\(n(height))" role="img" aria-label="\(SVGText.escaped(label))">
        <style>
        \(ChartStyle.plainRules)
        @supports (color:var(--paper)){
        \(ChartStyle.variables)
        \(ChartStyle.rules)
        }
        </style>
        <rect width="100%" height="100%" class="paper"/>
        \(body)</svg>

        """
    }

    private func n(_ value: Double) -> String {
        let rounded = (value * 10).rounded() / 10
        return rounded == rounded.rounded() ? String(Int(rounded)) : String(format: "%.1f", rounded)
    }
}
