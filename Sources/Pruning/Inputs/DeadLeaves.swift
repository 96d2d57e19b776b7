// Synthetic images: opaque shapes that cover one another, as things do in photographs.
//
// A base color with a mild gradient, then 5–25 discs and rectangles at uniform places, sizes r with density ∝ r⁻² between 4 % and
// 50 % of the image side, in colors near the base; slight noise; clipped to [0, 1]. The power law makes the images scale
// invariant, which gives them the 1/f spectrum and the edges of natural images.
// Source: Matheron's dead leaves; Lee, Mumford & Huang, Int. J. Comput. Vision 41 (2001).

import NeuralNetworks
import RandomNumbers
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Seeded dead-leaves images.
package enum DeadLeaves {
    /// Draws images with values in [0, 1].
    ///
    /// - Parameters:
    ///   - count: number of images.
    ///   - shape: (channels, height, width), or (channels, length).
    /// - Returns: (count, channels, …).
    package static func images(count: Int, shape: [Int], using generator: inout SeededGenerator) -> ActivationTensor {
        let channels = shape[0]
        let height = shape.count == 3 ? shape[1] : 1
        let width = shape[shape.count - 1]
        var values = [Float](repeating: 0, count: count * channels * height * width)
        values.withUnsafeMutableBufferPointer { values in
            for image in 0..<count {
                let pixels = UnsafeMutableBufferPointer(
                    rebasing: values[image * channels * height * width..<(image + 1) * channels * height * width])
                paint(pixels, channels: channels, height: height, width: width, using: &generator)
            }
        }
        return ActivationTensor(shape: [count] + shape, values: values)
    }

    /// The same images with mean 0 and deviation 1 over all values: what a ``PixelField`` maps to its pixel statistics.
    package static func latent(count: Int, shape: [Int], using generator: inout SeededGenerator) -> [Float] {
        let values = images(count: count, shape: shape, using: &generator).values
        let total = Double(Swift.max(1, values.count))
        let mean = values.reduce(0) { $0 + Double($1) } / total
        let variance = values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / total
        let scale = variance > 0 ? 1 / variance.squareRoot() : 1
        return values.map { Float((Double($0) - mean) * scale) }
    }

    private static func paint(
        _ pixels: UnsafeMutableBufferPointer<Float>, channels: Int, height: Int, width: Int, using generator: inout SeededGenerator
    ) {
        let base = (0..<channels).map { _ in generator.uniform() }
        let (down, across) = (0.15 * generator.normal(), 0.15 * generator.normal())
        let area = height * width
        for y in 0..<height {
            for x in 0..<width {
                let slope = (Double(y) / Double(height) - 0.5) * down + (Double(x) / Double(width) - 0.5) * across
                for c in 0..<channels { pixels[c * area + y * width + x] = Float(base[c] + slope) }
            }
        }
        for _ in 0..<Int.random(in: 5...25, using: &generator) {
            let color = base.map { Float($0 + 0.25 * generator.normal()) }
            let leaf = Leaf(height: height, width: width, using: &generator)
            for y in leaf.rows(height) {
                for x in leaf.columns(width) where leaf.covers(Double(x), Double(y)) {
                    for c in 0..<channels { pixels[c * area + y * width + x] = color[c] }
                }
            }
        }
        for i in pixels.indices { pixels[i] = Swift.min(1, Swift.max(0, pixels[i] + Float(0.02 * generator.normal()))) }
    }

    /// A disc, or a rotated rectangle.
    private struct Leaf {
        let x, y, radius, aspect, cosine, sine: Double
        let isDisc: Bool

        init(height: Int, width: Int, using generator: inout SeededGenerator) {
            let side = Double(Swift.max(height, width))
            // Inverse of the distribution function of density ∝ r⁻² on [0.04, 0.5].
            radius = side / (1 / 0.04 + generator.uniform() * (1 / 0.5 - 1 / 0.04))
            x = generator.uniform() * Double(width)
            y = generator.uniform() * Double(height)
            isDisc = generator.uniform() < 0.5
            let angle = generator.uniform() * Double.pi
            aspect = 0.3 + 0.7 * generator.uniform()
            (cosine, sine) = (cos(angle), sin(angle))
        }

        func rows(_ height: Int) -> Range<Int> { Self.span(y, 1.5 * radius, height) }
        func columns(_ width: Int) -> Range<Int> { Self.span(x, 1.5 * radius, width) }

        private static func span(_ center: Double, _ reach: Double, _ extent: Int) -> Range<Int> {
            let low = Swift.min(extent, Swift.max(0, Int(center - reach)))
            return low..<Swift.max(low, Swift.min(extent, Int(center + reach) + 1))
        }

        func covers(_ px: Double, _ py: Double) -> Bool {
            let (dx, dy) = (px - x, py - y)
            if isDisc { return dx * dx + dy * dy < radius * radius }
            let (u, v) = (dx * cosine + dy * sine, dy * cosine - dx * sine)
            return u.magnitude < radius && v.magnitude < radius * aspect
        }
    }
}
