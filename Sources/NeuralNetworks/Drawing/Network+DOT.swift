// The graph for Graphviz.

extension Network {
    /// The graph in the DOT language, channel groups colored.
    /// - Throws: ``NetworkError`` when a layer's tensors are missing or misshapen.
    public func dot() throws(NetworkError) -> String {
        let graph = try DrawnGraph(self)
        var lines = [
            "digraph network {",
            "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\", fontname=\"Helvetica\", fontsize=10];",
            "  edge [color=\"#777777\", arrowsize=0.6];",
        ]
        func quoted(_ text: String) -> String {
            "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n") + "\""
        }
        for (index, box) in graph.boxes.enumerated() {
            var attributes = ["label=" + quoted(([box.title] + box.lines).joined(separator: "\n")), "tooltip=" + quoted(box.details)]
            if let group = box.group {
                attributes.append("fillcolor=\"\(GroupPalette.color(group))\"")
            } else if box.isBarrier {
                attributes.append("fillcolor=\"\(GroupPalette.barrier)\"")
            }
            lines.append("  n\(index) [\(attributes.joined(separator: ", "))];")
        }
        for arrow in graph.arrows { lines.append("  n\(arrow.from) -> n\(arrow.to);") }
        return lines.joined(separator: "\n") + "\n}\n"
    }
}

/// Light fills that stay apart: hues by the golden angle.
enum GroupPalette {
    static let barrier = "#e4e4e4"

    static func color(_ index: Int) -> String {
        let hue = (Double(index) * 137.50776 + 25).truncatingRemainder(dividingBy: 360)
        // Lightness alternates so that neighbours on the circle differ as well.
        return rgb(hue: hue, saturation: 0.65, lightness: index % 2 == 0 ? 0.82 : 0.74)
    }

    private static func rgb(hue: Double, saturation: Double, lightness: Double) -> String {
        let amplitude = saturation * min(lightness, 1 - lightness)
        let channels = [0.0, 8, 4].map { offset -> String in
            let k = (offset + hue / 30).truncatingRemainder(dividingBy: 12)
            let value = Int(((lightness - amplitude * max(-1, min(k - 3, 9 - k, 1))) * 255).rounded())
            return (value < 16 ? "0" : "") + String(value, radix: 16)
        }
        return "#" + channels.joined()
    }
}
