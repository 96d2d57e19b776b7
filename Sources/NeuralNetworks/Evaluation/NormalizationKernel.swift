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
    /// Which parameter indices take part; empty for all.
    let isKept: [Bool]

    func run(count: Int, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>) {
        run(blocks: 0..<count * blocks, input: input, output: output)
    }

    /// Some of the blocks, counted through all samples.
    func run(blocks chosen: Range<Int>, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>) {
        for block in chosen {
            let x = input + block * length
            let y = output + block * length
            let first = block % blocks * length
            guard isKept.isEmpty else {
                normalizeKept(x, first: first, into: y)
                continue
            }
            RowKernels.normalize(x, count: length, subtractsMean: subtractsMean, epsilon: Double(epsilon), into: y)
            applyParameters(y, first: first)
        }
    }

    /// The parameters, in runs of values that have the same one, or one after the other.
    private func applyParameters(_ y: UnsafeMutablePointer<Float>, first: Int) {
        guard !scale.isEmpty || !shift.isEmpty else { return }
        var i = 0
        while i < length {
            let p = parameter(first, i)
            let target = y + i
            let rest = parameterRun == 1 ? parameterCount - p : parameterRun - (first + i) % parameterRun
            let count = min(length - i, rest)
            if parameterRun > 1 {
                let (factor, offset) = (scale.isEmpty ? 1 : scale[p], shift.isEmpty ? 0 : shift[p])
                for k in 0..<count { target[k] = target[k] * factor + offset }
            } else {
                scale.withUnsafeBufferPointer { scale in
                    if let scale = scale.baseAddress, !self.scale.isEmpty { for k in 0..<count { target[k] *= scale[p + k] } }
                }
                shift.withUnsafeBufferPointer { shift in
                    if let shift = shift.baseAddress, !self.shift.isEmpty { for k in 0..<count { target[k] += shift[p + k] } }
                }
            }
            i += count
        }
    }

    /// Parameter index of a value of a block.
    func parameter(_ first: Int, _ i: Int) -> Int { (first + i) / parameterRun % parameterCount }

    /// Whether a value of a block takes part.
    func takesPart(_ first: Int, _ i: Int) -> Bool { isKept.isEmpty || isKept[parameter(first, i)] }

    /// Mean, and one over the deviation, of what takes part of a block.
    func statistics(_ x: UnsafePointer<Float>, first: Int) -> (mean: Double, factor: Double, count: Double) {
        var (count, sum, square) = (0.0, 0.0, 0.0)
        for i in 0..<length where takesPart(first, i) {
            count += 1
            sum += Double(x[i])
        }
        let mean = subtractsMean && count > 0 ? sum / count : 0
        for i in 0..<length where takesPart(first, i) { square += (Double(x[i]) - mean) * (Double(x[i]) - mean) }
        return (mean, 1 / (square / max(count, 1) + Double(epsilon)).squareRoot(), max(count, 1))
    }

    private func normalizeKept(_ x: UnsafePointer<Float>, first: Int, into y: UnsafeMutablePointer<Float>) {
        let (mean, factor, _) = statistics(x, first: first)
        for i in 0..<length {
            let p = parameter(first, i)
            guard isKept[p] else {
                y[i] = 0
                continue
            }
            y[i] = Float((Double(x[i]) - mean) * factor) * (scale.isEmpty ? 1 : scale[p]) + (shift.isEmpty ? 0 : shift[p])
        }
    }
}
