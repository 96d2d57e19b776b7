// A network as boxes and arrows that people can read: normalizations, activations and the like join the box of the layer
// before them, and what repeats is drawn once.

/// Boxes in topological order and arrows between them.
package struct DrawnGraph: Sendable {
    /// What may happen to the channels that a box makes.
    package enum Kind: String, Sendable, CaseIterable {
        /// No channels of its own.
        case plain
        /// A budget cuts them unasked.
        case cuttable
        /// An addition ties them to others: cut on demand only.
        case stream
        /// They stay, whatever is asked for.
        case whole
    }

    package struct Box: Sendable {
        package var title: String
        /// Operations in the box; the last line is the shape of what they make.
        package var lines: [String]
        /// Shown on hovering.
        package var details: String
        package var kind: Kind
        /// Channels of what the box makes, before and after pruning; a range where repetitions differ.
        package var channels: Int?
        package var channelsAfter: ClosedRange<Int>?
    }

    /// Boxes that stand for several of the same kind in a row.
    package struct Repetition: Sendable, Equatable {
        package var boxes: Range<Int>
        package var times: Int

        package init(boxes: Range<Int>, times: Int) { (self.boxes, self.times) = (boxes, times) }
    }

    package var boxes: [Box] = []
    /// (from, to), positions in `boxes`.
    package var arrows: [(from: Int, to: Int)] = []
    package var repetitions: [Repetition] = []

    /// - Parameter smaller: the network after pruning, whose values are named like this one's.
    /// - Throws: ``NetworkError`` when a layer's tensors are missing or misshapen.
    package init(_ network: Network, comparedWith smaller: Network? = nil) throws(NetworkError) {
        let summary = try network.summary()
        let groups = Dictionary(summary.groups.map { ($0.name, $0) }) { first, _ in first }
        let shapesAfter = try smaller.map { (smaller) throws(NetworkError) in
            Dictionary(try smaller.inferringShapes().values.map { ($0.name, $0.shape) }) { first, _ in first }
        }
        var readers: [Network.ValueID: Int] = [:]
        for node in network.nodes { for value in node.inputs { readers[value, default: 0] += 1 } }
        for value in network.outputs { readers[value, default: 0] += 1 }

        var boxOfValue: [Network.ValueID: Int] = [:]
        var axes: [Network.ValueID: Int] = [:]
        func channels(_ value: Network.ValueID?) -> (before: Int?, after: ClosedRange<Int>?) {
            guard let value, let axis = axes[value], let shape = network.values[value].shape, axis < shape.count else { return (nil, nil) }
            let after = shapesAfter?[network.values[value].name] ?? nil
            return (shape[axis], after.flatMap { axis < $0.count ? $0[axis]...$0[axis] : nil })
        }
        for value in network.inputs {
            boxOfValue[value] = boxes.count
            // Of an image, or of a vector; identifiers of tokens have none.
            if let shape = network.values[value].shape, shape.count != 2 { axes[value] = 0 }
            let (before, after) = channels(value)
            boxes.append(
                Box(
                    title: network.values[value].name, lines: [Self.text(network.values[value].shape)], details: "input", kind: .plain,
                    channels: before, channelsAfter: after))
        }
        for (index, node) in network.nodes.enumerated() {
            if case .constant = node.layer { continue }
            let row = summary.nodes[index]
            let details = "\(node.name): \(row.operation)" + (row.remark.map { ", \($0)" } ?? "")
            if let value = node.outputs.first { axes[value] = Self.channelAxis(node, axes, network) }
            let made = channels(node.outputs.first)
            if Self.joinsBox(node.layer), let source = node.inputs.first(where: { boxOfValue[$0] != nil }), readers[source] == 1,
                let box = boxOfValue[source], box >= network.inputs.count
            {
                boxes[box].lines[boxes[box].lines.count - 1] = row.operation
                boxes[box].lines.append(Self.text(row.shape))
                boxes[box].details += "\n" + details
                (boxes[box].channels, boxes[box].channelsAfter) = made
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
                    title: node.name, lines: [row.operation + cost, Self.text(row.shape)], details: details,
                    kind: Self.kind(row, group: row.group.flatMap { groups[$0] }), channels: made.before, channelsAfter: made.after))
        }
        collapseRepetitions()
    }

    private static func kind(_ row: NetworkSummary.Node, group: NetworkSummary.Group?) -> Kind {
        if row.isPrunable == true { return .cuttable }
        if row.isPrunable == nil { return row.remark?.hasPrefix("unknown") == true ? .whole : .plain }
        return group?.isCuttable == true ? .stream : .whole
    }

    /// Axis of the channels in what a node makes, the batch not counted; nil where there is no telling.
    private static func channelAxis(_ node: Network.Node, _ axes: [Network.ValueID: Int], _ network: Network) -> Int? {
        guard let rank = node.outputs.first.flatMap({ network.values[$0].shape?.count }), rank > 0 else { return nil }
        switch node.layer {
        case .convolution, .convolutionTranspose, .batchNormalization, .pooling, .globalAveragePooling, .depthToSpace, .spaceToDepth:
            return 0
        case .linear, .embedding, .attention: return rank - 1
        case .normalization(let normalization):
            switch normalization.kind {
            case .layer, .rms: return rank - 1
            case .group, .instance: return 0
            }
        case .flatten: return rank == 1 ? 0 : nil
        case .activation, .add, .multiply, .softmax, .identity, .padding, .slice, .interpolation, .concatenation, .elementwise:
            return node.inputs.lazy.filter { network.values[$0].shape?.count == rank }.compactMap { axes[$0] }.first
        default: return nil
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

    /// "64", "64 → 40" or "64 → 32–40": what passes along an arrow from a box.
    package static func channels(_ box: Box) -> String? {
        guard let before = box.channels else { return nil }
        guard let after = box.channelsAfter, after != before...before else { return "\(before)" }
        return "\(before) → " + (after.lowerBound == after.upperBound ? "\(after.lowerBound)" : "\(after.lowerBound)–\(after.upperBound)")
    }
}
