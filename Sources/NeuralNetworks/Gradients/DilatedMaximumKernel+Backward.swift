// Adjoint of the maximum over windows whose taps are apart: the first element of a window that attains it has its gradient.

extension DilatedMaximumKernel {
    func backward(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafePointer<Float>], dy: [UnsafePointer<Float>],
        gradients: [UnsafeMutablePointer<Float>?], tensors: TensorGradients, workspace: UnsafeMutablePointer<Float>
    ) {
        guard let dx = gradients[0] else { return }
        for plane in 0..<count * channels {
            let x = inputs[0] + plane * height * width, target = dx + plane * height * width
            for row in 0..<outHeight {
                for column in 0..<outWidth {
                    let place = (plane * outHeight + row) * outWidth + column
                    search: for ky in 0..<windowY {
                        let i = row * strideY - top + ky * dilationY
                        guard i >= 0, i < height else { continue }
                        for kx in 0..<windowX {
                            let j = column * strideX - left + kx * dilationX
                            guard j >= 0, j < width, x[i * width + j] == outputs[0][place] else { continue }
                            target[i * width + j] += dy[0][place]
                            break search
                        }
                    }
                }
            }
        }
    }
}
