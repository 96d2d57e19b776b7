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
            let inside = round.normalizedSupport, rank = inside.rows
            guard rank > 0 else { return .infinity }
            var x: [[Double]] = (0..<rank).map { axis in (0..<rank).map { $0 == axis ? 1 : 0 } }
            for _ in 0..<max(0, directions) { x.append((0..<rank).map { _ in generator.normal() }) }
            x += Self.longest(64, of: points, round)
            let probes = Matrix(columns: x)
            let outer = Self.widths(of: points, along: probes, round)
            let inner = Self.largest(of: probes.times(inside, transposeSelf: true))
            return zip(outer, inner).reduce(1) { $1.1 > 0 ? max($0, $1.0 / $1.1) : $0 }
        } catch {
            throw .geometry(error)
        }
    }

    /// Numbers that a run of points becomes at a time, 4 MB: all at once they would be some hundred times the points.
    private static let runLength = 1 << 19

    /// The images of the points farthest from the origin of a decomposition, farthest first, of equals the first ones.
    private static func longest(_ count: Int, of points: Matrix, _ round: JohnDecomposition) -> [[Double]] {
        var found: [(norm: Double, image: [Double])] = []
        forEachRun(of: points, of: max(1, runLength / points.rows)) { run in
            let images = round.normalized(run)
            for j in 0..<images.columns {
                let norm = images.column(j).reduce(0) { $0 + $1 * $1 }
                if found.count == count, norm <= found[count - 1].norm { continue }
                found.insert((norm, Array(images.column(j))), at: found.firstIndex { $0.norm < norm } ?? found.count)
                if found.count > count { found.removeLast() }
            }
        }
        return found.map(\.image)
    }

    /// max |pᵀx| over the points p for every column x of `probes`.
    private static func widths(of points: Matrix, along probes: Matrix, _ round: JohnDecomposition) -> [Double] {
        var widths = [Double](repeating: 0, count: probes.columns)
        forEachRun(of: points, of: max(1, runLength / max(points.rows, probes.columns))) { run in
            let own = largest(of: probes.times(round.normalized(run), transposeSelf: true))
            for k in widths.indices { widths[k] = max(widths[k], own[k]) }
        }
        return widths
    }

    /// The largest magnitude in every row.
    private static func largest(of matrix: Matrix) -> [Double] {
        var largest = [Double](repeating: 0, count: matrix.rows)
        for j in 0..<matrix.columns { for (k, value) in matrix.column(j).enumerated() { largest[k] = max(largest[k], value.magnitude) } }
        return largest
    }

    private static func forEachRun(of points: Matrix, of length: Int, _ body: (Matrix) -> Void) {
        for start in stride(from: 0, to: points.columns, by: length) {
            let end = min(start + length, points.columns)
            body(
                Matrix(
                    rows: points.rows, columns: end - start,
                    elements: Array(points.elements[start * points.rows..<end * points.rows])))
        }
    }
}
