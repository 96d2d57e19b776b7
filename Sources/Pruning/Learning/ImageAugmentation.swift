// What can be done to images without knowing what they show. The original network answers whatever becomes of them.
//
//   flip      left and right exchanged, every second image
//   crop      a part of .55 to 1 of the sides at a random place, resized (large images); a shift with the border repeated (small
//             ones)
//   mixture   a quarter of the images is averaged with another one, a quarter gets a rectangle of another one, where the original's
//             answers are learned and not labels: ResNet-20 at 0.3 comes to 76.6 in place of 75.0 % with 512 images, and to 68.6
//             in place of 64.3 % without data
// Sources: Zhang et al., ICLR 2018 (mixup); Yun et al., ICCV 2019 (CutMix); Szegedy et al., CVPR 2015 (crops).

import NeuralNetworks
import RandomNumbers

package struct ImageAugmentation: Sendable {
    /// Channels, height and width of stored images.
    let channels, height, width: Int
    /// Height and width of what is made of them.
    let outHeight, outWidth: Int
    /// Largest shift of small images, in pixels.
    let reach: Int
    let flips: Bool
    let mixes: Bool

    package init(channels: Int, height: Int, width: Int, outHeight: Int, outWidth: Int, reach: Int, flips: Bool, mixes: Bool) {
        self.channels = channels
        self.height = height
        self.width = width
        self.outHeight = outHeight
        self.outWidth = outWidth
        self.reach = reach
        self.flips = flips
        self.mixes = mixes
    }

    /// Sides from which images are cropped and resized; smaller ones are shifted.
    static let cropSide = 64
    private static let leastCrop = 0.55

    /// Images have at least this many rows and columns; less is a feature vector that happens to have axes.
    static let leastSide = 8

    /// Channels, height and width of an image shape: (h, w), (1, h, w), (3, h, w) or (4, h, w); `nil` for other shapes.
    package static func extents(_ shape: [Int]) -> (channels: Int, height: Int, width: Int)? {
        let full = shape.count == 2 ? [1] + shape : shape
        guard full.count == 3, full[0] <= 4, full[1] >= leastSide, full[2] >= leastSide else { return nil }
        return (full[0], full[1], full[2])
    }

    private var plane: Int { height * width }
    private var outSize: Int { channels * outHeight * outWidth }

    /// Augmented copies of the images at `indices`, in their order.
    package func callAsFunction(_ images: ActivationTensor, at indices: [Int], using generator: inout SeededGenerator) -> ActivationTensor {
        var result = [Float](repeating: 0, count: indices.count * outSize)
        for (k, index) in indices.enumerated() {
            place(images, index, at: k, of: &result, using: &generator)
        }
        guard mixes, indices.count > 1 else { return tensor(result) }
        // Mixtures of what was made so far: every image may be another one's second part.
        let made = result
        for k in indices.indices {
            let choice = generator.uniform()
            var other = Int.random(in: 0..<indices.count - 1, using: &generator)
            if other >= k { other += 1 }
            let (share, x, y) = (generator.uniform(), generator.uniform(), generator.uniform())
            if choice < 0.25 {
                let t = Float(share)
                for i in 0..<outSize { result[k * outSize + i] += t * (made[other * outSize + i] - made[k * outSize + i]) }
            } else if choice < 0.5 {
                // A rectangle of `share` of the area.
                let (h, w) = (Int(Double(outHeight) * share.squareRoot()), Int(Double(outWidth) * share.squareRoot()))
                let (top, left) = (Int(Double(outHeight - h + 1) * y), Int(Double(outWidth - w + 1) * x))
                for c in 0..<channels {
                    for row in top..<min(outHeight, top + h) {
                        for column in left..<min(outWidth, left + w) {
                            let i = (c * outHeight + row) * outWidth + column
                            result[k * outSize + i] = made[other * outSize + i]
                        }
                    }
                }
            }
        }
        return tensor(result)
    }

    /// The images at `indices`, resized and nothing else.
    package func resized(_ images: ActivationTensor, at indices: [Int]) -> ActivationTensor {
        var result = [Float](repeating: 0, count: indices.count * outSize)
        for (k, index) in indices.enumerated() {
            copy(
                images, index, at: k, of: &result, top: 0, left: 0, scaleY: Double(height) / Double(outHeight),
                scaleX: Double(width) / Double(outWidth), isFlipped: false)
        }
        return tensor(result)
    }

    /// The same with other flips and shifts.
    package func with(flips: Bool, reach: Int) -> ImageAugmentation {
        ImageAugmentation(
            channels: channels, height: height, width: width, outHeight: outHeight, outWidth: outWidth, reach: reach, flips: flips,
            mixes: mixes)
    }

    /// Without resizing and mixtures.
    func atFullSize() -> ImageAugmentation {
        ImageAugmentation(
            channels: channels, height: height, width: width, outHeight: height, outWidth: width, reach: reach, flips: flips, mixes: false)
    }

    /// All images flipped, or shifted by `reach` pixels along one of four diagonals in turn; of the size that they have.
    func moved(_ images: ActivationTensor, isFlipped: Bool, by reach: Int) -> ActivationTensor {
        var result = images
        for sample in 0..<images.batchCount {
            let (down, right) = (sample & 1 == 0 ? reach : -reach, sample & 2 == 0 ? reach : -reach)
            for row in 0..<channels * height {
                let line = sample * channels * height + row / height * height
                let source = line + min(max(row % height + down, 0), height - 1)
                for column in 0..<width {
                    let from = min(max((isFlipped ? width - 1 - column : column) + right, 0), width - 1)
                    result.values[(line + row % height) * width + column] = images.values[source * width + from]
                }
            }
        }
        return result
    }

    private func tensor(_ values: [Float]) -> ActivationTensor {
        ActivationTensor(shape: [values.count / outSize, channels, outHeight, outWidth], values: values)
    }

    /// One image, flipped, cropped or shifted.
    private func place(
        _ images: ActivationTensor, _ index: Int, at position: Int, of result: inout [Float], using generator: inout SeededGenerator
    ) {
        let (coin, size, x, y) = (generator.uniform(), generator.uniform(), generator.uniform(), generator.uniform())
        let isFlipped = flips && coin < 0.5
        let (top, left, scaleY, scaleX): (Double, Double, Double, Double)
        if min(height, width) >= ImageAugmentation.cropSide {
            let share = ImageAugmentation.leastCrop + (1 - ImageAugmentation.leastCrop) * size
            let (h, w) = (share * Double(height), share * Double(width))
            (top, left) = (y * (Double(height) - h), x * (Double(width) - w))
            (scaleY, scaleX) = (h / Double(outHeight), w / Double(outWidth))
        } else {
            (top, left) = (((2 * y - 1) * (Double(reach) + 0.49)).rounded(), ((2 * x - 1) * (Double(reach) + 0.49)).rounded())
            (scaleY, scaleX) = (Double(height) / Double(outHeight), Double(width) / Double(outWidth))
        }
        copy(images, index, at: position, of: &result, top: top, left: left, scaleY: scaleY, scaleX: scaleX, isFlipped: isFlipped)
    }

    /// Bilinear, at the middle of every pixel; outside, the border goes on.
    private func copy(
        _ images: ActivationTensor, _ index: Int, at position: Int, of result: inout [Float], top: Double, left: Double, scaleY: Double,
        scaleX: Double, isFlipped: Bool
    ) {
        let rows = ImageAugmentation.samples(outHeight, scale: scaleY, start: top, limit: height)
        var columns = ImageAugmentation.samples(outWidth, scale: scaleX, start: left, limit: width)
        if isFlipped { columns.reverse() }
        images.values.withUnsafeBufferPointer { source in
            for c in 0..<channels {
                let image = source.baseAddress! + (index * channels + c) * plane
                let target = position * outSize + c * outHeight * outWidth
                for (i, row) in rows.enumerated() {
                    let (above, below) = (image + row.low * width, image + row.high * width)
                    for (j, column) in columns.enumerated() {
                        let a = above[column.low] + column.share * (above[column.high] - above[column.low])
                        let b = below[column.low] + column.share * (below[column.high] - below[column.low])
                        result[target + i * outWidth + j] = a + row.share * (b - a)
                    }
                }
            }
        }
    }

    private static func samples(_ count: Int, scale: Double, start: Double, limit: Int) -> [(low: Int, high: Int, share: Float)] {
        (0..<count).map { i in
            let at = min(max(start + (Double(i) + 0.5) * scale - 0.5, 0), Double(limit - 1))
            let low = Int(at)
            return (low, min(low + 1, limit - 1), Float(at - Double(low)))
        }
    }
}
