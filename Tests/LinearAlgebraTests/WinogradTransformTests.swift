// Winograd's transforms around plain products, against the sum that defines a convolution.

import LinearAlgebra
import TestSupport
import Testing

@Suite struct WinogradTransformTests {
    /// Sides of an image and of its convolution, and the margin: planes below a tile, of whole tiles and with cut ones, wider than
    /// a vector, cut at the end and with margins beyond it.
    static let planes: [(height: Int, width: Int, outHeight: Int, outWidth: Int, margin: Int)] = [
        (1, 1, 1, 1, 1), (3, 3, 1, 1, 0), (7, 7, 7, 7, 1), (16, 16, 14, 14, 0), (9, 33, 9, 31, 1), (28, 28, 28, 28, 1), (5, 70, 5, 70, 1),
        (12, 13, 14, 15, 2), (2, 3, 4, 5, 2), (6, 6, 12, 3, 1),
    ]

    @Test(arguments: planes.indices, [false, true]) func tilesAreTheSumsOverTheTaps(_ index: Int, _ accumulates: Bool) {
        let (height, width, outHeight, outWidth, margin) = Self.planes[index]
        let (images, channels, filters) = (3, 3, 2)
        var generator = TestGenerator(seed: UInt64(index))
        let x = generator.normals(images * channels * height * width).map(Float.init)
        let w = generator.normals(filters * channels * 9).map(Float.init)
        let residual = generator.normals(images * filters * outHeight * outWidth).map(Float.init)
        let before = accumulates ? generator.normals(residual.count).map(Float.init) : [Float](repeating: .nan, count: residual.count)
        let transform = WinogradTransform(
            height: height, width: width, outHeight: outHeight, outWidth: outWidth, top: margin, left: margin, accumulates: accumulates,
            activation: .leak(slope: 0.5))
        var y = before
        var u = [Float](repeating: .nan, count: 36 * w.count / 9)
        WinogradTransform.filters(w, count: w.count / 9, into: &u)
        let total = images * transform.tilesDown
        // Blocks that end within images.
        for first in stride(from: 0, to: total, by: 2) {
            let rows = first..<min(first + 2, total)
            let tiles = rows.count * transform.tilesAcross
            let step = WinogradTransform.stride(tiles: tiles)
            var v = [Float](repeating: .nan, count: 36 * channels * step), m = [Float](repeating: .nan, count: 36 * filters * step)
            var scratch = [Float](repeating: .nan, count: WinogradTransform.scratchSize(tiles: tiles))
            v.withUnsafeMutableBufferPointer { v in
                for channel in 0..<channels {
                    x.withUnsafeBufferPointer {
                        transform.transformInputs(
                            $0.baseAddress! + channel * height * width, imageStride: channels * height * width, rows: rows,
                            into: v.baseAddress! + channel * step, stride: channels * step, scratch: &scratch)
                    }
                }
            }
            for k in 0..<36 {
                for filter in 0..<filters {
                    for tile in 0..<tiles {
                        m[(k * filters + filter) * step + tile] = (0..<channels).reduce(0) {
                            $0 + u[(k * filters + filter) * channels + $1] * v[(k * channels + $1) * step + tile]
                        }
                    }
                }
            }
            for filter in 0..<filters {
                let plane = filter * outHeight * outWidth
                y.withUnsafeMutableBufferPointer { y in
                    m.withUnsafeBufferPointer { m in
                        residual.withUnsafeBufferPointer { residual in
                            transform.transformOutputs(
                                m.baseAddress! + filter * step, stride: filters * step, rows: rows, bias: 0.25,
                                residual: residual.baseAddress! + plane, into: y.baseAddress! + plane,
                                imageStride: filters * outHeight * outWidth, scratch: &scratch)
                        }
                    }
                }
            }
        }
        var largest: Float = 0
        for image in 0..<images {
            for filter in 0..<filters {
                for place in 0..<outHeight * outWidth {
                    let at = (image * filters + filter) * outHeight * outWidth + place
                    var sum = 0.25 + Double(residual[at]) + (accumulates ? Double(before[at]) : 0)
                    for channel in 0..<channels {
                        for tap in 0..<9 {
                            let (i, j) = (place / outWidth + tap / 3 - margin, place % outWidth + tap % 3 - margin)
                            guard (0..<height).contains(i), (0..<width).contains(j) else { continue }
                            sum +=
                                Double(w[(filter * channels + channel) * 9 + tap])
                                * Double(x[((image * channels + channel) * height + i) * width + j])
                        }
                    }
                    let difference = (Double(y[at]) - (sum < 0 ? sum / 2 : sum)).magnitude
                    largest = difference > Double(largest) || difference.isNaN ? Float(difference) : largest
                }
            }
        }
        #expect(largest < 3e-5, "\(Self.planes[index])")
    }
}
