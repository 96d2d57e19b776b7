internal import CImageCodecs

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// A picture in memory: 8 bits per sample, rows from the top, samples interleaved.
public struct PixelImage: Sendable, Equatable {
    /// Pixels in a row.
    public let width: Int
    /// Rows.
    public let height: Int
    /// 1 (gray) or 3 (red, green, blue).
    public let channels: Int
    /// height·width·channels samples.
    public let samples: [UInt8]

    /// Precondition: sizes of at least 1, 1 or 3 channels, and as many samples as they say.
    public init(width: Int, height: Int, channels: Int, samples: [UInt8]) {
        precondition(width > 0 && height > 0 && (channels == 1 || channels == 3), "a picture has pixels of 1 or 3 channels")
        precondition(samples.count == width * height * channels, "sample count must be the product of the sizes")
        self.width = width
        self.height = height
        self.channels = channels
        self.samples = samples
    }

    /// More than any camera gives today; three bytes of each fit in memory beside everything else.
    public static let pixelLimit = 1 << 27

    /// Decodes a JPEG or PNG.
    ///
    /// As stored: orientation tags, color profiles and gamma are not applied, and transparency is dropped without blending, which is what
    /// image loaders for training do. JPEG: gray, YCbCr, RGB, CMYK. PNG: every type; 16 bits are cut to the upper 8.
    /// - Parameter pixelLimit: a file that claims more pixels is an error, found before memory is taken.
    /// - Throws: ``ImageFileError``; also for a file that ends early.
    public init(decoding bytes: [UInt8], pixelLimit: Int = PixelImage.pixelLimit) throws(ImageFileError) {
        guard let format = ImageFormat(of: bytes) else { throw .unrecognizedFormat(byteCount: bytes.count) }
        var image = decoded_image()
        var message = [CChar](repeating: 0, count: Int(image_message_size))
        let decode = format == .jpeg ? decode_jpeg : decode_png
        let status = bytes.withUnsafeBufferPointer { bytes in
            message.withUnsafeMutableBufferPointer { decode(bytes.baseAddress, bytes.count, pixelLimit, &image, $0.baseAddress) }
        }
        guard status == 0, let base = image.bytes else {
            throw .damaged(
                format: format, reason: String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        defer { free(base) }
        let count = image.width * image.height * image.channels
        self.init(
            width: image.width, height: image.height, channels: image.channels,
            samples: Array(UnsafeBufferPointer(start: base, count: count)))
    }

    /// The picture with 1 or 3 channels: gray repeated, or luminance by ITU-R 601 in the fixed point that Pillow uses.
    public func converted(toChannels target: Int) -> PixelImage {
        precondition(target == 1 || target == 3, "pictures have 1 or 3 channels")
        guard target != channels else { return self }
        let count = width * height
        let converted = [UInt8](unsafeUninitializedCapacity: count * target) { out, initialized in
            for i in 0..<count {
                if target == 3 {
                    for c in 0..<3 { out[3 * i + c] = samples[i] }
                } else {
                    let weighted = 19595 * UInt32(samples[3 * i]) + 38470 * UInt32(samples[3 * i + 1]) + 7471 * UInt32(samples[3 * i + 2])
                    out[i] = UInt8((weighted + 0x8000) >> 16)
                }
            }
            initialized = count * target
        }
        return PixelImage(width: width, height: height, channels: target, samples: converted)
    }

    /// The `width` × `height` pixels in the middle, the odd one on the far side where a difference is odd, ties to even as Python rounds.
    ///
    /// Precondition: at most the size of the picture.
    public func centerCropped(width: Int, height: Int) -> PixelImage {
        precondition(width <= self.width && height <= self.height && width > 0 && height > 0, "a crop lies inside its picture")
        if width == self.width && height == self.height { return self }
        let left = Int((Double(self.width - width) / 2).rounded(.toNearestOrEven))
        let top = Int((Double(self.height - height) / 2).rounded(.toNearestOrEven))
        var cropped: [UInt8] = []
        cropped.reserveCapacity(width * height * channels)
        for y in top..<top + height {
            let start = (y * self.width + left) * channels
            cropped.append(contentsOf: samples[start..<start + width * channels])
        }
        return PixelImage(width: width, height: height, channels: channels, samples: cropped)
    }
}
