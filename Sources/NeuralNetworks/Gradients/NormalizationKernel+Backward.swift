// Adjoint of normalizations that take their statistics from the activation.
//
//     y = g∘x̂ + s,   x̂ = (x − m)·f,   f = 1/√(mean (x − m)² + ε)
//     dx = f·(h − mean h − x̂·mean(h∘x̂)),   h = g∘dy                                                          (1)
// over the values that share m and f; without the term mean h where the mean is not subtracted (RMS).
// Source of (1): Ba, Kiros & Hinton, arXiv 1607.06450, differentiated.

extension NormalizationKernel {
    /// Adds to what is given of the gradients of the input, the scale and the shift.
    func backward(
        count: Int, x: UnsafePointer<Float>, dy: UnsafePointer<Float>, dx: UnsafeMutablePointer<Float>?,
        scaleGradient: UnsafeMutablePointer<Float>?, shiftGradient: UnsafeMutablePointer<Float>?
    ) {
        for block in 0..<count * blocks {
            let (x, dy) = (x + block * length, dy + block * length)
            let first = block % blocks * length
            let (mean, factor, size) = statistics(x, first: first)
            var (sum, product) = (0.0, 0.0)
            for i in 0..<length where takesPart(first, i) {
                let p = parameter(first, i)
                let normalized = (Double(x[i]) - mean) * factor
                scaleGradient?[p] += dy[i] * Float(normalized)
                shiftGradient?[p] += dy[i]
                let slope = Double(dy[i]) * Double(scale.isEmpty ? 1 : scale[p])
                sum += slope
                product += slope * normalized
            }
            guard let dx else { continue }
            let target = dx + block * length
            if !subtractsMean { sum = 0 }
            for i in 0..<length where takesPart(first, i) {
                let p = parameter(first, i)
                let slope = Double(dy[i]) * Double(scale.isEmpty ? 1 : scale[p])
                target[i] += Float(factor * (slope - sum / size - (Double(x[i]) - mean) * factor * product / size))
            }
        }
    }
}
