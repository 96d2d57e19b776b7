internal import CZlib

/// The `.npz` format of numpy: a zip archive with one `.npy` member per array.
///
/// Reading takes stored and deflated members, zip64 and data descriptors, and verifies every checksum. Writing gives the bytes that
/// `numpy.savez` gives (zip64 fields, the date 1980-01-01), so the same archive gives the same bytes at any time on any machine;
/// deflated members also depend on the version of zlib.
public enum NPZ {
    /// How members are packed.
    public enum Compression: Sendable {
        case stored
        /// zlib's default level, as `numpy.savez_compressed` uses it.
        case deflated
    }

    /// The arrays of an archive under their names without `.npy`, in directory order. Members of other kinds (text, objects, complex
    /// numbers, files that are no arrays) are carried along, and refused when they are asked for.
    ///
    /// Throws `malformed` or `unsupported` with the member's name. Cost O(bytes); memory: the arrays plus one block of input.
    public static func decode(_ bytes: [UInt8]) throws(TensorFileError) -> TensorArchive {
        try decode(ByteSource(bytes))
    }

    static func decode(_ source: ByteSource) throws(TensorFileError) -> TensorArchive {
        try decode(ZipDirectory(of: source).members, source)
    }

    static func decode(_ members: [ZipMember], _ source: ByteSource) throws(TensorFileError) -> TensorArchive {
        var archive = TensorArchive()
        var arrays: [(name: String, member: ZipMember)] = []
        // Kinds and sizes first: nothing is inflated beyond its header before the whole is known to be sensible.
        for member in members {
            // Compared and cut as bytes: a character may reach across the dot.
            guard member.name.utf8.suffix(4).elementsEqual(".npy".utf8), let name = String(member.name.utf8.dropLast(4)) else {
                let reason = TensorFileError.unsupported(
                    format: .npz, expected: "members named *.npy", found: "a member \(quoted(member.name))")
                archive.carry(try carried(member, named: member.name, reason: reason, in: source))
                continue
            }
            do throws(TensorFileError) {
                var reader = try ZipMemberReader(member, in: source)
                _ = try header(of: name, &reader)
                arrays.append((name, member))
            } catch {
                guard case .unsupported = error else { throw error }
                archive.carry(try carried(member, named: name, reason: error, in: source))
            }
        }
        try checkInflated(CheckedSize.sum(arrays.lazy.map(\.member.size)), fileSize: source.count)
        for (name, member) in arrays {
            var reader = try ZipMemberReader(member, in: source)
            archive[name] = try tensor(header(of: name, &reader), named: name, reader: &reader)
        }
        return archive
    }

    private static func header(of name: String, _ reader: inout ZipMemberReader) throws(TensorFileError) -> NPYHeader {
        do throws(TensorFileError) {
            return try NPYHeader { count throws(TensorFileError) in try reader.read(count) }
        } catch {
            throw error.inTensor(name)
        }
    }

    /// Deflate can make a thousand bytes of one. Arrays that people store are real numbers, which it shortens by half, or mostly zeros,
    /// by ten or twenty times; a hundred times their file is more than they ask for, and a gigabyte is nothing to be afraid of.
    private static let (freeInflation, largestInflation) = (1 << 30, 100)

    private static func checkInflated(_ size: CheckedSize, fileSize: Int) throws(TensorFileError) {
        guard let total = size.value else { throw .tooLarge(bytes: .max, limit: Platform.physicalMemory) }
        try Platform.checkMemory(total)
        let limit = max(freeInflation, (CheckedSize(fileSize) * largestInflation).value ?? .max)
        if total > limit {
            throw .malformed(
                format: .npz, expected: "members that inflate to at most \(limit) bytes in a file of \(fileSize)", found: "\(total)")
        }
    }

    /// A member as it lies in the file, packed.
    ///
    /// Its checksum is verified, so that a damaged array is not taken for a member of another kind; of what would inflate beyond all measure
    /// only the packed bytes are kept.
    private static func carried(
        _ member: ZipMember, named name: String, reason: TensorFileError, in source: ByteSource
    ) throws(TensorFileError) -> CarriedMember {
        if member.size <= freeInflation {
            var reader = try ZipMemberReader(member, in: source)
            while reader.remaining > 0 { _ = try reader.read(min(reader.remaining, 1 << 20)) }
            try reader.finish()
        }
        let packed = try source.bytes(at: member.dataOffset, count: member.compressedSize)
        let record = ZipRecord(
            name: Array(member.name.utf8), deflated: member.method == .deflated, checksum: member.checksum,
            compressedSize: member.compressedSize, size: member.size, offset: 0)
        return CarriedMember(name: name, reason: reason, content: .zip(record, packed: packed))
    }

