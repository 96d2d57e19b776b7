// Coordinates in which a point set is neither tiny nor huge, neither far away nor thin, nor flat.
//
//     y = T·(p − o),   T r×d,   r = dimension of the affine hull (of the linear hull when the origin o is fixed at 0)
//
// Every quantity of the ellipsoid problem is invariant under affine maps, so T need not be accurate: it is an exactly
// known map that makes the covariance of a sample close to the identity.
//
// Rank. A stored number p carries an uncertainty of half a unit in its last place. A direction counts as flat when the
// points leave it by no more than that noise allows (`RoundingOfPoints`), in coordinates scaled to magnitude 1. A slab that is
// thin but thicker than its rounding is a slab. How far the points leave a flat is part of the answer.
//
// Fast path: Cholesky of the scaled sample covariance when it is well conditioned. Otherwise pivoted QR of the sample,
// enlarged by the points farthest from its hull until no point is outside (one read of the data per enlargement).

import LinearAlgebra
import RandomNumbers

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
    /// Distance of any point from the hull, at most; 0 when r = d.
    var distanceFromHull: Double

    /// Whether T is square and lower triangular.
    var isLowerTriangular: Bool {
        rank == dimension && (1..<Swift.max(rank, 1)).allSatisfy { k in (0..<k).allSatisfy { transform[$0 + k * rank] == 0 } }
    }

    /// The same frame with another origin.
    func moved(to origin: [Double]) -> PointFrame {
        PointFrame(
            dimension: dimension, rank: rank, origin: origin, transform: transform, logDeterminant: logDeterminant, basis: basis,
            spanning: spanning, sample: sample, noise: noise, distanceFromHull: distanceFromHull)
    }

    /// Whether y must be computed with compensated sums: a certificate should be right to about 1e-9.
    var isDelicate: Bool { noise > 1e-10 }
}

extension PointFrame {
    /// Points of the initial sample.
    static func sampleSize(_ dimension: Int) -> Int { Swift.max(20 * (dimension + 1), 2000) }

    init(_ source: some PointSource, isCentered: Bool, seed: UInt64, team: ThreadTeam) throws(GeometryError) {
        let (n, d) = (source.pointCount, source.dimension)
        let wanted = Self.sampleSize(d)
        var indices = n <= 2 * wanted ? Array(0..<n) : StratifiedSample.indices(of: n, count: wanted, seed: seed)
        var points = source.gather(indices, team)
        guard Self.isFinite(points, d, team) else {
            throw source.firstNonFinite() ?? .notRepresentable(reason: "coordinates that overflow")
        }
        if let frame = try Self.wellConditioned(points, indices, d, isCentered, source.relativePrecision, team) {
            self = frame
            return
        }
        // Every enlargement that matters raises the rank, so d + 1 rounds suffice.
        var found = try Self.rankRevealing(points, indices, d, isCentered, source.relativePrecision, team)
        for _ in 0..<d where found.frame.rank < d {
            let (outside, distance) = try found.pointsOutside(source, count: 4 * (d - found.frame.rank))
            found.frame.distanceFromHull = distance
            guard indices.count < n else { break }
            indices += outside
            points += source.gather(outside)
            let next = try Self.rankRevealing(points, indices, d, isCentered, source.relativePrecision, team)
            if outside.isEmpty || next.frame.rank <= found.frame.rank { break }
            found = next
        }
        self = found.frame
    }

    /// A frame from the given points alone; nil when they give none.
    init?(_ source: some PointSource, around indices: [Int], isCentered: Bool, team: ThreadTeam) {
        let points = source.gather(indices, team)
        let (d, precision) = (source.dimension, source.relativePrecision)
        let frame =
            (try? Self.wellConditioned(points, indices, d, isCentered, precision, team))
            ?? (try? Self.rankRevealing(points, indices, d, isCentered, precision, team))?.frame
        guard let frame else { return nil }
        self = frame
    }

    /// The frame in which M of a design is the identity; nil when a Cholesky factorization cannot find it.
    init?(_ source: some PointSource, design: WeightedDesign, isCentered: Bool, team: ThreadTeam) {
        let points = source.gather(design.indices, team)
        let frame = try? Self.wellConditioned(
            points, design.indices, source.dimension, isCentered, source.relativePrecision, team, weights: design.weights)
        guard Self.isFinite(points, source.dimension, team), let frame else { return nil }
        self = frame
    }

    /// Cholesky of the covariance in coordinates of unit spread; nil when that would not be safe.
    private static func wellConditioned(
        _ points: [Double], _ indices: [Int], _ d: Int, _ isCentered: Bool, _ precision: Double, _ team: ThreadTeam,
        weights: [Double]? = nil
    ) throws(GeometryError) -> PointFrame? {
        let m = indices.count
        guard m > d else { return nil }
        let origin = isCentered ? [Double](repeating: 0, count: d) : mean(points, d, weights: weights, team)
        let (spread, magnitude) = extents(points, d, origin, team)
        guard spread.allSatisfy({ $0 > 0x1p-1000 && $0 < 0x1p1000 }) else { return nil }
        let scale = spread.map(powerOfTwo(atLeast:))
        // Dividing by a power of two is exact, and so is multiplying by its inverse.
        let inverseScale = scale.map { 1 / $0 }
        let scaled = [Double](unsafeUninitializedCapacity: m * d) { out, count in
            LargePages.advise(UnsafeMutableRawBufferPointer(out))
            points.withUnsafeBufferPointer { points in
                origin.withUnsafeBufferPointer { origin in
                    inverseScale.withUnsafeBufferPointer { scale in
                        let target = SharedPointer(out.baseAddress!)
                        let (points, origin, scale) = (points.baseAddress!, origin.baseAddress!, scale.baseAddress!)
                        team.share(m, inRunsOf: Swift.max(64, 65536 / d)) { run in
                            for j in run { for k in 0..<d { target.pointer[k + j * d] = (points[k + j * d] - origin[k]) * scale[k] } }
                        }
                    }
                }
            }
            count = m * d
        }
        var gram = [Double](repeating: 0, count: d * d)
        var workspace = GramWorkspace()
        team.gram(
            scaled, rows: d, columns: Array(0..<m), weights: weights ?? [Double](repeating: 1 / Double(m), count: m), into: &gram,
            workspace: &workspace)
        do {
            try team.cholesky(&gram, order: d)
        } catch { return nil }
        let diagonal = (0..<d).map { gram[$0 + $0 * d] }
        guard diagonal.allSatisfy({ $0 > 1e-7 }) else { return nil }
        do { try team.invertLower(&gram, order: d) } catch { return nil }
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
            spanning: [], sample: indices, noise: worst * .ulpOfOne, distanceFromHull: 0)
    }
}

/// The smallest power of two that is at least |x|; dividing by it is exact.
func powerOfTwo(atLeast x: Double) -> Double {
    let power = Double(sign: .plus, exponent: x.exponent, significand: 1)
    return power < x.magnitude ? power * 2 : power
}
