// Squared errors of a layer after the last refits.

/// What the last refits leave of a layer's least-squares error: they trade some of it for class probabilities.
struct FinalErrors: Sendable {
    /// The weight of the layer.
    var parameter: String
    /// Mean squared error and variance, per output.
    var errors: [Double]
    var energies: [Double]

    /// - Parameters:
    ///   - approximation: outputs that survive, one sample per column.
    ///   - exact: all `width` outputs of the original network, one sample per column.
    ///   - outputs: which ones survive.
    init(_ parameter: String, _ approximation: [Float], exact: [Float], outputs: [Int], width: Int) {
        self.parameter = parameter
        errors = [Double](repeating: 0, count: width)
        energies = errors
        let samples = exact.count / width
        guard samples > 0 else { return }
        let count = Double(samples)
        for (k, o) in outputs.enumerated() {
            let mean = (0..<samples).reduce(0) { $0 + Double(exact[$1 * width + o]) } / count
            for s in 0..<samples {
                let (z, y) = (Double(exact[s * width + o]), Double(approximation[s * outputs.count + k]))
                errors[o] += (y - z) * (y - z) / count
                energies[o] += (z - mean) * (z - mean) / count
            }
        }
    }
}
