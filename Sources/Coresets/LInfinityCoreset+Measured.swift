// The factor actually attained, from below.

import ConvexGeometry
import LinearAlgebra
import RandomNumbers

extension LInfinityCoreset {
    /// A lower bound of the factor attained on `points`: the largest max_P |pᵀx| / max_C |qᵀx| over some directions x.
    ///
    /// Directions are the coordinate axes and normal vectors of the metric in which the coreset is round, and for the
    /// points that stick out most the directions in which they do. Exact would be one linear program per point.
    /// - Parameters:
    ///   - points: the d×n points that the coreset was made from.
    ///   - directions: how many random directions.
    ///   - generator: where they come from.
    /// - Returns: at least 1, at most `provenFactor`, infinite when the coreset does not span the points. Cost O(directions·n·d).
    public func measuredFactor(points: Matrix, directions: Int = 256, generator: inout some RandomNumberGenerator) throws(CoresetError)
        -> Double
    {
        guard points.columns == pointCount else { throw .countMismatch(name: "points", expected: pointCount, found: points.columns) }
        guard points.rows > 0, points.maximumMagnitude > 0 else { return 1 }
        do {
            let core = points.selectingColumns(indices)
            // Coordinates in which the coreset's second moment is the identity.
            let round = try JohnDecomposition(
                points: core, support: Array(0..<core.columns), weights: [Double](repeating: 1 / Double(core.columns), count: core.columns),
                isCentered: true)
            let all = round.normalized(points)
            let inside = round.normalizedSupport
            guard all.rows > 0 else { return .infinity }
            var x: [[Double]] = (0..<all.rows).map { axis in (0..<all.rows).map { $0 == axis ? 1 : 0 } }
            for _ in 0..<max(0, directions) { x.append((0..<all.rows).map { _ in generator.normal() }) }
            let norms = (0..<all.columns).map { j in all.column(j).reduce(0) { $0 + $1 * $1 } }
            for j in norms.indices.sorted(by: { (-norms[$0], $0) < (-norms[$1], $1) }).prefix(64) { x.append(Array(all.column(j))) }
            let probes = Matrix(columns: x)
            let outer = probes.times(all, transposeSelf: true), inner = probes.times(inside, transposeSelf: true)
            var worst = 1.0
            for k in 0..<probes.columns {
                var top = 0.0, bottom = 0.0
                for j in 0..<outer.columns { top = max(top, outer[k, j].magnitude) }
                for j in 0..<inner.columns { bottom = max(bottom, inner[k, j].magnitude) }
                if bottom > 0 { worst = max(worst, top / bottom) }
            }
            return worst
        } catch {
            throw .geometry(error)
        }
    }
}
