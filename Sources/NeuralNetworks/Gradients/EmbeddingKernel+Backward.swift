// Adjoint of looking up rows: the table gathers, indices have no slope.

extension EmbeddingKernel {
    func backward(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafePointer<Float>], dy: [UnsafePointer<Float>],
        gradients: [UnsafeMutablePointer<Float>?], tensors: TensorGradients, workspace: UnsafeMutablePointer<Float>
    ) {
        guard let table = tensors.weight else { return }
        for i in 0..<count * size {
            let row = table + row(inputs[0][i]) * width
            for k in 0..<width { row[k] += dy[0][i * width + k] }
        }
    }
}
