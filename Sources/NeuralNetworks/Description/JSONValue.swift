// JSON as data, for description files whose mistakes deserve a message that names the place.

import Foundation

/// Any JSON value.
indirect enum JSONValue: Sendable, Equatable, Decodable {
    case null
    case boolean(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .boolean(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    /// - Throws: `invalidDescription` with the parser's complaint.
    static func parse(_ bytes: [UInt8]) throws(NetworkError) -> JSONValue {
        do {
            return try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
        } catch DecodingError.dataCorrupted(let context) {
            let detail = (context.underlyingError as NSError?)?.userInfo["NSDebugDescription"] as? String
            throw .invalidDescription(place: "file", reason: "expected JSON, found \(detail ?? context.debugDescription)")
        } catch {
            throw .invalidDescription(place: "file", reason: "expected JSON, found something else")
        }
    }

    /// For messages.
    var kind: String {
        switch self {
        case .null: "null"
        case .boolean(let value): "\(value)"
        case .number(let value): value == value.rounded() && value.magnitude < 1e15 ? "\(Int(value))" : "\(value)"
        case .string(let value): "\"\(value.prefix(40))\""
        case .array(let values): "a list of \(values.count)"
        case .object: "an object"
        }
    }

    var integer: Int? {
        guard case .number(let value) = self else { return nil }
        return Int(exactly: value)
    }

    var text: String? { if case .string(let value) = self { value } else { nil } }
}

/// The members of one JSON object, taken one by one; what is left over at the end is a mistake.
struct JSONMembers {
    let place: String
    private var members: [String: JSONValue]
    private var known: Set<String> = []

    init(_ value: JSONValue, place: String) throws(NetworkError) {
        guard case .object(let members) = value else {
            throw .invalidDescription(place: place, reason: "expected an object, found \(value.kind)")
        }
        self.place = place
        self.members = members
    }

    mutating func take(_ key: String) -> JSONValue? {
        known.insert(key)
        return members.removeValue(forKey: key)
    }

    mutating func text(_ key: String) throws(NetworkError) -> String? {
        guard let value = take(key) else { return nil }
        guard let text = value.text else { throw invalid(key, "a string", value) }
        return text
    }

    mutating func number(_ key: String) throws(NetworkError) -> Float? {
        guard let value = take(key) else { return nil }
        guard case .number(let number) = value, Float(number).isFinite else { throw invalid(key, "a number", value) }
        return Float(number)
    }

    mutating func boolean(_ key: String) throws(NetworkError) -> Bool? {
        guard let value = take(key) else { return nil }
        guard case .boolean(let boolean) = value else { throw invalid(key, "true or false", value) }
        return boolean
    }

    mutating func integer(_ key: String) throws(NetworkError) -> Int? {
        guard let value = take(key) else { return nil }
        guard let integer = value.integer, integer.magnitude < 1 << 31 else { throw invalid(key, "an integer", value) }
        return integer
    }

    /// A list of integers, or one integer repeated.
    mutating func integers(_ key: String, count: Int) throws(NetworkError) -> [Int]? {
        guard let value = take(key) else { return nil }
        if let integer = value.integer, integer.magnitude < 1 << 31 { return [Int](repeating: integer, count: count) }
        guard let list = Self.integers(value), list.count == count else {
            throw invalid(key, "an integer or a list of \(count) integers", value)
        }
        return list
    }

    /// `padding`, none by default: an integer, one per spatial axis, or one per side, those before first.
    mutating func padding(axes: Int) throws(NetworkError) -> [Int] {
        guard let value = take("padding") else { return [Int](repeating: 0, count: 2 * axes) }
        if let integer = value.integer, integer.magnitude < 1 << 31 { return [Int](repeating: integer, count: 2 * axes) }
        guard let list = Self.integers(value), list.count == axes || list.count == 2 * axes else {
            throw invalid("padding", "an integer or a list of \(axes) integers, or \(2 * axes),", value)
        }
        return list.count == axes ? list + list : list
    }

    /// A list of integers that must be there.
    mutating func list(_ key: String) throws(NetworkError) -> [Int] {
        let value = try required(key, take(key))
        guard let list = Self.integers(value) else { throw invalid(key, "a list of integers", value) }
        return list
    }

    /// A list of integers and nulls.
    mutating func optionalList(_ key: String) throws(NetworkError) -> [Int?]? {
        guard let value = take(key) else { return nil }
        guard case .array(let values) = value,
            values.allSatisfy({ $0 == .null || ($0.integer?.magnitude ?? 1 << 31) < 1 << 31 })
        else { throw invalid(key, "a list of integers and nulls", value) }
        return values.map(\.integer)
    }

    /// A member that must be there.
    func required<Value>(_ key: String, _ value: Value?) throws(NetworkError) -> Value {
        guard let value else { throw .invalidDescription(place: place, reason: "expected \(key), found none") }
        return value
    }

    static func integers(_ value: JSONValue) -> [Int]? {
        guard case .array(let values) = value else { return nil }
        let integers = values.compactMap(\.integer).filter { $0.magnitude < 1 << 31 }
        return integers.count == values.count ? integers : nil
    }

    /// A string or a list of strings.
    mutating func names(_ key: String) throws(NetworkError) -> [String]? {
        guard let value = take(key) else { return nil }
        if let text = value.text { return [text] }
        guard case .array(let values) = value else { throw invalid(key, "a name or a list of names", value) }
        let names = values.compactMap(\.text)
        guard names.count == values.count, !names.isEmpty else { throw invalid(key, "a name or a list of names", value) }
        return names
    }

    /// Refuses misspelt and misplaced members.
    func finish() throws(NetworkError) {
        guard let stranger = members.keys.sorted().first else { return }
        throw .invalidDescription(place: place, reason: "expected only \(known.sorted().joined(separator: ", ")), found \(stranger)")
    }

    func invalid(_ key: String, _ expected: String, _ value: JSONValue) -> NetworkError {
        .invalidDescription(place: place, reason: "expected \(expected) for \(key), found \(value.kind)")
    }
}
