/// How an operand is read when it is broadcast to the shape of the result.
struct BroadcastOperand: Sendable {
    /// Per axis of the result's sample, 0 where the operand repeats.
    var strides: [Int]
    /// Values per sample; 0 for a constant.
    var sampleStride: Int

    /// Merges adjacent axes that every operand walks through as one, contiguously or not at all; rows become as long as they can be.
    ///
    /// - Parameter extents: of the result's sample; at least one axis is left.
    static func merge(_ operands: inout [BroadcastOperand], _ extents: inout [Int]) {
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
    }
}
