// The least ellipsoid around h of n points: which to leave out is a hard problem, so concentration steps look for a good answer.
//
// Start      h points near a random handful: mean and covariance of d + 1 points, the h nearest in their metric.
// Step       mean and covariance of the h points, the h nearest in their metric: the determinant never grows (Rousseeuw &
//            Van Driessen, Technometrics 41, 1999). The best starts go on to a fixed point.
// Then       the minimum-volume ellipsoid of the h points, the h nearest in its metric: all of them are inside it, so the volume
//            never grows, to a fixed point.
// Claims     the certificate is that of the ellipsoid of the points kept; that other h points have none smaller is not proven.
// Cost       starts × 2 steps of n·d² flops, some tens of steps more, and a few fits.

import LinearAlgebra

/// A small ellipsoid around most of the points: a robust estimate of where the bulk of them is.
public struct TrimmedEllipsoid: Sendable {
    /// The fit of the kept points; `support` are indices of the whole set.
    public let fit: MinimumVolumeEllipsoid
    /// The points inside, ascending; h of them.
    public let kept: [Int]
    /// Concentration steps made, over all starts.
    public let steps: Int

    /// Random starts that get two steps: enough that one of them is clean with probability .99 or more when a quarter of the points
    /// are outliers and d ≤ 10 (Rousseeuw & Van Driessen use 500 as well).
    private static var starts: Int { 500 }
    /// The best of them that go on: theirs as well.
    private static var finalists: Int { 10 }
    /// Points that the starts look at, drawn from more (theirs as well).
    private static var sampled: Int { 1500 }
    /// Steps to a fixed point; about ten are usual.
    private static var stepLimit: Int { 100 }

    /// Fits `count` of the columns of `points`.
    /// - Parameters:
    ///   - points: d×n.
    ///   - count: h, the points to keep, more than n/2 and more than d.
    ///   - settings: of the fits; with the center at the origin, the covariance is about it as well.
    /// - Throws: `invalidSetting`, and as `MinimumVolumeEllipsoid`.
    public init(
        points: Matrix, keeping count: Int, settings: MinimumVolumeEllipsoid.Settings = .init(),
        using generator: inout some RandomNumberGenerator
    ) throws(GeometryError) {
        let (d, n) = (points.rows, points.columns)
        guard count <= n, 2 * count > n, count > d else {
            throw .invalidSetting(
                name: "count", expected: "more than half of the \(n) points, more than the dimension \(d), and no more than all",
                found: Double(count))
        }
        if let error = MatrixPoints(points).firstNonFinite() { throw error }
        guard count < n else {
            let all = try MinimumVolumeEllipsoid(points: points, settings: settings)
            (fit, kept, steps) = (all.renumbered(Array(0..<n)), Array(0..<n), 0)
            return
        }
        var steps = 0
        let isCentered = settings.centering == .origin
        func concentrated(_ subset: [Int], _ all: Matrix, _ count: Int) -> Concentration? {
            guard let metric = CovarianceMetric(all, subset, isCentered: isCentered) else { return nil }
            steps += 1
            return Concentration(
                subset: Self.nearest(metric.distances(all), count), metric: metric)
        }
        // Starts look at some of many points, finalists at all of them.
        let some = n <= Self.sampled ? points : points.selectingColumns(Self.distinct(Self.sampled, below: n, &generator))
        let share = n <= Self.sampled ? count : Swift.max(d + 1, count * some.columns / n)
        var candidates: [Concentration] = []
        for _ in 0..<Self.starts {
            guard let start = Self.spanningHandful(some, isCentered: isCentered, &generator),
                let first = concentrated(start, some, share), let second = concentrated(first.subset, some, share),
                let third = concentrated(second.subset, some, share)
            else { continue }
            candidates.append(third)
        }
        // Flat sets have no covariance to invert: all points, and the ellipsoid's own metric, are the start.
        candidates.sort { $0.metric.logDeterminant < $1.metric.logDeterminant }
        var finalists = candidates.prefix(Self.finalists).map { Self.nearest($0.metric.distances(points), count) }
        if finalists.isEmpty { finalists = [Array(0..<count)] }
        var best: (fit: MinimumVolumeEllipsoid, kept: [Int])?
        var seen = Set<[Int]>()
        for start in finalists {
            var subset = start
            for _ in 0..<Self.stepLimit {
                guard let next = concentrated(subset, points, count)?.subset, next != subset else { break }
                subset = next
            }
            guard seen.insert(subset).inserted else { continue }
            var fit = try MinimumVolumeEllipsoid(points: points.selectingColumns(subset), settings: settings)
            for _ in 0..<Self.stepLimit {
                let next = Self.nearest(Self.distances(fit.ellipsoid, points), count)
                guard next != subset else { break }
                steps += 1
                let better = try MinimumVolumeEllipsoid(points: points.selectingColumns(next), settings: settings)
                guard better.rank < fit.rank || (better.rank == fit.rank && better.ellipsoid.logVolume < fit.ellipsoid.logVolume) else {
                    break
                }
                (subset, fit) = (next, better)
            }
            let isBest = best.map {
                fit.rank < $0.fit.rank || (fit.rank == $0.fit.rank && fit.ellipsoid.logVolume < $0.fit.ellipsoid.logVolume)
            }
            if isBest ?? true { best = (fit, subset) }
        }
        guard let best else { throw .noPoints }
        (fit, kept, self.steps) = (best.fit.renumbered(best.kept), best.kept, steps)
    }

