// Adjoint of transposed convolution: what every tap of every position added is read back,
//
//     dC = the output's gradient where each tap went,   dX += dC·W,   dW += dCᵀ·X                             (1)
// with X (positions × inputs), W (taps of the outputs × inputs) and dC (positions × taps of the outputs).

import LinearAlgebra

extension ConvolutionTransposeKernel {
    var gradientWorkspaceSize: Int { columns * height * width }

    func backward(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafePointer<Float>], dy: [UnsafePointer<Float>],
        gradients: [UnsafeMutablePointer<Float>?], tensors: TensorGradients, workspace: UnsafeMutablePointer<Float>
    ) {
        let positions = height * width, plane = outHeight * outWidth
        let (groupInputs, groupOutputs) = (inputChannels / groups, outputChannels / groups)
        if let bias = tensors.bias { ChannelSums.add(dy[0], samples: count, channels: outputChannels, positions: plane, to: bias) }
        guard gradients[0] != nil || tensors.weight != nil else { return }
        for sample in 0..<count {
            for group in 0..<groups {
                for output in 0..<groupOutputs {
                    let slope = dy[0] + (sample * outputChannels + group * groupOutputs + output) * plane
                    for ky in 0..<kernelHeight {
                        for kx in 0..<kernelWidth {
                            read(slope, ky, kx, into: workspace + ((output * kernelHeight + ky) * kernelWidth + kx) * positions)
                        }
                    }
                }
                let place = (sample * inputChannels + group * groupInputs) * positions
                let first = group * groupInputs * columns
                if let dx = gradients[0] {
                    weight.withUnsafeBufferPointer { w in
                        BLAS.gemm(
                            .normal, .normal, positions, groupInputs, columns, 1, workspace, positions, w.baseAddress! + first, columns, 1,
                            dx + place, positions)
                    }
                }
                if let dw = tensors.weight {
                    BLAS.gemm(
                        .transposed, .normal, columns, groupInputs, positions, 1, workspace, positions, inputs[0] + place, positions, 1,
                        dw + first, columns)
                }
            }
        }
    }

    private func read(_ plane: UnsafePointer<Float>, _ ky: Int, _ kx: Int, into column: UnsafeMutablePointer<Float>) {
        for row in 0..<height {
            let y = row * strideY + ky * dilationY - top
            for i in 0..<width {
                let x = i * strideX + kx * dilationX - left
                column[row * width + i] = y >= 0 && y < outHeight && x >= 0 && x < outWidth ? plane[y * outWidth + x] : 0
            }
        }
    }
}
