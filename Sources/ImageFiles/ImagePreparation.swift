/// What is done to a picture before its pixels are numbers for a network: size, color, order. Scaling to floats is not part of it.
public struct ImagePreparation: Sendable, Equatable {
    /// How a picture comes to another size.
    public enum Resizing: Sendable, Equatable {
        /// Only where it must be to cover the crop: a picture that has the size of the crop stays as it is.
        case coverCrop
        /// The shorter side to so many pixels, the longer one in proportion, its fraction cut off.
        case shorterSide(Int)
        /// To exactly this size, whatever the proportions were.
        case exactly(width: Int, height: Int)
    }

    /// Which color comes first.
    public enum ChannelOrder: String, Sendable, CaseIterable { case rgb, bgr }

    /// Where the color axis is.
    public enum Layout: String, Sendable, CaseIterable {
        /// (channels, height, width)
        case nchw
        /// (height, width, channels)
        case nhwc
    }

    /// How the picture comes to another size.
    public var resizing: Resizing
    /// How new pixels are made of old ones.
    public var interpolation: Interpolation
    /// Size of the centered crop; nil keeps what resizing gives.
    public var crop: (width: Int, height: Int)?
    /// 1 or 3.
    public var channels: Int
    /// Which color comes first.
    public var order: ChannelOrder
    /// Where the color axis is.
    public var layout: Layout

    /// A preparation with what is given; by default a picture as large as the crop needs, in RGB, channels first.
    public init(
        resizing: Resizing = .coverCrop, interpolation: Interpolation = .bilinear, crop: (width: Int, height: Int)? = nil,
        channels: Int = 3,
        order: ChannelOrder = .rgb, layout: Layout = .nchw
    ) {
        self.resizing = resizing
        self.interpolation = interpolation
        self.crop = crop
        self.channels = channels
        self.order = order
        self.layout = layout
    }

    /// Whether every step is the same.
    public static func == (a: ImagePreparation, b: ImagePreparation) -> Bool {
        a.resizing == b.resizing && a.interpolation == b.interpolation && a.crop?.width == b.crop?.width && a.crop?.height == b.crop?.height
            && a.channels == b.channels && a.order == b.order && a.layout == b.layout
    }

    /// The picture as this preparation leaves it, samples in the order of `layout` and `order`.
    ///
    /// - Returns: the samples and their size.
    /// - Throws: `unfit` when the picture is smaller than the crop.
    public func apply(to image: PixelImage) throws(ImageFileError) -> (samples: [UInt8], width: Int, height: Int) {
        let size = resizedSize(width: image.width, height: image.height)
        var prepared = image.converted(toChannels: channels).resized(width: size.width, height: size.height, by: interpolation)
        if let crop {
            guard crop.width <= prepared.width, crop.height <= prepared.height else {
                throw .unfit(
                    expected: "at least \(crop.width) by \(crop.height) pixels to crop from",
                    found: "\(prepared.width) by \(prepared.height)")
            }
            prepared = prepared.centerCropped(width: crop.width, height: crop.height)
        }
        return (ordered(prepared), prepared.width, prepared.height)
    }

    private func resizedSize(width: Int, height: Int) -> (width: Int, height: Int) {
        switch resizing {
        case .exactly(let width, let height): return (width, height)
        case .shorterSide(let side):
            // In integers, as the usual loaders cut the fraction off.
            return width <= height ? (side, max(1, side * height / width)) : (max(1, side * width / height), side)
        case .coverCrop:
            guard let crop, (width, height) != (crop.width, crop.height) else { return (width, height) }
            let scale = max(Double(crop.width) / Double(width), Double(crop.height) / Double(height))
            return (
                max(crop.width, Int((Double(width) * scale).rounded())), max(crop.height, Int((Double(height) * scale).rounded()))
            )
        }
    }

    private func ordered(_ image: PixelImage) -> [UInt8] {
        let (count, channels) = (image.width * image.height, image.channels)
        if channels == 1 || layout == .nhwc && order == .rgb { return image.samples }
        return [UInt8](unsafeUninitializedCapacity: count * channels) { out, initialized in
            for i in 0..<count {
                for c in 0..<channels {
                    let sample = image.samples[i * channels + (order == .rgb ? c : channels - 1 - c)]
                    out[layout == .nchw ? c * count + i : i * channels + c] = sample
                }
            }
            initialized = count * channels
        }
    }
}
