// Adjoints of functions of values that broadcast. Choices pass the gradient to what was chosen; comparisons and roundings are
// staircases and pass nothing.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension ElementwiseKernel {
    func backward(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafePointer<Float>], dy: [UnsafePointer<Float>],
        gradients: [UnsafeMutablePointer<Float>?], tensors: TensorGradients, workspace: UnsafeMutablePointer<Float>
    ) {
        guard gradients.contains(where: { $0 != nil }) else { return }
        var (x, dx) = (inputs, gradients)
        for sample in 0..<count {
            rows.forEach(sample: sample) { starts, place, length in
                for k in x.indices {
                    x[k] = inputs[k] + starts[k]
                    dx[k] = gradients[k].map { $0 + starts[k] }
                }
                spread(dy[0] + place, outputs[0] + place, x, rows.steps, dx, length)
            }
        }
    }

    /// One row of the last axis.
    private func spread(
        _ dy: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ x: [UnsafePointer<Float>], _ s: [Int],
        _ dx: [UnsafeMutablePointer<Float>?], _ count: Int
    ) {
        @inline(__always)
        func add(to operand: Int, _ slope: (Int) -> Float) {
            guard let target = dx[operand] else { return }
            // A slope at a pole says nothing about what to change.
            func finite(_ value: Float) -> Float { value.isFinite ? value : 0 }
            switch s[operand] {
            case 1: for i in 0..<count { target[i] += finite(dy[i] * slope(i)) }
            case 0:
                var sum = target[0]
                for i in 0..<count { sum += finite(dy[i] * slope(i)) }
                target[0] = sum
            case let step: for i in 0..<count { target[i * step] += finite(dy[i] * slope(i)) }
            }
        }
        switch operation {
        case .subtract:
            add(to: 0) { _ in 1 }
            add(to: 1) { _ in -1 }
        case .divide:
            add(to: 0) { 1 / x[1][$0 * s[1]] }
            add(to: 1) { -y[$0] / x[1][$0 * s[1]] }
        case .power:
            add(to: 0) { i in
                let (base, exponent) = (x[0][i * s[0]], x[1][i * s[1]])
                return exponent == 2 ? 2 * base : exponent * powf(base, exponent - 1)
            }
            add(to: 1) { i in
                let base = x[0][i * s[0]]
                return base > 0 ? y[i] * logf(base) : 0
            }
        case .minimum, .maximum:
            // The first operand that attains the value.
            for k in x.indices {
                add(to: k) { i in
                    x[k][i * s[k]] == y[i] && !(0..<k).contains { x[$0][i * s[$0]] == y[i] } ? 1 : 0
                }
            }
        case .mean:
            let share = 1 / Float(max(x.count, 1))
            for k in x.indices { add(to: k) { _ in share } }
        case .modulo:
            add(to: 0) { _ in 1 }
            add(to: 1) { i in
                let divisor = x[1][i * s[1]]
                return -((x[0][i * s[0]] - y[i]) / divisor).rounded()
            }
        case .parametricReLU:
            let (input, step, slope) = (x[0], s[0], x[1])
            if step == 1, s[1] == 0 {
                // A slope for each channel, as networks have it.
                let own = slope[0]
                add(to: 0) { input[$0] < 0 ? own : 1 }
                add(to: 1) { min(input[$0], 0) }
            } else {
                add(to: 0) { input[$0 * step] < 0 ? slope[$0 * s[1]] : 1 }
                add(to: 1) { min(input[$0 * step], 0) }
            }
        case .clamp:
            func isBelow(_ i: Int) -> Bool { x[0][i * s[0]] < x[1][i * s[1]] }
            func isAbove(_ i: Int) -> Bool { max(x[0][i * s[0]], x[1][i * s[1]]) > x[2][i * s[2]] }
            add(to: 0) { isBelow($0) || isAbove($0) ? 0 : 1 }
            add(to: 1) { isBelow($0) && !isAbove($0) ? 1 : 0 }
            add(to: 2) { isAbove($0) ? 1 : 0 }
        case .select:
            add(to: 1) { x[0][$0 * s[0]] != 0 ? 1 : 0 }
            add(to: 2) { x[0][$0 * s[0]] != 0 ? 0 : 1 }
        case .integerDivide, .equal, .less, .lessOrEqual, .greater, .greaterOrEqual, .and, .or, .exclusiveOr: break
        }
    }
}
