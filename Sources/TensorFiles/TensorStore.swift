// Tensors that stay on disk: what is read is what is asked for.

/// The tensors of a safetensors file, or of a folder of them as large models come in, opened without reading the numbers.
///
/// A folder holds `model.safetensors`, or shards and `model.safetensors.index.json`, which says which tensor is in which shard.
///
/// ```swift
/// let store = try TensorStore(path: "Llama-2-70b")
/// store.entries.count                                 // names, types and shapes: the headers of all shards
/// let rows = try store.floats(of: store["lm_head.weight"]!, at: 0..<4096)
/// ```
public struct TensorStore: Sendable {
    /// A tensor by its header.
    public struct Entry: Sendable {
        /// The tensor's name.
        public let name: String
        /// nil for a type that has no tensors here.
        public let dtype: DType?
        /// As the header spells it.
        public let dtypeName: String
        /// Extents; empty for a single number.
        public let shape: [Int]
        /// Bytes of its numbers in the file.
        public let byteCount: Int
        /// Position in `shards`.
        public let shard: Int
        /// Where its bytes begin in that file.
        let offset: Int

        /// Numbers in it.
        public var elementCount: Int { shape.reduce(1, *) }
    }

    /// One file.
    public struct Shard: Sendable {
        /// Name in the folder.
        public let name: String
        /// Free text of the file's header.
        public let metadata: [String: String]
        /// Its tensors in the order of their bytes, as positions in `entries`.
        public internal(set) var entries: [Int]
    }

    /// The file or folder.
    public let path: String
    /// Whether it is a folder.
    public let isFolder: Bool
    /// The files, in the order of the index.
    public let shards: [Shard]
    /// All tensors, file by file, each in the order of their bytes.
    public let entries: [Entry]
    private let files: [ByteSource]
    private let places: [String: Int]

    /// The index of shards in a folder.
    public static let indexName = "model.safetensors.index.json"
    static let singleName = "model.safetensors"

    /// Opens a `.safetensors` file, a folder, or the index of one.
    ///
    /// Reads the headers alone, O(tensors).
    /// - Throws: `fileSystem`; `malformed` in a file for a header or an index that does not fit the files.
    public init(path: String) throws(TensorFileError) {
        self.path = path
        isFolder = FileSystem.isFolder(path)
        var names = [String](), owners: [String: String] = [:]
        if isFolder {
            if let index = try Self.index(path + "/" + Self.indexName) {
                owners = index
                names = Set(index.values).sorted(by: precedes)
            } else {
                names = [Self.singleName]
            }
        }
        var (shards, entries, files, places) = ([Shard](), [Entry](), [ByteSource](), [String: Int]())
        for (number, name) in (isFolder ? names : [path]).enumerated() {
            let place = isFolder ? path + "/" + SystemPath.path(named: name) : path
            do throws(TensorFileError) {
                let source = try ByteSource(regularFile: place)
                let (header, start) = try Safetensors.header(of: source)
                let order = try Safetensors.validated(header.entries, dataCount: source.count - start)
                var own: [Int] = []
                for entry in order.map({ header.entries[$0] }) {
                    if let owner = owners[entry.name], owner != name {
                        throw .malformed(
                            format: .safetensors, tensor: entry.name, expected: "to be in \(quoted(owner)) as the index says",
                            found: "in \(quoted(name))")
                    }
                    guard places.updateValue(entries.count, forKey: entry.name) == nil else {
                        throw .malformed(format: .safetensors, tensor: entry.name, expected: "in one shard", found: "two")
                    }
                    own.append(entries.count)
                    entries.append(
                        Entry(
                            name: entry.name, dtype: entry.dtype, dtypeName: entry.dtypeName, shape: entry.shape,
                            byteCount: entry.range.count, shard: number, offset: start + entry.range.lowerBound))
                }
                shards.append(Shard(name: name, metadata: header.metadata, entries: own))
                files.append(source)
            } catch {
                throw .inFile(path: place, error)
            }
        }
        for name in owners.keys.sorted(by: precedes) where places[name] == nil {
            throw .inFile(
                path: path + "/" + Self.indexName,
                .malformed(
                    format: .safetensors, tensor: name, expected: "to be in \(quoted(owners[name] ?? ""))", found: "none of that name there"
                ))
        }
        (self.shards, self.entries, self.files, self.places) = (shards, entries, files, places)
    }

