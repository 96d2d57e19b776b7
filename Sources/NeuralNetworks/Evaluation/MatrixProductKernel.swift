// Products of matrices that are both computed, or one of which is a constant, over axes that broadcast.

import LinearAlgebra

struct MatrixProductKernel: SampleKernel {
    let rows: Int
    let inner: Int
    let columns: Int
    /// Extents of the axes before the matrices, in the result.
    let batch: [Int]
    /// How matrices follow each other; strides in values.
    let left: BroadcastOperand
    let right: BroadcastOperand

    func run(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        let lefts = RowMajor.positions(shape: batch, strides: left.strides)
        let rights = RowMajor.positions(shape: batch, strides: right.strides)
        let size = rows * columns
        for sample in 0..<count {
            for (index, (a, b)) in zip(lefts, rights).enumerated() {
                let y = outputs[0] + (sample * lefts.count + index) * size
                guard inner > 0 else {
                    y.update(repeating: 0, count: size)
                    continue
                }
                // Row-major C = A·B is column-major Cᵀ = Bᵀ·Aᵀ.
                BLAS.gemm(
                    .normal, .normal, columns, rows, inner, 1, inputs[1] + sample * right.sampleStride + b, columns,
                    inputs[0] + sample * left.sampleStride + a, inner, 0, y, columns)
            }
        }
    }
}
