// Adjoint of attention. Per head, with P = softmax(scale·K·Qᵀ), one column per query, and O = V·P:
//
//     dV += dO·Pᵀ,   dP = Vᵀ·dO,   dS = P∘(dP − Σ_keys P∘dP),   dK += scale·Q·dSᵀ,   dQ += scale·K·dS              (1)
//
// P is computed again: it is larger than all that is kept.

import LinearAlgebra

extension AttentionKernel {
    var gradientWorkspaceSize: Int { 2 * queries * keys }

    /// Adds to the gradients of queries, keys and values that are asked for.
    func backward(
        count: Int, inputs: [UnsafePointer<Float>], dy: UnsafePointer<Float>, gradients: [UnsafeMutablePointer<Float>?],
        workspace: UnsafeMutablePointer<Float>
    ) {
        let softmax = SoftmaxKernel(outer: queries, length: keys, inner: 1)
        let (row, valueRow) = (heads * width, heads * valueWidth)
        let (p, ds) = (workspace, workspace + queries * keys)
        for image in 0..<count {
            for head in 0..<heads {
                let (atQuery, atKey) = (image * queries * row + head * width, image * keys * row + head * width)
                let (atValue, atOutput) = (image * keys * valueRow + head * valueWidth, image * queries * valueRow + head * valueWidth)
                let (q, k, v, slope) = (inputs[0] + atQuery, inputs[1] + atKey, inputs[2] + atValue, dy + atOutput)
                BLAS.gemm(.transposed, .normal, keys, queries, width, scale, k, row, q, row, 0, p, keys)
                softmax.run(count: 1, input: UnsafePointer(p), output: p)
                if let dv = gradients[2] {
                    BLAS.gemm(.normal, .transposed, valueWidth, keys, queries, 1, slope, valueRow, p, keys, 1, dv + atValue, valueRow)
                }
                guard gradients[0] != nil || gradients[1] != nil else { continue }
                BLAS.gemm(.transposed, .normal, keys, queries, valueWidth, 1, v, valueRow, slope, valueRow, 0, ds, keys)
                for query in 0..<queries {
                    let (p, ds) = (p + query * keys, ds + query * keys)
                    let mean = ChannelSums.dot(p, ds, count: keys)
                    for i in 0..<keys { ds[i] = p[i] * (ds[i] - mean) }
                }
                if let dk = gradients[1] {
                    BLAS.gemm(.normal, .transposed, width, keys, queries, scale, q, row, ds, keys, 1, dk + atKey, row)
                }
                if let dq = gradients[0] {
                    BLAS.gemm(.normal, .normal, width, queries, keys, scale, k, row, ds, keys, 1, dq + atQuery, row)
                }
            }
        }
    }
}
