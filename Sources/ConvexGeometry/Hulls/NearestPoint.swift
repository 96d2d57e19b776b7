// The point of a convex hull nearest to a target: Wolfe's method.
//
// A *corral* is an affinely independent set of points whose nearest affine combination is convex. From a corral with
// nearest point x, the point p that minimizes xᵀp (target at the origin) either proves x optimal, xᵀp ≥ |x|², or joins;
// then points leave until the set is a corral again. |x| falls with every round, so no corral returns.
// Cost       one pass over the points per round; k³ for the affine step of k points.
// Source     Wolfe, "Finding the nearest point in a polytope", Math. Program. 11 (1976).

import LinearAlgebra

struct NearestPoint {
    /// Members of the last corral and their weights, sum 1.
    let indices: [Int]
    let weights: [Double]
    /// Σ w·p − target.
    let offset: [Double]
    /// Unit vector from the hull to the target, and max normalᵀ(p − target) over all points: below 0 outside.
    let normal: [Double]
    let support: Double

    init(points: Matrix, target: [Double], start: [Int]) throws(GeometryError) {
        let d = points.rows, n = points.columns
        let z = Matrix(rows: d, columns: n) { k, i in points[k, i] - target[k] }
        let largest = z.maximumMagnitude
        var corral: [Int] = []
        var weights: [Double] = []
        let first = (start.isEmpty ? Array(0..<n) : start).min { Self.square(z, $0) < Self.square(z, $1) }!
        corral = [first]
        weights = [1]
        var x = Array(z.column(first))
        for _ in 0..<(100 + 20 * (d + 1)) {
            let products = z.times(x, transposeSelf: true)
            let square = x.reduce(0) { $0 + $1 * $1 }
            guard square.squareRoot() > Double.ulpOfOne * largest, let best = products.indices.min(by: { products[$0] < products[$1] }),
                products[best] < square * (1 - 0x1p-46) - 0x1p-50 * largest * square.squareRoot(), !corral.contains(best)
            else { break }
            corral.append(best)
            weights.append(0)
            while true {
                let affine = try Self.affineMinimizer(z, corral)
                if affine.allSatisfy({ $0 > 0x1p-50 }) {
                    weights = affine
                    break
                }
                // Towards the affine minimizer until a weight vanishes.
                var step = 1.0
                for i in corral.indices where affine[i] <= 0x1p-50 {
                    let fall = weights[i] - affine[i]
                    if fall > 0 { step = min(step, weights[i] / fall) }
                }
                for i in corral.indices { weights[i] = max(0, weights[i] + step * (affine[i] - weights[i])) }
                let leaving = corral.indices.filter { affine[$0] <= 0x1p-50 }.min { weights[$0] < weights[$1] }!
                corral.remove(at: leaving)
                weights.remove(at: leaving)
                let total = weights.reduce(0, +)
                weights = weights.map { $0 / total }
                if corral.count == 1 { weights = [1]; break }
            }
            var next = [Double](repeating: 0, count: d)
            for (i, weight) in zip(corral, weights) { for k in 0..<d { next[k] += weight * z[k, i] } }
            let improves = next.reduce(0) { $0 + $1 * $1 } < square
            x = next
            if !improves { break }
        }
        indices = corral
        self.weights = weights
        offset = x
        let length = x.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let unit = x.map { length > 0 ? -$0 / length : 0 }
        let levels = z.times(unit, transposeSelf: true)
        var best = (normal: unit, support: levels.max() ?? 0)
        if length > 0, let refined = try Self.faceNormal(z, unit, levels, noise: 0x1p-48 * largest * largest / length) {
            let support = z.times(refined, transposeSelf: true).max() ?? 0
            if support < best.support { best = (refined, support) }
        }
        (normal, support) = best
    }

    // x is a difference of numbers much larger than itself when the target is close to the hull, and its direction is
    // then mostly noise. What lies on the face (within that noise) fixes the normal better: it is orthogonal to all of it.
    private static func faceNormal(_ z: Matrix, _ unit: [Double], _ levels: [Double], noise: Double) throws(GeometryError) -> [Double]? {
        let top = levels.max() ?? 0
        let face = levels.indices.filter { levels[$0] >= top - 2 * noise }
        guard face.count > 1 else { return nil }
        do {
            let differences = Matrix(rows: z.rows, columns: face.count - 1) { k, j in z[k, face[j + 1]] - z[k, face[0]] }
            let qr = try PivotedQR(differences)
            let rank = qr.rank(relativeTolerance: 0x1p-44)
            guard rank < z.rows else { return nil }
            let q = qr.q(columns: rank)
            var normal = unit
            // Twice: the second projection removes what rounding left of the first.
            for _ in 0..<2 { normal = zip(normal, q.times(q.times(normal, transposeSelf: true))).map { $0 - $1 } }
            let length = normal.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return length > 0.5 ? normal.map { $0 / length } : nil
        } catch {
            throw .factorization(error)
        }
    }

    private static func square(_ z: Matrix, _ i: Int) -> Double { z.column(i).reduce(0) { $0 + $1 * $1 } }

    // Weights of sum 1 that minimize |Σ w·z|: least squares in the differences from the first member.
    private static func affineMinimizer(_ z: Matrix, _ corral: [Int]) throws(GeometryError) -> [Double] {
        guard corral.count > 1 else { return [1] }
        let first = corral[0], count = corral.count - 1
        let differences = Matrix(rows: z.rows, columns: count) { k, j in z[k, corral[j + 1]] - z[k, first] }
        let qr: PivotedQR
        do { qr = try PivotedQR(differences) } catch { throw .factorization(error) }
        let rank = qr.rank(relativeTolerance: 0x1p-44)
        var y = qr.q(columns: rank).times(z.column(first).map { -$0 }, transposeSelf: true)
        for i in stride(from: rank - 1, through: 0, by: -1) {
            for j in (i + 1)..<max(rank, i + 1) { y[i] -= qr.r[i, j] * y[j] }
            y[i] /= qr.r[i, i]
        }
        var weights = [Double](repeating: 0, count: corral.count)
        for i in 0..<rank { weights[qr.permutation[i] + 1] = y[i] }
        weights[0] = 1 - weights.reduce(0, +)
        return weights
    }
}
