// Attributes and constants that count channels: groups, split sizes, slice bounds, padding, indices, hidden units.

import TensorFiles

extension ONNXExporter {
    /// Brings the nodes of the model behind one node of the network up to date.
    mutating func writeAttributes(_ old: Network.Node, _ new: Network.Node) throws(NetworkError) {
        guard let origin = source.provenance.origins[new.name], let input = new.inputs.first else { return }
        let inputChanged = source.network.values[input].shape != changed.values[input].shape
        // A whole value's layer counts one axis more than the model.
        let isWhole = source.wholes.contains(input)
        func counted<Element>(_ list: [Element]) -> [Element] { isWhole ? Array(list.dropFirst()) : list }
        switch (old.layer, new.layer) {
        case (.convolution(let before), .convolution(let after)):
            if before.groups != after.groups { setAttribute(origin.node, "group") { $0.set(after.groups) } }
        case (.convolutionTranspose(let before), .convolutionTranspose(let after)):
            if before.groups != after.groups { setAttribute(origin.node, "group") { $0.set(after.groups) } }
        case (.normalization(let before), .normalization(let after)):
            if before.kind != after.kind, case .group(let groups) = after.kind { try writeGroups(origin, groups, of: new) }
            if inputChanged, let old = source.network.values[input].shape?.last, let new = changed.values[input].shape?.last {
                try writeCounts(origin, from: old, to: new)
            }
        case (.recurrent(let before), .recurrent(let after)):
            if before.hidden != after.hidden {
                setAttribute(origin.node, "hidden_size") { $0.set(after.hidden) }
                dropZeroStates(origin.node, after)
            }
        case (.split(_, let before), .split(_, let after)):
            if before != after { try writeSplit(origin.node, after) }
        case (.gather(let axis, let before), .gather(_, let after)):
            if before != after, graph.node[origin.node].opType == "Gather" {
                try writeIndices(origin.node, after, axis: isWhole ? axis - 1 : axis)
            }
        case (.slice(let before), .slice(let after)):
            let isMoved = try isMoved(origin.node, slots: 1...4, inputChanged: inputChanged)
            if before != after || isMoved { try writeSlice(origin.node, counted(after)) }
        case (.padding(let before, let after, _), .padding(let newBefore, let newAfter, _)):
            let isMoved = try isMoved(origin.node, slots: 1...1, inputChanged: inputChanged)
            if before != newBefore || after != newAfter || isMoved {
                try writePadding(origin.node, counted(newBefore) + counted(newAfter))
            }
        default: break
        }
    }

    private func reader(_ node: Int) -> ONNXNodeReader { ONNXNodeReader(graph.node[node], index: node, model: model) }

    /// The constant that an input was when the model was read.
    func constant(_ node: Int, _ slot: Int) throws(NetworkError) -> ONNXConstant? {
        guard let name = reader(node).input(slot) else { return nil }
        return try constant(named: name)
    }

    func constant(named name: String) throws(NetworkError) -> ONNXConstant? {
        if let constant = source.constants[name] { return constant }
        guard let tensor = source.model.wire.graph.initializer.first(where: { $0.name == name }) else { return nil }
        return try source.model.constant(tensor, node: name)
    }

    /// Some input depends on the shape of an activation that has changed: the node's own, or another.
    private func isMoved(_ node: Int, slots: ClosedRange<Int>, inputChanged: Bool) throws(NetworkError) -> Bool {
        for slot in slots {
            guard let name = reader(node).input(slot), let constant = try constant(named: name), !constant.isLiteral else { continue }
            if inputChanged { return true }
            if try isMoved(name) { return true }
        }
        return false
    }

    /// A recurrent layer that starts from zeros of the old width starts from none instead, which means the same.
    private mutating func dropZeroStates(_ node: Int, _ layer: Recurrent) {
        for (slot, isRead) in [(5, layer.hasInitialHidden), (6, layer.hasInitialCell)] where !isRead {
            guard graph.node[node].input.count > slot else { continue }
            setInput(node, slot, "")
        }
        while graph.node[node].input.last?.isEmpty == true { graph.node[node].input.removeLast() }
    }

    /// The number of groups: of a group normalization, or where channels are gathered into groups and normalized one by one.
    private mutating func writeGroups(_ origin: ONNXOrigin, _ groups: Int, of node: Network.Node) throws(NetworkError) {
        let place = origin.node
        guard graph.node[place].opType == "Reshape" else { return setAttribute(place, "num_groups") { $0.set(groups) } }
        guard let center = origin.absorbed.first(where: { graph.node[$0].opType == "InstanceNormalization" }),
            let first = origin.absorbed.first(where: { graph.node[$0].opType == "Reshape" }),
            let before = source.extents(node.outputs[0], in: source.network), let after = source.extents(node.outputs[0], in: changed)
        else { return }
        let grouped = [after[0], groups, after.dropFirst().reduce(1, *) / groups]
        if model.opset < 5 {
            setAttribute(first, "shape") { $0.set([0, groups, -1]) }
        } else {
            removeAttribute(first, "allowzero")
            try setInput(first, 1, [0, groups, -1], hint: graph.node[first].output[0] + "_shape")
        }
        for (slot, value) in [(1, Float(1)), (2, 0)] {
            let name = graph.node[center].input[slot]
            let values = try Self.tensor([Float](repeating: value, count: groups), shape: [groups], dtype: dtype(of: name), name: name)
            setInput(center, slot, try addInitializer(near: name, values))
        }
        try writeTarget(place, from: grouped, to: after, insteadOf: before, slot: 1, isReshape: true)
    }

