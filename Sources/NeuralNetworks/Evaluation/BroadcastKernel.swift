// Sums and products with broadcasting.

import LinearAlgebra

/// Sum or product of several operands that broadcast to one shape.
struct BroadcastKernel: Sendable {
    enum Operation: Sendable { case add, multiply }

    let operation: Operation
    let rows: BroadcastRows
    let activation: Activation

    /// Values that all operands and the activation are applied to while they are in the first level of the cache.
    private static let run = 2048

    init(operation: Operation, extents: [Int], operands: [BroadcastOperand], activation: Activation) {
        self.operation = operation
        self.activation = activation
        rows = BroadcastRows(extents: extents, operands: operands)
    }

    func run(count: Int, inputs: [UnsafePointer<Float>], output: UnsafeMutablePointer<Float>) {
        for sample in 0..<count { run(sample: sample, inputs: inputs, output: output) }
    }

    /// One sample, or one of its parts.
    func run(sample: Int, part: Int? = nil, inputs: [UnsafePointer<Float>], output: UnsafeMutablePointer<Float>) {
        rows.forEach(sample: sample, part: part) { starts, place, length in
            for first in stride(from: 0, to: length, by: Self.run) {
                let (y, count) = (output + place + first, min(Self.run, length - first))
                for k in starts.indices {
                    combine(inputs[k] + starts[k] + first * rows.steps[k], rows.steps[k], y, count, isFirst: k == 0)
                }
                activation.apply(y, count: count)
            }
        }
    }

    @inline(__always)
    private func combine(_ x: UnsafePointer<Float>, _ step: Int, _ y: UnsafeMutablePointer<Float>, _ count: Int, isFirst: Bool) {
        switch (isFirst, operation, step) {
        case (true, _, 1): y.update(from: x, count: count)
        case (true, _, _): for i in 0..<count { y[i] = x[i * step] }
        case (false, .add, 1): RowKernels.add(x, count: count, to: y)
        case (false, .add, 0): RowKernels.affine(y, count: count, factor: 1, offset: x[0], into: y)
        case (false, .add, _): for i in 0..<count { y[i] += x[i * step] }
        case (false, .multiply, 1): RowKernels.multiply(y, by: x, count: count)
        // Minus zero changes no sum, not even one that is zero.
        case (false, .multiply, 0): RowKernels.affine(y, count: count, factor: x[0], offset: -0.0, into: y)
        case (false, .multiply, _): for i in 0..<count { y[i] *= x[i * step] }
        }
    }
}
