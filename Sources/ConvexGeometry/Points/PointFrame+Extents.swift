// Mean and extent of a sample, by runs of points that threads share; how it is cut does not depend on their number.

import LinearAlgebra

extension PointFrame {
    /// Mean of the points, without overflow; by weights of sum 1 if there are any.
    static func mean(_ points: [Double], _ d: Int, weights: [Double]? = nil, _ team: ThreadTeam = .single) -> [Double] {
        let count = points.count / d
        let weights = weights ?? [Double](repeating: 1 / Double(count), count: count)
        func sum(about center: [Double]) -> [Double] {
            let parts = overRuns(points, d, team, width: d) { first, points, count, out in
                center.withUnsafeBufferPointer { center in
                    guard let center = center.baseAddress else { return }
                    for j in 0..<count {
                        let (point, weight) = (points + j * d, weights[first + j])
                        for k in 0..<d { out[k] += (point[k] - center[k]) * weight }
                    }
                }
            }
            return parts.reduce([Double](repeating: 0, count: d)) { zip($0, $1).map { $0 + $1 } }
        }
        let mean = sum(about: [Double](repeating: 0, count: d))
        // A second sweep removes the rounding of the first: a constant coordinate must have itself as mean.
        return zip(mean, sum(about: mean)).map { $0 + $1 }
    }

    /// Largest distance from the origin given, and largest magnitude, of every coordinate.
    static func extents(_ points: [Double], _ d: Int, _ origin: [Double], _ team: ThreadTeam) -> (spread: [Double], magnitude: [Double]) {
        let parts = overRuns(points, d, team, width: 2 * d) { _, points, count, out in
            origin.withUnsafeBufferPointer { origin in
                guard let origin = origin.baseAddress else { return }
                for j in 0..<count {
                    let point = points + j * d
                    for k in 0..<d {
                        out[k] = Swift.max(out[k], (point[k] - origin[k]).magnitude)
                        out[k + d] = Swift.max(out[k + d], point[k].magnitude)
                    }
                }
            }
        }
        let largest = parts.reduce([Double](repeating: 0, count: 2 * d)) { zip($0, $1).map { Swift.max($0, $1) } }
        return (Array(largest[..<d]), Array(largest[d...]))
    }

    static func isFinite(_ points: [Double], _ d: Int, _ team: ThreadTeam) -> Bool {
        overRuns(points, d, team, width: 1) { _, points, count, out in
            // 0·x is NaN where x is not finite.
            for k in 0..<count * d { out[0] += 0 * points[k] }
        }.allSatisfy { $0.first == 0 }
    }

    /// `width` numbers for every run of points, zero when `body` gets them.
    private static func overRuns(
        _ points: [Double], _ d: Int, _ team: ThreadTeam, width: Int,
        _ body: (_ first: Int, _ points: UnsafePointer<Double>, _ count: Int, _ out: UnsafeMutablePointer<Double>) -> Void
    ) -> [ArraySlice<Double>] {
        let count = points.count / d
        let run = Swift.max(64, 65536 / d)
        let runs = (count + run - 1) / run
        // Unsafe: bounds checks keep these loops from being vectorized.
        var result = [Double](repeating: 0, count: runs * width)
        result.withUnsafeMutableBufferPointer { result in
            points.withUnsafeBufferPointer { points in
                guard let points = points.baseAddress, let base = result.baseAddress else { return }
                let target = SharedPointer(base)
                team.share(count, inRunsOf: run) {
                    body($0.lowerBound, points + $0.lowerBound * d, $0.count, target.pointer + $0.lowerBound / run * width)
                }
            }
        }
        return (0..<runs).map { result[$0 * width..<($0 + 1) * width] }
    }
}
