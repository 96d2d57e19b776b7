#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension ONNX {
    /// Writes a model whole or not at all.
    ///
    /// One file up to 2 GB, also when the values came from external data. Beyond that, which protobuf readers do not take, the long
    /// values go to a file beside it, whose name ends in a hash of them: `model.onnx.0123456789abcdef.data`. It is written first and
    /// shares its name with no earlier data of another content, so that whatever ends the process, the path holds the old model with the old
    /// values or the new one with the new. Data that earlier writes left beside the path go last.
    /// - Throws: `outputExists` when the model exists and `force` is false; what `AtomicFile` throws.
    /// - Complexity: O(bytes).
    public static func write(_ model: ONNXModel, to path: String, force: Bool) throws(TensorFileError) {
        try write(model, to: path, force: force, inlineLimit: ONNXLayout.maximumByteCount)
    }

    /// Bytes that `write` to `model.onnx` would give a model, those of its values in a file beside it included. Nothing is copied for it.
    /// - Throws: `unsupported` for what no file of this format can hold.
    /// - Complexity: O(tensors).
    public static func byteCount(of model: ONNXModel) throws(TensorFileError) -> Int {
        try byteCount(of: model, inlineLimit: ONNXLayout.maximumByteCount)
    }

    package static func byteCount(of model: ONNXModel, inlineLimit: Int) throws(TensorFileError) -> Int {
        guard isSplit(ONNXLayout.movable(model), inlineLimit) else { return try ONNXLayout(model, externalName: nil).byteCount }
        let layout = try ONNXLayout(model, externalName: dataName(of: "model.onnx", hash: 0))
        return layout.byteCount + (layout.external.map { $0.offset + $0.payload.count }.max() ?? 0)
    }

    private static func isSplit(_ movable: [ONNXPayload], _ inlineLimit: Int) -> Bool {
        CheckedSize.sum(movable.lazy.map(\.count)).value.map { $0 >= inlineLimit } ?? true
    }

    /// - Parameter inlineLimit: most bytes of values inside of a model.
    package static func write(_ model: ONNXModel, to path: String, force: Bool, inlineLimit: Int) throws(TensorFileError) {
        do throws(TensorFileError) {
            let movable = ONNXLayout.movable(model)
            guard isSplit(movable, inlineLimit) else {
                let layout = try ONNXLayout(model, externalName: nil)
                return try write(layout, to: path, force: force, keeping: nil, source: model)
            }
            // Before an hour of writing, and again by the write itself.
            var status = stat()
            if !force, lstat(path, &status) == 0 { throw .outputExists(path: path) }
            let name = dataName(of: path, hash: try hash(of: movable))
            let layout = try ONNXLayout(model, externalName: name)
            let dataPath = ONNXExternalData.folder(of: path) + "/" + name
            // A file of this name has this content, unless somebody damaged it.
            try AtomicFile.write(to: dataPath, force: true) { writer throws(TensorFileError) in
                for part in layout.external {
                    if part.offset > writer.count { try writer.append([UInt8](repeating: 0, count: part.offset - writer.count)) }
                    try part.payload.forEachPiece { piece throws(TensorFileError) in try writer.append(piece) }
                }
            }
            do throws(TensorFileError) {
                try write(layout, to: path, force: force, keeping: name, source: model)
            } catch {
                // Unless an older model at this path needs the very same values.
                if lstat(path, &status) != 0 { unlink(dataPath) }
                throw error
            }
        } catch {
            throw error.inFile(path)
        }
    }

    private static func write(
        _ layout: ONNXLayout, to path: String, force: Bool, keeping data: String?, source: ONNXModel
    ) throws(TensorFileError) {
        try AtomicFile.write(to: path, force: force) { writer throws(TensorFileError) in
            try layout.forEachPiece { piece throws(TensorFileError) in try writer.append(piece) }
        }
        removeData(of: path, except: data, source: source)
    }

    /// Removes the data that earlier writes to `path` left, which no model refers to any more. Failing to is no error: they are only too many.
    private static func removeData(of path: String, except kept: String?, source: ONNXModel) {
        let folder = ONNXExternalData.folder(of: path)
        guard let listing = opendir(folder) else { return }
        var stale: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != kept, isDataName(name, of: path) { stale.append(folder + "/" + name) }
        }
        closedir(listing)
        for file in stale {
            // The input may lie beside its output under such a name.
            if let resolved = ONNXExternalData.resolved(file), source.externalPaths.contains(resolved) { continue }
            unlink(file)
        }
    }

    // MARK: Names

    private static func dataName(of path: String, hash: UInt64) -> String {
        let digits = String(hash, radix: 16)
        return lastComponent(path) + "." + String(repeating: "0", count: 16 - digits.count) + digits + ".data"
    }

    private static func isDataName(_ name: String, of path: String) -> Bool {
        let prefix = lastComponent(path) + "."
        guard name.hasPrefix(prefix), name.hasSuffix(".data") else { return false }
        let middle = name.utf8.dropFirst(prefix.utf8.count).dropLast(5)
        return middle.count == 16 && middle.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    private static func lastComponent(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

    /// FNV-1a, 64 bits, over lengths and values: tells contents apart, is no defense against forgery.
    private static func hash(of payloads: [ONNXPayload]) throws(TensorFileError) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for payload in payloads {
            for byte in littleEndianBytes(UInt64(payload.count)) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            try payload.forEachPiece { piece throws(TensorFileError) in
                piece.withUnsafeBufferPointer { for byte in $0 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 } }
            }
        }
        return hash
    }
}
