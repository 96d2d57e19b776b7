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
            if !force, FileSystem.status(of: path, followsLinks: false) != nil { throw .outputExists(path: path) }
            // Written once, while its name is found: all names of data have one length, and offsets do not depend on them.
            let parts = try ONNXLayout(model, externalName: dataName(of: path, hash: 0)).external
            let folder = SystemPath.folder(of: path)
            // A file of this name has this content, unless somebody damaged it.
            let name = try AtomicFile.write(inFolder: folder, stem: SystemPath.lastComponent(of: path)) { writer throws(TensorFileError) in
                var hash = ContentHash()
                for part in parts {
                    if part.offset > writer.count { try writer.append([UInt8](repeating: 0, count: part.offset - writer.count)) }
                    hash.fold(UInt64(part.payload.count))
                    try part.payload.forEachPiece { piece throws(TensorFileError) in
                        hash.fold(piece)
                        try writer.append(piece)
                    }
                }
                return dataName(of: path, hash: hash.value)
            }
            let dataPath = folder + "/" + name
            let layout = try ONNXLayout(model, externalName: name)
            do throws(TensorFileError) {
                try write(layout, to: path, force: force, keeping: name, source: model)
            } catch {
                // Unless an older model at this path needs the very same values.
                if FileSystem.status(of: path, followsLinks: false) == nil { try? FileSystem.remove(dataPath) }
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
        let folder = SystemPath.folder(of: path)
        let names = (try? FileSystem.names(inFolder: folder)) ?? []
        for file in names.filter({ $0 != kept && isDataName($0, of: path) }).map({ folder + "/" + $0 }) {
            // The input may lie beside its output under such a name.
            if let resolved = FileSystem.resolved(file), source.externalPaths.contains(resolved) { continue }
            try? FileSystem.remove(file)
        }
    }

    // MARK: Names

    private static func dataName(of path: String, hash: UInt64) -> String {
        let digits = String(hash, radix: 16)
        return dataStem(of: path) + "." + String(repeating: "0", count: 16 - digits.count) + digits + ".data"
    }

    private static func isDataName(_ name: String, of path: String) -> Bool {
        let prefix = dataStem(of: path) + "."
        guard name.utf8.starts(with: prefix.utf8), name.hasSuffix(".data") else { return false }
        let middle = name.utf8.dropFirst(prefix.utf8.count).dropLast(5)
        return middle.count == 16 && middle.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// The name of the model as text that its field for the data's name can hold and readers take: bytes that are no UTF-8, and the
    /// backslash, as `%e9`. So is the percent sign, since models of different names must not share one.
    private static func dataStem(of path: String) -> String {
        var stem = ""
        for scalar in SystemPath.lastComponent(of: path).unicodeScalars {
            let byte = SystemPath.byte(of: scalar) ?? ("%\\".unicodeScalars.contains(scalar) ? UInt8(ascii: scalar) : nil)
            if let byte { stem += "%" + String(byte, radix: 16) } else { stem.unicodeScalars.append(scalar) }
        }
        return stem
    }
}
