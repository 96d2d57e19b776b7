// Sums and products with broadcasting.

import LinearAlgebra

/// Sum or product of several operands that broadcast to one shape.
struct BroadcastKernel: Sendable {
    enum Operation: Sendable { case add, multiply }

    let operation: Operation
    let extents: [Int]
    let operands: [BroadcastOperand]
    let activation: Activation

    init(operation: Operation, extents: [Int], operands: [BroadcastOperand], activation: Activation) {
        self.operation = operation
        self.activation = activation
        var (extents, operands) = (extents, operands)
        BroadcastOperand.merge(&operands, &extents)
        (self.extents, self.operands) = (extents, operands)
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
