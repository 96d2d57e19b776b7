// Weights on a few points, and the leverage map they define, through a QR of the weighted, centered points:
//
//     ȳ = Σ uᵢyᵢ,   RᵀR = S = Σ uᵢ(yᵢ−ȳ)(yᵢ−ȳ)ᵀ,   κ(p) = [1 +] ‖R⁻ᵀ(y(p) − ȳ)‖²
//
// R from a QR, not from the Gram matrix alone: short axes keep their digits. Where the Gram matrix is good enough for a
// first R₁, the Cholesky factor R₂ of the Gram matrix of Q₁ = A·R₁⁻¹ makes R = R₂·R₁ as accurate as Householder's, in
// matrix products that threads can share: CholeskyQR2 (Yamamoto, Nakatsukasa, Yanagisawa & Fukaya, ETNA 44 (2015)).
// ȳ = 0 and no 1 when the center is fixed at the origin.

import LinearAlgebra

struct WeightedDesign {
    /// Indices of the points in the source, weights > 0 with sum 1.
    var indices: [Int]
    var weights: [Double]
}

/// R⁻ᵀ and ȳ of a design, in frame coordinates.
struct DesignFactor {
    let rank: Int
    /// ȳ
    let mean: [Double]
    /// R⁻ᵀ, lower triangular r×r by columns.
    let inverse: [Double]
    /// log det R = ½ log det S
    let logDeterminant: Double

    /// nil when the points do not span.
    /// - Parameters:
    ///   - images: y of the points, r×m.
    ///   - weights: weights with sum 1.
    init?(images y: [Double], rank r: Int, weights u: [Double], isCentered: Bool, team: ThreadTeam) {
        let m = u.count
        guard m >= r else { return nil }
        var mean = [Double](repeating: 0, count: r)
        if !isCentered { BLAS.gemv(.normal, r, m, 1, y, r, u, 1, 0, &mean, 1) }
        if let (inverse, logDeterminant) = Self.twiceCholesky(y, r, mean, u, team) {
            (rank, self.mean, self.inverse, self.logDeterminant) = (r, mean, inverse, logDeterminant)
            return
        }
        var rows = [Double](repeating: 0, count: m * r)
        y.withUnsafeBufferPointer { y in
            for j in 0..<m {
                let root = u[j].squareRoot()
                for k in 0..<r { rows[j + k * m] = root * (y[k + j * r] - mean[k]) }
            }
        }
        let factor = Matrix(rows: m, columns: r, elements: rows).triangularFactor()
        guard factor.diagonal.allSatisfy({ $0 > 0 && $0.isFinite }) else { return nil }
        var inverse = factor.transposed()
        do { try LAPACK.trtri(.lower, .nonUnit, r, &inverse.elements, r) } catch { return nil }
        guard inverse.isFinite else { return nil }
        rank = r
        self.mean = mean
        self.inverse = inverse.elements
        logDeterminant = factor.diagonal.reduce(0) { $0 + Elementary.log($1) }
    }

    /// Condition of S up to which a second factorization has nothing to mend: the relative error of κ is the rounding of
    /// the Gram matrix, some √m ulp, times the condition, 1e-11 or less and far below what is certified.
    private static var harmless: Double { 1e3 }

    /// R⁻ᵀ and log det R by CholeskyQR2, or its first half where that suffices; nil where the first factor leaves Q₁ too far from orthogonal for the second one
    /// to be accurate.
    private static func twiceCholesky(
        _ y: [Double], _ r: Int, _ mean: [Double], _ u: [Double], _ team: ThreadTeam
    ) -> (inverse: [Double], logDeterminant: Double)? {
        let m = u.count
        var q: [Double] = .uninitialized(r * m)
        q.withUnsafeMutableBufferPointer { q in
            y.withUnsafeBufferPointer { y in
                let (y, target) = (y.baseAddress!, SharedPointer(q.baseAddress!))
                team.share(m, inRunsOf: Swift.max(64, 65536 / r)) {
                    let first = $0.lowerBound * r
                    LeverageKernels.shift(y + first, dimension: r, count: $0.count, origin: mean, into: target.pointer + first)
                }
            }
        }
        var design = CholeskyDesign(order: r, team: team)
        guard design.factor(q, u), design.invert() else { return nil }
        if design.conditionBound < harmless { return (design.inverseFactor, 0.5 * design.logDeterminant) }
        let (first, firstLog) = (design.inverseFactor, 0.5 * design.logDeterminant)
        var kappa = [Double](repeating: 0, count: m)
        var image: [Double] = .uninitialized(m * r)
        design.leverages(q, count: m, images: &image, into: &kappa)
        guard design.factor(image, u), design.isNearIdentity, design.invert() else { return nil }
        var inverse = [Double](repeating: 0, count: r * r)
        // Triangular times triangular: zeros above the diagonal stay exact.
        BLAS.gemm(.normal, .normal, r, r, r, 1, design.inverseFactor, r, first, r, 0, &inverse, r)
        guard inverse.allSatisfy(\.isFinite) else { return nil }
        return (inverse, firstLog + 0.5 * design.logDeterminant)
    }

