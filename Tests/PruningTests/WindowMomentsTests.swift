import LinearAlgebra
import TestSupport
import Testing

import Pruning

/// Images of planes with one target for each of some outputs at every place, and what windows read of them, by plain loops.
private struct Windows {
    let height, width, planes, outputs: Int
    let images: [WindowImage]
    /// Regressors 9·plane + tap and targets, a column per place of every image.
    let h, z: Matrix
    let sources: [Int]

    /// - Parameter offset: mean of the planes beside a deviation of 1.
    init(height: Int, width: Int, planes: Int, outputs: Int, images count: Int, offset: Float, seed: UInt64) {
        (self.height, self.width, self.planes, self.outputs) = (height, width, planes, outputs)
        var generator = TestGenerator(seed: seed)
        let area = height * width
        var (h, z) = (Matrix(rows: 9 * planes, columns: count * area), Matrix(rows: outputs, columns: count * area))
        var images: [WindowImage] = []
        for image in 0..<count {
            let values = generator.normals(planes * area).map { Float($0) + offset }
            let targets = Matrix(rows: outputs, columns: area, elements: generator.normals(outputs * area).map { 3 * $0 - 1 })
            images.append(WindowImage(planes: values, targets: targets))
            for y in 0..<height {
                for x in 0..<width {
                    let column = image * area + y * width + x
                    for o in 0..<outputs { z[o, column] = targets[o, y * width + x] }
                    for plane in 0..<planes {
                        for tap in 0..<9 {
                            let (v, u) = (y + tap / 3 - 1, x + tap % 3 - 1)
                            guard v >= 0, v < height, u >= 0, u < width else { continue }
                            h[9 * plane + tap, column] = Double(values[plane * area + v * width + u])
                        }
                    }
                }
            }
        }
        (self.images, self.h, self.z) = (images, h, z)
        sources = (0..<count * area).map { $0 / area }
    }

    /// The moments of both ways, batches of `batch` images.
    func moments(batch: Int) -> (byWindows: FoldedMoments, byColumns: FoldedMoments) {
        var result = (FoldedMoments(channels: h.rows, targets: outputs), FoldedMoments(channels: h.rows, targets: outputs))
        for first in stride(from: 0, to: images.count, by: batch) {
            let own = first..<min(first + batch, images.count)
            result.0.add(Array(images[own]), on: WindowGrid(height: height, width: width), sources: Array(own))
        }
        result.0.finish()
        result.1.add(h, targets: z, images: sources)
        return result
    }
}

/// Largest |a − b| beside the largest |b|.
private func distance(_ a: [Double], _ b: [Double]) -> Double {
    let scale = b.reduce(0) { max($0, abs($1)) }
    return zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } / (scale > 0 ? scale : 1)
}

@Suite struct WindowMomentsTests {
    /// Products of centered values in single precision: √samples roundings, beside what a center costs where means are large.
    private func tolerance(_ samples: Int, offset: Float) -> Double {
        Double(samples).squareRoot() * Double(Float.ulpOfOne) * Double(1 + offset)
    }

    @Test(arguments: [(2, 2, 3), (2, 5, 11), (5, 2, 11), (3, 3, 9), (7, 7, 8), (1 + 8, 14, 17)])
    func everyFoldHasTheMomentsOfItsColumns(height: Int, width: Int, planes: Int) {
        for offset in [Float(0), 4] {
            let windows = Windows(
                height: height, width: width, planes: planes, outputs: 25, images: 13, offset: offset, seed: UInt64(planes))
            let (a, b) = windows.moments(batch: 4)
            #expect(a.count == b.count && a.heldOutFolds == b.heldOutFolds)
            let allowed = tolerance(13 * height * width, offset: offset)
            for (x, y) in [nil, 0, 1, 4].map({
                ($0, a.training(without: $0, hasIntercept: true), b.training(without: $0, hasIntercept: true))
            })
            .map({ ($0.1, $0.2) }) {
                #expect(distance(x.channels.mean, y.channels.mean) < allowed)
                #expect(distance(x.channels.covariance.elements, y.channels.covariance.elements) < allowed)
                #expect(distance(x.cross.elements, y.cross.elements) < allowed)
                #expect(distance(x.targetMean, y.targetMean) < allowed)
                #expect(distance(x.targetEnergies, y.targetEnergies) < allowed)
            }
        }
    }

    @Test func manyRegressorsHaveTwoParts() {
        // More than `fullCount` regressors: one fold held out, the others together.
        let windows = Windows(height: 3, width: 4, planes: FoldedMoments.fullCount / 9 + 1, outputs: 3, images: 11, offset: 1, seed: 5)
        let (a, b) = windows.moments(batch: 11)
        #expect(a.heldOutFolds == [0] && b.heldOutFolds == [0])
        let (x, y) = (a.heldOut(0, hasIntercept: true), b.heldOut(0, hasIntercept: true))
        #expect(distance(x.channels.covariance.elements, y.channels.covariance.elements) < tolerance(36, offset: 1))
        #expect(distance(x.cross.elements, y.cross.elements) < tolerance(36, offset: 1))
    }

    @Test func batchesOfAnySizeAndThreadsGiveTheSameBytes() {
        let windows = Windows(height: 14, width: 14, planes: 12, outputs: 30, images: 70, offset: 2, seed: 9)
        let whole = windows.moments(batch: 70).byWindows.training(without: nil, hasIntercept: true)
        for batch in [1, 3, 32] {
            let other = windows.moments(batch: batch).byWindows.training(without: nil, hasIntercept: true)
            #expect(whole.channels.covariance == other.channels.covariance && whole.cross == other.cross)
        }
        let single = BLASConfiguration.withSingleThread { windows.moments(batch: 8).byWindows.training(without: nil, hasIntercept: true) }
        #expect(whole.channels.covariance == single.channels.covariance && whole.cross == single.cross)
    }
}