    /// The number of channels that a sum is divided by, or one over it that it is multiplied by: a mean, spelled out.
    private mutating func writeCounts(_ origin: ONNXOrigin, from before: Int, to after: Int) throws(NetworkError) {
        for node in origin.absorbed where ["Mul", "Div"].contains(graph.node[node].opType) {
            let (old, new) = graph.node[node].opType == "Div" ? (Float(before), Float(after)) : (1 / Float(before), 1 / Float(after))
            for slot in graph.node[node].input.indices {
                guard let stored = try constant(node, slot), let values = stored.floats, values.count == 1, abs(values[0] / old - 1) < 1e-5
                else { continue }
                let name = graph.node[node].input[slot]
                let tensor = try Self.tensor([values[0] * (new / old)], shape: stored.shape, dtype: dtype(of: name), name: name)
                setInput(node, slot, try addInitializer(near: name, tensor))
            }
        }
    }

    private mutating func writeSplit(_ node: Int, _ sizes: [Int]) throws(NetworkError) {
        guard model.opset >= 13 || graph.node[node].opType != "Split" else { return setAttribute(node, "split") { $0.set(sizes) } }
        removeAttribute(node, "num_outputs")
        try setInput(node, 1, sizes, hint: graph.node[node].output[0] + "_split")
    }

    /// Indices that pick other positions of an axis of the model's tensor now: in a vector, or in as many axes as they have in the result.
    private mutating func writeIndices(_ node: Int, _ indices: [Int], axis: Int) throws(NetworkError) {
        let name = graph.node[node].input[1]
        guard let stated = try constant(node, 1) else {
            throw .invalidNode(name: graph.node[node].name, reason: "expected constant indices, found others")
        }
        var shape = [indices.count]
        if stated.shape.count != 1 {
            let result = source.activations[graph.node[node].output[0]].flatMap { source.extents($0, in: changed) } ?? []
            shape = Array(result.dropFirst(axis).prefix(stated.shape.count))
            guard RowMajor.count(shape) == indices.count else {
                throw .invalidNode(
                    name: graph.node[node].name, reason: "expected \(NetworkError.text(shape)) indices, found \(indices.count)")
            }
            if stated.sources.contains(where: { $0.axis == 0 && !source.wholes.contains($0.value) }) {
                return try writeView(node, indices, axis: axis)
            }
        }
        let tensor: Tensor
        do throws(TensorFileError) { tensor = try Tensor.int64(indices, shape: shape) } catch {
            throw .tensor(name: name, cause: error)
        }
        try setInput(node, 1, tensor, hint: graph.node[node].output[0] + "_indices")
    }

    /// A reshape in the place of a Gather whose indices, computed from the number of samples, are all positions in their order: a view by
    /// strides, as torch's exporter writes it.
    private mutating func writeView(_ node: Int, _ indices: [Int], axis: Int) throws(NetworkError) {
        let name = graph.node[node].input[1], output = graph.node[node].output[0]
        guard axis == 0, indices == Array(indices.indices),
            let shape = source.activations[output].flatMap({ source.extents($0, in: changed) }),
            let twice = try constant(named: name, samples: 2)?.integers, twice == Array(twice.indices), model.opset >= 5
        else {
            throw .invalidNode(
                name: graph.node[node].name, reason: "expected indices in their order for any number of samples, found others")
        }
        graph.node[node].opType = "Reshape"
        graph.node[node].attribute = []
        try setInput(node, 1, [-1] + shape.dropFirst(), hint: output + "_shape")
    }

    /// What the original model computes as a constant for so many samples.
    private func constant(named name: String, samples: Int) throws(NetworkError) -> ONNXConstant? {
        guard let constant = try constant(named: name), !constant.isLiteral,
            let maker = source.model.wire.graph.node.firstIndex(where: { $0.output.contains(name) })
        else { return try constant(named: name) }
        let node = ONNXNodeReader(source.model.wire.graph.node[maker], index: maker, model: source.model)
        if node.operation == "Shape", let value = node.input(0).flatMap({ source.activations[$0] }) {
            guard let extents = source.extents(value, in: source.network) else { return nil }
            let known = source.wholes.contains(value) ? extents : [samples] + extents.dropFirst()
            return .vector(known[try node.shapeRange(rank: known.count)].map(ONNXExtent.known))
        }
        var inputs: [ONNXConstant?] = []
        for slot in node.wire.input.indices {
            inputs.append(try node.input(slot).map { name throws(NetworkError) in try self.constant(named: name, samples: samples) } ?? nil)
        }
        var folding = ONNXFolding(budget: 1 << 22)
        guard let outputs = try folding.fold(node, inputs), let place = node.wire.output.firstIndex(of: name) else { return nil }
        return outputs.indices.contains(place) ? outputs[place] : nil
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
}

extension ONNXWireAttribute {
    mutating func set(_ value: Int) {
        type = .int
        i = Int64(value)
    }

    mutating func set(_ values: [Int]) {
        type = .ints
        ints = values.map(Int64.init)
    }
}
