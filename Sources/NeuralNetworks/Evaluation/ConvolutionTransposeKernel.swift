// Transposed convolution of one image: one product for all taps, then every position adds its scaled kernel to the output.

import LinearAlgebra

struct ConvolutionTransposeKernel: SampleKernel {
    let inputChannels, height, width: Int
    let outputChannels, outHeight, outWidth: Int
    let kernelHeight, kernelWidth: Int
    let strideY, strideX, dilationY, dilationX, top, left: Int
    let groups: Int
    /// (in, out/groups, rows, columns).
    let weight: [Float]
    /// One per output channel, or empty.
    let bias: [Float]

    /// Taps of one group's outputs.
    var columns: Int { outputChannels / groups * kernelHeight * kernelWidth }

    var workspaceSize: Int { columns * height * width }

    func run(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        let positions = height * width, plane = outHeight * outWidth
        let (groupInputs, groupOutputs) = (inputChannels / groups, outputChannels / groups)
        for sample in 0..<count {
            let target = outputs[0] + sample * outputChannels * plane
            for channel in 0..<outputChannels {
                (target + channel * plane).update(repeating: bias.isEmpty ? 0 : bias[channel], count: plane)
            }
            for group in 0..<groups {
                weight.withUnsafeBufferPointer { w in
                    // Column-major: positions × columns = X (positions × inputs) · Wᵀ (columns × inputs)ᵀ.
                    BLAS.gemm(
                        .normal, .transposed, positions, columns, groupInputs, 1,
                        inputs[0] + (sample * inputChannels + group * groupInputs) * positions, positions,
                        w.baseAddress! + group * groupInputs * columns, columns, 0, workspace, positions)
                }
                for output in 0..<groupOutputs {
                    for ky in 0..<kernelHeight {
                        for kx in 0..<kernelWidth {
                            let column = workspace + ((output * kernelHeight + ky) * kernelWidth + kx) * positions
                            add(column, ky, kx, to: target + (group * groupOutputs + output) * plane)
                        }
                    }
                }
            }
        }
    }

    private func add(_ column: UnsafePointer<Float>, _ ky: Int, _ kx: Int, to plane: UnsafeMutablePointer<Float>) {
        for row in 0..<height {
            let y = row * strideY + ky * dilationY - top
            guard y >= 0, y < outHeight else { continue }
            for i in 0..<width {
                let x = i * strideX + kx * dilationX - left
                if x >= 0, x < outWidth { plane[y * outWidth + x] += column[row * width + i] }
            }
        }
    }
}
