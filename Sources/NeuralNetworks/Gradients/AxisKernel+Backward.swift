// Adjoints of functions of all values along one axis.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension AxisKernel {
    func backward(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafePointer<Float>], dy: [UnsafePointer<Float>],
        gradients: [UnsafeMutablePointer<Float>?], tensors: TensorGradients, workspace: UnsafeMutablePointer<Float>
    ) {
        guard length > 0, let dx = gradients[0] else { return }
        for block in 0..<count * outer {
            for i in 0..<inner {
                let start = block * length * inner + i
                line(inputs[0] + start, outputs[0] + start, dy[0] + start, dx + start)
            }
        }
    }

    private func line(
        _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>
    ) {
        let indices = 0..<length
        switch operation {
        case .logSoftmax:
            // dx = dy − softmax·Σ dy.
            let sum = indices.reduce(0.0) { $0 + Double(dy[$1 * inner]) }
            for k in indices { dx[k * inner] += Float(Double(dy[k * inner]) - exp(Double(y[k * inner])) * sum) }
        case .hardmax: break
        case .cumulativeSum(let exclusive, let reverse):
            var sum = 0.0
            for step in indices {
                let k = reverse ? step : length - 1 - step
                if exclusive { dx[k * inner] += Float(sum) }
                sum += Double(dy[k * inner])
                if !exclusive { dx[k * inner] += Float(sum) }
            }
        case .normalize(let power):
            // dx = (dy − d‖x‖/dx·Σ y∘dy)/‖x‖; at the origin the quotient has no slope.
            let sum = indices.reduce(0.0) { total, k in
                let value = Double(x[k * inner])
                return total + (power == 1 ? abs(value) : value * value)
            }
            let norm = power == 1 ? sum : sum.squareRoot()
            guard norm > 0 else { return }
            let product = indices.reduce(0.0) { $0 + Double(y[$1 * inner]) * Double(dy[$1 * inner]) }
            for k in indices {
                let value = Double(x[k * inner])
                let slope = power == 1 ? (value > 0 ? 1.0 : value < 0 ? -1 : 0) : value / norm
                dx[k * inner] += Float((Double(dy[k * inner]) - slope * product) / norm)
            }
        case .localResponse(let size, let alpha, let beta, let bias):
            // y_k = x_k·s_k^−β, s_k = bias + α/size·Σ_{j near k} x_j²: dx_j = dy_j·s_j^−β − 2αβ/size·x_j·Σ_{k: j near k} dy_k·y_k/s_k.
            let share = Double(alpha) / Double(size)
            for k in indices {
                let first = max(0, k - (size - 1) / 2), last = min(length - 1, k + size / 2)
                let near = first...max(first, last)
                let scale = Double(bias) + share * near.reduce(0.0) { $0 + Double(x[$1 * inner]) * Double(x[$1 * inner]) }
                let slope = Double(dy[k * inner])
                dx[k * inner] += Float(slope * pow(scale, -Double(beta)))
                let factor = 2 * share * Double(beta) * slope * Double(y[k * inner]) / scale
                for j in near { dx[j * inner] -= Float(factor * Double(x[j * inner])) }
            }
        }
    }
}
