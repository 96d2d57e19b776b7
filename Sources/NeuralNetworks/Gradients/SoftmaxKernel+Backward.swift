// Adjoint of the softmax.

extension SoftmaxKernel {
    /// dx += y∘(dy − Σ y·dy).
    func backward(count: Int, y: UnsafePointer<Float>, dy: UnsafePointer<Float>, dx: UnsafeMutablePointer<Float>) {
        for block in 0..<count * outer {
            for i in 0..<inner {
                let start = block * length * inner + i
                var mean: Float = 0
                for k in 0..<length { mean += y[start + k * inner] * dy[start + k * inner] }
                for k in 0..<length { dx[start + k * inner] += y[start + k * inner] * (dy[start + k * inner] - mean) }
            }
        }
    }
}
