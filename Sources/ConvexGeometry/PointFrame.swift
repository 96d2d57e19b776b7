// Coordinates in which a point set is neither tiny nor huge, neither far away nor thin, nor flat.
//
//     y = T·(p − o),   T r×d,   r = dimension of the affine hull (of the linear hull when the origin o is fixed at 0)
//
// Every quantity of the ellipsoid problem is invariant under affine maps, so T need not be accurate: it is an exactly
// known map that makes the covariance of a sample close to the identity.
//
// Rank. A stored number p carries an uncertainty of half a unit in its last place. A direction counts as flat when the
// points leave it by no more than that noise allows: residual ≤ 4√d·ulp·‖p‖ in coordinates scaled to magnitude 1,
// the size of the rounding of a d-term product. A slab that is thin but thicker than its rounding is a slab.
//
// Fast path: Cholesky of the scaled sample covariance when it is well conditioned. Otherwise pivoted QR of the sample,
// enlarged by the points farthest from its hull until no point is outside (one read of the data per enlargement).

import LinearAlgebra

struct PointFrame {
    let dimension: Int
    let rank: Int
    /// o
    let origin: [Double]
    /// T, r×d by columns.
    let transform: [Double]
    /// log |det T| as a map from the hull to ℝʳ.
    let logDeterminant: Double
    /// Orthonormal basis of the hull's directions, d×r; nil when r = d.
    let basis: Matrix?
    /// Points whose hull is that of the set.
    let spanning: [Int]
    /// Points that were sampled to find the frame.
    let sample: [Int]
    /// Relative error of y computed in plain Double, from cancellation in T·(p − o).
    let noise: Double

    /// Whether T is square and lower triangular.
    var isLowerTriangular: Bool {
        rank == dimension && (1..<Swift.max(rank, 1)).allSatisfy { k in (0..<k).allSatisfy { transform[$0 + k * rank] == 0 } }
    }

    /// Whether y must be computed with compensated sums: a certificate should be right to about 1e-9.
    var isDelicate: Bool { noise > 1e-10 }
}

extension PointFrame {
    /// Points of the initial sample.
    static func sampleSize(_ dimension: Int) -> Int { Swift.max(20 * (dimension + 1), 2000) }

    init(_ source: some PointSource, isCentered: Bool, seed: UInt64) throws(GeometryError) {
        let (n, d) = (source.pointCount, source.dimension)
        let wanted = Self.sampleSize(d)
        var indices = n <= 2 * wanted ? Array(0..<n) : stratifiedSample(n, wanted, seed)
        var points = source.gather(indices)
        guard points.allSatisfy(\.isFinite) else {
            throw source.firstNonFinite() ?? .shapeNotRepresentable(reason: "coordinates that overflow")
        }
        if let frame = try Self.wellConditioned(points, indices, d, isCentered, source.relativePrecision) {
            self = frame
            return
        }
        // Every enlargement that matters raises the rank, so d + 1 rounds suffice.
        var found = try Self.rankRevealing(points, indices, d, isCentered, source.relativePrecision)
        for _ in 0..<d where found.frame.rank < d && indices.count < n {
            let outside = try found.pointsOutside(source, count: 4 * (d - found.frame.rank))
            indices += outside
            points += source.gather(outside)
            let next = try Self.rankRevealing(points, indices, d, isCentered, source.relativePrecision)
            if outside.isEmpty || next.frame.rank <= found.frame.rank { break }
            found = next
        }
        self = found.frame
    }

    /// A frame from the given points alone; nil when they give none.
    init?(_ source: some PointSource, around indices: [Int], isCentered: Bool) {
        let points = source.gather(indices)
        let (d, precision) = (source.dimension, source.relativePrecision)
        let frame = (try? Self.wellConditioned(points, indices, d, isCentered, precision))
            ?? (try? Self.rankRevealing(points, indices, d, isCentered, precision))?.frame
        guard let frame else { return nil }
        self = frame
    }