    /// The map from raw points to κ, or to κ − 1 when `base` is 0.
    func leverageMap(_ frame: PointFrame, base: Double, team: ThreadTeam) -> LeverageMap {
        let (r, d) = (rank, frame.dimension)
        let isLower = frame.isLowerTriangular
        var matrix = [Double](repeating: 0, count: r * d)
        matrix.withUnsafeMutableBufferPointer { matrix in
            inverse.withUnsafeBufferPointer { inverse in
                frame.transform.withUnsafeBufferPointer { transform in
                    guard let inverse = inverse.baseAddress, let transform = transform.baseAddress, let base = matrix.baseAddress else {
                        return
                    }
                    let target = SharedPointer(base)
                    team.share(d, inRunsOf: 96) { run in
                        // Of triangular by triangular what is above the diagonal is zero, and not looked at.
                        let first = isLower ? run.lowerBound : 0
                        let (rows, at) = (r - first, first + run.lowerBound * r)
                        BLAS.gemm(
                            .normal, .normal, rows, run.count, rows, 1, inverse + first * (r + 1), r, transform + at, r, 0,
                            target.pointer + at, r)
                    }
                }
            }
        }
        return LeverageMap(rank: r, dimension: d, matrix: matrix, offset: imageOfMean, origin: frame.origin, base: base)
    }

    /// R⁻ᵀ·ȳ
    var imageOfMean: [Double] {
        var result = [Double](repeating: 0, count: rank)
        BLAS.gemv(.normal, rank, rank, 1, inverse, rank, mean, 1, 0, &result, 1)
        return result
    }

    /// `base` + κ̃ of points given in frame coordinates.
    func leverages(ofImages y: UnsafePointer<Double>, count: Int, base: Double, into out: UnsafeMutablePointer<Double>, team: ThreadTeam) {
        let origin = [Double](repeating: 0, count: rank)
        LeverageMap(rank: rank, dimension: rank, matrix: inverse, offset: imageOfMean, origin: origin, base: base)
            .leverages(of: y, count: count, into: out, team: team)
    }
}

extension DesignFactor {
    /// The metric of the frame itself.
    static func identity(_ rank: Int) -> DesignFactor {
        DesignFactor(rank: rank, mean: [Double](repeating: 0, count: rank), inverse: Matrix.identity(rank).elements, logDeterminant: 0)
    }

    init(rank: Int, mean: [Double], inverse: [Double], logDeterminant: Double) {
        self.rank = rank
        self.mean = mean
        self.inverse = inverse
        self.logDeterminant = logDeterminant
    }
}

extension PointFrame {
    /// y = T·(p − o) of the points with the given indices, r×count.
    func images(_ source: some PointSource, _ indices: [Int], _ team: ThreadTeam) -> [Double] {
        let (d, r, m) = (dimension, rank, indices.count)
        guard r > 0, m > 0 else { return [] }
        if isDelicate {
            var result = [Double](repeating: 0, count: r * m)
            CompensatedProduct.affineImage(transform, r, d, origin, source.gather(indices), m, into: &result)
            return result
        }
        let pattern = isLowerTriangular ? Pattern.lower : .full
        return [Double](unsafeUninitializedCapacity: r * m) { out, initialized in
            LargePages.advise(UnsafeMutableRawBufferPointer(out))
            let target = SharedPointer(out.baseAddress!)
            team.share(m, inRunsOf: runOfImages(Swift.max(r, d))) { run in
                var points = source.gather(indices[run])
                points.withUnsafeMutableBufferPointer {
                    LeverageKernels.shift($0.baseAddress!, dimension: d, count: run.count, origin: origin, into: $0.baseAddress!)
                }
                transform.withUnsafeBufferPointer {
                    multiply($0.baseAddress!, pattern, r, d, points, run.count, into: target.pointer + run.lowerBound * r)
                }
            }
            initialized = r * m
        }
    }
}
