// Coordinates and their products as features: z = p − anchor, then zᵢzⱼ for i ≤ j.

import LinearAlgebra

/// The features of mean and covariance. About the origin their sums are formed without the features themselves, a
/// symmetric rank-k update for every run of points; about another center tile by tile.
struct SecondMomentFeatures<Points: PointAccess>: FeatureSource {
    let anchor: [Double]
    private let points: Points
    private let tiles: TiledFeatures<Points>

    var count: Int { points.count }
    var width: Int { tiles.width }
    var isAboutMean: Bool { true }

    init(of points: Points, about anchor: [Double]) {
        self.points = points
        self.anchor = anchor
        let d = points.width
        tiles = TiledFeatures(count: points.count, width: d + d * (d + 1) / 2, base: points) { range, out in
            anchor.withUnsafeBufferPointer { points.secondMoments(of: range, about: $0.baseAddress!, into: out) }
        }
    }

    func moments(
        of range: Range<Int>, weights: WeightView, center: UnsafePointer<Double>?, stride: Int, sum: UnsafeMutablePointer<Double>,
        centeredMagnitude: UnsafeMutablePointer<Double>?, magnitude: UnsafeMutablePointer<Double>?
    ) -> Double {
        guard center == nil, points.width <= VectorKernels.longestSecondMomentPoint else {
            return tiles.moments(
                of: range, weights: weights, center: center, stride: stride, sum: sum, centeredMagnitude: centeredMagnitude,
                magnitude: magnitude)
        }
        for k in width..<stride { sum[k] = 0 }
        return anchor.withUnsafeBufferPointer {
            points.secondMomentSums(of: range, weights: weights, about: $0.baseAddress!, sum: sum, magnitude: centeredMagnitude)
        }
    }

    func firstNonFinite() -> (Int, Int, Double)? { tiles.firstNonFinite() }
}
