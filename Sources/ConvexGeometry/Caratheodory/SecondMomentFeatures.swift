// Coordinates and their products as features: z = p − anchor, then zᵢzⱼ for i ≤ j.

import LinearAlgebra

/// The features of mean and covariance. About the origin their sums are formed without the features themselves, a
/// symmetric rank-k update for every run of points; about another center tile by tile.
struct SecondMomentFeatures<Element: PointElement>: FeatureSource {
    let anchor: [Double]
    private let points: StoredPoints<Element>
    private let tiles: TiledFeatures<StoredPoints<Element>>

    var count: Int { points.count }
    var width: Int { tiles.width }
    var isAboutMean: Bool { true }

    init(of points: StoredPoints<Element>, about anchor: [Double]) {
        self.points = points
        self.anchor = anchor
        let d = points.width
        tiles = TiledFeatures(count: points.count, width: d + d * (d + 1) / 2, base: points) { range, out in
            anchor.withUnsafeBufferPointer {
                Element.secondMoments(
                    points.base + range.lowerBound * d, dimension: d, count: range.count, anchor: $0.baseAddress!, into: out)
            }
        }
    }

    func moments(
        of bounds: UnsafeBufferPointer<Int>, weights: WeightView, center: UnsafePointer<Double>?, stride: Int,
        sums: UnsafeMutablePointer<Double>, centeredMagnitude: UnsafeMutablePointer<Double>?, magnitude: UnsafeMutablePointer<Double>?
    ) {
        let d = points.width
        guard center == nil, d <= VectorKernels.longestSecondMomentPoint else {
            return tiles.moments(
                of: bounds, weights: weights, center: center, stride: stride, sums: sums, centeredMagnitude: centeredMagnitude,
                magnitude: magnitude)
        }
        anchor.withUnsafeBufferPointer { anchor in
            for run in 0..<bounds.count - 1 {
                let sum = sums + run * stride, start = bounds[run]
                let mass = Element.secondMomentSums(
                    points.base + start * d, dimension: d, count: bounds[run + 1] - start, weights: weights.from(start),
                    weightStep: weights.step, anchor: anchor.baseAddress!, sum: sum, magnitude: centeredMagnitude)
                for k in width..<stride { sum[k] = 0 }
                sum[width] = mass
            }
        }
    }

    func isComfortable(_ weights: WeightView) -> Bool { tiles.isComfortable(weights) }

    func firstNonFinitePoint() -> (Int, Int, Double)? { tiles.firstNonFinitePoint() }

    func firstNonFinite() -> (Int, Int, Double)? { tiles.firstNonFinite() }
}
