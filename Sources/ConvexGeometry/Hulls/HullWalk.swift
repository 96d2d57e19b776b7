// The parametric walk: from an interior point of the hull straight to the target, from simplex to simplex.
//
// A basis of r + 1 affinely independent points holds the current point of the segment with weights x ≥ 0. Moving on,
//     x(t) = x(0) + t·Δ,   Δ = B⁻¹(target − start, 0)                                                      (1)
// until some xᵢ reaches 0: the walk leaves the simplex through the facet opposite to point i, on the hyperplane
// ρᵀa = 0, ρ = row i of B⁻¹. A point with ρᵀa < 0 lies beyond it and takes i's place; the farthest one does. If there
// is none, the hyperplane separates the hull from the target. This is the parametric dual simplex method without costs.
//
// Coordinates are equilibrated, and restricted to the affine hull when the points are flat. The start is a random-looking
// (but fixed) interior point, so that the segment meets facets in their relative interiors even on grids.
// Cost       one pass over the points (2nr flops) per batch of exchanges, r² per exchange.

import LinearAlgebra

/// The start of the walks over one point set; many targets share it.
struct HullWalk {
    /// Outcome of one walk.
    enum Outcome {
        /// Weights of the basic points at the target, about rounding below zero at worst.
        case reached(indices: [Int], weights: [Double])
        /// The hull ends before the target; weights at the point where it does.
        case left(indices: [Int], weights: [Double])
    }

    let points: Matrix
    /// x ↦ Qᵀ·diag(1/scale)·(x − origin), r coordinates.
    private let origin: [Double]
    private let scale: [Double]
    private let basisOfHull: Matrix?
    /// Coordinates of all points, r×n.
    private let coordinates: Matrix
    private var rank: Int { coordinates.rows }
    private let startBasis: [Int]
    private let startWeights: [Double]

    // Exchanges between factorizations, and points kept for pricing between passes.
    private static let refactorInterval = 40

    /// - Throws: `noPoints`, `nonFinite`, `factorization`.
    init(points: Matrix) throws(GeometryError) {
        let d = points.rows, n = points.columns
        guard n > 0 else { throw .noPoints }
        self.points = points
        // Weights 1 … 2 from a multiplicative hash of the index: an interior point in general position.
        let weights = (0..<n).map { i -> Double in
            let hash: UInt64 = (UInt64(i) &+ 1) &* 0x9E37_79B9_7F4A_7C15
            return (1 + Double(hash >> 11) * 0x1p-53) / Double(n)
        }
        let start = try CaratheodoryReduction(points: points, weights: weights, settings: .init(minimal: true))
        origin = start.weightedPoints.weightedSum(of: points).map { $0 / start.totalWeight }
        var extent = [Double](repeating: 0, count: d)
        for i in 0..<n { for k in 0..<d { extent[k] = max(extent[k], (points[k, i] - origin[k]).magnitude) } }
        scale = extent
        let origin = origin
        let balanced = Matrix(rows: d, columns: n) { k, i in extent[k] > 0 ? (points[k, i] - origin[k]) / extent[k] : 0 }
        var members = start.indices
        let q = try Self.completeBasis(&members, balanced)
        basisOfHull = q.columns < d ? q : nil
        coordinates = q.columns < d ? q.times(balanced, transposeSelf: true) : balanced
        startBasis = members
        startWeights = start.weights.map { $0 / start.totalWeight } + [Double](repeating: 0, count: members.count - start.indices.count)
    }

    // Adds points with weight 0 until the affine span holds all; returns an orthonormal basis of its directions.
    private static func completeBasis(_ members: inout [Int], _ z: Matrix) throws(GeometryError) -> Matrix {
        let d = z.rows
        while true {
            let first = members[0]
            let directions = Matrix(rows: d, columns: members.count - 1) { k, j in z[k, members[j + 1]] - z[k, first] }
            let q: Matrix
            do { q = try PivotedQR(directions).q(columns: min(d, members.count - 1)) } catch { throw .factorization(error) }
            guard members.count <= d else { return q }
            let shifted = Matrix(rows: d, columns: z.columns) { k, i in z[k, i] - z[k, first] }
            let residual = shifted - q.times(q.times(shifted, transposeSelf: true))
            var farthest = (distance: 64 * Double(d).squareRoot() * Double.ulpOfOne, index: -1)
            for i in 0..<z.columns {
                let distance = residual.column(i).reduce(0) { $0 + $1 * $1 }.squareRoot()
                if distance > farthest.distance { farthest = (distance, i) }
            }
            guard farthest.index >= 0 else { return q }
            members.append(farthest.index)
        }
    }

