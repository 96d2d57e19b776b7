/// One tensor of a safetensors header.
struct SafetensorsEntry {
    var name: String
    /// nil for a type that has no tensors here.
    var dtype: DType?
    /// As the header spells it.
    var dtypeName: String
    var shape: [Int]
    /// Offsets into the data section that follows the header.
    var range: Range<Int>
}

/// The JSON header of a safetensors file, read in one pass that keeps the order of keys.
///
///     { "__metadata__": {text: text, …}?, name: {"dtype": text, "shape": [n, …], "data_offsets": [from, to]}, … }
///
/// Repeated keys are errors; keys of a tensor that the schema does not know are skipped, as the reference implementation does.
/// Source: the format description of the safetensors project (github.com/huggingface/safetensors).
struct SafetensorsHeader {
    /// In the order of the header.
    private(set) var entries: [SafetensorsEntry] = []
    private(set) var metadata: [String: String] = [:]

    init(scanning bytes: [UInt8]) throws(TensorFileError) {
        var scanner = ByteScanner(bytes, format: .safetensors, offset: 8)
        var entries: [SafetensorsEntry] = [], metadata: [String: String] = [:], seen: Set<String> = []
        // The format demands that the header opens with a brace, without spaces before it.
        guard scanner.current == UInt8(ascii: "{") else { throw scanner.error("'{'", scanner.found(), at: 0) }
        try scanner.jsonObject { scanner, key, place throws(TensorFileError) in
            if !seen.insert(key).inserted { throw scanner.error("distinct names", "\(quoted(key)) twice", at: place) }
            if key == Safetensors.metadataKey {
                // Some writers have no metadata and say so.
                if !scanner.acceptNull() { metadata = try Self.metadata(&scanner) }
            } else {
                entries.append(try Self.entry(&scanner, named: key))
            }
        }
        try scanner.expectEnd()
        self.entries = entries
        self.metadata = metadata
    }

    private static func metadata(_ scanner: inout ByteScanner) throws(TensorFileError) -> [String: String] {
        var metadata: [String: String] = [:]
        try scanner.jsonObject { scanner, key, place throws(TensorFileError) in
            if metadata.updateValue(try scanner.jsonString(), forKey: key) != nil {
                throw scanner.error("distinct metadata keys", "\(quoted(key)) twice", at: place)
            }
        }
        return metadata
    }

    private static func entry(_ scanner: inout ByteScanner, named name: String) throws(TensorFileError) -> SafetensorsEntry {
        scanner.skipSpace()
        let start = scanner.position
        var dtype: String?, shape: [Int]?, offsets: [Int]?
        try scanner.jsonObject { scanner, key, place throws(TensorFileError) in
            switch key {
            case "dtype" where dtype == nil: dtype = try scanner.jsonString()
            case "shape" where shape == nil: shape = try scanner.jsonIntegers()
            case "data_offsets" where offsets == nil: offsets = try scanner.jsonIntegers()
            case "dtype", "shape", "data_offsets":
                throw scanner.error("one \(quoted(key)) in tensor \(quoted(name))", "two", at: place)
            default: try scanner.skipJSON()
            }
        }
        guard let dtype, let shape, let offsets else {
            let missing = dtype == nil ? "dtype" : shape == nil ? "shape" : "data_offsets"
            throw scanner.error("a \(quoted(missing)) in tensor \(quoted(name))", "none", at: start)
        }
        guard offsets.count == 2, offsets[0] <= offsets[1] else {
            throw scanner.error("data_offsets [from, to] with from ≤ to in tensor \(quoted(name))", "\(offsets.prefix(4))", at: start)
        }
        return SafetensorsEntry(
            name: name, dtype: DType(safetensorsName: dtype), dtypeName: dtype, shape: shape, range: offsets[0]..<offsets[1])
    }
}
