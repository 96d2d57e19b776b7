// Attributes and constants that count channels: groups, split sizes, slice bounds, padding, reshape targets, heads.

import TensorFiles

extension ONNXExporter {
    /// Brings the nodes of the model behind one node of the network up to date.
    mutating func writeAttributes(_ old: Network.Node, _ new: Network.Node) throws(NetworkError) {
        guard let origin = source.origins[new.name], let input = new.inputs.first else { return }
        let inputChanged = source.network.values[input].shape != changed.values[input].shape
        switch (old.layer, new.layer) {
        case (.convolution(let before), .convolution(let after)):
            if before.groups != after.groups { setAttribute(origin.node, "group") { $0.set(after.groups) } }
        case (.split(_, let before), .split(_, let after)):
            if before != after { try writeSplit(origin.node, after) }
        case (.slice(let before), .slice(let after)):
            let isLiteral = try isLiteral(origin.node, slots: 1...4)
            if before != after || inputChanged && !isLiteral { try writeSlice(origin.node, after) }
        case (.padding(let before, let after, _), .padding(let newBefore, let newAfter, _)):
            let isLiteral = try isLiteral(origin.node, slots: 1...1)
            if before != newBefore || after != newAfter || inputChanged && !isLiteral {
                try writePadding(origin.node, newBefore + newAfter)
            }
        case (.attention(let before, _), .attention(let after, _)):
            if before != after { try writeHeads(origin, from: before, to: after, result: new.outputs[0]) }
        default:
            if graph.node[origin.node].opType == "Reshape",
                inputChanged || source.network.values[new.outputs[0]].shape != changed.values[new.outputs[0]].shape
            {
                guard let shape = changed.values[new.outputs[0]].shape else {
                    throw .invalidNode(name: new.name, reason: "expected a known shape to reshape to, found none")
                }
                try writeReshape(origin.node, from: changed.values[input].shape, to: shape)
            }
        }
    }

    private func reader(_ node: Int) -> ONNXNodeReader { ONNXNodeReader(graph.node[node], index: node, model: model) }

    /// The constant that an input was when the model was read.
    private func constant(_ node: Int, _ slot: Int) throws(NetworkError) -> ONNXConstant? {
        guard let name = reader(node).input(slot) else { return nil }
        if let constant = source.constants[name] { return constant }
        guard let tensor = graph.initializer.first(where: { $0.name == name }) else { return nil }
        return try model.constant(tensor, node: graph.node[node].name)
    }

    /// The inputs do not depend on the shape of an activation.
    private func isLiteral(_ node: Int, slots: ClosedRange<Int>) throws(NetworkError) -> Bool {
        for slot in slots { if let constant = try constant(node, slot), !constant.isLiteral { return false } }
        return true
    }

    private mutating func writeSplit(_ node: Int, _ sizes: [Int]) throws(NetworkError) {
        guard model.opset >= 13 else { return setAttribute(node, "split") { $0.set(sizes) } }
        removeAttribute(node, "num_outputs")
        try setInput(node, 1, sizes, hint: graph.node[node].output[0] + "_split")
    }

    private mutating func writeSlice(_ node: Int, _ ranges: [SliceRange]) throws(NetworkError) {
        let axes = ranges.indices.filter { ranges[$0] != SliceRange() }
        let starts = axes.map { ranges[$0].start }, ends = axes.map { ranges[$0].end }
        guard model.opset >= 10 else {
            setAttribute(node, "starts") { $0.set(starts) }
            setAttribute(node, "ends") { $0.set(ends) }
            setAttribute(node, "axes") { $0.set(axes) }
            return
        }
        let hint = graph.node[node].output[0]
        try setInput(node, 1, starts, hint: hint + "_starts")
        try setInput(node, 2, ends, hint: hint + "_ends")
        try setInput(node, 3, axes, hint: hint + "_axes")
        try setInput(node, 4, axes.map { ranges[$0].step }, hint: hint + "_steps")
    }

    private mutating func writePadding(_ node: Int, _ pads: [Int]) throws(NetworkError) {
        guard model.opset >= 11 else { return setAttribute(node, "pads") { $0.set(pads) } }
        try setInput(node, 1, pads, hint: graph.node[node].output[0] + "_pads")
        // All axes are listed now.
        if graph.node[node].input.count > 3 { graph.node[node].input.removeSubrange(3...) }
    }

    /// Writes a reshape target, unless the one there gives the wanted shape by itself.
    private mutating func writeReshape(_ node: Int, from input: [Int]?, to shape: [Int]) throws(NetworkError) {
        let target = try constant(node, 1)
        if let target, target.isLiteral, let extents = target.extents, input != nil,
            ReshapeTarget(extents, from: input, fixedBatch: source.fixedBatch) == .shape(shape)
        {
            return
        }
        // The batch axis as it was written, or copied from the input.
        let batch = target?.extents?.first?.known ?? 0
        try setInput(node, 1, [batch] + shape, hint: graph.node[node].output[0] + "_shape")
    }

    /// Reshapes of views follow the widths of the values behind them.
    mutating func writeViews() throws(NetworkError) {
        for reshape in source.viewReshapes {
            guard let before = source.network.values[reshape.view.value].shape, let after = changed.values[reshape.view.value].shape,
                before != after
            else { continue }
            guard let target = reshape.view.reshapeTarget(from: before, to: after, parts: reshape.parts) else {
                throw .invalidNode(
                    name: graph.node[reshape.node].name, reason: "expected whole heads to be cut, found \(before) becoming \(after)")
            }
            try setInput(reshape.node, 1, target, hint: graph.node[reshape.node].output[0] + "_shape")
        }
    }

    private mutating func writeHeads(_ origin: ONNXOrigin, from before: Int, to after: Int, result: Network.ValueID) throws(NetworkError) {
        for node in origin.absorbed + [origin.node] where graph.node[node].opType == "Reshape" {
            if node == origin.node {
                guard let shape = changed.values[result].shape else { continue }
                // What goes in are heads side by side.
                try writeReshape(node, from: [shape[0], after, shape[1] / max(after, 1)], to: shape)
            } else {
                let name = graph.node[node].output[0]
                guard var shape = source.network.values.first(where: { $0.name == name })?.shape, shape.count == 3, shape[1] == before
                else { continue }
                shape[1] = after
                try writeReshape(node, from: [shape[0], after * shape[2]], to: shape)
            }
        }
    }
}

extension ONNXWireAttribute {
    fileprivate mutating func set(_ value: Int) {
        type = .int
        i = Int64(value)
    }

    fileprivate mutating func set(_ values: [Int]) {
        type = .ints
        ints = values.map(Int64.init)
    }
}
