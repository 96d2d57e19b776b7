// The graph for Graphviz.

extension Network {
    /// The graph in the DOT language: what may be cut in color, what repeats once.
    /// - Parameter smaller: this network after pruning; arrows then say how many channels it has.
    /// - Throws: ``NetworkError`` when a layer's tensors are missing or misshapen.
    public func dot(comparedWith smaller: Network? = nil) throws(NetworkError) -> String {
        let graph = try DrawnGraph(self, comparedWith: smaller)
        var lines = [
            "digraph network {",
            "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\", fontname=\"Helvetica\", fontsize=10];",
            "  edge [color=\"#777777\", arrowsize=0.6, fontname=\"Helvetica\", fontsize=9];",
        ]
        func quoted(_ text: String) -> String {
            "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n") + "\""
        }
        func line(_ index: Int) -> String {
            let box = graph.boxes[index], color = GraphPalette.light(box.kind)
            var attributes = ["label=" + quoted(([box.title] + box.lines).joined(separator: "\n")), "tooltip=" + quoted(box.details)]
            attributes.append("fillcolor=\"\(color.fill)\", color=\"\(color.stroke)\"")
            return "n\(index) [\(attributes.joined(separator: ", "))];"
        }
        for (number, repetition) in graph.repetitions.enumerated() {
            lines.append(
                "  subgraph cluster_\(number) { label=\"× \(repetition.times)\"; style=\"rounded,dashed\"; fontname=\"Helvetica\";")
            lines += repetition.boxes.map { "    " + line($0) }
            lines.append("  }")
        }
        for index in graph.boxes.indices where !graph.repetitions.contains(where: { $0.boxes.contains(index) }) {
            lines.append("  " + line(index))
        }
        for arrow in graph.arrows {
            let label = DrawnGraph.channels(graph.boxes[arrow.from]).map { " [label=\(quoted($0))]" } ?? ""
            lines.append("  n\(arrow.from) -> n\(arrow.to)\(label);")
        }
        return lines.joined(separator: "\n") + "\n}\n"
    }
}
