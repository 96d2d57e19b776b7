// Differences, quotients, comparisons, choices: any function of values that broadcast.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

struct ElementwiseKernel: SampleKernel {
    let operation: ElementwiseOperation
    let extents: [Int]
    let operands: [BroadcastOperand]
    /// By what each operand goes on within a row.
    let steps: [Int]

    init(operation: ElementwiseOperation, extents: [Int], operands: [BroadcastOperand]) {
        self.operation = operation
        var (extents, operands) = (extents, operands)
        BroadcastOperand.merge(&operands, &extents)
        (self.extents, self.operands) = (extents, operands)
        steps = operands.map { $0.strides.last ?? 0 }
    }

    func run(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        var x = inputs
        forEachRow(count) { starts, place, length in
            for k in x.indices { x[k] = inputs[k] + starts[k] }
            combine(x, steps, outputs[0] + place, length)
        }
    }

    /// Visits the rows of the last axis: where every operand begins, where the result does, and the length.
    func forEachRow(_ count: Int, _ body: (_ starts: [Int], _ place: Int, _ length: Int) -> Void) {
        let size = extents.reduce(1, *)
        guard size > 0 else { return }
        let inner = extents[extents.count - 1]
        for sample in 0..<count {
            var index = [Int](repeating: 0, count: extents.count - 1)
            var starts = operands.map { sample * $0.sampleStride }
            for row in 0..<size / inner {
                body(starts, sample * size + row * inner, inner)
                for axis in index.indices.reversed() {
                    index[axis] += 1
                    let isOver = index[axis] == extents[axis]
                    if isOver { index[axis] = 0 }
                    for k in starts.indices { starts[k] += (isOver ? 1 - extents[axis] : 1) * operands[k].strides[axis] }
                    if !isOver { break }
                }
            }
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
            for i in 0..<count { y[i] /= Float(operands.count) }
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