    /// Mean of the points, without overflow.
    private static func mean(_ points: [Double], _ d: Int) -> [Double] {
        let count = points.count / d
        let weight = 1 / Double(count)
        var mean = [Double](repeating: 0, count: d)
        for j in 0..<count { for k in 0..<d { mean[k] += points[k + j * d] * weight } }
        // A second sweep removes the rounding of the first: a constant coordinate must have itself as mean.
        var correction = [Double](repeating: 0, count: d)
        for j in 0..<count { for k in 0..<d { correction[k] += (points[k + j * d] - mean[k]) * weight } }
        for k in 0..<d { mean[k] += correction[k] }
        return mean
    }

    /// Cholesky of the covariance in coordinates of unit spread; nil when that would not be safe.
    private static func wellConditioned(
        _ points: [Double], _ indices: [Int], _ d: Int, _ isCentered: Bool, _ precision: Double
    ) throws(GeometryError) -> PointFrame? {
        let m = indices.count
        guard m > d else { return nil }
        let origin = isCentered ? [Double](repeating: 0, count: d) : mean(points, d)
        var spread = [Double](repeating: 0, count: d)
        var magnitude = spread
        for j in 0..<m {
            for k in 0..<d {
                spread[k] = Swift.max(spread[k], (points[k + j * d] - origin[k]).magnitude)
                magnitude[k] = Swift.max(magnitude[k], points[k + j * d].magnitude)
            }
        }
        guard spread.allSatisfy({ $0 > 0x1p-1000 && $0 < 0x1p1000 }) else { return nil }
        let scale = spread.map(powerOfTwo(atLeast:))
        // Dividing by a power of two is exact, and so is multiplying by its inverse.
        let inverseScale = scale.map { 1 / $0 }
        let scaled = [Double](unsafeUninitializedCapacity: m * d) { out, count in
            for j in 0..<m { for k in 0..<d { out[k + j * d] = (points[k + j * d] - origin[k]) * inverseScale[k] } }
            count = m * d
        }
        var gram = [Double](repeating: 0, count: d * d)
        BLAS.syrk(.lower, .normal, d, m, 1 / Double(m), scaled, d, 0, &gram, d)
        do {
            try LAPACK.potrf(.lower, d, &gram, d)
        } catch { return nil }
        let diagonal = (0..<d).map { gram[$0 + $0 * d] }
        guard diagonal.allSatisfy({ $0 > 1e-7 }) else { return nil }
        do { try LAPACK.trtri(.lower, .nonUnit, d, &gram, d) } catch { return nil }
        var transform = [Double](repeating: 0, count: d * d)
        var (rounding, inputNoise) = ([Double](repeating: 0, count: d), [Double](repeating: 0, count: d))
        for k in 0..<d {
            let relativeNoise = precision * magnitude[k] / scale[k]
            for i in k..<d {
                let entry = gram[i + k * d]
                transform[i + k * d] = entry / scale[k]
                rounding[i] += entry * entry
                inputNoise[i] += entry * entry * relativeNoise * relativeNoise
            }
        }
        // ‖L⁻¹‖ bounds the condition of the covariance factor; its square must stay far from 1/ulp, and the points must
        // stand out of their own rounding noise.
        let worst = (rounding.max() ?? 0).squareRoot()
        guard worst < 1e6, (inputNoise.max() ?? 0).squareRoot() * 4 * Double(d).squareRoot() < 1e-2 else { return nil }
        let logDeterminant = -diagonal.reduce(0) { $0 + Elementary.log($1) } - scale.reduce(0) { $0 + Elementary.log($1) }
        return PointFrame(
            dimension: d, rank: d, origin: origin, transform: transform, logDeterminant: logDeterminant, basis: nil,
            spanning: [], sample: indices, noise: worst * .ulpOfOne)
    }

