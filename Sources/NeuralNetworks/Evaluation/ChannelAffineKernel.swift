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

extension ChannelAffineKernel {
    /// Mean and population variance of every channel over all samples and positions, in Double, in two passes.
    func statistics(of x: UnsafePointer<Float>, count: Int, threads: Int) -> ChannelStatistics {
        let result = BufferSet(sizes: [channels, channels])
        defer { result.deallocate() }
        ConcurrentChunks.run(count: channels, threads: threads, makeWorkspace: {}, release: { _ in }) { channel, _ in
            let total = Double(max(1, count * positions))
            var mean = 0.0
            for image in 0..<count {
                let row = x + (image * channels + channel) * positions
                for i in 0..<positions { mean += Double(row[i]) }
            }
            mean /= total
            var variance = 0.0
            for image in 0..<count {
                let row = x + (image * channels + channel) * positions
                for i in 0..<positions { variance += (Double(row[i]) - mean) * (Double(row[i]) - mean) }
            }
            result[0][channel] = Float(mean)
            result[1][channel] = Float(variance / total)
        }
        return ChannelStatistics(
            mean: Array(UnsafeBufferPointer(start: result[0], count: channels)),
            variance: Array(UnsafeBufferPointer(start: result[1], count: channels)))
    }
}
