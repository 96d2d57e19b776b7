// Minimization by limited-memory BFGS with a weak Wolfe line search, which serves piecewise smooth functions too.
//
// Sources: Liu & Nocedal, Math. Program. 45 (1989) 503–528 (two-loop recursion); Lewis & Overton, Math. Program. 141 (2013)
// 135–163 (bisection for the weak Wolfe conditions, and why it is enough where gradients jump).

/// Minimizes a function of many variables from its values and gradients.
package enum LimitedMemoryBFGS {
    /// Pairs of steps and gradient changes kept.
    private static let memory = 20
    /// Sufficient decrease, and the part of the slope that a step must have used up.
    private static let (decrease, curvature) = (1e-4, 0.9)

    /// The best point found.
    ///
    /// - Parameters:
    ///   - start: where to begin; returned when nothing lower is found.
    ///   - evaluations: calls of `evaluate` at most.
    ///   - tolerance: stop when a step lowers the value by less than this share of it.
    package static func minimize(
        from start: [Double], evaluations: Int, tolerance: Double, _ evaluate: ([Double]) -> (value: Double, gradient: [Double])
    ) -> [Double] {
        guard evaluations > 0, !start.isEmpty else { return start }
        var (x, current) = (start, evaluate(start))
        guard current.value.isFinite else { return start }
        var left = evaluations - 1
        var pairs: [(step: [Double], change: [Double], inverse: Double)] = []
        while left > 0 {
            var direction = descent(current.gradient, pairs)
            var slope = dot(direction, current.gradient)
            if slope >= 0 || !slope.isFinite {
                pairs = []
                direction = current.gradient.map { -$0 }
                slope = dot(direction, current.gradient)
            }
            guard slope < 0 else { break }
            // Nothing is known of the scale before the first pair.
            var length = pairs.isEmpty ? Swift.min(1, 1 / direction.reduce(0) { $0 + $1.magnitude }) : 1
            var (low, high) = (0.0, Double.infinity)
            var best: (x: [Double], value: Double, gradient: [Double])?
            while left > 0 {
                let point = zip(x, direction).map { $0 + length * $1 }
                let found = evaluate(point)
                left -= 1
                if !(found.value <= current.value + decrease * length * slope) {
                    high = length
                } else {
                    best = (point, found.value, found.gradient)
                    guard dot(found.gradient, direction) < curvature * slope else { break }
                    low = length
                }
                length = high.isFinite ? (low + high) / 2 : 2 * low
                if high - low <= 1e-12 * high { break }
            }
            guard let best else { break }
            let step = zip(best.x, x).map { $0 - $1 }
            let change = zip(best.gradient, current.gradient).map { $0 - $1 }
            let product = dot(step, change)
            if product > 1e-12 * dot(change, change).squareRoot() * dot(step, step).squareRoot() {
                pairs.append((step, change, 1 / product))
                if pairs.count > memory { pairs.removeFirst() }
            }
            let gain = current.value - best.value
            (x, current) = (best.x, (best.value, best.gradient))
            if gain <= tolerance * current.value.magnitude { break }
        }
        return x
    }

    /// −H·g by the two-loop recursion.
    private static func descent(_ gradient: [Double], _ pairs: [(step: [Double], change: [Double], inverse: Double)]) -> [Double] {
        var q = gradient
        var factors = [Double](repeating: 0, count: pairs.count)
        for (k, pair) in pairs.enumerated().reversed() {
            factors[k] = pair.inverse * dot(pair.step, q)
            add(-factors[k], pair.change, to: &q)
        }
        if let last = pairs.last {
            let scale = 1 / (last.inverse * dot(last.change, last.change))
            for i in q.indices { q[i] *= scale }
        }
        for (k, pair) in pairs.enumerated() {
            add(factors[k] - pair.inverse * dot(pair.change, q), pair.step, to: &q)
        }
        return q.map { -$0 }
    }

    private static func dot(_ a: [Double], _ b: [Double]) -> Double { BLAS.dot(a.count, a, 1, b, 1) }

    private static func add(_ factor: Double, _ x: [Double], to y: inout [Double]) { BLAS.axpy(x.count, factor, x, 1, &y, 1) }
}
