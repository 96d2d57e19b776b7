// A network as boxes and arrows that people can read: normalizations, activations and the like join the box of the layer
// before them.

/// Boxes in topological order and arrows between them.
struct DrawnGraph: Sendable {
    struct Box: Sendable {
        var title: String
        /// Operations in the box; the last line is the shape of what they make.
        var lines: [String]
        /// Shown on hovering.
        var details: String
        /// Position of the channel group in `groups`.
        var group: Int?
        var isBarrier: Bool
    }

    var boxes: [Box] = []
    /// (from, to), positions in `boxes`.
    var arrows: [(from: Int, to: Int)] = []
    /// Groups that have a color: those that may be cut, residual streams included.
    var groups: [NetworkSummary.Group] = []

    init(_ network: Network) throws(NetworkError) {
        let summary = try network.summary()
        groups = summary.groups.filter { $0.barrier == nil }
        let groupIndex = Dictionary(groups.enumerated().map { ($1.name, $0) }) { first, _ in first }
        var readers: [Network.ValueID: Int] = [:]
        for node in network.nodes { for value in node.inputs { readers[value, default: 0] += 1 } }
        for value in network.outputs { readers[value, default: 0] += 1 }

        var boxOfValue: [Network.ValueID: Int] = [:]
        for value in network.inputs {
            boxOfValue[value] = boxes.count
            boxes.append(
                Box(
                    title: network.values[value].name, lines: [Self.text(network.values[value].shape)], details: "input", group: nil,
                    isBarrier: false))
        }
        for (index, node) in network.nodes.enumerated() {
            if case .constant = node.layer { continue }
            let row = summary.nodes[index]
            let details = "\(node.name): \(row.operation)" + (row.remark.map { ", \($0)" } ?? "")
            // Cut channels of the box: those of its own producer.
            let group = row.group.flatMap { groupIndex[$0] }
            if Self.joinsBox(node.layer), let source = node.inputs.first(where: { boxOfValue[$0] != nil }), readers[source] == 1,
                let box = boxOfValue[source], box >= network.inputs.count
            {
                boxes[box].lines[boxes[box].lines.count - 1] = row.operation
                boxes[box].lines.append(Self.text(row.shape))
                boxes[box].details += "\n" + details
                for value in node.outputs { boxOfValue[value] = box }
                continue
            }
            for value in node.inputs {
                if let from = boxOfValue[value], !arrows.contains(where: { $0.from == from && $0.to == boxes.count }) {
                    arrows.append((from, boxes.count))
                }
            }
            for value in node.outputs { boxOfValue[value] = boxes.count }
            let cost = row.parameters > 0 ? " · " + Self.count(row.parameters) : ""
            boxes.append(
                Box(
                    title: node.name, lines: [row.operation + cost, Self.text(row.shape)], details: details, group: group,
                    isBarrier: row.isPrunable == false && group == nil || row.remark?.hasPrefix("unknown") == true))
        }
    }

    private static func joinsBox(_ layer: Layer) -> Bool {
        switch layer {
        case .batchNormalization, .activation, .identity, .flatten, .softmax: true
        default: false
        }
    }

    static func text(_ shape: [Int]?) -> String {
        shape.map { $0.map(String.init).joined(separator: " × ") } ?? "shape unknown"
    }

    /// 1234567 as 1.2 M.
    static func count(_ number: Int) -> String {
        for (unit, size) in [("G", 1_000_000_000), ("M", 1_000_000), ("k", 1000)] where number >= size {
            let tenths = (number * 10 + size / 2) / size
            return tenths >= 100 || tenths % 10 == 0 ? "\((tenths + 5) / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
        }
        return "\(number)"
    }
}
