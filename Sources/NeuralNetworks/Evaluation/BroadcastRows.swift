/// How an operand is read when it is broadcast to the shape of the result.
struct BroadcastOperand: Sendable {
    /// Per axis of the result's sample, 0 where the operand repeats.
    var strides: [Int]
    /// Values per sample; 0 for a constant.
    var sampleStride: Int
}

/// The rows of a result that operands are broadcast to: adjacent axes that every operand walks through as one, contiguously or not
/// at all, are one axis, so that rows are as long as they can be.
struct BroadcastRows: Sendable {
    /// Of the result's sample; at least one axis.
    let extents: [Int]
    let operands: [BroadcastOperand]
    /// By what each operand goes on within a row.
    let steps: [Int]

    init(extents: [Int], operands: [BroadcastOperand]) {
        var (extents, operands) = (extents, operands)
        if extents.isEmpty {
            extents = [1]
            for k in operands.indices { operands[k].strides = [0] }
        }
        for axis in (0..<extents.count - 1).reversed() {
            // An axis of one place has no stride to speak of.
            let isOne = extents[axis] == 1
            let next = extents[axis + 1]
            guard isOne || operands.allSatisfy({ $0.strides[axis] == $0.strides[axis + 1] * next }) else { continue }
            extents[axis] *= next
            extents.remove(at: axis + 1)
            for k in operands.indices { operands[k].strides.remove(at: axis) }
        }
        (self.extents, self.operands) = (extents, operands)
        steps = operands.map { $0.strides[extents.count - 1] }
    }

    /// Values per sample of the result.
    var size: Int { extents.reduce(1, *) }

    /// Runs of the first axis of a sample.
    var parts: EvenParts { EvenParts(of: extents[0], size: size / max(extents[0], 1)) }

    /// Visits the rows of a sample, or of one of its parts: where every operand begins, where the result does, and the length.
    func forEach(sample: Int, part: Int? = nil, _ body: (_ starts: [Int], _ place: Int, _ length: Int) -> Void) {
        let size = size
        guard size > 0 else { return }
        let first = part.map { parts[$0] } ?? 0..<extents[0]
        let inner = extents.count == 1 ? first.count : extents[extents.count - 1]
        var index = [Int](repeating: 0, count: extents.count - 1)
        var starts = operands.map { sample * $0.sampleStride + first.lowerBound * $0.strides[0] }
        let place = sample * size + first.lowerBound * (size / extents[0])
        for row in 0..<first.count * (size / extents[0]) / max(inner, 1) {
            body(starts, place + row * inner, inner)
            for axis in index.indices.reversed() {
                index[axis] += 1
                // The first axis does not come round again.
                let isOver = axis > 0 && index[axis] == extents[axis]
                if isOver { index[axis] = 0 }
                for k in starts.indices { starts[k] += (isOver ? 1 - extents[axis] : 1) * operands[k].strides[axis] }
                if !isOver { break }
            }
        }
    }
}
