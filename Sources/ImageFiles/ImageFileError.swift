/// Why a picture could not be decoded or prepared. Every message is one line: what was expected, what was found.
public enum ImageFileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The first bytes are neither those of a JPEG nor of a PNG.
    case unrecognizedFormat(byteCount: Int)
    /// The decoder gave up, or the file claims more pixels than allowed.
    case damaged(format: ImageFormat, reason: String)
    /// The picture does not have the size or the channels that were asked for.
    case unfit(expected: String, found: String)

    /// One sentence: what was expected and what was found.
    public var description: String {
        switch self {
        case .unrecognizedFormat(let count):
            "expected a JPEG or PNG, found \(count == 0 ? "an empty file" : "\(count) bytes of something else")"
        case .damaged(let format, let reason): "expected a whole \(format.rawValue), found a damaged one: \(reason)"
        case .unfit(let expected, let found): "expected \(expected), found \(found)"
        }
    }
}

/// The formats that are decoded.
public enum ImageFormat: String, Sendable, CaseIterable {
    case jpeg = "JPEG"
    case png = "PNG"

    /// The format that the first bytes announce; names do not count.
    public init?(of bytes: [UInt8]) {
        if bytes.starts(with: [0xff, 0xd8, 0xff]) {
            self = .jpeg
        } else if bytes.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) {
            self = .png
        } else {
            return nil
        }
    }
}