    /// Pivoted QR in coordinates of unit magnitude, in which rounding noise is the same in every direction.
    private static func rankRevealing(
        _ points: [Double], _ indices: [Int], _ d: Int, _ isCentered: Bool, _ precision: Double
    ) throws(GeometryError) -> RankRevealed {
        let m = indices.count
        let origin = isCentered ? [Double](repeating: 0, count: d) : mean(points, d)
        var magnitude = [Double](repeating: 0, count: d)
        for j in 0..<m { for k in 0..<d { magnitude[k] = Swift.max(magnitude[k], points[k + j * d].magnitude) } }
        let scale = magnitude.map { $0 == 0 ? 1 : powerOfTwo(atLeast: $0) }
        guard scale.allSatisfy({ $0 > 0x1p-1020 && $0 < 0x1p1022 }) else {
            throw .shapeNotRepresentable(reason: "coordinates near the limits of Double")
        }
        let tolerance = 4 * Double(d).squareRoot() * precision
        var scaled = Matrix(rows: d, columns: m, elements: points)
        var noise = [Double](repeating: 0, count: m)
        let originSize = zip(origin, scale).reduce(0) { $0 + ($1.0 / $1.1) * ($1.0 / $1.1) }.squareRoot()
        for j in 0..<m {
            var size = 0.0
            for k in 0..<d {
                let value = points[k + j * d] / scale[k]
                size += value * value
                scaled.elements[k + j * d] = value - origin[k] / scale[k]
            }
            noise[j] = tolerance * (size.squareRoot() + originSize)
        }
        let qr: PivotedQR
        do { qr = try PivotedQR(scaled) } catch { throw .factorization("\(error)") }
        var rank = 0
        while rank < Swift.min(d, m), qr.r[rank, rank].magnitude > noise[qr.permutation[rank]] { rank += 1 }
        let directions = qr.q(columns: rank)
        guard rank > 0 else {
            return RankRevealed(
                frame: PointFrame(
                    dimension: d, rank: 0, origin: origin, transform: [], logDeterminant: 0,
                    basis: Matrix(rows: d, columns: 0), spanning: [indices[0]], sample: indices, noise: 0),
                directions: directions, scale: scale, tolerance: tolerance, originSize: originSize)
        }
        // Covariance factor of the coordinates in the hull, R₂ᵀR₂ = Y·Yᵀ/m with Y = (leading rows of R)·Pᵀ.
        var image = Matrix(rows: m, columns: rank)
        for j in 0..<m { for i in 0..<Swift.min(j + 1, rank) { image.elements[j + i * m] = qr.r.elements[i + j * qr.r.rows] } }
        let root = Double(m).squareRoot()
        var inverse = image.triangularFactor()
        let diagonal = inverse.diagonal.map { $0 / root }
        guard diagonal.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            throw .shapeNotRepresentable(reason: "points too close to a lower-dimensional set")
        }
        do { try LAPACK.trtri(.upper, .nonUnit, rank, &inverse.elements, rank) } catch { throw .factorization("\(error)") }
        // T = √m·R₂⁻ᵀ·Qᵀ·diag(1/scale)
        let unscaled = root * inverse.times(directions, transposeSelf: true, transposeOther: true)
        var transform = unscaled
        var worst = 0.0
        for i in 0..<rank {
            var sum = 0.0
            for k in 0..<d { sum += unscaled[i, k] * unscaled[i, k] }
            worst = Swift.max(worst, sum.squareRoot())
        }
        for k in 0..<d { for i in 0..<rank { transform[i, k] = unscaled[i, k] / scale[k] } }
        guard transform.isFinite else { throw .shapeNotRepresentable(reason: "coordinates near the limits of Double") }
        var logDeterminant = -diagonal.reduce(0) { $0 + Elementary.log($1) }
        var basis: Matrix?
        if rank < d {
            // Back to the original metric: an orthonormal basis of diag(scale)·Q.
            var stretched = directions
            let largest = scale.max() ?? 1
            for i in 0..<rank { for k in 0..<d { stretched[k, i] *= scale[k] / largest } }
            logDeterminant -= Double(rank) * Elementary.log(largest)
            logDeterminant -= stretched.triangularFactor().diagonal.reduce(0) { $0 + Elementary.log($1) }
            basis = stretched.orthonormalColumns()
        } else {
            logDeterminant -= scale.reduce(0) { $0 + Elementary.log($1) }
        }
        return RankRevealed(
            frame: PointFrame(
                dimension: d, rank: rank, origin: origin, transform: transform.elements, logDeterminant: logDeterminant,
                basis: basis, spanning: qr.permutation.prefix(rank + 1).map { indices[$0] }, sample: indices,
                noise: worst * .ulpOfOne),
            directions: directions, scale: scale, tolerance: tolerance, originSize: originSize)
    }
}

