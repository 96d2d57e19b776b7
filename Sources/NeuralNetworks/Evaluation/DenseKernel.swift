// y = φ(W·x + b) for many vectors at once.

import LinearAlgebra

struct DenseKernel: Sendable {
    let inputs: Int
    let outputs: Int
    /// Vectors per sample: the product of the axes before the last.
    let positions: Int
    /// (out, in), or (in, out) when transposed.
    let weight: [Float]
    let isTransposed: Bool
    let epilogue: Epilogue

    func run(
        count: Int, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>, residual: UnsafePointer<Float>?
    ) {
        let vectors = count * positions
        guard vectors > 0 else { return }
        weight.withUnsafeBufferPointer { w in
            BLAS.gemm(
                isTransposed ? .normal : .transposed, .normal, outputs, vectors, inputs, 1, w.baseAddress!,
                isTransposed ? outputs : inputs, input, inputs, 0, output, outputs)
        }
        guard !epilogue.isIdentity else { return }
        for vector in 0..<vectors {
            let y = output + vector * outputs
            epilogue.bias.withUnsafeBufferPointer { b in
                if let b = b.baseAddress, !epilogue.bias.isEmpty { for i in 0..<outputs { y[i] += b[i] } }
            }
            epilogue.apply(y, count: outputs, bias: 0, residual: residual.map { $0 + vector * outputs })
        }
    }
}