    private static func tensor(
        _ header: NPYHeader, named name: String, reader: inout ZipMemberReader
    ) throws(TensorFileError) -> Tensor {
        guard header.dataByteCount == reader.remaining else {
            throw .malformed(
                format: .npz, tensor: name,
                expected: "\(header.dataByteCount) bytes of data for \(header.dtype.rawValue) of shape \(describe(header.shape))",
                found: "\(reader.remaining)")
        }
        let data = try reader.read(reader.remaining)
        try reader.finish()
        return NPY.tensor(header, data: data)
    }

    /// The bytes of an archive; throws `unsupported` for types that numpy does not have. Metadata has no place in the format and is left
    /// out; members that came from an npz file and are no tensors follow the arrays.
    ///
    /// - Complexity: O(bytes); the whole file in memory.
    public static func encode(_ archive: TensorArchive, compression: Compression = .stored) throws(TensorFileError) -> [UInt8] {
        var bytes: [UInt8] = []
        try write(archive, compression: compression) { bytes += $0 }
        return bytes
    }

    /// Hands the archive to `append` piece by piece, never holding more than one compressed member.
    static func write(
        _ archive: TensorArchive, compression: Compression, to append: ([UInt8]) throws(TensorFileError) -> Void
    ) throws(TensorFileError) {
        var directory: [UInt8] = []
        var offset = 0
        for (name, tensor) in archive.entries {
            let memberName = Array((name + ".npy").utf8)
            guard memberName.count <= 0xffff else {
                throw .unsupported(format: .npz, tensor: name, expected: "a name below 65536 bytes", found: "\(memberName.count)")
            }
            let header: [UInt8]
            do throws(TensorFileError) {
                header = try NPYHeader.bytes(dtype: tensor.dtype, shape: tensor.shape)
            } catch {
                throw error.inTensor(name)
            }
            let parts = [header, tensor.bytes]
            let size = header.count + tensor.bytes.count
            let packed = compression == .deflated ? try deflated(parts, tensor: name) : parts
            let compressedSize = packed.reduce(0) { $0 + $1.count }
            let member = ZipRecord(
                name: memberName, deflated: compression == .deflated, checksum: crc(parts), compressedSize: compressedSize, size: size,
                offset: offset)
            let local = member.localHeader
            try append(local)
            for part in packed { try append(part) }
            offset += local.count + compressedSize
            directory += member.directoryHeader
        }
        var count = archive.count
        for member in archive.carried {
            guard case .zip(var record, let packed) = member.content else { continue }
            record.offset = offset
            let local = record.localHeader
            try append(local)
            try append(packed)
            offset += local.count + packed.count
            directory += record.directoryHeader
            count += 1
        }
        try append(directory)
        try append(ZipRecord.end(count: count, offset: offset, size: directory.count))
    }

    private static func crc(_ parts: [[UInt8]]) -> UInt32 {
        var value: CUnsignedLong = 0
        for part in parts { value = crc32_z(value, part, part.count) }
        return UInt32(truncatingIfNeeded: value)
    }

    /// The parts as one raw deflate stream.
    private static func deflated(_ parts: [[UInt8]], tensor: String) throws(TensorFileError) -> [[UInt8]] {
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        defer { stream.deallocate() }
        guard czlib_deflate_init_raw(stream, Z_DEFAULT_COMPRESSION) == Z_OK else {
            throw .unsupported(format: .npz, tensor: tensor, expected: "a working zlib", found: "version \(String(cString: zlibVersion()))")
        }
        defer { deflateEnd(stream) }
        let blockSize = 1 << 20
        var blocks: [[UInt8]] = []
        func run(_ input: UnsafeBufferPointer<UInt8>, _ flush: Int32) {
            stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.pointee.avail_in = uInt(input.count)
            var full = true
            while full {
                blocks.append(
                    [UInt8](unsafeUninitializedCapacity: blockSize) { buffer, initialized in
                        stream.pointee.next_out = buffer.baseAddress
                        stream.pointee.avail_out = uInt(blockSize)
                        // Only a broken stream state makes this fail, and the output has room each time.
                        _ = deflate(stream, flush)
                        initialized = blockSize - Int(stream.pointee.avail_out)
                    })
                full = stream.pointee.avail_out == 0
            }
        }
        for part in parts {
            part.withUnsafeBufferPointer { buffer in
                for start in stride(from: 0, to: buffer.count, by: 1 << 30) {
                    run(UnsafeBufferPointer(rebasing: buffer[start..<min(start + 1 << 30, buffer.count)]), Z_NO_FLUSH)
                }
            }
        }
        run(UnsafeBufferPointer(start: nil, count: 0), Z_FINISH)
        return blocks
    }
}

extension TensorFileError {
    /// The same error with the tensor's name filled in.
    func inTensor(_ name: String) -> TensorFileError {
        switch self {
        case .malformed(let format, nil, let offset, let expected, let found):
            .malformed(format: format, tensor: name, offset: offset, expected: expected, found: found)
        case .unsupported(let format, nil, let expected, let found):
            .unsupported(format: format, tensor: name, expected: expected, found: found)
        default: self
        }
    }
}
