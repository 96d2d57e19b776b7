// One JSON object per run on standard output, keys sorted, numbers finite.

import Foundation

enum JSONOutput {
    /// Prints `value` as one object.
    static func show(_ value: some Encodable) throws { Console.say(json: try text(value)) }

    /// The text of `value`: sorted keys, indented; a non-finite number is a defect of the caller and throws.
    static func text(_ value: some Encodable) throws -> String {
        String(decoding: try encoder().encode(value), as: UTF8.self)
    }

    static func encoder() -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return encoder
    }
}

extension Double {
    /// The number when it can stand in JSON, otherwise nothing: an absent key says "not computed".
    var ifFinite: Double? { isFinite ? self : nil }
    /// The same for a number that may also have underflowed.
    var ifNormal: Double? { isNormal ? self : nil }
}
