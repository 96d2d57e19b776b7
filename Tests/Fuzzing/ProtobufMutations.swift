// Mutations of protobuf messages that keep their lengths right: fields change, go, come twice or move, at any depth.

import RandomNumbers

enum ProtobufMutations {
    private indirect enum Field {
        case varint(UInt64, number: UInt64)
        case fixed([UInt8], wire: UInt64, number: UInt64)
        case bytes([UInt8], number: UInt64)
        case message([Field], number: UInt64)
    }

    static func message(_ original: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        if Int.random(in: 0..<6, using: &generator) == 0 { return Mutations.bytes(original, &generator) }
        guard var fields = parse(original[...], depth: 0), !fields.isEmpty else { return Mutations.bytes(original, &generator) }
        for _ in 0...Int.random(in: 0...2, using: &generator) { change(&fields, &generator) }
        return encode(fields)
    }

    private static func change(_ fields: inout [Field], _ generator: inout SeededGenerator) {
        guard !fields.isEmpty else { return }
        let at = Int.random(in: 0..<fields.count, using: &generator)
        // Go down three times out of four: what is deep is most of a model.
        if case .message(var inner, let number) = fields[at], Int.random(in: 0..<4, using: &generator) > 0 {
            change(&inner, &generator)
            fields[at] = .message(inner, number: number)
            return
        }
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: fields.remove(at: at)
        case 1: fields.insert(fields[at], at: at)
        case 2: fields.swapAt(at, Int.random(in: 0..<fields.count, using: &generator))
        default:
            switch fields[at] {
            case .varint(_, let number):
                fields[at] = .varint(UInt64(bitPattern: Mutations.pick(Mutations.numbers, &generator)), number: number)
            case .fixed(let bytes, let wire, let number):
                fields[at] = .fixed(bytes.map { _ in .random(in: 0...255, using: &generator) }, wire: wire, number: number)
            case .bytes(let bytes, let number):
                fields[at] = .bytes(
                    Bool.random(using: &generator) ? Mutations.bytes(bytes, &generator) : packed(&generator), number: number)
            case .message(let inner, let number):
                // A message where a scalar belongs, or another message of the same level.
                let other = fields[Int.random(in: 0..<fields.count, using: &generator)]
                if case .message(let body, _) = other {
                    fields[at] = .message(body, number: number)
                } else {
                    fields[at] = .message(inner + inner, number: number)
                }
            }
        }
    }

    /// A list of sizes that break arithmetic.
    private static func packed(_ generator: inout SeededGenerator) -> [UInt8] {
        (0..<Int.random(in: 0...3, using: &generator)).flatMap { _ in
            varint(UInt64(bitPattern: Mutations.pick(Mutations.numbers, &generator)))
        }
    }

    private static func parse(_ bytes: ArraySlice<UInt8>, depth: Int) -> [Field]? {
        var fields: [Field] = []
        var at = bytes.startIndex
        func number() -> UInt64? {
            var value: UInt64 = 0, shift: UInt64 = 0
            while at < bytes.endIndex, shift < 64 {
                let byte = bytes[at]
                at += 1
                value |= UInt64(byte & 0x7f) << shift
                if byte < 0x80 { return value }
                shift += 7
            }
            return nil
        }
        while at < bytes.endIndex {
            guard let key = number(), key >> 3 > 0, key >> 3 < 1000 else { return nil }
            switch key & 7 {
            case 0:
                guard let value = number() else { return nil }
                fields.append(.varint(value, number: key >> 3))
            case 1, 5:
                let width = key & 7 == 1 ? 8 : 4
                guard bytes.endIndex - at >= width else { return nil }
                fields.append(.fixed(Array(bytes[at..<at + width]), wire: key & 7, number: key >> 3))
                at += width
            case 2:
                guard let length = number(), length <= UInt64(bytes.endIndex - at) else { return nil }
                let body = bytes[at..<at + Int(length)]
                at += Int(length)
                // Text may happen to parse as a message; then it is mutated as one, which is as good.
                if depth < 12, body.count > 1, let inner = parse(body, depth: depth + 1) {
                    fields.append(.message(inner, number: key >> 3))
                } else {
                    fields.append(.bytes(Array(body), number: key >> 3))
                }
            default: return nil
            }
        }
        return fields
    }

    private static func encode(_ fields: [Field]) -> [UInt8] {
        var result: [UInt8] = []
        for field in fields {
            switch field {
            case .varint(let value, let number): result += varint(number << 3) + varint(value)
            case .fixed(let bytes, let wire, let number): result += varint(number << 3 | wire) + bytes
            case .bytes(let bytes, let number): result += varint(number << 3 | 2) + varint(UInt64(bytes.count)) + bytes
            case .message(let inner, let number):
                let body = encode(inner)
                result += varint(number << 3 | 2) + varint(UInt64(body.count)) + body
            }
        }
        return result
    }

    private static func varint(_ value: UInt64) -> [UInt8] {
        var (left, result) = (value, [UInt8]())
        repeat {
            result.append(UInt8(left & 0x7f) | (left > 0x7f ? 0x80 : 0))
            left >>= 7
        } while left > 0
        return result
    }
}