/// A frame with what is needed to find points outside its hull.
private struct RankRevealed {
    let frame: PointFrame
    let directions: Matrix
    let scale: [Double]
    let tolerance: Double
    let originSize: Double

    /// Up to `count` points that leave the hull by more than twice their noise, farthest first; one read of the data.
    func pointsOutside(_ source: some PointSource, count: Int) throws(GeometryError) -> [Int] {
        let (n, d, r) = (source.pointCount, frame.dimension, frame.rank)
        let blockSize = Swift.max(16, 32768 / d)
        var x = [Double](repeating: 0, count: d * blockSize)
        var image = [Double](repeating: 0, count: Swift.max(1, r) * blockSize)
        var noise = [Double](repeating: 0, count: blockSize)
        var found: [(index: Int, residual: Double)] = []
        var isFinite = true
        for start in stride(from: 0, to: n, by: blockSize) {
            let size = Swift.min(blockSize, n - start)
            source.withBlock(start..<start + size) { block in
                for j in 0..<size {
                    var sum = 0.0
                    for k in 0..<d {
                        let value = block[k + j * d] / scale[k]
                        sum += value * value
                        x[k + j * d] = value - frame.origin[k] / scale[k]
                    }
                    noise[j] = 2 * tolerance * (sum.squareRoot() + originSize)
                }
            }
            if r > 0 {
                BLAS.gemm(.transposed, .normal, r, size, d, 1, directions.elements, d, x, d, 0, &image, r)
                BLAS.gemm(.normal, .normal, d, size, r, -1, directions.elements, d, image, r, 1, &x, d)
            }
            for j in 0..<size {
                var sum = 0.0
                for k in 0..<d { sum += x[k + j * d] * x[k + j * d] }
                if !sum.isFinite { isFinite = false }
                if sum.squareRoot() > noise[j] { found.append((start + j, sum.squareRoot())) }
            }
            if found.count > 64 * count + 1024 {
                found.sort { ($0.residual, $1.index) > ($1.residual, $0.index) }
                found.removeLast(found.count - count)
            }
        }
        if !isFinite, let error = source.firstNonFinite() { throw error }
        found.sort { ($0.residual, $1.index) > ($1.residual, $0.index) }
        return found.prefix(count).map(\.index)
    }
}

/// The smallest power of two that is at least |x|; dividing by it is exact.
func powerOfTwo(atLeast x: Double) -> Double {
    let power = Double(sign: .plus, exponent: x.exponent, significand: 1)
    return power < x.magnitude ? power * 2 : power
}

/// `count` of the indices 0..<n, one drawn from each of `count` equal runs, ascending.
func stratifiedSample(_ n: Int, _ count: Int, _ seed: UInt64) -> [Int] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { k in
        let (low, high) = (k * n / count, (k + 1) * n / count)
        return low + Int(generator.next() % UInt64(high - low))
    }
}

/// Steele, Lea & Flood's SplitMix64: a small generator with a 64-bit state.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension PointBlock {
    /// The k-th number as Double.
    @inline(__always)
    subscript(k: Int) -> Double {
        switch self {
        case .double(let p): p[k]
        case .float(let p): Double(p[k])
        }
    }
}

extension Matrix {
    /// Orthonormal basis of the column space of a tall matrix of full column rank.
    func orthonormalColumns() -> Matrix {
        let k = columns
        guard k > 0 else { return self }
        var storage = elements
        var tau = [Double](repeating: 0, count: k)
        LAPACK.geqrf(rows, k, &storage, rows, &tau)
        LAPACK.orgqr(rows, k, k, &storage, rows, tau)
        return Matrix(rows: rows, columns: k, elements: storage)
    }
}
