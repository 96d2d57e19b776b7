// Mutations of JSON that mostly leave it JSON: numbers, strings and whole values change, go, come twice or trade places.

import RandomNumbers

enum JSONMutations {
    private static let texts = [
        "", "x", "\\u0000", "\\u001b[31m", "__metadata__", "NaN", "input", "fc1", "relu", String(repeating: "a", count: 300),
    ]
    private static let literals = ["true", "false", "null", "[]", "{}", "\"\"", "-0", "1e308", "1e999", "0.5", "[[[[[[]]]]]]"]

    static func text(_ original: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        if Int.random(in: 0..<8, using: &generator) == 0 { return Mutations.bytes(original, &generator) }
        var tokens = tokens(original)
        for _ in 0...Int.random(in: 0...2, using: &generator) {
            guard !tokens.isEmpty else { break }
            let at = Int.random(in: 0..<tokens.count, using: &generator)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0, 1: replaceScalar(&tokens, from: at, &generator)
            case 2:
                let range = value(tokens, at)
                tokens.replaceSubrange(range, with: [Array(Mutations.pick(literals, &generator).utf8)])
            case 3:
                let range = value(tokens, at)
                tokens.insert(contentsOf: tokens[range] + [[0x2c]], at: range.lowerBound)
            case 4:
                var range = value(tokens, at)
                if range.upperBound < tokens.count, tokens[range.upperBound] == [0x2c] { range = range.lowerBound..<range.upperBound + 1 }
                tokens.removeSubrange(range)
            default:
                let (a, b) = (value(tokens, at), value(tokens, Int.random(in: 0..<tokens.count, using: &generator)))
                guard a.upperBound <= b.lowerBound else { continue }
                let (first, second) = (Array(tokens[a]), Array(tokens[b]))
                tokens.replaceSubrange(b, with: first)
                tokens.replaceSubrange(a, with: second)
            }
        }
        return Array(tokens.joined())
    }

    /// The next number or string from a token on gets another value of its kind.
    private static func replaceScalar(_ tokens: inout [[UInt8]], from start: Int, _ generator: inout SeededGenerator) {
        guard let at = tokens.indices.first(where: { $0 >= start && !"{}[],:".utf8.contains(tokens[$0][0]) }) else { return }
        if tokens[at][0] == 0x22 {
            let pool = tokens.filter { $0[0] == 0x22 }
            tokens[at] =
                Bool.random(using: &generator) ? Mutations.pick(pool, &generator) : Array("\"\(Mutations.pick(texts, &generator))\"".utf8)
        } else {
            tokens[at] = Array("\(Mutations.pick(Mutations.numbers, &generator))".utf8)
        }
    }

    /// The tokens of the value that begins at one; a token alone where none begins.
    private static func value(_ tokens: [[UInt8]], _ at: Int) -> Range<Int> {
        guard tokens[at] == [0x7b] || tokens[at] == [0x5b] else { return at..<at + 1 }
        var depth = 0
        for end in at..<tokens.count {
            if tokens[end] == [0x7b] || tokens[end] == [0x5b] { depth += 1 }
            if tokens[end] == [0x7d] || tokens[end] == [0x5d] { depth -= 1 }
            if depth == 0 { return at..<end + 1 }
        }
        return at..<tokens.count
    }

    private static func tokens(_ text: [UInt8]) -> [[UInt8]] {
        var tokens: [[UInt8]] = []
        var at = 0
        while at < text.count {
            let start = at
            if text[at] == 0x22 {
                at += 1
                while at < text.count, text[at] != 0x22 { at += text[at] == 0x5c ? 2 : 1 }
                at = min(text.count, at + 1)
            } else if "{}[],:".utf8.contains(text[at]) || text[at] <= 0x20 {
                at += 1
            } else {
                while at < text.count, !"{}[],:\"".utf8.contains(text[at]), text[at] > 0x20 { at += 1 }
            }
            if text[start] > 0x20 { tokens.append(Array(text[start..<at])) }
        }
        return tokens
    }
}
