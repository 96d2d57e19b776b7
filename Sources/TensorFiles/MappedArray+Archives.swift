// One array of an archive, in place.

extension MappedArray {
    /// Maps a tensor of a `.safetensors` file, or a member of a `.npz` archive that is stored and not deflated.
    ///
    /// - Parameters:
    ///   - name: nil for the only tensor of the file.
    ///   - verifies: whether the checksum of a `.npz` member is verified, which takes a read of it.
    /// - Returns: nil where nothing can be lent in place: deflated members, element types that are no `.npy` array's, other formats, and
    ///   files that are refused; `TensorArchive.read` reads them, or says why not.
    public static func inArchive(path: String, tensor name: String?, verifies: Bool) throws(TensorFileError) -> MappedArray? {
        let file = try OpenFile(path: path, waits: false)
        // A pipe can neither be mapped nor read twice.
        guard case .regular(let size) = file.kind, size >= 8 else { return nil }
        let source = try ByteSource(file)
        do throws(TensorFileError) {
            return try source.bytes(at: 0, count: 4) == [0x50, 0x4b, 3, 4]
                ? stored(name, source, file, verifies) : tensor(name, source, file)
        } catch {
            guard case .fileSystem = error else { return nil }
            throw error
        }
    }

    private static func tensor(_ name: String?, _ source: ByteSource, _ file: OpenFile) throws(TensorFileError) -> MappedArray? {
        let (header, start) = try Safetensors.header(of: source)
        _ = try Safetensors.validated(header.entries, dataCount: source.count - start)
        let found = header.entries.filter { name == nil || $0.name == name }
        guard found.count == 1, let entry = found.first, let dtype = entry.dtype, ![.bf16, .f8_e4m3, .f8_e5m2, .f8_e8m0].contains(dtype)
        else { return nil }
        return MappedArray(
            dtype: dtype, shape: entry.shape, in: try MappedFile(file),
            bytes: start + entry.range.lowerBound..<start + entry.range.upperBound)
    }

    private static func stored(
        _ name: String?, _ source: ByteSource, _ file: OpenFile, _ verifies: Bool
    ) throws(TensorFileError) -> MappedArray? {
        let found = try ZipDirectory(of: source).members.filter { name == nil || $0.name == name.map { $0 + ".npy" } }
        guard found.count == 1, let member = found.first, member.method == .stored else { return nil }
        var reader = try ZipMemberReader(member, in: source)
        let header = try NPYHeader(reading: { count throws(TensorFileError) in try reader.read(count) })
        guard header.dataByteCount == reader.remaining else { return nil }
        if verifies {
            while reader.remaining > 0 { _ = try reader.read(min(reader.remaining, 1 << 20)) }
            try reader.finish()
        }
        return MappedArray(header, in: try MappedFile(file), at: member.dataOffset + header.dataOffset)
    }
}
