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

    private var parts: EvenParts { EvenParts(of: outer, size: positions.count / tapCount * inner) }

    var partCount: Int { parts.count }

    func run(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        run(blocks: 0..<count * outer, inputs[0], outputs[0])
    }

    func run(
        part: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        run(blocks: parts[part], inputs[0], outputs[0])
    }

    private func run(blocks: Range<Int>, _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>) {
        let results = positions.count / tapCount
        positions.withUnsafeBufferPointer { positions in
            weights.withUnsafeBufferPointer { weights in
                for block in blocks {
                    let x = input + block * length * inner
                    let y = output + block * results * inner
                    switch (weights.isEmpty, inner) {
                    case (true, 1): for result in 0..<results { y[result] = x[positions[result]] }
                    case (true, _):
                        for result in 0..<results { (y + result * inner).update(from: x + positions[result] * inner, count: inner) }
                    case (false, 1):
                        for result in 0..<results {
                            var sum: Float = 0
                            for tap in result * tapCount..<(result + 1) * tapCount where weights[tap] != 0 {
                                sum += weights[tap] * x[positions[tap]]
                            }
                            y[result] = sum
                        }
                    case (false, _):
                        for result in 0..<results {
                            let line = y + result * inner
                            line.update(repeating: 0, count: inner)
                            for tap in result * tapCount..<(result + 1) * tapCount where weights[tap] != 0 {
                                let (source, weight) = (x + positions[tap] * inner, weights[tap])
                                for i in 0..<inner { line[i] += weight * source[i] }
                            }
                        }
                    }
                }
            }
        }
    }
}
