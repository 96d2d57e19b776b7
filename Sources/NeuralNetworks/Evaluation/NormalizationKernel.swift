// Normalizations that take their statistics from the activation.

import LinearAlgebra

/// Layer, RMS, group and instance normalization: blocks of `length` values share a mean and a variance.
struct NormalizationKernel: Sendable {
    /// Blocks per sample.
    let blocks: Int
    /// Values per block.
    let length: Int
    /// Parameter index of value i of a sample: (i / `parameterRun`) mod `parameterCount`.
    let parameterRun: Int
    let parameterCount: Int
    let subtractsMean: Bool
    let scale: [Float]
    let shift: [Float]
    let epsilon: Float

    func run(count: Int, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>) {
        for block in 0..<count * blocks {
            let x = input + block * length
            let y = output + block * length
            let first = block % blocks * length
            RowKernels.normalize(x, count: length, subtractsMean: subtractsMean, epsilon: Double(epsilon), into: y)
            if scale.isEmpty && shift.isEmpty { continue }
            for i in 0..<length {
                let p = (first + i) / parameterRun % parameterCount
                y[i] = y[i] * (scale.isEmpty ? 1 : scale[p]) + (shift.isEmpty ? 0 : shift[p])
            }
        }
    }
}
