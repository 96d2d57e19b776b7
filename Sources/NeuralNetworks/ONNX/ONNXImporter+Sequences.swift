// Sequences of tensors: a value cut into parts, and one of them taken out again. They leave no trace in the network: each part is a value.

import TensorFiles

extension ONNXImporter {
    /// SplitToSequence into parts of stated sizes, or of one size.
    mutating func lowerSplitToSequence(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let given = activation(node, 0), let shape = draft.extents(given), let name = node.wire.output.first,
            let axis = RowMajor.position(try node.integer("axis") ?? 0, rank: shape.count), let parts = try constant(node, 1),
            let stated = parts.integers
        else { return false }
        var sizes = stated
        if parts.shape.isEmpty, let size = stated.first {
            guard size > 0 else { throw .invalidNode(name: node.name, reason: "expected parts of at least 1, found \(size)") }
            let count = (shape[axis] + size - 1) / size
            sizes = (0..<count).map { min(size, shape[axis] - $0 * size) }
        }
        guard sizes.allSatisfy({ $0 >= 0 }), Network.sum(sizes) == shape[axis] else {
            throw .invalidNode(name: node.name, reason: "expected parts that add up to \(shape[axis]), found \(stated)")
        }
        let (input, offset) = draft.frame(given, using: [axis])
        let first = try emit(
            .split(axis: axis + offset, sizes: sizes), node, inputs: [input], outputs: sizes.indices.map { "\(name)[\($0)]" })
        facts[name] = .sequence(sizes.indices.map { first + $0 })
        return true
    }

    /// The part at a constant position.
    mutating func lowerSequenceAt(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let name = node.input(0), case .sequence(let parts)? = facts[name], let output = node.wire.output.first,
            let stated = try constant(node, 1)?.integers?.first
        else { return false }
        guard let position = RowMajor.position(stated, rank: parts.count) else {
            throw .invalidNode(name: node.name, reason: "expected a position among \(parts.count) parts, found \(stated)")
        }
        facts[output] = .activation(parts[position])
        return true
    }
}
