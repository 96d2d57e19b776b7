// The frame of a set that may be flat: pivoted QR, and the points that leave the hull it finds.

import LinearAlgebra

extension PointFrame {
    /// Pivoted QR in coordinates of unit magnitude, in which rounding noise is the same in every direction.
    static func rankRevealing(
        _ points: [Double], _ indices: [Int], _ d: Int, _ isCentered: Bool, _ precision: Double
    ) throws(GeometryError) -> RankRevealed {
        let m = indices.count
        let origin = isCentered ? [Double](repeating: 0, count: d) : mean(points, d)
        var magnitude = [Double](repeating: 0, count: d)
        for j in 0..<m { for k in 0..<d { magnitude[k] = Swift.max(magnitude[k], points[k + j * d].magnitude) } }
        let scale = magnitude.map { $0 == 0 ? 1 : powerOfTwo(atLeast: $0) }
        guard scale.allSatisfy({ $0 > 0x1p-1020 && $0 < 0x1p1022 }) else {
            throw .notRepresentable(reason: "coordinates near the limits of Double")
        }
        let tolerance = Self.flatness * Double(d).squareRoot() * precision
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
        do { qr = try PivotedQR(scaled) } catch { throw .factorization(error) }
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
        // Back to the original metric: directions that span diag(scale)·Q, then the axes of the sample.
        var start: Matrix?
        if rank < d {
            var stretched = directions
            let largest = scale.max() ?? 1
            for i in 0..<rank { for k in 0..<d { stretched[k, i] *= scale[k] / largest } }
            start = stretched.orthonormalColumns()
        }
        let weights = [Double](repeating: 1 / Double(m), count: m)
        guard let axes = AlignedAxes(points, weights: weights, origin: origin, start: start) else {
            throw .notRepresentable(reason: "coordinates near the limits of Double")
        }
        // T = diag(2⁻ᵉ)·Vᵀ is exact, and so is its determinant, up to the rounding of V: an ulp for each direction.
        let (transform, scales) = (axes.transform, axes.scales)
        guard transform.allSatisfy(\.isFinite) else { throw .notRepresentable(reason: "coordinates near the limits of Double") }
        return RankRevealed(
            frame: PointFrame(
                dimension: d, rank: rank, origin: origin, transform: transform,
                logDeterminant: -scales.reduce(0) { $0 + Elementary.log($1) },
                basis: rank < d ? axes.directions : nil, spanning: qr.permutation.prefix(rank + 1).map { indices[$0] }, sample: indices,
                noise: Self.noise(of: transform, rank: rank, magnitude: magnitude)),
            directions: directions, scale: scale, tolerance: tolerance, originSize: originSize)
    }

    /// Roundings of a coordinate by which points may leave a flat: half a one of their own, as much in each of the d terms of a
    /// product, and a direction's; two more for those of the hull and the mean.
    private static var flatness: Double { 4 }

    /// Relative error of y from cancellation: the largest row of |T|·|p| for points of the given magnitude, in ulps.
    private static func noise(of transform: [Double], rank r: Int, magnitude: [Double]) -> Double {
        var worst = 0.0
        for i in 0..<r {
            var sum = 0.0
            for (k, size) in magnitude.enumerated() {
                let term = transform[i + k * r] * size
                sum += term * term
            }
            worst = Swift.max(worst, sum.squareRoot())
        }
        return worst * .ulpOfOne
    }
}

/// A frame with what is needed to find points outside its hull.
struct RankRevealed {
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
