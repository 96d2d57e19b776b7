// An amount of memory as an argument: 512MB, 1.5GB, 2000000000.

import ArgumentParser

/// Bytes, in decimal units.
struct MemorySize: ExpressibleByArgument, CustomStringConvertible, Codable {
    let bytes: Int

    private static let units: [(name: String, bytes: Double)] = [
        ("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("KB", 1e3), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("K", 1e3), ("B", 1), ("", 1),
    ]

    init(bytes: Int) { self.bytes = bytes }

    init?(argument: String) {
        let text = argument.uppercased()
        guard let unit = MemorySize.units.first(where: { text.hasSuffix($0.name) }),
            let value = Double(text.dropLast(unit.name.count)), value.isFinite, value >= 0,
            let bytes = Int(exactly: (value * unit.bytes).rounded())
        else { return nil }
        self.bytes = bytes
    }

    var description: String {
        let unit = MemorySize.units.first { $0.name.count == 2 && bytes > 0 && bytes % Int($0.bytes) == 0 }
        return unit.map { "\(bytes / Int($0.bytes))\($0.name)" } ?? "\(bytes)"
    }
}
