// Functions of all values along one axis.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

struct AxisKernel: SampleKernel {
    let operation: AxisOperation
    let outer: Int
    let length: Int
    let inner: Int

    func run(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        guard length > 0 else { return }
        for block in 0..<count * outer {
            for i in 0..<inner { line(inputs[0] + block * length * inner + i, outputs[0] + block * length * inner + i) }
        }
    }

    private func line(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
        let indices = 0..<length
        switch operation {
        case .logSoftmax:
            let peak = indices.reduce(-Float.infinity) { max($0, x[$1 * inner]) }
            let sum = indices.reduce(0) { $0 + exp(Double(x[$1 * inner] - peak)) }
            let shift = peak + Float(log(sum))
            for k in indices { y[k * inner] = x[k * inner] - shift }
        case .hardmax:
            var best = 0
            for k in indices where x[k * inner] > x[best * inner] { best = k }
            for k in indices { y[k * inner] = k == best ? 1 : 0 }
        case .cumulativeSum(let exclusive, let reverse):
            var sum = 0.0
            for step in indices {
                let k = reverse ? length - 1 - step : step
                if exclusive { y[k * inner] = Float(sum) }
                sum += Double(x[k * inner])
                if !exclusive { y[k * inner] = Float(sum) }
            }
        case .normalize(let power):
            let sum = indices.reduce(0.0) { $0 + (power == 1 ? abs(Double(x[$1 * inner])) : Double(x[$1 * inner]) * Double(x[$1 * inner])) }
            let norm = power == 1 ? sum : sum.squareRoot()
            for k in indices { y[k * inner] = norm > 0 ? Float(Double(x[k * inner]) / norm) : 0 }
        case .localResponse(let size, let alpha, let beta, let bias):
            for k in indices {
                let first = max(0, k - (size - 1) / 2), last = min(length - 1, k + size / 2)
                let square = (first...max(first, last)).reduce(0.0) { $0 + Double(x[$1 * inner]) * Double(x[$1 * inner]) }
                y[k * inner] = Float(Double(x[k * inner]) / pow(Double(bias) + Double(alpha) / Double(size) * square, Double(beta)))
            }
        }
    }
}