    /// Distance of the target from the affine hull, in units of the points' extent, and its coordinates.
    private func place(_ target: [Double]) -> (offHull: Double, coordinates: [Double]) {
        var offHull = 0.0
        var z = [Double](repeating: 0, count: target.count)
        for k in 0..<target.count {
            if scale[k] > 0 { z[k] = (target[k] - origin[k]) / scale[k] } else if target[k] != origin[k] { offHull = .infinity }
        }
        guard let q = basisOfHull else { return (offHull, z) }
        let y = q.times(z, transposeSelf: true)
        let back = q.times(y)
        return (max(offHull, zip(z, back).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()), y)
    }

    /// Walks to a target. `nil` when the target is off the affine hull.
    func walk(to target: [Double]) throws(GeometryError) -> Outcome? {
        let (offHull, goal) = place(target)
        guard offHull <= 0x1p-36 else { return nil }
        let size = rank + 1
        var basis = startBasis
        var inverse = try inverted(basis)
        var atStart = startWeights
        // Δ of (1); the start is the origin of the coordinates, up to rounding.
        var delta = inverse.times(goal + [0])
        var pool: [Int] = []
        var exchanges = 0
        while exchanges < 1000 + 50 * size {
            var step = (t: Double.infinity, row: -1)
            for i in 0..<size where delta[i] < 0 {
                let t = max(0, atStart[i]) / -delta[i]
                if t < step.t { step = (t, i) }
            }
            // At the target within rounding: what is negative there is negative by rounding only.
            if step.t >= 1 - 0x1p-40 { return .reached(indices: basis, weights: zip(atStart, delta).map { $0 + $1 }) }
            let rho = inverse.row(step.row)
            guard let entering = price(rho, &pool, basis) else {
                return .left(indices: basis, weights: zip(atStart, delta).map { max(0, $0 + step.t * $1) })
            }
            let column = inverse.times(extended(entering))
            let pivot = column[step.row]
            for i in 0..<size where i != step.row {
                let ratio = column[i] / pivot
                for j in 0..<size { inverse[i, j] -= ratio * inverse[step.row, j] }
                atStart[i] -= ratio * atStart[step.row]
                delta[i] -= ratio * delta[step.row]
            }
            for j in 0..<size { inverse[step.row, j] /= pivot }
            atStart[step.row] /= pivot
            delta[step.row] /= pivot
            basis[step.row] = entering
            exchanges += 1
            if exchanges % Self.refactorInterval == 0 {
                inverse = try inverted(basis)
                atStart = inverse.times(startRight())
                delta = inverse.times(goal + [0])
            }
        }
        throw .breakdown("the walk to the target does not end")
    }

    private func startRight() -> [Double] {
        var right = [Double](repeating: 0, count: rank + 1)
        for (index, weight) in zip(startBasis, startWeights) {
            for (k, value) in extended(index).enumerated() { right[k] += weight * value }
        }
        return right
    }

    private func extended(_ i: Int) -> [Double] { coordinates.column(i) + [1] }

    private func inverted(_ basis: [Int]) throws(GeometryError) -> Matrix {
        do {
            return try LU(Matrix(columns: basis.map { extended($0) })).solve(.identity(basis.count))
        } catch {
            throw .factorization(error)
        }
    }

    // The point farthest beyond the facet ρᵀa = 0, from the pool if it has one, else from all points.
    private func price(_ rho: [Double], _ pool: inout [Int], _ basis: [Int]) -> Int? {
        let normal = Array(rho.dropLast()), constant = rho[rank]
        let length = normal.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let threshold = -0x1p-44 * max(length, constant.magnitude)
        var best = (value: threshold, index: -1)
        for i in pool {
            let value = zip(normal, coordinates.column(i)).reduce(constant) { $0 + $1.0 * $1.1 }
            if value < best.value, !basis.contains(i) { best = (value, i) }
        }
        if best.index >= 0 { return best.index }
        let values = coordinates.times(normal, transposeSelf: true)
        var beyond = values.indices.filter { values[$0] + constant < threshold }
        beyond.removeAll { basis.contains($0) }
        guard !beyond.isEmpty else { return nil }
        beyond.sort { (values[$0], $0) < (values[$1], $1) }
        pool = Array(beyond.prefix(8 * (rank + 1)))
        return pool[0]
    }
}
