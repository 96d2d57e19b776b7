// Differences, quotients, comparisons, choices: any function of values that broadcast.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

struct ElementwiseKernel: SampleKernel {
    let operation: ElementwiseOperation
    let rows: BroadcastRows

    init(operation: ElementwiseOperation, extents: [Int], operands: [BroadcastOperand]) {
        self.operation = operation
        rows = BroadcastRows(extents: extents, operands: operands)
    }

    var partCount: Int { rows.parts.count }

    func run(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        for sample in 0..<count { run(sample: sample, part: nil, inputs: inputs, output: outputs[0]) }
    }

    func run(
        part: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        run(sample: 0, part: part, inputs: inputs, output: outputs[0])
    }

    private func run(sample: Int, part: Int?, inputs: [UnsafePointer<Float>], output: UnsafeMutablePointer<Float>) {
        var x = inputs
        rows.forEach(sample: sample, part: part) { starts, place, length in
            for k in x.indices { x[k] = inputs[k] + starts[k] }
            combine(x, rows.steps, output + place, length)
        }
    }

    private func combine(_ x: [UnsafePointer<Float>], _ s: [Int], _ y: UnsafeMutablePointer<Float>, _ count: Int) {
        @inline(__always)
        func pairs(_ function: (Float, Float) -> Float) {
            let (a, b, stepA, stepB) = (x[0], x[1], s[0], s[1])
            switch (stepA, stepB) {
            case (1, 1): for i in 0..<count { y[i] = function(a[i], b[i]) }
            case (1, 0):
                let other = b[0]
                for i in 0..<count { y[i] = function(a[i], other) }
            case (0, 1):
                let own = a[0]
                for i in 0..<count { y[i] = function(own, b[i]) }
            default: for i in 0..<count { y[i] = function(a[i * stepA], b[i * stepB]) }
            }
        }
        func fold(_ function: (Float, Float) -> Float) {
            for i in 0..<count { y[i] = x[0][i * s[0]] }
            for (operand, step) in zip(x, s).dropFirst() { for i in 0..<count { y[i] = function(y[i], operand[i * step]) } }
        }
        switch operation {
        case .subtract: pairs { $0 - $1 }
        case .divide: pairs { $0 / $1 }
        case .power: pairs { $1 == 2 ? $0 * $0 : powf($0, $1) }
        case .minimum: fold { $0.isNaN || $0 < $1 ? $0 : $1 }
        case .maximum: fold { $0.isNaN || $0 > $1 ? $0 : $1 }
        case .mean:
            fold { $0 + $1 }
            for i in 0..<count { y[i] /= Float(x.count) }
        case .integerDivide: pairs { $1 == 0 ? 0 : ($0 / $1).rounded(.towardZero) }
        case .modulo(let truncates):
            pairs { a, b in
                let rest = fmodf(a, b)
                return truncates || rest == 0 || (rest < 0) == (b < 0) ? rest : rest + b
            }
        case .parametricReLU: pairs { $0 < 0 ? $0 * $1 : $0 }
        case .clamp: for i in 0..<count { y[i] = min(max(x[0][i * s[0]], x[1][i * s[1]]), x[2][i * s[2]]) }
        case .select: for i in 0..<count { y[i] = x[0][i * s[0]] != 0 ? x[1][i * s[1]] : x[2][i * s[2]] }
        case .equal: pairs { $0 == $1 ? 1 : 0 }
        case .less: pairs { $0 < $1 ? 1 : 0 }
        case .lessOrEqual: pairs { $0 <= $1 ? 1 : 0 }
        case .greater: pairs { $0 > $1 ? 1 : 0 }
        case .greaterOrEqual: pairs { $0 >= $1 ? 1 : 0 }
        case .and: pairs { $0 != 0 && $1 != 0 ? 1 : 0 }
        case .or: pairs { $0 != 0 || $1 != 0 ? 1 : 0 }
        case .exclusiveOr: pairs { ($0 != 0) != ($1 != 0) ? 1 : 0 }
        }
    }
}
