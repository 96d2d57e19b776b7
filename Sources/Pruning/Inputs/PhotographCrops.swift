// Crops of photographs as inputs: random photograph, size, place and flip.
//
// The window has the shape of the input. Its size is uniform between `least` and 1 times the largest that fits the photograph, its
// place uniform inside. It is resampled along each axis by a triangle
//   out[i] = Σ_j t((j + ½ − x_i)/max(1, s))·in[j]  / Σ_j t(…),   x_i = start + (i + ½)·s,  t(d) = max(0, 1 − |d|)        (1)
// of the width of one output pixel: linear interpolation where the window is enlarged, an antialiased mean where it is reduced.
// Cost per crop O(window rows · output width · max(1, s) + output), memory O(window rows · output width).

import RandomNumbers
import NeuralNetworks

/// Inputs cropped from photographs, those that are shipped (``Photograph/shipped``) or some of them.
package enum PhotographCrops {
    /// Least window, as a share of the largest one: objects and their parts, still several pixels of the photograph per input pixel
    /// at the sizes of small networks.
    static let least = 0.35

    /// Whether photographs have as many channels: one (luminance) or three (red, green, blue).
    package static func serve(_ shape: [Int]) -> Bool {
        shape.count == 3 && (shape[0] == 1 || shape[0] == 3) && shape.allSatisfy { $0 > 0 }
    }

    /// Draws crops with values in [0, 1].
    ///
    /// - Parameters:
    ///   - count: number of images.
    ///   - shape: (1 or 3, height, width), see ``serve(_:)``; one channel is 0.299·R + 0.587·G + 0.114·B.
    ///   - photographs: what they are cropped from, at least one.
    /// - Returns: (count, channels, height, width).
    package static func images(
        count: Int, shape: [Int], of photographs: ArraySlice<Photograph> = Photograph.shipped[...], using generator: inout SeededGenerator
    ) -> ActivationTensor {
        precondition(serve(shape), "photographs have one or three channels")
        var values: [Float] = []
        values.reserveCapacity(count * shape.reduce(1, *))
        for _ in 0..<count {
            values += crop(
                of: photographs[Int.random(in: photographs.startIndex..<photographs.endIndex, using: &generator)], shape, using: &generator)
        }
        return ActivationTensor(shape: [count] + shape, values: values)
    }

    /// One crop, (channels, height, width).
    package static func crop(of photograph: Photograph, _ shape: [Int], using generator: inout SeededGenerator) -> [Float] {
        let (height, width) = (shape[1], shape[2])
        let largest = Swift.min(Double(photograph.height) / Double(height), Double(photograph.width) / Double(width))
        // Photograph pixels per input pixel.
        let step = largest * (least + (1 - least) * generator.uniform())
        let top = generator.uniform() * (Double(photograph.height) - step * Double(height))
        let left = generator.uniform() * (Double(photograph.width) - step * Double(width))
        let isFlipped = generator.uniform() < 0.5
        let rows = Resampling(count: height, start: top, step: step, extent: photograph.height)
        let columns = Resampling(count: width, start: left, step: step, extent: photograph.width)
        let planes = photograph.planes.map { plane in
            resampled(plane, stride: photograph.width, rows, columns, isFlipped: isFlipped)
        }
        if shape[0] == 1 {
            guard planes.count == 3 else { return planes[0] }
            return planes[0].indices.map { 0.299 * planes[0][$0] + 0.587 * planes[1][$0] + 0.114 * planes[2][$0] }
        }
        return planes.count == 3 ? planes.flatMap(\.self) : planes[0] + planes[0] + planes[0]
    }

    /// (1) of one axis: for every output the first input and the weights from there on.
    private struct Resampling {
        var taps: [(first: Int, weights: [Float])] = []
        /// Inputs that are read.
        var range = 0..<0

        init(count: Int, start: Double, step: Double, extent: Int) {
            let reach = Swift.max(1, step)
            for i in 0..<count {
                let center = start + (Double(i) + 0.5) * step
                let first = Swift.min(extent - 1, Swift.max(0, Int((center - reach - 0.5).rounded(.up))))
                let last = Swift.max(first, Swift.min(extent - 1, Int((center + reach - 0.5).rounded(.down))))
                var weights = (first...last).map { Swift.max(0, 1 - (Double($0) + 0.5 - center).magnitude / reach) }
                let total = weights.reduce(0, +)
                // A center beyond the outermost pixels' own reads the outermost.
                if total > 0 { weights = weights.map { $0 / total } } else { weights[center < 1 ? 0 : weights.count - 1] = 1 }
                taps.append((first, weights.map(Float.init)))
            }
            range = taps[0].first..<(taps.map { $0.first + $0.weights.count }.max() ?? 1)
        }
    }

    private static func resampled(
        _ plane: [Float], stride: Int, _ rows: Resampling, _ columns: Resampling, isFlipped: Bool
    ) -> [Float] {
        let width = columns.taps.count
        var narrow = [Float](repeating: 0, count: rows.range.count * width)
        for y in rows.range {
            for (x, tap) in columns.taps.enumerated() {
                var sum: Float = 0
                for (k, weight) in tap.weights.enumerated() { sum += weight * plane[y * stride + tap.first + k] }
                narrow[(y - rows.range.lowerBound) * width + (isFlipped ? width - 1 - x : x)] = sum
            }
        }
        var values = [Float](repeating: 0, count: rows.taps.count * width)
        for (y, tap) in rows.taps.enumerated() {
            for (k, weight) in tap.weights.enumerated() {
                let source = (tap.first + k - rows.range.lowerBound) * width
                for x in 0..<width { values[y * width + x] += weight * narrow[source + x] }
            }
        }
        return values
    }
}
