// Positions of an axis chosen or blended: gathering by constant indices, and resizing.

struct TapKernel: SampleKernel {
    let outer: Int
    /// Extent of the axis in the input.
    let length: Int
    let inner: Int
    let positions: [Int]
    /// Empty: every weight is 1 and there is one tap.
    let weights: [Float]
    let tapCount: Int

    func run(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        let results = positions.count / tapCount
        for block in 0..<count * outer {
            let x = inputs[0] + block * length * inner
            let y = outputs[0] + block * results * inner
            for result in 0..<results {
                let line = y + result * inner
                if weights.isEmpty {
                    line.update(from: x + positions[result] * inner, count: inner)
                    continue
                }
                line.update(repeating: 0, count: inner)
                for tap in result * tapCount..<(result + 1) * tapCount where weights[tap] != 0 {
                    let source = x + positions[tap] * inner
                    let weight = weights[tap]
                    for i in 0..<inner { line[i] += weight * source[i] }
                }
            }
        }
    }
}
