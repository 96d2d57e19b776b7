internal import CZlib

/// The bytes of one zip member in order, inflated as they are asked for, with the checksum verified at the end.
///
/// Memory: what the caller asks for, plus one input block. A member that lies about its size is found out at the first byte too many or too few.
struct ZipMemberReader {
    private let source: ByteSource
    private let member: ZipMember
    private let inflater: Inflater?
    private var checksum: UInt = 0
    /// Uncompressed bytes still to come, by the directory.
    private(set) var remaining: Int
    private var inputOffset: Int

    init(_ member: ZipMember, in source: ByteSource) throws(TensorFileError) {
        self.source = source
        self.member = member
        remaining = member.size
        inputOffset = member.dataOffset
        inflater = member.method == .deflated ? try Inflater(tensor: member.name) : nil
    }

    /// The next `count` bytes; throws `malformed` when the member has fewer.
    mutating func read(_ count: Int) throws(TensorFileError) -> [UInt8] {
        guard count <= remaining else { throw malformed("\(count) more bytes", "\(remaining)") }
        try Platform.checkMemory(count)
        var failure: TensorFileError?
        let result = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            let target = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count])
            Platform.preferLargePages(target)
            do throws(TensorFileError) {
                try fill(target)
                initialized = count
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return result
    }

    /// Verifies that nothing follows and that the checksum holds. To be called after the last byte.
    mutating func finish() throws(TensorFileError) {
        guard remaining == 0 else { throw malformed("no more bytes", "\(remaining)") }
        if let inflater { try expectEndOfStream(of: inflater) }
        guard UInt32(truncatingIfNeeded: checksum) == member.checksum else {
            throw malformed(
                "checksum \(String(member.checksum, radix: 16))", String(UInt32(truncatingIfNeeded: checksum), radix: 16))
        }
    }

    private mutating func fill(_ output: UnsafeMutableRawBufferPointer) throws(TensorFileError) {
        if inflater == nil {
            try source.read(at: inputOffset, into: output)
            inputOffset += output.count
        } else {
            var done = 0
            while done < output.count {
                let made = try inflateSome(into: UnsafeMutableRawBufferPointer(rebasing: output[done...]))
                if made == 0 { throw malformed("\(member.size) inflated bytes", "\(member.size - remaining + done)") }
                done += made
            }
        }
        remaining -= output.count
        checksum = UInt(crc32_z(CUnsignedLong(checksum), output.baseAddress?.assumingMemoryBound(to: UInt8.self), output.count))
    }

    /// Inflates until the output is full or the stream ends; returns the number of bytes made, 0 at the end of the stream.
    private mutating func inflateSome(into output: UnsafeMutableRawBufferPointer) throws(TensorFileError) -> Int {
        guard let inflater else { return 0 }
        while true {
            if inflater.needsInput, case let left = member.dataOffset + member.compressedSize - inputOffset, left > 0 {
                let count = min(left, Inflater.blockSize)
                inflater.give(try source.bytes(at: inputOffset, count: count))
                inputOffset += count
            }
            let made = try inflater.inflate(into: output)
            let exhausted = inputOffset == member.dataOffset + member.compressedSize && inflater.needsInput
            if made > 0 || inflater.ended || exhausted { return made }
        }
    }

    private mutating func expectEndOfStream(of inflater: Inflater) throws(TensorFileError) {
        var extra: UInt8 = 0
        let made = try withUnsafeMutableBytes(of: &extra) { buffer throws(TensorFileError) in try inflateSome(into: buffer) }
        guard made == 0 else { throw malformed("\(member.size) inflated bytes", "more") }
        guard inflater.ended else { throw malformed("the end of the deflate stream", "the end of the member") }
        guard inflater.needsInput, inputOffset == member.dataOffset + member.compressedSize else {
            throw malformed("a deflate stream of \(member.compressedSize) bytes", "a shorter one")
        }
    }

    private func malformed(_ expected: String, _ found: String) -> TensorFileError {
        .malformed(format: .zip, tensor: member.name, expected: expected, found: found)
    }
}

/// zlib's raw inflate over input blocks that it owns.
private final class Inflater {
    static let blockSize = 1 << 18
    // zlib keeps a pointer back to the stream, so it needs a fixed address.
    private let stream: UnsafeMutablePointer<z_stream>
    private let input: UnsafeMutablePointer<UInt8>
    private(set) var ended = false
    private let tensor: String

    init(tensor: String) throws(TensorFileError) {
        self.tensor = tensor
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        input = .allocate(capacity: Self.blockSize)
        // From here on the deinitializer runs, also when this throws; zlib's state is still nil then and inflateEnd refuses it harmlessly.
        if czlib_inflate_init_raw(stream) != Z_OK {
            throw .unsupported(format: .zip, tensor: tensor, expected: "a working zlib", found: "version \(String(cString: zlibVersion()))")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        input.deallocate()
    }

    var needsInput: Bool { stream.pointee.avail_in == 0 }

    func give(_ bytes: [UInt8]) {
        input.update(from: bytes, count: bytes.count)
        stream.pointee.next_in = input
        stream.pointee.avail_in = uInt(bytes.count)
    }

    /// Inflates what input and output allow; returns the number of bytes made.
    func inflate(into output: UnsafeMutableRawBufferPointer) throws(TensorFileError) -> Int {
        if ended { return 0 }
        let room = min(output.count, 1 << 30)
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = uInt(room)
        let code = CZlib.inflate(stream, Z_NO_FLUSH)
        switch code {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END: ended = true
        default:
            let reason = stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(code)"
            throw .malformed(format: .zip, tensor: tensor, expected: "a valid deflate stream", found: reason)
        }
        return room - Int(stream.pointee.avail_out)
    }
}
