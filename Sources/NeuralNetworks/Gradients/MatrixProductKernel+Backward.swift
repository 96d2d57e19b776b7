// Adjoint of products of computed matrices: dA += dY·Bᵀ, dB += Aᵀ·dY.

import LinearAlgebra

extension MatrixProductKernel {
    func backward(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafePointer<Float>], dy: [UnsafePointer<Float>],
        gradients: [UnsafeMutablePointer<Float>?], tensors: TensorGradients, workspace: UnsafeMutablePointer<Float>
    ) {
        guard inner > 0, rows > 0, columns > 0 else { return }
        let lefts = RowMajor.positions(shape: batch, strides: left.strides)
        let rights = RowMajor.positions(shape: batch, strides: right.strides)
        for sample in 0..<count {
            for (index, (a, b)) in zip(lefts, rights).enumerated() {
                let slope = dy[0] + (sample * lefts.count + index) * rows * columns
                let (atLeft, atRight) = (sample * left.sampleStride + a, sample * right.sampleStride + b)
                // Row-major matrices are transposed ones by columns.
                if let gradient = gradients[0] {
                    BLAS.gemm(
                        .transposed, .normal, inner, rows, columns, 1, inputs[1] + atRight, columns, slope, columns, 1, gradient + atLeft,
                        inner)
                }
                if let gradient = gradients[1] {
                    BLAS.gemm(
                        .normal, .transposed, columns, inner, rows, 1, slope, columns, inputs[0] + atLeft, inner, 1, gradient + atRight,
                        columns)
                }
            }
        }
    }
}
