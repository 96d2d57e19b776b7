/// Runs of equal length, but for one, that threads share: rows, planes or blocks that each hold some values.
struct EvenParts: Sendable {
    let total: Int
    let count: Int

    /// Values of a part at least: some microseconds.
    private static let leastValues = 1 << 13

    /// - Parameters:
    ///   - total: rows, planes or blocks.
    ///   - size: values of each.
    init(of total: Int, size: Int) { (self.total, count) = (total, max(1, min(total, total * size / Self.leastValues))) }

    subscript(index: Int) -> Range<Int> { total * index / count..<total * (index + 1) / count }
}
