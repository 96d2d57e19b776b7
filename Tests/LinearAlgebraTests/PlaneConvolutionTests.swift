// Convolution of one plane against the sum that defines it.

import LinearAlgebra
import TestSupport
import Testing

@Suite struct PlaneConvolutionTests {
    /// Sides narrower than a vector, as wide, and a little wider; margins that reach beyond the image, and images that are cut.
    @Test(arguments: [1, 2, 3, 5, 7], [1, 2, 3])
    func everyPlaceIsTheSumOverTheTaps(_ k: Int, _ stride: Int) {
        var generator = TestGenerator(seed: UInt64(10 * k + stride))
        for (height, width) in [(1, 1), (2, 3), (5, 7), (7, 7), (9, 8), (14, 14), (8, 15), (17, 16), (19, 17), (30, 31), (33, 40), (4, 70)]
        {
            for margin in [0, 1, k / 2, k] where height + 2 * margin >= k && width + 2 * margin >= k {
                let outHeight = (height + 2 * margin - k) / stride + 1
                for outWidth in [(width + 2 * margin - k) / stride + 1, max(1, (width - k) / stride / 3 + 1)] {
                    let plane = PlaneConvolution(
                        height: height, width: width, outHeight: outHeight, outWidth: outWidth, kernelHeight: k, kernelWidth: k,
                        strideY: stride, strideX: stride, dilationY: 1, dilationX: 1, top: margin, left: margin,
                        activation: .clamp(low: -2, high: 3))
                    let x = generator.normals(height * width).map(Float.init), filter = generator.normals(k * k).map(Float.init)
                    let residual = generator.normals(outHeight * outWidth).map(Float.init)
                    var y = [Float](repeating: .nan, count: outHeight * outWidth)
                    var workspace = [Float](repeating: .nan, count: plane.workspaceSize)
                    plane.run(x, filter: filter, bias: 0.25, residual: residual, into: &y, workspace: &workspace)
                    var largest: Float = 0
                    for row in 0..<outHeight {
                        for column in 0..<outWidth {
                            var sum = 0.25 + Double(residual[row * outWidth + column])
                            for ky in 0..<k {
                                for kx in 0..<k {
                                    let (i, j) = (row * stride + ky - margin, column * stride + kx - margin)
                                    guard (0..<height).contains(i), (0..<width).contains(j) else { continue }
                                    sum += Double(filter[ky * k + kx]) * Double(x[i * width + j])
                                }
                            }
                            let difference = (y[row * outWidth + column] - Float(min(3, max(-2, sum)))).magnitude
                            largest = difference > largest || difference.isNaN ? difference : largest
                        }
                    }
                    #expect(largest < 1e-5, "\(height) × \(width), margin \(margin), \(outWidth) columns")
                }
            }
        }
    }
}
