// Softmax along one axis.

import LinearAlgebra

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// e^(x − max)/Σ along one axis.
struct SoftmaxKernel: Sendable {
    let outer: Int
    let length: Int
    let inner: Int

    func run(count: Int, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>) {
        run(blocks: 0..<count * outer, input: input, output: output)
    }

    /// Some of the blocks, counted through all samples.
    func run(blocks: Range<Int>, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>) {
        for block in blocks {
            if inner == 1 {
                RowKernels.softmax(input + block * length, count: length, into: output + block * length)
                continue
            }
            for i in 0..<inner {
                let x = input + block * length * inner + i
                let y = output + block * length * inner + i
                var peak = -Float.infinity
                for k in 0..<length { peak = max(peak, x[k * inner]) }
                var sum: Float = 0
                for k in 0..<length {
                    let e = expf(x[k * inner] - peak)
                    y[k * inner] = e
                    sum += e
                }
                for k in 0..<length { y[k * inner] /= sum }
            }
        }
    }
}
