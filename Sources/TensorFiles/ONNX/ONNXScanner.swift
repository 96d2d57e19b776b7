// Splits a serialized model into its structure and its values.
//
// A model of 100 MB is a few kilobytes of graph and 100 MB of weights. Decoding the whole message would copy the weights
// once more, so one pass over the wire format (https://protobuf.dev/programming-guides/encoding/) cuts long `raw_data`
// fields out: what is left, the skeleton, is a valid smaller message, and each cut is remembered as a range of the source.
// The same pass bounds what a hostile file can cost: nesting depth and number of entries, before anything is built.
//
// Cost: one read of the structure; the weights are not touched.

/// The structure of a model without its long values, and where those are.
struct ONNXScanner {
    /// Serialized model in which every detached tensor names its payload.
    private(set) var skeleton: [UInt8] = []
    private(set) var payloads: [ONNXPayload] = []

    private let source: ByteSource
    private var window: [UInt8] = []
    private var windowStart = 0
    private var entryCount = 0
    /// Names of the nodes around the present place, outermost first; a name precedes the graphs inside its node.
    private var nodePath: [String] = []

    /// Shorter values stay in the message: shapes, axes, scalars.
    static let detachedByteCount = 1024
    /// Longer names of nodes are not quoted in errors.
    static let quotedByteCount = 200
    /// Graphs within graphs. Each level is three messages, and SwiftProtobuf stops at 100.
    static let maximumDepth = 24
    /// Nodes, tensors, attributes and names together; the largest published models have some 10⁵.
    static let maximumEntryCount = 1 << 22
    /// The field that `payload_index` has in `onnx.proto`.
    private static let payloadField = 536_870_911

    /// Scans a whole source.
    /// - Throws: `malformed` with the byte offset.
    init(_ source: ByteSource) throws(TensorFileError) {
        self.source = source
        skeleton = try message(.model, 0..<source.count, depth: 0)
        window = []
    }

    private enum Message {
        case model, graph, node, attribute, tensor, sparse

        /// The kind of a field that must be looked into.
        func child(_ field: Int) -> Message? {
            switch (self, field) {
            case (.model, 7), (.attribute, 6), (.attribute, 11): .graph
            case (.graph, 1): .node
            case (.graph, 5), (.attribute, 5), (.attribute, 10), (.sparse, 1), (.sparse, 2): .tensor
            case (.graph, 15), (.attribute, 22): .sparse
            case (.node, 5): .attribute
            default: nil
            }
        }
    }

    private mutating func message(_ kind: Message, _ range: Range<Int>, depth: Int) throws(TensorFileError) -> [UInt8] {
        let depth = kind == .graph ? depth + 1 : depth
        if depth > Self.maximumDepth {
            let place = nodePath.first { !$0.isEmpty }.map { " inside node '\($0)'" } ?? ""
            throw .malformed(
                format: .onnx, offset: range.lowerBound, expected: "at most \(Self.maximumDepth) graphs within graphs",
                found: "more\(place)")
        }
        if kind == .node { nodePath.append("") }
        defer { if kind == .node { nodePath.removeLast() } }
        var result: [UInt8] = []
        var position = range.lowerBound
        var hasRawData = false
        while position < range.upperBound {
            let start = position
            let (tag, afterTag) = try varint(at: position, end: range.upperBound)
            let field = Int(truncatingIfNeeded: tag >> 3)
            guard tag <= 0xffff_ffff, field > 0 else {
                throw .malformed(format: .onnx, offset: start, expected: "a protobuf field", found: "tag \(tag)")
            }
            switch tag & 7 {
            case 0: position = try varint(at: afterTag, end: range.upperBound).next
            case 1: position = try skip(8, from: afterTag, end: range.upperBound)
            case 5: position = try skip(4, from: afterTag, end: range.upperBound)
            case 2:
                let (length, body) = try varint(at: afterTag, end: range.upperBound)
                position = try skip(length, from: body, end: range.upperBound)
                if let child = kind.child(field) {
                    try count(at: start)
                    let inner = try message(child, body..<position, depth: depth)
                    Self.append(tag, to: &result)
                    Self.append(UInt64(inner.count), to: &result)
                    result += inner
                    continue
                }
                if kind == .graph || kind == .node { try count(at: start) }
                if kind == .node, field == 3, position - body <= Self.quotedByteCount {
                    nodePath[nodePath.count - 1] = String(decoding: try source.bytes(at: body, count: position - body), as: UTF8.self)
                }
                if kind == .tensor, field == 9 {
                    if hasRawData {
                        throw .malformed(format: .onnx, offset: start, expected: "the raw values of a tensor once", found: "them twice")
                    }
                    hasRawData = true
                    if position - body >= Self.detachedByteCount {
                        Self.append(UInt64(Self.payloadField << 3), to: &result)
                        Self.append(UInt64(payloads.count), to: &result)
                        payloads.append(ONNXPayload(source: source, offset: body, count: position - body))
                        continue
                    }
                }
            default:
                throw .malformed(
                    format: .onnx, offset: start, expected: "a protobuf field of wire type 0, 1, 2 or 5", found: "type \(tag & 7)")
            }
            if kind == .tensor, field == Self.payloadField {
                throw .malformed(format: .onnx, offset: start, expected: "a field that ONNX defines", found: "number \(field)")
            }
            try copy(start..<position, to: &result)
        }
        return result
    }

    private mutating func count(at offset: Int) throws(TensorFileError) {
        entryCount += 1
        if entryCount > Self.maximumEntryCount {
            throw .malformed(
                format: .onnx, offset: offset, expected: "at most \(Self.maximumEntryCount) nodes, tensors, attributes and names",
                found: "more")
        }
    }

    // MARK: Bytes

    private func skip(_ length: some BinaryInteger, from position: Int, end: Int) throws(TensorFileError) -> Int {
        guard let length = Int(exactly: length), length <= end - position else {
            throw .malformed(
                format: .onnx, offset: position, expected: "a field of at most \(end - position) bytes", found: "one of \(length)")
        }
        return position + length
    }

    private mutating func varint(at position: Int, end: Int) throws(TensorFileError) -> (value: UInt64, next: Int) {
        var value: UInt64 = 0
        for index in 0..<10 {
            guard position + index < end else { break }
            let byte = try self.byte(at: position + index)
            if index == 9, byte > 1 { break }
            value |= UInt64(byte & 0x7f) << UInt64(7 * index)
            if byte & 0x80 == 0 { return (value, position + index + 1) }
        }
        throw .malformed(format: .onnx, offset: position, expected: "a number", found: "one that never ends")
    }

    private mutating func byte(at position: Int) throws(TensorFileError) -> UInt8 {
        if position < windowStart || position >= windowStart + window.count {
            window = try source.bytes(at: position, count: min(1 << 16, source.count - position))
            windowStart = position
        }
        return window[position - windowStart]
    }

    private mutating func copy(_ range: Range<Int>, to result: inout [UInt8]) throws(TensorFileError) {
        if range.lowerBound >= windowStart, range.upperBound <= windowStart + window.count {
            result += window[range.lowerBound - windowStart..<range.upperBound - windowStart]
        } else {
            result += try source.bytes(at: range.lowerBound, count: range.count)
        }
    }

    /// A number in base-128 varint form.
    static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
