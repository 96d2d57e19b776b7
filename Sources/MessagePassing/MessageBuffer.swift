/// Numbers as bytes of a message, read back in the order they were written. Ranks run the same program on machines of one kind.
public struct MessageBuffer: Sendable {
    public private(set) var bytes: [UInt8]
    private var position = 0

    /// A message to be written, or one to be read.
    public init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    /// Whether there is more to be read.
    public var hasMore: Bool { position < bytes.count }

    /// Adds what another message holds.
    public mutating func append(_ other: [UInt8]) { bytes += other }

    public mutating func write(_ values: [Double]) { append(values) }
    public mutating func write(_ values: [Int]) { append(values) }
    public mutating func write(_ value: Double) { append([value]) }
    public mutating func write(_ value: Int) { append([value]) }

    public mutating func readDoubles() -> [Double] { next(0.0) }
    public mutating func readInts() -> [Int] { next(0) }
    public mutating func readDouble() -> Double { readDoubles()[0] }
    public mutating func readInt() -> Int { readInts()[0] }

    private mutating func append<Value: BitwiseCopyable>(_ values: [Value]) {
        withUnsafeBytes(of: values.count) { bytes.append(contentsOf: $0) }
        values.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    private mutating func next<Value: BitwiseCopyable>(_ zero: Value) -> [Value] {
        bytes.withUnsafeBytes { raw in
            let count = raw.loadUnaligned(fromByteOffset: position, as: Int.self)
            position += MemoryLayout<Int>.size
            defer { position += count * MemoryLayout<Value>.size }
            return (0..<count).map { raw.loadUnaligned(fromByteOffset: position + $0 * MemoryLayout<Value>.size, as: Value.self) }
        }
    }
}
