// Stores that are written while they are read.

extension TensorStore {
    /// Writes a store like this one, of which some tensors are cut: a new folder with as many shards, or a file.
    ///
    /// Everything appears at the end, or nothing does. Memory is a few megabytes, whatever the size of the tensors.
    ///
    /// - Parameters:
    ///   - cuts: by the tensor's name; all others are copied.
    ///   - others: further files of a folder, by name, each a path of `SystemPath`.
    ///   - force: whether a file may be replaced; a folder never is.
    ///   - willWrite: told about every tensor.
    /// - Returns: bytes of the shards.
    @discardableResult
    public func write(
        cutting cuts: [String: TensorCut], others: [String: [UInt8]] = [:], to path: String, force: Bool = false,
        willWrite: (Entry) -> Void = { _ in }
    ) throws(TensorFileError) -> Int {
        var count = 0
        guard isFolder else {
            try AtomicFile.write(to: path, force: force) { (writer) throws(TensorFileError) in
                try write(shards[0], cuts, willWrite, to: &writer)
                count = writer.count
            }
            return count
        }
        try AtomicFolder.write(to: path) { (folder) throws(TensorFileError) in
            for shard in shards {
                try folder.write(SystemPath.path(named: shard.name)) { (writer) throws(TensorFileError) in
                    try write(shard, cuts, willWrite, to: &writer)
                    count += writer.count
                }
            }
            if shards.contains(where: { $0.name != Self.singleName }) {
                try folder.write(Self.indexName) { (writer) throws(TensorFileError) in try writer.append(index(cuts)) }
            }
            for name in others.keys.sorted(by: precedes) {
                try folder.write(name) { (writer) throws(TensorFileError) in try writer.append(others[name] ?? []) }
            }
        }
        return count
    }

    private func write(
        _ shard: Shard, _ cuts: [String: TensorCut], _ willWrite: (Entry) -> Void, to writer: inout AtomicFile.Writer
    ) throws(TensorFileError) {
        try writer.append(header(of: shard, cuts))
        for entry in shard.entries.map({ entries[$0] }) {
            willWrite(entry)
            try forEachPiece(of: entry, cuts[entry.name]) { (bytes) throws(TensorFileError) in try writer.append(bytes) }
        }
    }

    /// Bytes of what cuts leave of all tensors.
    public func byteCount(cutting cuts: [String: TensorCut]) -> Int { entries.reduce(0) { $0 + Self.byteCount(of: $1, cuts[$1.name]) } }

    private static func byteCount(of entry: Entry, _ cut: TensorCut?) -> Int {
        guard let cut, let dtype = entry.dtype else { return entry.byteCount }
        return cut.shape(of: entry.shape).reduce(1, *) * dtype.byteWidth
    }

    private func header(of shard: Shard, _ cuts: [String: TensorCut]) throws(TensorFileError) -> [UInt8] {
        let pieces = shard.entries.map { index in
            let entry = entries[index]
            return Safetensors.Piece(
                name: entry.name, dtype: entry.dtypeName, shape: cuts[entry.name]?.shape(of: entry.shape) ?? entry.shape,
                byteCount: Self.byteCount(of: entry, cuts[entry.name]), rank: 0)
        }
        return try Safetensors.checked(Safetensors.header(of: pieces, metadata: shard.metadata))
    }

    private func index(_ cuts: [String: TensorCut]) -> [UInt8] {
        let total = byteCount(cutting: cuts)
        var json = Array("{\n  \"metadata\": {\n    \"total_size\": \(total)\n  },\n  \"weight_map\": {".utf8)
        for (place, entry) in entries.sorted(by: { precedes($0.name, $1.name) }).enumerated() {
            json += Array((place > 0 ? ",\n    " : "\n    ").utf8)
            Safetensors.appendQuoted(entry.name, to: &json)
            json += Array(": ".utf8)
            Safetensors.appendQuoted(shards[entry.shard].name, to: &json)
        }
        return json + Array("\n  }\n}\n".utf8)
    }
}
