// A second opinion on reduced measures: plain loops in two-term arithmetic, nothing shared with the library.

/// A sum of products carried in two terms, about 32 digits.
package struct TwoTermSum {
    package private(set) var high = 0.0
    package private(set) var low = 0.0

    package init() {}

    package mutating func add(_ x: Double) {
        let sum = high + x
        let part = sum - high
        low += (high - (sum - part)) + (x - part)
        high = sum
    }

    package mutating func add(_ x: Double, times y: Double) {
        let product = x * y
        add(product)
        low += (-product).addingProduct(x, y)
    }

    package var value: Double { high + low }
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
    ///   - coordinate: entry k of point i.
    package init(
        count n: Int, dimension d: Int, weights: [Double], indices: [Int], reduced: [Double], _ coordinate: (Int, Int) -> Double
    ) {
        supportCount = indices.count
        for w in reduced { smallestWeight = min(smallestWeight, w) }
        var mass = TwoTermSum(), difference = TwoTermSum()
        for w in weights { mass.add(w); difference.add(-w) }
        for w in reduced { difference.add(w) }
        guard mass.value > 0 else { return }
        massError = difference.value.magnitude / mass.value
        for k in 0..<d {
            // About the first point with weight: an offset must not hide the spread.
            let origin = coordinate(weights.firstIndex { $0 > 0 }!, k)
            var sum = TwoTermSum(), magnitude = TwoTermSum(), moved = TwoTermSum(), isConstant = true
            for i in 0..<n {
                let value = coordinate(i, k)
                if weights[i] > 0, value != origin { isConstant = false }
                sum.add(weights[i], times: -value)
                magnitude.add(weights[i], times: value.magnitude)
                moved.add(weights[i], times: value - origin)
            }
            for (i, w) in zip(indices, reduced) { sum.add(w, times: coordinate(i, k)) }
            if magnitude.value > 0 { error = max(error, sum.value.magnitude / magnitude.value) }
            guard !isConstant else { continue }
            let mean = moved.value / mass.value
            var spread = TwoTermSum(), off = TwoTermSum()
            for i in 0..<n {
                spread.add(weights[i], times: (coordinate(i, k) - origin - mean).magnitude)
                off.add(weights[i], times: -(coordinate(i, k) - origin - mean))
            }
            for (i, w) in zip(indices, reduced) { off.add(w, times: coordinate(i, k) - origin - mean) }
            if spread.value > 0 { spreadError = max(spreadError, off.value.magnitude / spread.value) }
        }
    }
}
