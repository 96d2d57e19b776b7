// Batch normalization with frozen statistics.

import LinearAlgebra

/// y = φ(a·x + b) per channel.
struct ChannelAffineKernel: Sendable {
    let channels: Int
    let positions: Int
    let scale: [Float]
    let shift: [Float]
    let activation: Activation

    func run(count: Int, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>) {
        run(planes: 0..<count * channels, input: input, output: output)
    }

    /// Some of the planes of a batch.
    func run(planes: Range<Int>, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>) {
        for plane in planes {
            let (x, y) = (input + plane * positions, output + plane * positions)
            RowKernels.affine(x, count: positions, factor: scale[plane % channels], offset: shift[plane % channels], into: y)
            activation.apply(y, count: positions)
        }
    }
}
