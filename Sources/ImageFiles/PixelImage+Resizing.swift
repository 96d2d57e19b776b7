// Resampling of pictures the way image loaders for training do it, to the bit.
//
// The filter is stretched by the reduction (so that every source pixel counts), applied along rows, then along columns, with
// coefficients of 22 fraction bits and 8-bit pixels in between: Pillow's ImagingResample. A network's accuracy on resized
// pictures depends on such details by tenths of a point, and its training saw these.
//
// Cost: O(w·h'·k + w'·h'·k), k = filter taps. Source: Pillow, src/libImaging/Resample.c (algorithm and rounding; the code is ours).

/// How pixels between pixels are made.
public enum Interpolation: String, Sendable, CaseIterable {
    case nearest
    /// Triangle filter of radius 1.
    case bilinear
    /// Keys' cubic with a = −1/2, radius 2.
    case bicubic

    fileprivate var radius: Double {
        switch self {
        case .nearest: 0
        case .bilinear: 1
        case .bicubic: 2
        }
    }

    fileprivate func weight(_ distance: Double) -> Double {
        let x = distance.magnitude
        switch self {
        case .nearest: return 0
        case .bilinear: return x < 1 ? 1 - x : 0
        case .bicubic:
            let a = -0.5
            if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
            return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
        }
    }
}

extension PixelImage {
    /// The picture at another size.
    ///
    /// Precondition: sizes of at least 1.
    public func resized(width: Int, height: Int, by interpolation: Interpolation = .bilinear) -> PixelImage {
        precondition(width > 0 && height > 0, "a picture has pixels")
        if width == self.width && height == self.height { return self }
        if interpolation == .nearest { return nearest(width: width, height: height) }
        let horizontal = width == self.width ? self : resampledRows(to: width, interpolation)
        return height == self.height ? horizontal : horizontal.resampledColumns(to: height, interpolation)
    }

    private func nearest(width: Int, height: Int) -> PixelImage {
        // Places are sums of steps, as Pillow's are: where one falls between two pixels, rounding decides.
        func places(_ count: Int, of extent: Int) -> [Int] {
            let step = Double(extent) / Double(count)
            var place = 0.5 * step
            return (0..<count).map { _ in
                defer { place += step }
                return min(extent - 1, Int(place))
            }
        }
        let columns = places(width, of: self.width)
        var samples: [UInt8] = []
        samples.reserveCapacity(width * height * channels)
        for y in places(height, of: self.height) {
            for x in columns {
                let start = (y * self.width + x) * channels
                samples.append(contentsOf: self.samples[start..<start + channels])
            }
        }
        return PixelImage(width: width, height: height, channels: channels, samples: samples)
    }

    private func resampledRows(to target: Int, _ interpolation: Interpolation) -> PixelImage {
        let taps = ResamplingTaps(from: width, to: target, interpolation)
        let (count, width, channels) = (target * height * channels, width, channels)
        let resampled = [UInt8](unsafeUninitializedCapacity: count) { out, initialized in
            samples.withUnsafeBufferPointer { source in
                for y in 0..<height {
                    for x in 0..<target {
                        let (first, weights) = taps[x]
                        for c in 0..<channels {
                            var sum = ResamplingTaps.half
                            var at = (y * width + first) * channels + c
                            for weight in weights {
                                sum += Int32(source[at]) * weight
                                at += channels
                            }
                            out[(y * target + x) * channels + c] = ResamplingTaps.pixel(sum)
                        }
                    }
                }
            }
            initialized = count
        }
        return PixelImage(width: target, height: height, channels: channels, samples: resampled)
    }

    private func resampledColumns(to target: Int, _ interpolation: Interpolation) -> PixelImage {
        let taps = ResamplingTaps(from: height, to: target, interpolation)
        let stride = width * channels
        let resampled = [UInt8](unsafeUninitializedCapacity: target * stride) { out, initialized in
            var sums = [Int32](repeating: 0, count: stride)
            samples.withUnsafeBufferPointer { source in
                for y in 0..<target {
                    let (first, weights) = taps[y]
                    for i in 0..<stride { sums[i] = ResamplingTaps.half }
                    for (k, weight) in weights.enumerated() {
                        let row = (first + k) * stride
                        for i in 0..<stride { sums[i] += Int32(source[row + i]) * weight }
                    }
                    for i in 0..<stride { out[y * stride + i] = ResamplingTaps.pixel(sums[i]) }
                }
            }
            initialized = target * stride
        }
        return PixelImage(width: width, height: target, channels: channels, samples: resampled)
    }
}

/// Where each target pixel looks along one axis, and with which fixed-point weights.
private struct ResamplingTaps {
    /// 8 bits for the pixel and 2 for the overshoot of the cubic leave 22 of 32.
    static let fractionBits: Int32 = 22
    static let half: Int32 = 1 << (fractionBits - 1)

    private var firsts: [Int] = []
    private var weights: [[Int32]] = []

    init(from source: Int, to target: Int, _ interpolation: Interpolation) {
        let scale = Double(source) / Double(target)
        let stretch = max(scale, 1)
        let radius = interpolation.radius * stretch
        for x in 0..<target {
            let center = (Double(x) + 0.5) * scale
            let first = max(0, Int(center - radius + 0.5))
            let last = min(source, Int(center + radius + 0.5))
            let exact = (first..<last).map { interpolation.weight((Double($0) - center + 0.5) / stretch) }
            let sum = exact.reduce(0, +)
            let one = Double(Int32(1) << Self.fractionBits)
            firsts.append(first)
            weights.append(exact.map { Int32(($0 / (sum == 0 ? 1 : sum) * one).rounded(.toNearestOrAwayFromZero)) })
        }
    }

    subscript(index: Int) -> (first: Int, weights: [Int32]) { (firsts[index], weights[index]) }

    static func pixel(_ sum: Int32) -> UInt8 { UInt8(clamping: sum >> fractionBits) }
}
