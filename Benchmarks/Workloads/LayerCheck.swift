// The checks of suite `layers`, with loops of their own.

import LinearAlgebra
import Pruning
import ReferenceImplementations

enum LayerCheck {
    /// Incoming weights times the norm of the outgoing ones, channel by channel.
    static func product(_ layer: LayerWeights) -> Matrix {
        var scaled = layer.incoming
        let (d, q) = (layer.incoming.rows, layer.outgoing.rows)
        for j in 0..<scaled.columns {
            var square = 0.0
            for i in 0..<q { square += layer.outgoing.elements[i + j * q] * layer.outgoing.elements[i + j * q] }
            let norm = square.squareRoot()
            for i in 0..<d { scaled.elements[i + j * d] *= norm }
        }
        return scaled
    }

    /// Whether the rows of `points` are σ·v of the leading right singular vectors of `x`: a random combination of them is
    /// mapped right by XᵀX, and power steps find nothing larger beside them.
    static func principal(_ points: [Double], of x: Matrix) -> Verification {
        let measure = "‖XᵀXv−σ²v‖ / σ₁²‖v‖"
        let (d, n) = (x.rows, x.columns)
        let r = points.count / max(n, 1)
        let tolerance = 16 * Double(max(d, n)) * .ulpOfOne
        func gram(_ v: [Double]) -> [Double] {
            DenseCheck.multiplyTransposed(x.elements, rows: d, columns: n, DenseCheck.multiply(x.elements, rows: d, columns: n, v))
        }
        let squares = (0..<r).map { k in (0..<n).reduce(0) { $0 + points[k + $1 * r] * points[k + $1 * r] } }
        guard let largest = squares.max(), let least = squares.min(), least > 0 else {
            return Verification(measure, error: .infinity, tolerance: tolerance)
        }
        let w = WorkloadGenerator.vector(r, seed: 71)
        let v = DenseCheck.multiplyTransposed(points, rows: r, columns: n, (0..<r).map { w[$0] / squares[$0].squareRoot() })
        let expected = DenseCheck.multiplyTransposed(points, rows: r, columns: n, (0..<r).map { w[$0] * squares[$0].squareRoot() })
        let residual = DenseCheck.distance(gram(v), expected) / (largest * DenseCheck.norm(w))
        var probe = WorkloadGenerator.vector(n, seed: 72)
        var beside = 0.0
        for _ in 0..<3 {
            let shadow = DenseCheck.multiply(points, rows: r, columns: n, probe)
            let part = DenseCheck.multiplyTransposed(points, rows: r, columns: n, (0..<r).map { shadow[$0] / squares[$0] })
            let rest = zip(probe, part).map { $0 - $1 }
            let length = DenseCheck.norm(rest)
            guard length > 0 else { break }
            probe = gram(rest.map { $0 / length })
            beside = max(beside, zip(probe, rest).reduce(0) { $0 + $1.0 * $1.1 } / length)
        }
        guard beside <= least * (1 + 1e-6) else {
            return Verification("a larger direction is missing by", error: beside / least - 1, tolerance: 1e-6)
        }
        return Verification(measure, error: residual, tolerance: tolerance)
    }

    /// Whether the gains of the first steps are what the chosen channels explain: Σ gains = tr(A_Sᵀ(C_SS + λI)⁻¹A_S).
    static func selection(_ order: [Int], _ gains: [Double], _ problem: Reconstruction) -> Verification {
        let chosen = Array(order.prefix(32))
        let k = chosen.count
        let (normal, right) = system(problem, chosen)
        let condition = Double(problem.count) * problem.channels.meanVariance / problem.ridge
        let tolerance = 64 * Double(k) * .ulpOfOne * condition
        let measure = "|Σgain − explained| / explained"
        guard Set(order).count == order.count, let factor = ReferenceLinearAlgebra.cholesky(normal, order: k) else {
            return Verification(measure, error: .infinity, tolerance: tolerance)
        }
        var explained = 0.0
        for target in 0..<problem.cross.columns {
            let b = Array(right[target * k..<(target + 1) * k])
            explained += zip(b, ReferenceLinearAlgebra.solve(choleskyFactor: factor, order: k, b)).reduce(0) { $0 + $1.0 * $1.1 }
        }
        let total = gains.prefix(k).reduce(0, +)
        return Verification(measure, error: (total - explained).magnitude / explained, tolerance: tolerance)
    }

    /// Backward error of (C_SS + λI)·V'ᵀ = A_S, seen through a random combination of the targets.
    static func refit(_ solution: Matrix, _ problem: Reconstruction, _ kept: [Int]) -> Verification {
        let (m, q) = (solution.rows, solution.columns)
        let (normal, right) = system(problem, kept)
        let y = WorkloadGenerator.vector(q, seed: 73)
        let combined = DenseCheck.multiply(solution.elements, rows: m, columns: q, y)
        let found = DenseCheck.multiply(normal, rows: m, columns: m, combined)
        let expected = DenseCheck.multiply(right, rows: m, columns: q, y)
        let scale = DenseCheck.norm(normal) * DenseCheck.norm(combined)
        return Verification(
            "‖(C+λI)Vy−Ay‖ / ‖C‖‖Vy‖", error: DenseCheck.distance(found, expected) / scale, tolerance: 16 * Double(m) * .ulpOfOne)
    }

    /// C_SS + λI and A_S, column-major.
    private static func system(_ problem: Reconstruction, _ kept: [Int]) -> (normal: [Double], right: [Double]) {
        let n = problem.count
        let covariance = problem.channels.covariance.elements
        var normal = kept.flatMap { j in kept.map { covariance[$0 + j * n] } }
        for k in kept.indices { normal[k + k * kept.count] += problem.ridge }
        let right = (0..<problem.cross.columns).flatMap { j in kept.map { problem.cross.elements[$0 + j * n] } }
        return (normal, right)
    }
}
