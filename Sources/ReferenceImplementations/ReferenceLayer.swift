// The steps that pruning takes on one layer, in plain Swift: principal points, greedy selection, ridge refit.
//
// The same formulas as the accelerated engine's, loops instead of BLAS; all matrices column-major.

/// Plain-Swift counterparts of the pruning steps of one layer.
public enum ReferenceLayer {
    /// Coordinates of the points in their `rank` leading principal directions about the origin, largest first (r×n).
    ///
    /// - Parameter points: d×n by columns. Cost: Gram matrix and eigenvectors of the shorter side.
    public static func principalPoints(_ points: [Double], rows d: Int, columns n: Int, rank: Int) -> [Double] {
        let side = min(d, n)
        let r = min(rank, side)
        var gram = [Double](repeating: 0, count: side * side)
        if d <= n {
            for column in 0..<n {
                for b in 0..<d {
                    let scale = points[b + column * d]
                    for a in b..<d { gram[a + b * d] += scale * points[a + column * d] }
                }
            }
        } else {
            for b in 0..<n {
                for a in b..<n {
                    var sum = 0.0
                    for i in 0..<d { sum += points[i + a * d] * points[i + b * d] }
                    gram[a + b * n] = sum
                }
            }
        }
        for b in 0..<side { for a in b..<side { gram[b + a * side] = gram[a + b * side] } }
        let (values, vectors) = ReferenceLinearAlgebra.symmetricEigendecomposition(gram, order: side)
        var result = [Double](repeating: 0, count: r * n)
        for k in 0..<r {
            let source = side - 1 - k
            if d <= n {
                for column in 0..<n {
                    var sum = 0.0
                    for i in 0..<d { sum += vectors[i + source * d] * points[i + column * d] }
                    result[k + column * r] = sum
                }
            } else {
                let root = max(0, values[source]).squareRoot()
                for column in 0..<n { result[k + column * r] = root * vectors[column + source * n] }
            }
        }
        return result
    }

    /// Channels in the order in which each explains most of the targets beyond those before it, and by how much.
    ///
    /// - Parameters:
    ///   - covariance: C, n×n. - cross: A = Cov(channels, targets), n×q. - ridge: λ.
    /// gain(j) = ‖G_j‖²/(R_jj + λ) with R, G the covariances left after the channels already chosen.
    public static func greedySelection(
        covariance: [Double], cross: [Double], channels n: Int, ridge: Double, count: Int
    ) -> (order: [Int], gains: [Double]) {
        let q = cross.count / max(n, 1)
        var gram = [Double](repeating: 0, count: n * n)
        for target in 0..<q {
            for j in 0..<n {
                let scale = cross[j + target * n]
                for i in j..<n { gram[i + j * n] += scale * cross[i + target * n] }
            }
        }
        for j in 0..<n { for i in j..<n { gram[j + i * n] = gram[i + j * n] } }
        var residual = (0..<n).map { covariance[$0 + $0 * n] }
        var energy = (0..<n).map { gram[$0 + $0 * n] }
        var isOpen = [Bool](repeating: true, count: n)
        var (l, p) = ([Double](repeating: 0, count: n * count), [Double](repeating: 0, count: n * count))
        var order: [Int] = []
        var gains: [Double] = []
        for k in 0..<count {
            var (best, most) = (-1, -Double.infinity)
            for i in 0..<n where isOpen[i] {
                let gain = max(0, energy[i]) / (residual[i] + ridge)
                if gain > most { (best, most) = (i, gain) }
            }
            order.append(best)
            gains.append(most)
            isOpen[best] = false
            let base = k * n
            for i in 0..<n { (l[base + i], p[base + i]) = (covariance[i + best * n], gram[i + best * n]) }
            for t in 0..<k {
                let (rowL, rowP) = (l[best + t * n], p[best + t * n])
                for i in 0..<n {
                    l[base + i] -= rowL * l[i + t * n]
                    p[base + i] -= rowP * l[i + t * n] + rowL * p[i + t * n]
                }
            }
            let scale = 1 / (residual[best] + ridge).squareRoot()
            for i in 0..<n {
                l[base + i] *= scale
                p[base + i] = p[base + i] * scale - most / 2 * l[base + i]
                residual[i] -= l[base + i] * l[base + i]
                energy[i] -= 2 * l[base + i] * p[base + i]
            }
        }
        return (order, gains)
    }

    /// Weights (|S|×q) that best reproduce the targets from the kept channels, and the error left of each target:
    /// V = (C_SS + λI)⁻¹A_S. `nil` when the matrix is not positive definite.
    ///
    /// - Parameter energies: variance of each target.
    public static func ridgeFit(
        covariance: [Double], cross: [Double], channels n: Int, energies: [Double], ridge: Double, kept: [Int]
    ) -> (weights: [Double], errors: [Double])? {
        let m = kept.count
        let inner = kept.flatMap { j in kept.map { covariance[$0 + j * n] } }
        var normal = inner
        for k in 0..<m { normal[k + k * m] += ridge }
        guard let factor = ReferenceLinearAlgebra.cholesky(normal, order: m) else { return nil }
        var weights: [Double] = []
        weights.reserveCapacity(m * energies.count)
        for target in energies.indices {
            weights += ReferenceLinearAlgebra.solve(choleskyFactor: factor, order: m, kept.map { cross[$0 + target * n] })
        }
        let image = ReferenceLinearAlgebra.product(inner, weights, m: m, k: m, n: energies.count)
        let errors = energies.indices.map { target in
            (0..<m).reduce(energies[target]) {
                $0 + weights[$1 + target * m] * (image[$1 + target * m] - 2 * cross[kept[$1] + target * n])
            }
        }
        return (weights, errors)
    }
}
