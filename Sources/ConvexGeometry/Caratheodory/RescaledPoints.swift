// Points and weights near the limits of Double, brought to sizes at which sums neither overflow nor lose digits.
//
// Every coordinate and the weights are multiplied by powers of two, which is exact also for denormal numbers. Relative
// errors of sums do not change, nor do the spaces that products of coordinates span.

import LinearAlgebra

struct RescaledPoints {
    /// The points, `dimension` numbers each.
    let elements: [Double]
    let weights: [Double]
    /// Weights were multiplied by 2 to this power.
    let weightExponent: Int

    /// Below it a sum of products of 53 bits may have lost some: 2⁻¹⁰²² ulp, and terms of up to 2³¹ points.
    static var leastSafeSum: Double { 0x1p-938 }

    /// Sizes whose products of two, and sums of 2³¹ of them, keep all their digits: beyond them a copy is worth its memory.
    private static var comfortable: ClosedRange<Double> { 0x1p-400...0x1p400 }

    private static func isComfortable(_ size: Double) -> Bool { size == 0 || comfortable.contains(size) }

    /// Whether a coordinate or the weights are of an uncomfortable size throughout.
    static func isNeeded<Element: PointElement>(_ points: StoredPoints<Element>, _ weights: WeightView) -> Bool {
        let largest = (0..<points.count).reduce(0.0) { Swift.max($0, weights[$1]) }
        return !(isComfortable(largest) && sizes(points).allSatisfy(isComfortable))
    }

    // max |p| by coordinate.
    private static func sizes<Element: PointElement>(_ points: StoredPoints<Element>) -> [Double] {
        let d = points.width
        var sizes = [Double](repeating: 0, count: d)
        sizes.withUnsafeMutableBufferPointer { sizes in
            for i in 0..<points.count { for k in 0..<d { sizes[k] = Swift.max(sizes[k], points.coordinate(i, k).magnitude) } }
        }
        return sizes
    }

    /// nil where all sizes are comfortable or zero.
    init?<Element: PointElement>(_ points: StoredPoints<Element>, weights given: UnsafeBufferPointer<Double>?) {
        let (n, d) = (points.count, points.width)
        let sizes = Self.sizes(points)
        let weight = given.map { $0.max() ?? 0 } ?? 1 / Double(Swift.max(1, n))
        guard !(sizes.allSatisfy(Self.isComfortable) && Self.isComfortable(weight)) else { return nil }
        let exponents = sizes.map { $0 > 0 ? -Int($0.exponent) : 0 }
        let power = weight > 0 ? -Int(weight.exponent) : 0
        var copy = [Double](repeating: 0, count: n * d)
        for i in 0..<n {
            for k in 0..<d { copy[k + i * d] = Double(sign: .plus, exponent: exponents[k], significand: points.coordinate(i, k)) }
        }
        elements = copy
        weights = (0..<n).map { Double(sign: .plus, exponent: power, significand: given?[$0] ?? weight) }
        weightExponent = power
    }
}
