// The frame of a set that may be flat: pivoted QR, and the points that leave the hull it finds.

import LinearAlgebra

extension PointFrame {
    /// Pivoted QR in coordinates of unit magnitude, in which rounding noise is the same in every direction.
    static func rankRevealing(
        _ points: [Double], _ indices: [Int], _ d: Int, _ isCentered: Bool, _ precision: Double, _ team: ThreadTeam
    ) throws(GeometryError) -> RankRevealed {
        let m = indices.count
        let origin = isCentered ? [Double](repeating: 0, count: d) : mean(points, d)
        var magnitude = [Double](repeating: 0, count: d)
        for j in 0..<m { for k in 0..<d { magnitude[k] = Swift.max(magnitude[k], points[k + j * d].magnitude) } }
        let scale = magnitude.map { $0 == 0 ? 1 : powerOfTwo(atLeast: $0) }
        guard scale.allSatisfy({ $0 > 0x1p-1020 && $0 < 0x1p1022 }) else {
            throw .notRepresentable(reason: "coordinates near the limits of Double")
        }
        let nearest = isCentered ? nil : Self.nearest(to: origin, points, d, scale)
        let rounding = RoundingOfPoints(
            reference: nearest.map { Array(points[$0 * d..<($0 + 1) * d]) } ?? origin, scale: scale, precision: precision)
        var scaled = Matrix(rows: d, columns: m, elements: points)
        var noise = [Double](repeating: 0, count: m)
        scaled.elements.withUnsafeMutableBufferPointer { out in
            for j in 0..<m { noise[j] = rounding.relative({ points[$0 + j * d] }, into: out.baseAddress! + j * d) }
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
                    basis: Matrix(rows: d, columns: 0), spanning: [indices[nearest ?? 0]], sample: indices, noise: 0,
                    distanceFromHull: 0),
                directions: directions, rounding: rounding)
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
        guard let axes = AlignedAxes(points, weights: weights, origin: origin, start: start, team: team) else {
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
                noise: Self.noise(of: transform, rank: rank, magnitude: magnitude), distanceFromHull: 0),
            directions: directions, rounding: rounding)
    }

    /// The point nearest to a place, in coordinates of unit magnitude.
    private static func nearest(to place: [Double], _ points: [Double], _ d: Int, _ scale: [Double]) -> Int {
        var (best, least) = (0, Double.infinity)
        for j in 0..<points.count / d {
            var sum = 0.0
            for k in 0..<d {
                let difference = (points[k + j * d] - place[k]) / scale[k]
                sum += difference * difference
            }
            if sum < least { (best, least) = (j, sum) }
        }
        return best
    }

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
    var frame: PointFrame
    let directions: Matrix
    let rounding: RoundingOfPoints

    /// Up to `count` points that leave the hull by more than twice their noise, farthest first, and how far any point is from the hull at
    /// most; one read of the data.
    func pointsOutside(_ source: some PointSource, count: Int) throws(GeometryError) -> (indices: [Int], distance: Double) {
        let (n, d, r) = (source.pointCount, frame.dimension, frame.rank)
        let blockSize = Swift.max(16, 32768 / d)
        var x = [Double](repeating: 0, count: d * blockSize)
        var image = [Double](repeating: 0, count: Swift.max(1, r) * blockSize)
        var noise = [Double](repeating: 0, count: blockSize)
        var found: [(index: Int, residual: Double)] = []
        var (isFinite, distance) = (true, 0.0)
        for start in stride(from: 0, to: n, by: blockSize) {
            let size = Swift.min(blockSize, n - start)
            source.withBlock(start..<start + size) { block in
                x.withUnsafeMutableBufferPointer { out in
                    for j in 0..<size { noise[j] = 2 * rounding.relative({ block[$0 + j * d] }, into: out.baseAddress! + j * d) }
                }
            }
            if r > 0 {
                BLAS.gemm(.transposed, .normal, r, size, d, 1, directions.elements, d, x, d, 0, &image, r)
                BLAS.gemm(.normal, .normal, d, size, r, -1, directions.elements, d, image, r, 1, &x, d)
            }
            for j in 0..<size {
                var (sum, length) = (0.0, 0.0)
                for k in 0..<d {
                    let (value, unscaled) = (x[k + j * d], x[k + j * d] * rounding.scale[k])
                    sum += value * value
                    length += unscaled * unscaled
                }
                if !sum.isFinite { isFinite = false }
                distance = Swift.max(distance, length.squareRoot())
                if sum.squareRoot() > noise[j] { found.append((start + j, sum.squareRoot())) }
            }
            if found.count > 64 * count + 1024 {
                found.sort { ($0.residual, $1.index) > ($1.residual, $0.index) }
                found.removeLast(found.count - count)
            }
        }
        if !isFinite, let error = source.firstNonFinite() { throw error }
        found.sort { ($0.residual, $1.index) > ($1.residual, $0.index) }
        return (found.prefix(count).map(\.index), distance)
    }
}

/// What rounding alone does to points of a flat, in coordinates divided by `scale`.
///
/// Points that come from products of d terms leave it by 4√d roundings of their distance from each other: half a one for each term, a
/// direction's, and two for the hull. Where they lie far away, their place adds its own: half a rounding of a coordinate where an offset was
/// added last, d/8 of them where the whole set was turned (largest of 1500 flats of 2 to 60 coordinates at offsets of 10⁹ and 10¹³ times
/// the spread: .4 to .55 up to d = 5, 1.2 at 10, 4.1 at 30, 5.6 at 60). The reference is a point of the set, so that differences are exact.
struct RoundingOfPoints {
    let reference: [Double]
    /// Powers of two.
    let scale: [Double]
    private let precision: Double
    private let referenceSize: Double

    init(reference: [Double], scale: [Double], precision: Double) {
        (self.reference, self.scale, self.precision) = (reference, scale, precision)
        referenceSize = zip(reference, scale).reduce(0) { $0 + ($1.0 / $1.1) * ($1.0 / $1.1) }.squareRoot()
    }

    /// Writes a point relative to the reference; how far rounding may have moved it.
    func relative(_ point: (Int) -> Double, into out: UnsafeMutablePointer<Double>) -> Double {
        let d = Double(scale.count)
        var (size, distance) = (0.0, 0.0)
        for k in scale.indices {
            let value = point(k) / scale[k]
            let difference = value - reference[k] / scale[k]
            size += value * value
            distance += difference * difference
            out[k] = difference
        }
        return precision * (4 * d.squareRoot() * distance.squareRoot() + (1 + d / 8) * (size.squareRoot() + referenceSize))
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
