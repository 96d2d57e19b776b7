// Points drawn from an ellipsoid, and its volume.

import LinearAlgebra

extension Ellipsoid {
    /// The r-dimensional volume; 0 or infinite where Double cannot hold it: see `logVolume`.
    public var volume: Double { Elementary.exp(logVolume) }

    /// Points drawn independently and uniformly from the ellipsoid, as columns, d×count.
    ///
    /// A normal direction at a radius whose r-th power is uniform, mapped by the axes.
    /// - Complexity: O(count·d·r) through BLAS, after O(r³) for the axes.
    public func sample(_ count: Int, using generator: inout some RandomNumberGenerator) -> Matrix {
        precondition(count >= 0, "the number of points must not be negative")
        let axes = principalAxes()
        let r = rank
        var ball = Matrix(rows: r, columns: count)
        for j in 0..<count where r > 0 {
            var square = 0.0
            for k in 0..<r {
                let value = Self.normal(&generator)
                ball[k, j] = value
                square += value * value
            }
            // 1 − u is not zero.
            let uniform = 1 - Double.random(in: 0..<1, using: &generator)
            let radius = Elementary.exp(Elementary.log(uniform) / Double(r)) / square.squareRoot()
            for k in 0..<r { ball[k, j] *= radius * axes.lengths[k] }
        }
        var points = axes.directions.times(ball)
        for j in 0..<count { for k in 0..<dimension { points[k, j] += center[k] } }
        return points
    }

    /// Marsaglia's polar method, one of its two deviates.
    private static func normal(_ generator: inout some RandomNumberGenerator) -> Double {
        while true {
            let x = Double.random(in: -1..<1, using: &generator), y = Double.random(in: -1..<1, using: &generator)
            let square = x * x + y * y
            guard square < 1, square > 0 else { continue }
            return x * (-2 * Elementary.log(square) / square).squareRoot()
        }
    }
}
