// How far a consumer's outputs are off, measured.

import NeuralNetworks

/// Squared error of a consumer's outputs against their own spread, streamed, over the outputs that survive.
struct OutputError {
    let keptOutputs: [Int]
    let isLinear: Bool
    private var error = 0.0
    private var squares = 0.0
    private var sums: [Double]
    private var count = 0.0

    init(keptOutputs: [Int], isLinear: Bool) {
        self.keptOutputs = keptOutputs
        self.isLinear = isLinear
        sums = [Double](repeating: 0, count: keptOutputs.count)
    }

    /// Adds a batch; the mean is taken per output, over images and places.
    ///
    /// - Parameter approximate: all outputs, or those that survive.
    mutating func add(_ exact: ActivationTensor, _ approximate: ActivationTensor) {
        let (layout, other) = (ChannelLayout(exact.shape, isLinear: isLinear), ChannelLayout(approximate.shape, isLinear: isLinear))
        guard layout.samples == other.samples, other.channels == layout.channels || other.channels == keptOutputs.count else { return }
        let isCut = other.channels != layout.channels
        for s in 0..<layout.samples {
            let (base, otherBase) = (layout.base(ofSample: s), other.base(ofSample: s))
            for (k, output) in keptOutputs.enumerated() {
                let z = Double(exact.values[base + output * layout.stride])
                let difference = z - Double(approximate.values[otherBase + (isCut ? k : output) * other.stride])
                error += difference * difference
                squares += z * z
                sums[k] += z
            }
        }
        count += Double(layout.samples)
    }

    var relative: Double? {
        guard count > 0 else { return nil }
        let spread = squares - sums.reduce(0) { $0 + $1 * $1 } / count
        return spread > 0 ? error / spread : nil
    }
}
