/// The integers at the top of a JSON object, such as the `config.json` of a model, and of objects right below (`outer.inner`); and the
/// same text with others in their place.
public struct JSONIntegers: Sendable {
    private let bytes: [UInt8]
    private var values: [String: (value: Int?, place: Range<Int>)] = [:]

    /// - Throws: `malformed` for what is no JSON object.
    /// - Complexity: O(bytes).
    public init(_ bytes: [UInt8]) throws(TensorFileError) {
        var scanner = ByteScanner(bytes, format: .text, offset: 0)
        var values: [String: (value: Int?, place: Range<Int>)] = [:]
        try scanner.jsonObject { scanner, key, _ throws(TensorFileError) in
            // Of a repeated key the last one counts, as for Python.
            let own = try Self.value(&scanner, of: bytes)
            values[key] = own
            guard bytes[own.place.lowerBound] == UInt8(ascii: "{") else { return }
            var inside = scanner
            inside.position = own.place.lowerBound
            try inside.jsonObject { inside, inner, _ throws(TensorFileError) in
                values["\(key).\(inner)"] = try Self.value(&inside, of: bytes)
            }
        }
        try scanner.expectEnd()
        (self.bytes, self.values) = (bytes, values)
    }

    /// Passes over the next value: the integer that it is, and where it stands.
    private static func value(_ scanner: inout ByteScanner, of bytes: [UInt8]) throws(TensorFileError) -> (value: Int?, place: Range<Int>) {
        scanner.skipSpace()
        let start = scanner.position
        try scanner.skipJSON()
        let place = start..<scanner.position
        return (Int(String(decoding: bytes[place], as: UTF8.self)), place)
    }

    /// The integer of that key.
    public subscript(key: String) -> Int? { values[key]?.value ?? nil }

    /// Keys with integers.
    public var keys: [String] { values.filter { $0.value.value != nil }.keys.sorted(by: precedes) }

    /// The text with integers at some of its keys, whatever was there; those that are not there are added at the front.
    ///
    /// - Complexity: O(bytes).
    public func replacing(_ others: [String: Int]) -> [UInt8] {
        var result = bytes
        let known = others.compactMap { key, value in values[key].map { (place: $0.place, value: value) } }
        for (place, value) in known.sorted(by: { $0.place.lowerBound > $1.place.lowerBound }) {
            result.replaceSubrange(place, with: Array("\(value)".utf8))
        }
        let added = others.filter { values[$0.key] == nil }.sorted { precedes($0.key, $1.key) }
        guard !added.isEmpty, let brace = result.firstIndex(of: UInt8(ascii: "{")) else { return result }
        let isEmpty = result[(brace + 1)...].first { ![0x20, 0x09, 0x0a, 0x0d].contains($0) } == UInt8(ascii: "}")
        var text: [UInt8] = []
        for (place, (key, value)) in added.enumerated() {
            text += Array("\n  ".utf8)
            Safetensors.appendQuoted(key, to: &text)
            text += Array(": \(value)\(isEmpty && place == added.count - 1 ? "" : ",")".utf8)
        }
        result.insert(contentsOf: text, at: brace + 1)
        return result
    }
}
