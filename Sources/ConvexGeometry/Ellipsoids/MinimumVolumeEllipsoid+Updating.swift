// More points for a solved problem, and the ellipsoid inside the hull.

import LinearAlgebra

extension MinimumVolumeEllipsoid {
    /// Where a later fit that contains the same points, in the same places, may start.
    public var start: Start { Start(indices: support, weights: weights) }

    /// The fit of `old` and `new` points together, where this is the fit of `old`.
    ///
    /// When every new point is inside already the answer is this fit itself, at the cost of one gauge per new point.
    /// Otherwise the solve starts from these weights, which costs two reads of the points and a few steps.
    /// Indices of the result count the old points first.
    /// - Throws: as the initializer, and `dimensionMismatch`.
    /// - Complexity: a read of all points, and steps of the method only where one of the new points is outside.
    public func adding(
        _ new: some PointSource, to old: some PointSource, settings: Settings = Settings()
    ) throws(GeometryError) -> MinimumVolumeEllipsoid {
        precondition(new.offset == nil && old.offset == nil, "points with an offset cannot be joined")
        guard new.dimension == old.dimension else { throw .dimensionMismatch(expected: old.dimension, found: new.dimension) }
        if contains(new), status == .solved, certificate.gap <= settings.gap, certificate.supportDeficit <= settings.supportDeficit,
            settings.centering == centering
        {
            return self
        }
        var settings = settings
        settings.start = start
        return try MinimumVolumeEllipsoid(source: JoinedPoints(first: old, second: new), settings: settings)
    }

    /// Whether no point of `source` has a larger κ than the certificate is about. A flat ellipsoid, or one that rounding has moved, says no.
    private func contains(_ source: some PointSource) -> Bool {
        let (n, d) = (source.pointCount, source.dimension)
        guard source.offset == nil, ellipsoid.basis == nil, ellipsoid.dimension == d, certificate.inflation < 1e-9 else { return false }
        let bound = (1 - 8 * Double(d) * .ulpOfOne) / (1 + certificate.inflation)
        let run = Swift.max(1, 1 << 20 / d)
        for first in stride(from: 0, to: n, by: run) {
            let indices = Array(first..<Swift.min(first + run, n))
            let gauges = ellipsoid.gauges(of: Matrix(rows: d, columns: indices.count, elements: source.gather(indices)))
            guard gauges.allSatisfy({ $0 <= bound }) else { return false }
        }
        return true
    }

    /// An ellipsoid inside the convex hull of the points (of the points and their negatives, when centered at the
    /// origin): the fitted one shrunk by 1/√((r + Dε⁺)·r') with r' = r + Dε⁺ (free) or 1 (centered).
    ///
    /// John's theorem with an inexact optimum: for every v with (v−c)ᵀS⁻¹(v−c) ≤ 1/(max κ − 1) the weights
    /// uᵢ(1 + (pᵢ−c)ᵀS⁻¹(v−c)) are ≥ 0 and represent v, and the fitted ellipsoid has (x−c)ᵀS⁻¹(x−c) ≤ max κ − 1.
    public var inscribed: Ellipsoid {
        guard rank > 0 else { return ellipsoid }
        let order = Double(rank + (centering == .free ? 1 : 0))
        let largest = order * (1 + certificate.gap)
        let shrink = centering == .free ? 1 / (largest - 1) : 1 / largest.squareRoot()
        return ellipsoid.scaled(by: shrink / (1 + certificate.inflation))
    }
}

extension MinimumVolumeEllipsoid.Start {
    func validate(pointCount n: Int) throws(GeometryError) {
        guard indices.count == weights.count else { throw .dimensionMismatch(expected: indices.count, found: weights.count) }
        guard Set(indices).count == indices.count else {
            throw .invalidSetting(name: "start", expected: "each index once", found: Double(indices.count))
        }
        for (index, weight) in zip(indices, weights) {
            guard index >= 0, index < n else {
                throw .invalidSetting(name: "start", expected: "indices below \(n)", found: Double(index))
            }
            guard weight > 0, weight.isFinite else { throw .invalidWeight(index: index, value: weight) }
        }
    }

    var normalized: WeightedDesign {
        let total = weights.reduce(0, +)
        return WeightedDesign(indices: indices, weights: weights.map { $0 / total })
    }
}

/// Two point sources of one dimension, one after the other.
struct JoinedPoints<First: PointSource, Second: PointSource>: PointSource {
    let first: First
    let second: Second

    var pointCount: Int { first.pointCount + second.pointCount }
    var dimension: Int { first.dimension }
    var relativePrecision: Double { Swift.max(first.relativePrecision, second.relativePrecision) }

    func withBlock(_ range: Range<Int>, _ body: (PointBlock) -> Void) {
        let n = first.pointCount
        if range.upperBound <= n { return first.withBlock(range, body) }
        if range.lowerBound >= n { return second.withBlock(range.lowerBound - n..<range.upperBound - n, body) }
        // The one run that has points of both.
        var points = first.gather(Array(range.lowerBound..<n))
        points += second.gather(Array(0..<range.upperBound - n))
        points.withUnsafeBufferPointer { if let base = $0.baseAddress { body(.double(base)) } }
    }
}
