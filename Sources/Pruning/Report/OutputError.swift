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
        exact.values.withUnsafeBufferPointer { exact in
            approximate.values.withUnsafeBufferPointer { approximate in
                for s in stride(from: 0, to: layout.samples, by: max(1, layout.places)) {
                    let (base, otherBase) = (layout.base(ofSample: s), other.base(ofSample: s))
                    for (k, output) in keptOutputs.enumerated() {
                        add(
                            exact.baseAddress! + base + output * layout.stride,
                            approximate.baseAddress! + otherBase + (isCut ? k : output) * other.stride, places: layout.places, to: k)
                    }
                }
            }
        }
        count += Double(layout.samples)
    }

    /// The places of one image and output. Four sums side by side: one alone waits for every addition.
    private mutating func add(_ exact: UnsafePointer<Float>, _ approximate: UnsafePointer<Float>, places: Int, to k: Int) {
        var (errors, energies, values) = (SIMD4<Double>.zero, SIMD4<Double>.zero, SIMD4<Double>.zero)
        func add(_ z: SIMD4<Double>, _ difference: SIMD4<Double>) {
            errors += difference * difference
            energies += z * z
            values += z
        }
        let whole = places & ~3
        for place in stride(from: 0, to: whole, by: 4) {
            let z = SIMD4<Double>(UnsafeRawPointer(exact + place).loadUnaligned(as: SIMD4<Float>.self))
            add(z, z - SIMD4<Double>(UnsafeRawPointer(approximate + place).loadUnaligned(as: SIMD4<Float>.self)))
        }
        for place in whole..<places {
            let z = SIMD4<Double>(Double(exact[place]), 0, 0, 0)
            add(z, z - SIMD4<Double>(Double(approximate[place]), 0, 0, 0))
        }
        error += errors.sum()
        squares += energies.sum()
        sums[k] += values.sum()
    }

    var relative: Double? {
        guard count > 0 else { return nil }
        let spread = squares - sums.reduce(0) { $0 + $1 * $1 } / count
        return spread > 0 ? error / spread : nil
    }
}
