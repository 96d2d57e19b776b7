// Rows of a layer's weights in the terms of what it reads.
//
// z_o = Σ_i Σ_t W[o, i, t]·h_i,t + b  with h_i = s_i·T_i + c_i:  positions that carry the same term are added up, constants go to
// the constant part. Where zeros pad the image a constant is no constant near the border: there it counts as a multiple of the
// term "one inside the image".

import NeuralNetworks

/// The rows of one share of a convolution, or of a linear layer.
struct WeightRows: Sendable {
    /// Relative difference up to which coefficients count as equal: a multiple of a stored Float32 row differs from it by 2⁻²⁴ per
    /// entry, a normalization folded in by a few times that.
    static let tolerance = 0x1p-20

    private let values: [Float]
    private let firstOutput: Int
    /// Number of rows.
    let outputs: Int
    /// Taps per input position.
    let taps: Int
    let isPadded: Bool
    /// Distinct terms read, in the order of first use.
    let terms: [Int]
    private let forms: [ChannelForm]
    /// Place of each position's term in `terms`.
    private let places: [Int]
    /// Place of the term "one".
    private let onePlace: Int
    /// Several positions share a term.
    private let addsUp: Bool
    private let outputStride: Int
    private let inputStride: Int

    /// - Parameters:
    ///   - outputStride, inputStride: distance in `values` between outputs and between input positions.
    ///   - one: the term that is 1 inside the image.
    init(
        values: [Float], outputs: Range<Int>, forms: [ChannelForm], taps: Int, outputStride: Int, inputStride: Int, isPadded: Bool,
        one: Int
    ) {
        self.values = values
        (firstOutput, self.outputs) = (outputs.lowerBound, outputs.count)
        (self.taps, self.isPadded, self.forms) = (taps, isPadded, forms)
        (self.outputStride, self.inputStride) = (outputStride, inputStride)
        var terms: [Int] = []
        var placeOf: [Int: Int] = [:]
        func place(_ term: Int) -> Int {
            if let known = placeOf[term] { return known }
            placeOf[term] = terms.count
            terms.append(term)
            return terms.count - 1
        }
        places = forms.map { $0.isConstant ? -1 : place($0.term) }
        onePlace = isPadded && forms.contains { $0.offset != 0 } ? place(one) : -1
        addsUp = onePlace >= 0 || terms.count < forms.count { !$0.isConstant }
        self.terms = terms
    }

    /// One row: coefficient of every term at every tap, term-major.
    struct Row {
        var entries: [Double]
        var constant: Double

        /// ‖row‖ with the sign of its first large entry; `nil` for a row of zeros.
        var factor: Double? {
            var (largest, sum) = (0.0, 0.0)
            for x in entries { largest = Swift.max(largest, x.magnitude) }
            guard largest > 0 else { return nil }
            // Scaled, so that squares neither overflow nor vanish.
            for x in entries { sum += x / largest * (x / largest) }
            let lead = entries.first { $0.magnitude > largest / 2 } ?? largest
            return (lead < 0 ? -largest : largest) * sum.squareRoot()
        }

        /// Cell of the projection of the normalized row on fixed signs.
        func cell(_ factor: Double) -> Int {
            var (sum, state) = (0.0, UInt64(0x9e37_79b9_7f4a_7c15))
            for x in entries {
                // xorshift64 (Marsaglia, J. Stat. Softw. 8 (2003) 14): only its signs are used.
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                sum += state & 1 == 0 ? x : -x
            }
            // Rounding moves the projection by far less than a cell; |projection| ≤ √n.
            return Int((sum / factor * 0x1p16).rounded())
        }

        /// Whether both rows are equal after division by their factors.
        func equals(_ other: Row, _ factor: Double, _ otherFactor: Double) -> Bool {
            guard entries.count == other.entries.count else { return false }
            var sum = 0.0
            for (a, b) in zip(entries, other.entries) {
                let difference = a / factor - b / otherFactor
                sum += difference * difference
            }
            return sum <= WeightRows.tolerance * WeightRows.tolerance
        }

        /// Bounds of the row divided by its factor.
        func bounds(_ inputs: [TermBounds], _ factor: Double, taps: Int) -> TermBounds {
            var (lower, upper) = (0.0, 0.0)
            for (k, x) in entries.enumerated() where x != 0 {
                let (range, c) = (inputs[k / taps], x / factor)
                guard c != 0 else { return .unbounded }
                lower += c * (c > 0 ? range.lower : range.upper)
                upper += c * (c > 0 ? range.upper : range.lower)
                if lower == -.infinity, upper == .infinity { return .unbounded }
            }
            return TermBounds(lower: lower, upper: upper)
        }
    }

    func row(_ output: Int) -> Row {
        var entries = [Double](repeating: 0, count: terms.count * taps)
        var sizes = addsUp ? entries : []
        var constant = 0.0
        values.withUnsafeBufferPointer { values in
            for (i, form) in forms.enumerated() where !form.isConstant || form.offset != 0 {
                let first = (firstOutput + output) * outputStride + i * inputStride
                for t in 0..<taps {
                    let weight = Double(values[first + t])
                    guard weight != 0 else { continue }
                    if places[i] >= 0 {
                        entries[places[i] * taps + t] += weight * form.scale
                        if addsUp { sizes[places[i] * taps + t] += (weight * form.scale).magnitude }
                    }
                    if form.offset != 0 {
                        if isPadded {
                            entries[onePlace * taps + t] += weight * form.offset
                            sizes[onePlace * taps + t] += (weight * form.offset).magnitude
                        } else {
                            constant += weight * form.offset
                        }
                    }
                }
            }
        }
        // What cancels to rounding level is zero.
        if addsUp { for k in entries.indices where entries[k].magnitude <= WeightRows.tolerance * sizes[k] { entries[k] = 0 } }
        return Row(entries: entries, constant: constant)
    }
}
