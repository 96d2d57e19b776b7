// Mutations of bytes that know nothing of their meaning, and the values that break arithmetic.

import RandomNumbers

enum Mutations {
    /// Where sizes overflow, signs flip and memory ends.
    static let numbers: [Int64] = [
        0, 1, 2, 3, -1, -2, 127, 128, 255, 256, 65535, 65536, 1 << 31, 1 << 31 - 1, 1 << 32, -(1 << 31), 1_000_000_000_000, 1 << 47,
        1 << 48,
        1 << 60, 1 << 61, 1 << 62, .max, .min, .max - 1,
    ]

    static func bytes(_ original: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = original
        for _ in 0...Int.random(in: 0...3, using: &generator) {
            let place = Int.random(in: 0...bytes.count, using: &generator)
            let end = min(bytes.count, place + Int.random(in: 0...12, using: &generator))
            switch Int.random(in: 0..<7, using: &generator) {
            case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 1 where place < bytes.count: bytes[place] = .random(in: 0...255, using: &generator)
            case 2 where place < bytes.count: bytes[place] &+= Bool.random(using: &generator) ? 1 : 255
            case 3: bytes.removeSubrange(place..<end)
            case 4: bytes.insert(contentsOf: bytes[place..<end], at: place)
            case 5:
                let width = [1, 2, 4, 8].randomElement(using: &generator)!
                let value = numbers.randomElement(using: &generator)!
                for k in 0..<min(width, bytes.count - place) { bytes[place + k] = UInt8(truncatingIfNeeded: value >> Int64(8 * k)) }
            default:
                let from = Int.random(in: 0...bytes.count, using: &generator)
                let piece = Array(bytes[from..<min(bytes.count, from + 24)])
                bytes.replaceSubrange(place..<end, with: piece)
            }
        }
        return bytes
    }

    /// The item that a mutation starts from.
    static func pick<Item>(_ items: [Item], _ generator: inout SeededGenerator) -> Item { items.randomElement(using: &generator)! }
}
