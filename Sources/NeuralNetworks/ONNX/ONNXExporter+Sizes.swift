// Shapes that the model computes or states: targets of Reshape and Expand, sizes of Resize.
//
// What a target will be in the changed model is found by folding its arithmetic again with the changed shapes. Where that is
// what the network has, the arithmetic stays as it is. Else the numbers that the model states itself are replaced (a count of
// heads in a Concat); only where that is not enough the target is written anew, with what can be copied (0) or inferred (-1) left
// open, so that sizes stay free.

import TensorFiles

extension ONNXExporter {
    /// Brings every node with a shape as input up to date.
    mutating func writeSizes() throws(NetworkError) {
        for node in graph.node.indices {
            // A Gather that has become a Reshape is written already.
            let operation = source.model.wire.graph.node[node].opType
            guard ["Reshape", "Expand", "Resize", "Upsample"].contains(operation),
                graph.node[node].domain.isEmpty || graph.node[node].domain == "ai.onnx",
                let input = graph.node[node].input.first.flatMap({ source.activations[$0] }),
                let output = graph.node[node].output.first.flatMap({ source.activations[$0] }),
                let old = (source.extents(input, in: source.network), source.extents(output, in: source.network)) as? ([Int], [Int]),
                let new = (source.extents(input, in: changed), source.extents(output, in: changed)) as? ([Int], [Int]),
                case let isMoved = try readsMoved(node), old != new || isMoved
            else { continue }
            switch operation {
            case "Reshape": try writeTarget(node, from: new.0, to: new.1, insteadOf: old.1, slot: 1, isReshape: true)
            case "Expand": try writeTarget(node, from: new.0, to: new.1, insteadOf: old.1, slot: 1, isReshape: false)
            default:
                if graph.node[node].input.count > 3, !graph.node[node].input[3].isEmpty {
                    try writeTarget(node, from: new.0, to: new.1, insteadOf: old.1, slot: 3, isReshape: false)
                }
            }
        }
    }

    /// Whether a node reads a constant that was computed from extents that have changed.
    private func readsMoved(_ node: Int) throws(NetworkError) -> Bool {
        for name in graph.node[node].input.dropFirst() where !name.isEmpty { if try isMoved(name) { return true } }
        return false
    }

    /// Whether a constant was computed from extents that have changed, of whatever value.
    func isMoved(_ name: String) throws(NetworkError) -> Bool {
        guard let constant = try constant(named: name) else { return false }
        return constant.sources.contains { axis in
            source.extents(axis.value, in: source.network)?.dropFirst(axis.axis).first
                != source.extents(axis.value, in: changed)?.dropFirst(axis.axis).first
        }
    }

    /// The target of a node whose result has another shape now.
    mutating func writeTarget(
        _ node: Int, from input: [Int], to shape: [Int], insteadOf before: [Int], slot: Int, isReshape: Bool
    ) throws(NetworkError) {
        if isReshape, model.opset < 5 {
            return setAttribute(node, "shape") { $0.set(shape) }
        }
        guard graph.node[node].input.count > slot else { return }
        let name = graph.node[node].input[slot]
        func fits(_ target: [ONNXExtent]) -> Bool {
            // What only a run would tell (three heads for every sample) is what it was; where it should have changed, it is wrong.
            guard target.indices.allSatisfy({ target[$0] != .unknown || before.count == shape.count && before[$0] == shape[$0] }) else {
                return false
            }
            guard isReshape else {
                let numbers = target.map { $0.atOneSample ?? -2 }
                return slot == 1 ? RowMajor.broadcast(input, numbers.map { $0 == -1 ? 1 : $0 }) == shape : isFixedBatch(numbers, shape)
            }
            let numbers = target.map { $0.atOneSample ?? -1 }
            if ONNXFolding.resolve(numbers, from: input) == shape { return true }
            // The batch of more than one sample that the model fixes.
            guard let fixedBatch = source.fixedBatch, numbers.first == fixedBatch, shape.first == 1 else { return false }
            return ONNXFolding.resolve([1] + numbers.dropFirst(), from: input) == shape
        }
        if let current = try refolded(name)?.extents, fits(current) { return }
        let hint = graph.node[node].output[0] + "_shape"
        if let maker = source.model.wire.graph.node.firstIndex(where: { $0.output.first == name }),
            graph.node[maker].opType == "Concat", graph.node[maker].domain.isEmpty || graph.node[maker].domain == "ai.onnx",
            let parts = try replacingLiterals(maker, by: shape), fits(parts.map(\.extent))
        {
            return try setInput(node, slot, cloneConcat(maker, parts, near: hint))
        }
        if let stated = try constant(named: name), stated.isLiteral, let numbers = stated.integers, numbers.count == shape.count {
            let target = zip(numbers, shape).enumerated().map { axis, pair in
                pair.0 == 0 && isReshape || pair.0 == -1 || axis == 0 && pair.0 == source.fixedBatch ? pair.0 : pair.1
            }
            if fits(target.map(ONNXExtent.known)) { return try setInput(node, slot, target, hint: hint) }
        }
        guard isReshape else { return try setInput(node, slot, shape, hint: hint) }
        let target = openTarget(from: input, to: shape, insteadOf: try constant(named: name))
        // A 0 of ours copies, whatever the model meant by its own.
        removeAttribute(node, "allowzero")
        try setInput(node, slot, target, hint: hint)
    }

