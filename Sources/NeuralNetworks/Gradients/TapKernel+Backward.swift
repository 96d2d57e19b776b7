// Adjoint of choosing and blending positions of an axis: gradients go back to the positions they were read from.

extension TapKernel {
    func backward(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafePointer<Float>], dy: [UnsafePointer<Float>],
        gradients: [UnsafeMutablePointer<Float>?], tensors: TensorGradients, workspace: UnsafeMutablePointer<Float>
    ) {
        guard let dx = gradients[0] else { return }
        let results = positions.count / tapCount
        for block in 0..<count * outer {
            let target = dx + block * length * inner
            let slope = dy[0] + block * results * inner
            for result in 0..<results {
                let line = slope + result * inner
                for tap in result * tapCount..<(result + 1) * tapCount {
                    let weight = weights.isEmpty ? 1 : weights[tap]
                    guard weight != 0 else { continue }
                    let source = target + positions[tap] * inner
                    for i in 0..<inner { source[i] += weight * line[i] }
                }
            }
        }
    }
}
