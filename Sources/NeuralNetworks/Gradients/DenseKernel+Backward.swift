// Adjoint of a dense layer.

import LinearAlgebra

extension DenseKernel {
    /// dx += Wᵀ·dy and dw += dy·xᵀ in the layout of the weight, where they are given.
    func backward(
        vectors: Int, x: UnsafePointer<Float>, dy: UnsafePointer<Float>, dx: UnsafeMutablePointer<Float>?,
        dw: UnsafeMutablePointer<Float>?
    ) {
        if let dx {
            weight.withUnsafeBufferPointer { w in
                BLAS.gemm(
                    isTransposed ? .transposed : .normal, .normal, inputs, vectors, outputs, 1, w.baseAddress!,
                    isTransposed ? outputs : inputs, dy, outputs, 1, dx, inputs)
            }
        }
        guard let dw else { return }
        if isTransposed {
            BLAS.gemm(.normal, .transposed, outputs, inputs, vectors, 1, dy, outputs, x, inputs, 1, dw, outputs)
        } else {
            BLAS.gemm(.normal, .transposed, inputs, outputs, vectors, 1, x, inputs, dy, outputs, 1, dw, inputs)
        }
    }
}