    private func isFixedBatch(_ numbers: [Int], _ shape: [Int]) -> Bool {
        numbers == shape || numbers.dropFirst() == shape.dropFirst() && numbers.first == source.fixedBatch
    }

    /// A target that copies the leading axes that stay. One other is inferred: what the model computed from several extents or from the
    /// batch, or infers itself, else what it took from another open size; without a batch to copy, the first.
    private func openTarget(from input: [Int], to shape: [Int], insteadOf stated: ONNXConstant?) -> [Int] {
        let extents = stated?.extents.flatMap { $0.count == shape.count ? $0 : nil } ?? []
        let sources = stated?.elementSources.flatMap { $0.count == shape.count ? $0 : nil } ?? []
        func isBatch(_ axis: ONNXAxis) -> Bool { axis.axis == 0 && !source.wholes.contains(axis.value) }
        // Products of extents (tokens of all samples, heads of all samples) are no copies, though they are the same number for one sample.
        let isProduct = shape.indices.map { axis in
            guard sources.indices.contains(axis), extents.indices.contains(axis), extents[axis] != .batch else { return false }
            return sources[axis].count > 1 || sources[axis].contains(where: isBatch)
        }
        var target = shape
        var axis = 0
        while axis < min(input.count, shape.count), input[axis] == shape[axis], !isProduct[axis] {
            // A batch behind other axes has been brought there.
            if axis > 0, extents.indices.contains(axis), extents[axis] == .unknown || extents[axis] == .batch { break }
            target[axis] = 0
            axis += 1
        }
        let left = axis..<shape.count
        let open = extents.isEmpty ? nil : left.first { [.unknown, .batch, .known(-1)].contains(extents[$0]) }
        let taken = axis > 0 && !sources.isEmpty ? left.first { !sources[$0].isEmpty } : nil
        if let inferred = left.first(where: { isProduct[$0] }) ?? open ?? taken ?? (axis == 0 && !target.isEmpty ? 0 : nil) {
            target[inferred] = -1
        }
        return target
    }

    private struct Part {
        /// Input of the Concat.
        var slot: Int
        var extent: ONNXExtent
        var isStated: Bool
    }

    /// The elements of a Concat of shapes with those the model states replaced; `nil` when it cannot be.
    private mutating func replacingLiterals(_ concat: Int, by shape: [Int]) throws(NetworkError) -> [Part]? {
        var result: [Part] = []
        for (slot, name) in source.model.wire.graph.node[concat].input.enumerated() {
            guard let before = try constant(named: name), before.shape.count == 1, let now = try refolded(name)?.extents else { return nil }
            for extent in now {
                guard result.count < shape.count else { return nil }
                let isOpen = extent == .known(-1) || extent == .known(0)
                let value: ONNXExtent = before.isLiteral && !isOpen ? .known(shape[result.count]) : extent
                result.append(Part(slot: slot, extent: value, isStated: before.isLiteral))
            }
        }
        return result.count == shape.count ? result : nil
    }

    /// A copy of a Concat with other stated numbers; the name of what it makes.
    private mutating func cloneConcat(_ concat: Int, _ parts: [Part], near hint: String) throws(NetworkError) -> String {
        var clone = source.model.wire.graph.node[concat]
        for slot in Set(parts.filter(\.isStated).map(\.slot)).sorted() {
            let numbers = parts.filter { $0.slot == slot }.compactMap { $0.extent.known }
            clone.input[slot] = try addInitializer(near: hint, Tensor.int64(numbers))
        }
        clone.output = [freshName(hint)]
        clone.name = freshName(clone.name.isEmpty ? hint + "_concat" : clone.name)
        insert(clone, after: concat)
        return clone.output[0]
    }

    /// What a constant of the model is once shapes have changed.
    mutating func refolded(_ name: String) throws(NetworkError) -> ONNXConstant? {
        if let known = refoldings[name] { return known }
        guard let before = try constant(named: name) else { return nil }
        guard !before.isLiteral, let maker = source.model.wire.graph.node.firstIndex(where: { $0.output.contains(name) }) else {
            return before
        }
        let node = ONNXNodeReader(source.model.wire.graph.node[maker], index: maker, model: source.model)
        var result: ONNXConstant?
        if node.operation == "Shape" || node.operation == "Size", let value = node.input(0).flatMap({ source.activations[$0] }) {
            guard let extents = source.extents(value, in: changed) else { return nil }
            if node.operation == "Shape" {
                let known: [ONNXExtent] =
                    source.wholes.contains(value) ? extents.map { .known($0) } : [.batch] + extents.dropFirst().map { .known($0) }
                result = .vector(Array(known[try node.shapeRange(rank: known.count)]))
            } else {
                result = ONNXConstant(shape: [], elements: .integers([.known(extents.reduce(1, *))]))
            }
        } else {
            var inputs: [ONNXConstant?] = []
            for slot in node.wire.input.indices {
                inputs.append(try node.input(slot).map { name throws(NetworkError) in try refolded(name) } ?? nil)
            }
            var folding = ONNXFolding(budget: 1 << 22)
            if let outputs = try folding.fold(node, inputs), let place = node.wire.output.firstIndex(of: name), place < outputs.count {
                result = outputs[place]
            }
        }
        refoldings[name] = result
        return result
    }
}

extension ONNXNetwork {
    /// Shape of the model's tensor for one sample.
    func extents(_ value: Network.ValueID, in network: Network) -> [Int]? {
        network.values[value].shape.map { wholes.contains(value) ? $0 : [1] + $0 }
    }
}
