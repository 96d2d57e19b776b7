// Values kept beside the model (https://onnx.ai/onnx/repo-docs/ExternalData.html): a file name relative to the model's
// folder, an offset and a length. All three come from the model, so none is trusted.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Opens the external data files of one model, each once, and only below its folder.
struct ONNXExternalData {
    /// Folder of the model as given, and the one its file really lies in when the path is a link; nil when bytes were decoded without one.
    private let folders: [String]
    private var files: [String: ByteSource] = [:]
    /// Paths of the files opened.
    private(set) var paths: [String] = []

    /// - Parameter modelPath: the model's file; nil when there is none.
    init(modelPath: String?) {
        guard let modelPath else {
            folders = []
            return
        }
        var folders = [SystemPath.folder(of: modelPath)]
        if let resolved = FileSystem.resolved(modelPath) { folders.append(SystemPath.folder(of: resolved)) }
        self.folders = folders
    }

    /// The payload that an external tensor refers to.
    /// - Throws: `malformed` naming the tensor for a reference that leaves the folder, is not a number or lies outside its file.
    mutating func payload(of tensor: ONNXWireTensor) throws(TensorFileError) -> ONNXPayload {
        var entries: [String: String] = [:]
        for entry in tensor.externalData {
            guard entries.updateValue(entry.value, forKey: entry.key) == nil else {
                throw .malformed(
                    format: .onnx, tensor: tensor.label, expected: "one \(clip(entry.key, limit: 40)) of external data", found: "two")
            }
        }
        guard let size = try tensor.byteCount() else {
            throw .unsupported(
                format: .onnx, tensor: tensor.label, expected: "numbers in external data", found: tensor.elementType.name)
        }
        func number(_ key: String, default value: Int) throws(TensorFileError) -> Int {
            guard let text = entries[key] else { return value }
            guard let number = Int(text), number >= 0, text.first != "+" else {
                throw .malformed(
                    format: .onnx, tensor: tensor.label, expected: "a number of bytes as \(key) of external data",
                    found: clip(text, limit: 40))
            }
            return number
        }
        let offset = try number("offset", default: 0)
        let length = try number("length", default: size)
        guard length == size else {
            throw .malformed(
                format: .onnx, tensor: tensor.label,
                expected: "\(size) bytes for \(tensor.elementType.name) of shape \(describe(tensor.shape ?? []))", found: "\(length)")
        }
        let file = try open(entries["location"] ?? "", tensor: tensor.label)
        guard offset <= file.count, size <= file.count - offset else {
            throw .malformed(
                format: .onnx, tensor: tensor.label,
                expected: "\(size) bytes of external data from byte \(offset) on", found: "a file of \(file.count)")
        }
        return ONNXPayload(source: file, offset: offset, count: size)
    }

    private mutating func open(_ location: String, tensor: String) throws(TensorFileError) -> ByteSource {
        if let file = files[location] { return file }
        let parts = location.split(separator: "/", omittingEmptySubsequences: false)
        guard !location.isEmpty, !location.hasPrefix("/"), !location.contains("\\"),
            !location.utf8.contains(0), !parts.contains(".."), parts.last?.isEmpty == false
        else {
            throw .malformed(
                format: .onnx, tensor: tensor, expected: "external data in the model's folder", found: quoted(location))
        }
        guard let folder = folders.first else {
            throw .unsupported(
                format: .onnx, tensor: tensor, expected: "all values inside a model without a path",
                found: "external data \(quoted(location))")
        }
        let path = folder + "/" + SystemPath.path(named: location)
        guard let resolved = FileSystem.resolved(path) else {
            throw .malformed(
                format: .onnx, tensor: tensor, expected: "external data in file \(quoted(location)) of the model's folder",
                found: "none that can be opened (\(Platform.message(errno)))")
        }
        // A link may lead elsewhere in the folder, or to a neighbor of the model that the model's own link leads to.
        guard folders.contains(where: { FileSystem.resolved($0).map { Self.lies(resolved, in: $0) } ?? false }) else {
            throw .malformed(
                format: .onnx, tensor: tensor, expected: "external data in the model's folder", found: "a link to \(quoted(resolved))")
        }
        // Opening a pipe would wait for somebody to write into it, and a model could ask for that.
        let mode = FileSystem.status(of: resolved)?.st_mode ?? 0
        guard mode & S_IFMT == S_IFREG else {
            throw .malformed(
                format: .onnx, tensor: tensor, expected: "a regular file \(quoted(location)) of external data", found: fileKind(mode))
        }
        let file = try ByteSource(regularFile: resolved)
        files[location] = file
        paths.append(resolved)
        return file
    }

    /// Whether a file lies in a folder or below, both without links.
    private static func lies(_ path: String, in folder: String) -> Bool {
        path.utf8.starts(with: (folder == "/" ? "/" : folder + "/").utf8)
    }
}
