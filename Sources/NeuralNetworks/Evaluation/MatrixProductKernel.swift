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

    private var products: Int { batch.reduce(1, *) }
    private var parts: EvenParts { EvenParts(of: products, size: rows * inner * columns / 8) }

    var partCount: Int { parts.count }

    func run(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        multiply(0..<products, ofSamples: count, inputs[0], inputs[1], into: outputs[0])
    }

    func run(
        part: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        multiply(parts[part], ofSamples: 1, inputs[0], inputs[1], into: outputs[0])
    }

    /// Some of the products of every sample.
    private func multiply(
        _ chosen: Range<Int>, ofSamples count: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
        into c: UnsafeMutablePointer<Float>
    ) {
        let lefts = RowMajor.positions(shape: batch, strides: left.strides)
        let rights = RowMajor.positions(shape: batch, strides: right.strides)
        let size = rows * columns
        for sample in 0..<count {
            for index in chosen {
                let y = c + (sample * lefts.count + index) * size
                guard inner > 0 else {
                    y.update(repeating: 0, count: size)
                    continue
                }
                // Row-major C = A·B is column-major Cᵀ = Bᵀ·Aᵀ.
                BLAS.gemm(
                    .normal, .normal, columns, rows, inner, 1, b + sample * right.sampleStride + rights[index], columns,
                    a + sample * left.sampleStride + lefts[index], inner, 0, y, columns)
            }
        }
    }
}