    /// The tensor of that name.
    public subscript(name: String) -> Entry? { places[name].map { entries[$0] } }

    /// Bytes of all tensors.
    public var byteCount: Int { entries.reduce(0) { $0 + $1.byteCount } }

    /// A tensor as a value of its own; nil for a type that has no tensors here.
    public func tensor(_ entry: Entry) -> StoredTensor? {
        entry.dtype.map {
            StoredTensor(
                name: entry.name, dtype: $0, shape: entry.shape, source: files[entry.shard], offset: entry.offset, format: .safetensors)
        }
    }

    /// The tensor of that name as a value of its own; nil where there is none.
    public func tensor(named name: String) -> StoredTensor? { self[name].flatMap { tensor($0) } }

    /// Some consecutive numbers of a tensor in single precision.
    /// - Throws: `unsupported` for a type that has no tensors here.
    /// - Complexity: one read of the range.
    public func floats(of entry: Entry, at range: Range<Int>) throws(TensorFileError) -> [Float] {
        guard let tensor = tensor(entry) else {
            throw .unsupported(
                format: .safetensors, tensor: entry.name,
                expected: "one of " + DType.allCases.map(\.safetensorsName).joined(separator: " "),
                found: "dtype \(quoted(entry.dtypeName))")
        }
        return try tensor.floats(at: range)
    }

    /// Gives `body` the bytes of a tensor, or of what a cut leaves of it, piece by piece.
    /// - Throws: as ``StoredTensor/forEachPiece(_:)``.
    func forEachPiece(
        of entry: Entry, _ cut: TensorCut?, _ body: (UnsafeRawBufferPointer) throws(TensorFileError) -> Void
    ) throws(TensorFileError) {
        let source = files[entry.shard]
        guard let cut, let dtype = entry.dtype else {
            return try source.forEachChunk(of: entry.offset..<entry.offset + entry.byteCount, unit: 1) {
                (_, bytes) throws(TensorFileError) in try body(bytes)
            }
        }
        try StoredTensor(
            name: entry.name, dtype: dtype, shape: entry.shape, source: source, offset: entry.offset, cut: cut, format: .safetensors
        ).forEachPiece(body)
    }

    /// Which shard each tensor is in, by the index; nil where there is none.
    private static func index(_ path: String) throws(TensorFileError) -> [String: String]? {
        guard FileSystem.exists(path) else { return nil }
        do throws(TensorFileError) {
            let source = try ByteSource(regularFile: path)
            guard source.count <= Safetensors.maximumHeaderLength else {
                throw .malformed(
                    format: .safetensors, expected: "an index of at most \(Safetensors.maximumHeaderLength) bytes", found: "\(source.count)"
                )
            }
            var scanner = ByteScanner(try source.bytes(at: 0, count: source.count), format: .safetensors, offset: 0)
            var map: [String: String]?
            try scanner.jsonObject { scanner, key, place throws(TensorFileError) in
                guard key == "weight_map" else { return try scanner.skipJSON() }
                guard map == nil else { throw scanner.error("one \"weight_map\"", "two", at: place) }
                var own: [String: String] = [:]
                try scanner.jsonObject { scanner, name, place throws(TensorFileError) in
                    scanner.skipSpace()
                    let at = scanner.position
                    let file = try scanner.jsonString()
                    // A name, not a path: an index must not lead out of its folder.
                    guard !file.isEmpty, !file.contains("/"), !file.utf8.contains(0), file != ".", file != ".." else {
                        throw scanner.error("the name of a file in the folder", quoted(file), at: at)
                    }
                    guard own.updateValue(file, forKey: name) == nil else {
                        throw scanner.error("distinct names", "\(quoted(name)) twice", at: place)
                    }
                }
                map = own
            }
            try scanner.expectEnd()
            guard let map, !map.isEmpty else {
                throw .malformed(format: .safetensors, expected: "a \"weight_map\" with tensors", found: "none")
            }
            return map
        } catch {
            throw .inFile(path: path, error)
        }
    }
}
