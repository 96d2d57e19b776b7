// Points of zero weight, where features are taken about the points.

import LinearAlgebra

extension CaratheodoryReduction {
    /// The reduction of the points that have weight, for lifts whose features are made with regard to all points; nil where every point
    /// has weight, or none, and for other lifts.
    ///
    /// A point without weight takes no part, but the box of the points, or the sizes to which they are brought, would be made for it as
    /// well: far away it would cost the others their digits, and the errors in units of such features would not show it.
    static func reduceWeighted<Element: PointElement>(
        _ points: StoredPoints<Element>, weights: UnsafeBufferPointer<Double>?, lift: Lift, settings: Settings
    ) throws(GeometryError) -> CaratheodoryReduction? {
        let n = points.count, d = points.width
        guard lift.isAboutPoints, let weights, weights.count == n, weights.contains(0), settings.costs?.count ?? n == n else { return nil }
        let kept = weights.indices.filter { weights[$0] != 0 }
        guard !kept.isEmpty else { return nil }
        if let (point, coordinate, value) = points.firstNonFinite() {
            throw .nonFinite(point: point, coordinate: coordinate, value: value)
        }
        let elements = [Element](unsafeUninitializedCapacity: kept.count * d) { out, initialized in
            if d > 0, let base = out.baseAddress {
                for (j, i) in kept.enumerated() { (base + j * d).initialize(from: points.base + i * d, count: d) }
            }
            initialized = kept.count * d
        }
        let shares = kept.map { weights[$0] }
        var settings = settings
        settings.costs = settings.costs.map { costs in kept.map { costs[$0] } }
        do throws(GeometryError) {
            let found = try elements.withUnsafeBufferPointer { (elements) throws(GeometryError) in
                try shares.withUnsafeBufferPointer { (shares) throws(GeometryError) in
                    try reduce(
                        StoredPoints(elements, count: kept.count, width: d), weights: shares, lift: lift, settings: settings)
                }
            }
            return CaratheodoryReduction(
                indices: found.indices.map { kept[$0] }, weights: found.weights, featureCount: found.featureCount, pointCount: n,
                totalWeight: found.totalWeight, rank: found.rank, error: found.error, spreadError: found.spreadError,
                massError: found.massError)
        } catch {
            throw error.renumbered(by: kept)
        }
    }
}

extension CaratheodoryReduction.Lift {
    /// Whether features depend on more than the point that they are of.
    fileprivate var isAboutPoints: Bool {
        switch self {
        case .secondMoments, .monomials: true
        case .none, .features: false
        }
    }
}

extension GeometryError {
    /// The same error where point i of those that it is about is point `indices[i]` of the caller's.
    func renumbered(by indices: [Int]) -> GeometryError {
        switch self {
        case .nonFinite(let point, let coordinate, let value) where indices.indices.contains(point):
            .nonFinite(point: indices[point], coordinate: coordinate, value: value)
        case .invalidWeight(let index, let value) where indices.indices.contains(index): .invalidWeight(index: indices[index], value: value)
        default: self
        }
    }
}
