// Whether stored numbers contain points, in twice the working precision.

package enum ContainmentChecker {
    /// max Σₖ ((p−c)ᵀvₖ/sₖ)² − 1 over the points, for axes vₖ and semiaxes sₖ exactly as they are given.
    package static func excess(columns: [[Double]], center: [Double], axes: [[Double]], semiaxes: [Double]) -> Double {
        typealias R = DoubleDouble
        return columns.reduce(-1.0) { worst, point in
            var sum = R(-1)
            for (axis, length) in zip(axes, semiaxes) {
                // A power of two keeps products of extreme coordinates in range.
                let unit = Double(sign: .plus, exponent: -length.exponent, significand: 1)
                var inner = R(0)
                for (k, p) in point.enumerated() { inner = inner + (R(p) - R(center[k])) * R(axis[k] * unit) }
                let z = inner / R(length * unit)
                sum = sum + z * z
            }
            return max(worst, sum.value)
        }
    }

    /// max (p−c)ᵀA(p−c) − 1 over the points, A by columns.
    package static func excess(columns: [[Double]], center: [Double], shape: [Double]) -> Double {
        typealias R = DoubleDouble
        let d = center.count
        return columns.reduce(-1.0) { worst, point in
            var sum = R(-1)
            let x = (0..<d).map { R(point[$0]) - R(center[$0]) }
            for j in 0..<d { for i in 0..<d { sum = sum + R(shape[i + j * d]) * x[i] * x[j] } }
            return max(worst, sum.value)
        }
    }
}