    /// The points of a step, and the metric they are nearest in.
    private struct Concentration {
        let subset: [Int]
        let metric: CovarianceMetric
    }

    /// Distinct indices below n, ascending.
    private static func distinct(_ count: Int, below n: Int, _ generator: inout some RandomNumberGenerator) -> [Int] {
        var chosen = Set<Int>()
        while chosen.count < count { chosen.insert(Int.random(in: 0..<n, using: &generator)) }
        return chosen.sorted()
    }

    /// Gauges; of a flat ellipsoid, points off its hull are farther than all others.
    private static func distances(_ ellipsoid: Ellipsoid, _ points: Matrix) -> [Double] {
        let gauges = ellipsoid.gauges(of: points)
        guard ellipsoid.basis != nil else { return gauges }
        let inside = ellipsoid.scaled(by: 2 * Swift.max(1, gauges.max() ?? 1)).contains(points)
        return zip(gauges, inside).map { $1 ? $0 : .infinity }
    }

    /// Indices of the `count` smallest, ascending; ties by index.
    private static func nearest(_ distances: [Double], _ count: Int) -> [Int] {
        LargestValues.indices(distances.map { -$0 }, count)
    }

    /// d + 1 random points, or more until they span.
    private static func spanningHandful(_ points: Matrix, isCentered: Bool, _ generator: inout some RandomNumberGenerator) -> [Int]? {
        let (d, n) = (points.rows, points.columns)
        var chosen = Set<Int>()
        while chosen.count < Swift.min(n, 4 * (d + 1)) {
            chosen.insert(Int.random(in: 0..<n, using: &generator))
            let subset = chosen.sorted()
            if subset.count > d, CovarianceMetric(points, subset, isCentered: isCentered) != nil { return subset }
        }
        return nil
    }
}

extension MinimumVolumeEllipsoid {
    /// The fit of points that are these of a larger set.
    fileprivate func renumbered(_ indices: [Int]) -> MinimumVolumeEllipsoid {
        MinimumVolumeEllipsoid(
            ellipsoid: ellipsoid, support: support.map { indices[$0] }, weights: weights, status: status, certificate: certificate,
            iterations: iterations, dataPasses: dataPasses, rank: rank, method: method, centering: centering)
    }
}

/// Mahalanobis distances of a subset's mean and covariance.
private struct CovarianceMetric {
    private let mean: [Double]
    private let inverse: Matrix
    let logDeterminant: Double

    /// nil when the subset does not span.
    init?(_ points: Matrix, _ subset: [Int], isCentered: Bool) {
        let (d, m) = (points.rows, subset.count)
        var chosen = points.selectingColumns(subset)
        let mean = isCentered ? [Double](repeating: 0, count: d) : PointFrame.mean(chosen.elements, d)
        for j in 0..<m { for k in 0..<d { chosen[k, j] -= mean[k] } }
        // By a QR: the covariance itself would square the condition.
        let scale = 1 / Double(m).squareRoot()
        guard m >= d else { return nil }
        let factor = (scale * chosen.transposed()).triangularFactor()
        let diagonal = factor.diagonal
        guard let most = diagonal.max(), diagonal.allSatisfy({ $0 > 1e-13 * most }) else { return nil }
        var inverse = factor.transposed()
        do { try LAPACK.trtri(.lower, .nonUnit, d, &inverse.elements, d) } catch { return nil }
        self.mean = mean
        self.inverse = inverse
        logDeterminant = 2 * diagonal.reduce(0) { $0 + Elementary.log($1) }
    }

    /// Squared distances of all points.
    func distances(_ points: Matrix) -> [Double] {
        let d = points.rows
        var result = [Double](repeating: 0, count: points.columns)
        let map = LeverageMap(
            rank: d, dimension: d, matrix: inverse.elements, offset: [Double](repeating: 0, count: d), origin: mean, base: 0)
        map.leverages(of: MatrixPoints(points), count: points.columns, into: &result, team: .single)
        return result
    }
}
