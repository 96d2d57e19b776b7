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
        for sample in 0..<count {
            multiply(
                0..<batch.reduce(1, *), inputs[0] + sample * left.sampleStride, inputs[1] + sample * right.sampleStride,
                into: outputs[0] + sample * batch.reduce(1, *) * rows * columns)
        }
    }

    var partCount: Int { EvenParts(of: batch.reduce(1, *), size: rows * inner * columns / 8).count }

    func run(
        part: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        let parts = EvenParts(of: batch.reduce(1, *), size: rows * inner * columns / 8)
        multiply(parts[part], inputs[0], inputs[1], into: outputs[0])
    }

    /// Some of the products of a sample.
    private func multiply(
        _ products: Range<Int>, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>
    ) {
        let lefts = RowMajor.positions(shape: batch, strides: left.strides)
        let rights = RowMajor.positions(shape: batch, strides: right.strides)
        let size = rows * columns
        for index in products {
            guard inner > 0 else {
                (y + index * size).update(repeating: 0, count: size)
                continue
            }
            // Row-major C = A·B is column-major Cᵀ = Bᵀ·Aᵀ.
            BLAS.gemm(
                .normal, .normal, columns, rows, inner, 1, b + rights[index], columns, a + lefts[index], inner, 0, y + index * size,
                columns)
        }
    }
}
