// Random images with declared pixel statistics: a correlated Gaussian field seen through a pixelwise map.
//
//   g ~ N(0, Σ),   Σ[p, q] = ρ^(|Δrow| + |Δcolumn| + |Δchannel|),   x = T(g)                                  (1)
//   T(g) = 1/(1 + e^−(a + b·g)),  a and b such that x has the declared mean m and variance v                 (2)
// where values in [0, 1] can have them, v ≤ m·(1 − m); else T(g) = m + √v·g. Images are rarely Gaussian: a mean near black with a
// large deviation (handwriting: 0.13 and 0.31) tells, together with the range, that pixels are mostly black or white, and (2)
// draws such images: connected strokes on an empty ground.
// Σ is a Kronecker product, so draws and products with it are recursive filters along rows, columns and channels: linear cost.
// Source of (2): Atchison & Shen, Biometrika 67 (1980) 261–272 (logit-normal distribution).

import LinearAlgebra
import NeuralNetworks
import RandomNumbers
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The distribution (1), followed by the network's own normalization (x − shift)/scale.
package struct PixelField: Sendable {
    /// T of one channel and the normalization behind it.
    private struct Map: Sendable {
        var isLogitNormal: Bool
        var offset: Double
        var slope: Double
        var shift: Double
        var scale: Double

        /// Where values lie: in [0, 1] before the normalization, or within three deviations.
        var range: (low: Float, high: Float) {
            let (low, high) = isLogitNormal ? (0, 1) : (offset - 3 * slope, offset + 3 * slope)
            return (Float((low - shift) / scale), Float((high - shift) / scale))
        }

        func value(_ g: Double) -> Double {
            let t = offset + slope * g
            return ((isLogitNormal ? PixelField.logistic(t) : t) - shift) / scale
        }

        func derivative(_ g: Double) -> Double {
            guard isLogitNormal else { return slope / scale }
            let p = PixelField.logistic(offset + slope * g)
            return slope * p * (1 - p) / scale
        }
    }

    /// (channels, …).
    private let shape: [Int]
    private let maps: [Map]
    private let rho: Float

    /// - Parameters:
    ///   - shape: (channels, height, width), or (channels, length).
    ///   - mean, deviation, shift, scale: one per channel, finite; deviations and scales positive.
    ///   - correlation: ρ in 0 ..< 1.
    package init(shape: [Int], mean: [Double], deviation: [Double], correlation: Double, shift: [Double], scale: [Double]) {
        self.shape = shape
        rho = Float(correlation)
        // Signals have thousands of positions where images have channels, all of one distribution.
        var known: [[Double]: (offset: Double, slope: Double)] = [:]
        func logitNormal(_ mean: Double, _ variance: Double) -> (offset: Double, slope: Double) {
            if let found = known[[mean, variance]] { return found }
            let found = PixelField.logitNormal(mean: mean, variance: variance)
            known[[mean, variance]] = found
            return found
        }
        maps = (0..<shape[0]).map { c in
            let (variance, most) = (deviation[c] * deviation[c], mean[c] * (1 - mean[c]))
            let isLogitNormal = most > 0 && variance <= most * (1 + 1e-9)
            // At v = m·(1 − m) only 0 and 1 are left, and no gradient.
            let (offset, slope) =
                isLogitNormal ? logitNormal(mean[c], Swift.min(variance, 0.95 * most)) : (mean[c], deviation[c])
            return Map(isLogitNormal: isLogitNormal, offset: offset, slope: slope, shift: shift[c], scale: scale[c])
        }
    }

    /// Least and largest value of each channel.
    package var low: [Float] { maps.map(\.range.low) }
    package var high: [Float] { maps.map(\.range.high) }

    /// a and b of (2) by bisection: the mean grows with a; at fixed mean the variance grows with b.
    static func logitNormal(mean: Double, variance: Double) -> (offset: Double, slope: Double) {
        let points = (-160...160).map { Double($0) / 20 }
        let weights = points.map { NormalDistribution.density($0) / 20 }
        func moments(_ a: Double, _ b: Double) -> (mean: Double, variance: Double) {
            var (first, second) = (0.0, 0.0)
            for (g, weight) in zip(points, weights) {
                let x = logistic(a + b * g)
                first += weight * x
                second += weight * x * x
            }
            return (first, second - first * first)
        }
        func root(_ low: Double, _ high: Double, _ isBelow: (Double) -> Bool) -> Double {
            var (low, high) = (low, high)
            for _ in 0..<50 {
                let middle = (low + high) / 2
                if isBelow(middle) { low = middle } else { high = middle }
            }
            return (low + high) / 2
        }
        func offset(_ b: Double) -> Double { root(-40 - 8 * b, 40 + 8 * b) { moments($0, b).mean < mean } }
        let slope = root(0, 40) { moments(offset($0), $0).variance < variance }
        return (offset(slope), slope)
    }

    private static func logistic(_ t: Double) -> Double { 1 / (1 + exp(-t)) }

    /// Normalized images (N, channels, …) of latent fields.
    package func images(_ latent: [Float]) -> ActivationTensor {
        ActivationTensor(shape: [latent.count / shape.reduce(1, *)] + shape, values: mapped(latent) { $0.value($1) })
    }

    /// ∂x/∂g of every pixel.
    package func derivative(_ latent: [Float]) -> [Float] { mapped(latent) { $0.derivative($1) } }

    private func mapped(_ latent: [Float], _ body: (Map, Double) -> Double) -> [Float] {
        var values = latent
        let area = shape.dropFirst().reduce(1, *)
        for row in 0..<latent.count / Swift.max(1, area) {
            let map = maps[row % maps.count]
            for i in row * area..<(row + 1) * area { values[i] = Float(body(map, Double(values[i]))) }
        }
        return values
    }

    /// Draws `count` fields from N(0, Σ): along each axis zᵢ = ρ·zᵢ₋₁ + √(1 − ρ²)·eᵢ.
    package func draw(count: Int, using generator: inout SeededGenerator) -> [Float] {
        var values = (0..<count * shape.reduce(1, *)).map { _ in Float(generator.normal()) }
        let fresh = (1 - rho * rho).squareRoot()
        forEachLine(count) { start, stride, length in
            for i in Swift.stride(from: start + stride, to: start + length * stride, by: stride) {
                values[i] = rho * values[i - stride] + fresh * values[i]
            }
        }
        return values
    }

    /// Σ·v for every field: along each axis Σ_j ρ^|i − j|·v[j], what lies behind plus what lies ahead.
    package func covariance(times v: [Float]) -> [Float] {
        var values = v
        var ahead = [Float](repeating: 0, count: shape.max() ?? 0)
        forEachLine(v.count / shape.reduce(1, *)) { start, stride, length in
            var sum: Float = 0
            for i in (0..<length).reversed() {
                ahead[i] = sum
                sum = rho * (sum + values[start + i * stride])
            }
            sum = 0
            for i in 0..<length {
                let own = values[start + i * stride]
                values[start + i * stride] = own + ahead[i] + sum
                sum = rho * (sum + own)
            }
        }
        return values
    }

    /// Visits every line of every field along every axis.
    private func forEachLine(_ count: Int, _ body: (_ start: Int, _ stride: Int, _ length: Int) -> Void) {
        var inner = 1
        for length in shape.reversed() {
            let block = length * inner
            for outer in 0..<count * shape.reduce(1, *) / block {
                for i in 0..<inner { body(outer * block + i, inner, length) }
            }
            inner = block
        }
    }
}
