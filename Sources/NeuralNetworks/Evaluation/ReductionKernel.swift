// Sums, means, extremes and norms over some axes, accumulated in Double.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

struct ReductionKernel: SampleKernel {
    let kind: Reduction.Kind
    /// Values per sample of the input.
    let size: Int
    /// Where each output begins, and the offsets of what it reduces.
    let starts: [Int]
    let offsets: [Int]

    /// - Parameter axes: of the sample, without the batch axis.
    init(kind: Reduction.Kind, shape: [Int], axes: Set<Int>) {
        self.kind = kind
        size = shape.reduce(1, *)
        let strides = RowMajor.strides(shape)
        let kept = shape.indices.filter { !axes.contains($0) }, reduced = shape.indices.filter(axes.contains)
        starts = RowMajor.positions(shape: kept.map { shape[$0] }, strides: kept.map { strides[$0] })
        offsets = RowMajor.positions(shape: reduced.map { shape[$0] }, strides: reduced.map { strides[$0] })
    }

    func run(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        for sample in 0..<count {
            for (index, start) in starts.enumerated() {
                outputs[0][sample * starts.count + index] = reduce(inputs[0] + sample * size + start)
            }
        }
    }

    private func reduce(_ x: UnsafePointer<Float>) -> Float {
        func sum(_ term: (Double) -> Double) -> Double { offsets.reduce(0) { $0 + term(Double(x[$1])) } }
        /// First of the largest (or smallest) values; NaN wins.
        func extreme(_ isBetter: (Float, Float) -> Bool) -> Int {
            var best = 0
            for i in offsets.indices.dropFirst() {
                let (value, current) = (x[offsets[i]], x[offsets[best]])
                if !current.isNaN && (value.isNaN || isBetter(value, current)) { best = i }
            }
            return best
        }
        switch kind {
        case .mean: return Float(sum { $0 } / Double(max(offsets.count, 1)))
        case .sum: return Float(sum { $0 })
        case .maximum: return offsets.isEmpty ? -.infinity : x[offsets[extreme(>)]]
        case .minimum: return offsets.isEmpty ? .infinity : x[offsets[extreme(<)]]
        case .product: return Float(offsets.reduce(1) { $0 * Double(x[$1]) })
        case .absoluteSum: return Float(sum(abs))
        case .norm: return Float(sum { $0 * $0 }.squareRoot())
        case .squareSum: return Float(sum { $0 * $0 })
        case .logSum: return Float(log(sum { $0 }))
        case .logSumExponential:
            guard !offsets.isEmpty else { return -.infinity }
            let peak = Double(x[offsets[extreme(>)]])
            return peak.isInfinite ? Float(peak) : Float(peak + log(sum { exp($0 - peak) }))
        case .firstMaximum: return Float(extreme(>))
        case .firstMinimum: return Float(extreme(<))
        }
    }
}
