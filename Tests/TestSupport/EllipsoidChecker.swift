// A second opinion on a minimum-volume ellipsoid: from the raw points and the weights alone, with loops of its own, in
// twice the working precision (modified Gram–Schmidt QR of the weighted, centered support, then κ of every point).

package struct EllipsoidChecker {
    /// max κ/D − 1 over all points.
    package let gap: Double
    /// 1 − min κ/D over the points with weight.
    package let deficit: Double
    /// log √det S, the volume of the design's ellipsoid up to constants.
    package let logDeterminant: Double

    /// `nil` when the support does not span.
    /// - Parameters:
    ///   - columns: the points, d numbers each.
    ///   - projection: r×d by columns, injective on the hull of a flat set; `nil` for r = d.
    package init?(
        columns raw: [[Double]], support: [Int], weights: [Double], isCentered: Bool, projection: (rank: Int, matrix: [Double])? = nil
    ) {
        typealias R = DoubleDouble
        // Squares of coordinates near the limits of Double would leave its range; a power of two changes no digit.
        let largest = raw.joined().reduce(0) { max($0, $1.magnitude) }
        let unit = largest > 0 ? Double(sign: .plus, exponent: -largest.exponent, significand: 1) : 1
        let columns = raw.map { $0.map { $0 * unit } }
        let d = columns[0].count
        let r = projection?.rank ?? d
        let points: [[R]] = columns.map { p in
            guard let projection else { return p.map { R($0) } }
            return (0..<r).map { i in (0..<d).reduce(R(0)) { $0 + R(projection.matrix[i + $1 * r]) * R(p[$1]) } }
        }
        let total = weights.reduce(R(0)) { $0 + R($1) }
        var mean = [R](repeating: R(0), count: r)
        if !isCentered {
            for (index, weight) in zip(support, weights) { for k in 0..<r { mean[k] = mean[k] + R(weight) / total * points[index][k] } }
        }
        // Columns of the m×r matrix √u(y − ȳ)ᵀ, orthogonalized one after the other.
        var q: [[R]] = (0..<r).map { k in
            zip(support, weights).map { (R($1) / total).squareRoot * (points[$0][k] - mean[k]) }
        }
        var triangular = [[R]](repeating: [R](repeating: R(0), count: r), count: r)
        var logDeterminant = 0.0
        for k in 0..<r {
            let norm = q[k].reduce(R(0)) { $0 + $1 * $1 }.squareRoot
            guard norm > R(0) else { return nil }
            triangular[k][k] = norm
            logDeterminant += Self.log(norm.value)
            for i in q[k].indices { q[k][i] = q[k][i] / norm }
            for j in (k + 1)..<max(r, k + 1) {
                let dot = zip(q[k], q[j]).reduce(R(0)) { $0 + $1.0 * $1.1 }
                triangular[k][j] = dot
                for i in q[j].indices { q[j][i] = q[j][i] - dot * q[k][i] }
            }
        }
        let order = Double(r + (isCentered ? 0 : 1))
        let kappa: [Double] = points.map { y in
            var z = [R](repeating: R(0), count: r)
            var sum = R(isCentered ? 0 : 1)
            for k in 0..<r {
                z[k] = y[k] - mean[k]
                for i in 0..<k { z[k] = z[k] - triangular[i][k] * z[i] }
                z[k] = z[k] / triangular[k][k]
                sum = sum + z[k] * z[k]
            }
            return sum.value
        }
        gap = kappa.max()! / order - 1
        deficit = 1 - support.map { kappa[$0] }.min()! / order
        self.logDeterminant = logDeterminant - Double(r) * Self.log(unit)
    }

    /// Natural logarithm by halving the exponent and the series of atanh; 1e-15 relative.
    private static func log(_ x: Double) -> Double {
        let m = x.significand
        let t = (m - 1) / (m + 1)
        var (term, sum, k) = (t, 0.0, 1.0)
        while term.magnitude > 1e-18 {
            sum += term / k
            term *= t * t
            k += 2
        }
        return 2 * sum + Double(x.exponent) * 0.693147180559945309417232121458
    }
}
