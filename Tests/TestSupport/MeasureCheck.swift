// A second opinion on reduced measures: plain loops in double-double arithmetic, nothing shared with the library.

/// A sum carried in double-double, about 32 digits.
package struct TwoTermSum {
    private var total = DoubleDouble(0)

    package init() {}

    package mutating func add(_ x: Double) { total = total + DoubleDouble(x) }

    package mutating func add(_ x: Double, times y: Double) { total = total + DoubleDouble(x) * DoubleDouble(y) }

    package var value: Double { total.value }
}

/// What a reduced measure keeps of the whole one, measured from the raw input.
package struct MeasureCheck {
    /// maxₖ |Σ(w' − w)pₖ| / Σw|pₖ|.
    package private(set) var error = 0.0
    /// maxₖ |Σ(w' − w)(pₖ − μₖ)| / Σw|pₖ − μₖ| over coordinates that are not constant.
    package private(set) var spreadError = 0.0
    /// |Σw' − Σw| / Σw.
    package private(set) var massError = 0.0
    package private(set) var smallestWeight = Double.infinity
    package let supportCount: Int

    /// - Parameters:
    ///   - count: number of points, with `weights` of the whole measure.
    ///   - dimension: number of coordinates to check.
    ///   - indices: the points that are left, with weights `reduced`.
    ///   - coordinate: entry k of point i.
    package init(
        count n: Int, dimension d: Int, weights: [Double], indices: [Int], reduced: [Double], _ coordinate: (Int, Int) -> Double
    ) {
        supportCount = indices.count
        for w in reduced { smallestWeight = min(smallestWeight, w) }
        // Scaled to weights around 1: no product of a weight and a coordinate may leave the range of Double's tails.
        guard let heaviest = weights.indices.max(by: { weights[$0] < weights[$1] }), weights[heaviest] > 0 else { return }
        let unit = 1 / weights[heaviest].binade
        let whole = weights.map { DoubleDouble($0 * unit) }, few = reduced.map { DoubleDouble($0 * unit) }
        let zero = DoubleDouble(0)
        let mass = whole.reduce(zero, +)
        massError = ((few.reduce(zero, +) - mass) / mass).value.magnitude
        for k in 0..<d {
            // About the heaviest point: neither an offset nor a weight that outweighs the rest may hide the spread.
            let origin = DoubleDouble(coordinate(heaviest, k))
            let z = (0..<n).map { DoubleDouble(coordinate($0, k)) - origin }
            var difference = zero, magnitude = zero, moved = zero
            for i in 0..<n {
                let value = DoubleDouble(coordinate(i, k))
                difference = difference - whole[i] * value
                magnitude = magnitude + whole[i] * DoubleDouble(value.value.magnitude)
                moved = moved + whole[i] * z[i]
            }
            for (i, w) in zip(indices, few) { difference = difference + w * DoubleDouble(coordinate(i, k)) }
            if magnitude.value > 0 { error = max(error, (difference / magnitude).value.magnitude) }
            guard (0..<n).contains(where: { weights[$0] > 0 && z[$0].value != 0 }) else { continue }
            let mean = moved / mass
            var spread = zero, off = zero
            for i in 0..<n {
                let deviation = z[i] - mean
                spread = spread + (deviation.value < 0 ? -(whole[i] * deviation) : whole[i] * deviation)
                off = off - whole[i] * deviation
            }
            for (i, w) in zip(indices, few) { off = off + w * (z[i] - mean) }
            if spread.value > 0 { spreadError = max(spreadError, (off / spread).value.magnitude) }
        }
    }

    /// Of a problem with its points in a matrix.
    package init(_ problem: WeightedProblem, indices: [Int], reduced: [Double]) {
        self.init(
            count: problem.points.columns, dimension: problem.points.rows, weights: problem.weights, indices: indices, reduced: reduced
        ) { problem.points[$1, $0] }
    }
}
