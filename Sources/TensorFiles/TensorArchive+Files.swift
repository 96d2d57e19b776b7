extension TensorArchive {
    /// Reads a `.safetensors`, `.npz` or `.npy` file, or a plain state dictionary of PyTorch; the content decides which, not the name.
    ///
    /// The one array of a `.npy` file is named after the file, without folder and extension. Every error carries the path.
    /// Pipes are read to their end first.
    ///
    /// - Complexity: O(bytes); memory: the tensors.
    public static func read(path: String) throws(TensorFileError) -> TensorArchive {
        do throws(TensorFileError) {
            return try decode(try ByteSource(path: path), name: SystemPath.stem(of: path))
        } catch {
            throw error.inFile(path)
        }
    }

    /// The only tensor of a file; every error carries the path.
    ///
    /// - Complexity: O(bytes); memory: the tensor.
    public static func readOnlyTensor(path: String) throws(TensorFileError) -> Tensor {
        let archive = try read(path: path)
        do throws(TensorFileError) { return try archive.tensor() } catch { throw error.inFile(path) }
    }

    /// Decodes bytes of any of these formats; `name` is for the array of a `.npy` file.
    ///
    /// - Complexity: O(bytes); memory: the tensors.
    public static func decode(_ bytes: [UInt8], name: String = "array") throws(TensorFileError) -> TensorArchive {
        try decode(ByteSource(bytes), name: name)
    }

    private static func decode(_ source: ByteSource, name: String) throws(TensorFileError) -> TensorArchive {
        switch try format(of: source) {
        case .npy: return TensorArchive([(name, try NPY.decode(source))])
        case .npz:
            let members = try ZipDirectory(of: source).members
            return StateDictionary.isStateDictionary(members)
                ? try StateDictionary.decode(members, source) : try NPZ.decode(members, source)
        default: return try Safetensors.decode(source)
        }
    }

    /// Writes the archive whole or not at all, in the format of the extension: `.safetensors`, `.npz`, or `.npy` for exactly one tensor.
    ///
    /// Metadata survives only in safetensors. Throws `outputExists` when there is a file and `force` is false, `unrecognizedFormat` for
    /// another extension, and what the encoders throw; every error carries the path, and none leaves a file behind.
    ///
    /// - Complexity: O(bytes); the whole file in memory.
    public func write(to path: String, force: Bool, compression: NPZ.Compression = .stored) throws(TensorFileError) {
        do throws(TensorFileError) {
            switch SystemPath.ending(of: path) {
            case "safetensors":
                let layout = try Safetensors.layout(of: self)
                try AtomicFile.write(to: path, force: force) { writer throws(TensorFileError) in
                    try writer.append(layout.header)
                    for name in layout.order { try writer.append(safetensorsBytes(of: name)) }
                }
            case "npz":
                try AtomicFile.write(to: path, force: force) { writer throws(TensorFileError) in
                    try NPZ.write(self, compression: compression) { piece throws(TensorFileError) in try writer.append(piece) }
                }
            case "npy":
                let tensor = try tensor()
                let header = try NPYHeader.bytes(dtype: tensor.dtype, shape: tensor.shape)
                try AtomicFile.write(to: path, force: force) { writer throws(TensorFileError) in
                    try writer.append(header)
                    try writer.append(tensor.bytes)
                }
            case let other:
                throw .unrecognizedFormat(
                    expected: "an output named *.safetensors, *.npz or *.npy",
                    found: other.isEmpty ? "no extension" : ".\(clip(other, limit: 40))")
            }
        } catch {
            throw error.inFile(path)
        }
    }

    private static func format(of source: ByteSource) throws(TensorFileError) -> TensorFormat {
        let start = try source.bytes(at: 0, count: min(9, source.count))
        if start.starts(with: NPYHeader.magic) { return .npy }
        // A safetensors file of a suitable header length could begin with PK too, but not with the rest of a zip header.
        if start.starts(with: [0x50, 0x4b, 3, 4]) || start.starts(with: [0x50, 0x4b, 5, 6]), !(start.count == 9 && start[8] == 0x7b) {
            return .npz
        }
        if start.count == 9, start[8] == 0x7b { return .safetensors }
        // The pickle of a number that torch.save began its files with before version 1.6.
        if start.starts(with: [0x80, 2, 0x8a, 0x0a]) { throw StateDictionary.refusal("a file in the format before PyTorch 1.6") }
        throw .unrecognizedFormat(
            expected: "a safetensors, npz or npy file",
            found: source.count == 0 ? "an empty file" : "\(source.count) bytes of something else")
    }
}

extension TensorFileError {
    /// The same error with the path, unless it names one already.
    public func inFile(_ path: String) -> TensorFileError {
        switch self {
        case .fileSystem, .notRegularFile, .fileChanged, .outputExists, .inFile: self
        default: .inFile(path: path, self)
        }
    }
}
