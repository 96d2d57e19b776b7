// The values that the pixels of photographs take as a network's inputs.

import NeuralNetworks

/// Least and largest value of each channel of an input that shows a picture.
struct PixelRange: Sendable, Equatable {
    let low: [Float]
    let high: [Float]

    init(low: [Float], high: [Float]) { (self.low, self.high) = (low, high) }

    /// Black and white, as `convention` scales them.
    ///
    /// - Parameters:
    ///   - shift, scale: of the network's own normalization (x − shift)/scale; one value, one per channel, or none.
    ///   - channels: of the input.
    init(_ convention: PixelConvention, shift: [Double], scale: [Double], channels: Int) {
        func value(_ values: [Double], _ channel: Int, _ fallback: Double) -> Double {
            values.isEmpty ? fallback : values[values.count == 1 ? 0 : Swift.min(channel, values.count - 1)]
        }
        let white: Double
        switch convention {
        case .declared:
            // Constants above 2 are those of bytes: a mean or deviation of values in [0, 1] is below 1.
            white = (shift + scale).contains { $0.magnitude > 2 } ? 255 : 1
        case .bytes: white = 255
        case .unit, .symmetric, .standardized: white = 1
        }
        let ends = (0..<channels).map { channel -> (Double, Double) in
            switch convention {
            case .declared:
                let (shift, scale) = (value(shift, channel, 0), value(scale, channel, 1))
                return (-shift / scale, (white - shift) / scale)
            case .unit, .bytes: return (0, white)
            case .symmetric: return (-1, 1)
            case .standardized:
                let (mean, deviation) = (PixelConvention.means[channel % 3], PixelConvention.deviations[channel % 3])
                return (-mean / deviation, (1 - mean) / deviation)
            }
        }
        (low, high) = (ends.map { Float($0.0) }, ends.map { Float($0.1) })
    }

    /// Values in [0, 1], (N, channels, …), scaled to the range.
    func scaled(_ images: ActivationTensor) -> ActivationTensor {
        var images = images
        let area = images.sampleSize / Swift.max(1, low.count)
        for row in 0..<images.batchCount * low.count {
            let c = row % low.count
            for i in row * area..<(row + 1) * area { images.values[i] = low[c] + images.values[i] * (high[c] - low[c]) }
        }
        return images
    }
}

/// How pixels are scaled before a network reads them.
public enum PixelConvention: String, Sendable, Codable, CaseIterable {
    /// By the shift and scale that the settings declare.
    case declared
    /// 0 to 1.
    case unit
    /// −1 to 1.
    case symmetric
    /// 0 to 255.
    case bytes
    /// By ImageNet's mean and deviation, torchvision's convention.
    case standardized

    static let means = [0.485, 0.456, 0.406]
    static let deviations = [0.229, 0.224, 0.225]

    /// What a network may expect when nothing is declared. Gray pictures (digits, text) are read from 0 to 1: on photographs 255 times as
    /// bright LeNet-5 is so sure of what it does not know that they won against the field that serves it (98.6 % at 0.7, with them 81.2).
    static func undeclared(channels: Int) -> [PixelConvention] {
        channels == 3 ? [.unit, .symmetric, .standardized, .bytes] : [.unit]
    }
}
