// Sums and products with broadcasting.

import LinearAlgebra

/// Sum or product of several operands that broadcast to one shape.
struct BroadcastKernel: Sendable {
    enum Operation: Sendable { case add, multiply }
    struct Operand: Sendable {
        /// Stride per axis of the output's sample, 0 where the operand repeats.
        var strides: [Int]
        /// Values per sample; 0 for a constant, which is the same for every sample.
        var sampleStride: Int
    }

    let operation: Operation
    let extents: [Int]
    let operands: [Operand]
    let activation: Activation

    /// Adjacent axes that every operand walks through contiguously (or not at all) are merged.
    init(operation: Operation, extents: [Int], operands: [Operand], activation: Activation) {
        self.operation = operation
        self.activation = activation
        var extents = extents.isEmpty ? [1] : extents
        var operands = operands.map { Operand(strides: $0.strides.isEmpty ? [0] : $0.strides, sampleStride: $0.sampleStride) }
        var axis = extents.count - 2
        while axis >= 0 {
            if operands.allSatisfy({ $0.strides[axis] == $0.strides[axis + 1] * extents[axis + 1] }) {
                extents[axis] *= extents[axis + 1]
                extents.remove(at: axis + 1)
                for i in operands.indices {
                    operands[i].strides[axis] = operands[i].strides[axis + 1]
                    operands[i].strides.remove(at: axis + 1)
                }
            }
            axis -= 1
        }
        self.extents = extents
        self.operands = operands
    }

    func run(count: Int, inputs: [UnsafePointer<Float>], output: UnsafeMutablePointer<Float>) {
        let size = extents.reduce(1, *)
        guard size > 0 else { return }
        for image in 0..<count {
            for (index, operand) in operands.enumerated() {
                combine(
                    inputs[index] + image * operand.sampleStride, operand.strides, axis: 0, output + image * size, first: index == 0)
            }
            activation.apply(output + image * size, count: size)
        }
    }

    @discardableResult
    private func combine(
        _ x: UnsafePointer<Float>, _ strides: [Int], axis: Int, _ y: UnsafeMutablePointer<Float>, first: Bool
    ) -> UnsafeMutablePointer<Float> {
        let count = extents[axis]
        let stride = strides[axis]
        guard axis == extents.count - 1 else {
            var y = y
            for i in 0..<count { y = combine(x + i * stride, strides, axis: axis + 1, y, first: first) }
            return y
        }
        if first {
            if stride == 1 { y.update(from: x, count: count) } else { for i in 0..<count { y[i] = x[i * stride] } }
        } else if operation == .add {
            if stride == 1 { RowKernels.add(x, count: count, to: y) } else { for i in 0..<count { y[i] += x[i * stride] } }
        } else {
            if stride == 1 { RowKernels.multiply(y, by: x, count: count) } else { for i in 0..<count { y[i] *= x[i * stride] } }
        }
        return y + count
    }
}
