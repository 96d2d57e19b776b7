// Adjoints of sums, means, extremes and norms over some axes.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension ReductionKernel {
    func backward(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafePointer<Float>], dy: [UnsafePointer<Float>],
        gradients: [UnsafeMutablePointer<Float>?], tensors: TensorGradients, workspace: UnsafeMutablePointer<Float>
    ) {
        guard let dx = gradients[0] else { return }
        for sample in 0..<count {
            for (index, start) in starts.enumerated() {
                let place = sample * starts.count + index
                spread(dy[0][place], outputs[0][place], inputs[0] + sample * size + start, dx + sample * size + start)
            }
        }
    }

    /// The gradient of one output to all that it reduces.
    private func spread(_ slope: Float, _ y: Float, _ x: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>) {
        func add(_ factor: (Float) -> Float) {
            for i in offsets {
                let value = slope * factor(x[i])
                // A slope at a pole says nothing about what to change.
                if value.isFinite { dx[i] += value }
            }
        }
        switch kind {
        case .mean: add { _ in 1 / Float(offsets.count) }
        case .sum: add { _ in 1 }
        case .maximum, .minimum:
            // To the first that attains it.
            if let place = offsets.first(where: { x[$0] == y }) { dx[place] += slope }
        case .product:
            let zeros = offsets.filter { x[$0] == 0 }
            guard let zero = zeros.first else { return add { y / $0 } }
            if zeros.count == 1 { dx[zero] += slope * Float(offsets.reduce(1.0) { $1 == zero ? $0 : $0 * Double(x[$1]) }) }
        case .absoluteSum: add { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }
        case .norm: if y > 0 { add { $0 / y } }
        case .squareSum: add { 2 * $0 }
        case .logSum: add { _ in expf(-y) }
        case .logSumExponential: if y.isFinite { add { expf($0 - y) } }
        case .firstMaximum, .firstMinimum: break
        }
    }
}
