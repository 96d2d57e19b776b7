import ConvexGeometry
import Foundation
import LinearAlgebra
import ReferenceImplementations

/// The checker's own certificate, with plain loops.
enum EllipsoidCheck {
    /// What rounding may add to a quadratic form of d terms of a well-scaled problem.
    static func rounding(_ d: Int) -> Double { 1e4 * Double(d) * .ulpOfOne }

    /// max κ/D − 1 over all points for the given weights.
    static func verify(_ points: [Double], _ d: Int, _ support: [Int], _ weights: [Double], _ gap: Double) -> Verification {
        let measure = "max κ/D − 1 over all points"
        let order = d + 1
        var center = [Double](repeating: 0, count: d)
        for (index, weight) in zip(support, weights) { for k in 0..<d { center[k] += weight * points[k + index * d] } }
        var moment = [Double](repeating: 0, count: d * d)
        for (index, weight) in zip(support, weights) {
            for b in 0..<d {
                let scale = weight * (points[b + index * d] - center[b])
                for a in 0..<d { moment[a + b * d] += scale * (points[a + index * d] - center[a]) }
            }
        }
        guard let l = ReferenceLinearAlgebra.cholesky(moment, order: d) else {
            return Verification(measure, error: .infinity, tolerance: gap)
        }
        let largest = largestForm(points, d, center) { z in
            for k in 0..<d {
                z[k] /= l[k + k * d]
                for i in (k + 1)..<max(d, k + 1) { z[i] -= z[k] * l[i + k * d] }
            }
        }
        return Verification(measure, error: max(0, (1 + largest) / Double(order) - 1), tolerance: gap * (1 + 1e-3) + rounding(d))
    }

    /// max (x−c)ᵀA(x−c) − 1 over all points.
    static func excess(_ points: [Double], _ ellipsoid: Ellipsoid) -> Double {
        let d = ellipsoid.dimension
        let f = ellipsoid.factor
        let largest = largestForm(points, d, ellipsoid.center) { z in
            // z ← F·z, F upper triangular, in place from the top.
            for i in 0..<d {
                var sum = 0.0
                for k in i..<d { sum += f.elements[i + k * d] * z[k] }
                z[i] = sum
            }
        }
        return largest - 1
    }

    /// By how much the ellipsoid (x−c)ᵀA(x−c) ≤ 1, blown up until it holds all points, is larger than the smallest one:
    /// exp(2Δ/d) − 1 with Δ the difference of the logarithms of the volumes, in the units of the gap.
    static func volume(_ points: [Double], _ center: [Double], _ shape: [Double], best: Double, _ gap: Double) -> Verification {
        let measure = "volume^(2/d) over the smallest − 1"
        let d = center.count
        guard let l = ReferenceLinearAlgebra.cholesky(shape, order: d) else {
            return Verification(measure, error: .infinity, tolerance: gap)
        }
        let largest = largestForm(points, d, center) { z in
            // z ← Lᵀz in place from the top.
            for i in 0..<d {
                var sum = 0.0
                for k in i..<d { sum += l[k + i * d] * z[k] }
                z[i] = sum
            }
        }
        let halfLogDeterminant = (0..<d).reduce(0) { $0 + log(l[$1 + $1 * d]) }
        let excess = unitBallLogVolume(d) - halfLogDeterminant + Double(d) / 2 * log(largest) - best
        return Verification(measure, error: max(0, exp(2 * excess / Double(d)) - 1), tolerance: 2 * gap + rounding(d))
    }

    private static func unitBallLogVolume(_ d: Int) -> Double { Double(d) / 2 * log(.pi) - lgamma(Double(d) / 2 + 1) }

    private static func largestForm(_ points: [Double], _ d: Int, _ center: [Double], _ map: (inout [Double]) -> Void) -> Double {
        var largest = 0.0
        var z = [Double](repeating: 0, count: d)
        for j in 0..<points.count / d {
            for k in 0..<d { z[k] = points[k + j * d] - center[k] }
            map(&z)
            largest = max(largest, z.reduce(0) { $0 + $1 * $1 })
        }
        return largest
    }
}
