/// Numbers as bytes of a message, read back in the order they were written. Ranks run the same program on machines of one kind.
public struct MessageBuffer: Sendable {
    /// The whole message, read or not.
    public private(set) var bytes: [UInt8]
    private var position = 0

    /// A message to be written, or one to be read.
    public init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    /// A message of a few numbers.
    public init(_ values: [Int]) {
        bytes = []
        write(values)
    }

    /// What has not been read.
    public var rest: [UInt8] { Array(bytes[position...]) }

    /// Appends a list of numbers, its length in front.
    public mutating func write(_ values: [Double]) { append(values) }
    /// Appends a list of numbers, its length in front.
    public mutating func write(_ values: [Int]) { append(values) }
    /// Appends a list of bytes, its length in front.
    public mutating func write(_ values: [UInt8]) { append(values) }

    /// The next list. Precondition: a list of Doubles was written there.
    public mutating func readDoubles() -> [Double] { next(0.0) }
    /// The next list. Precondition: a list of Ints was written there.
    public mutating func readInts() -> [Int] { next(0) }
    /// The next list. Precondition: a list of bytes was written there.
    public mutating func readBytes() -> [UInt8] { next(0) }

    private mutating func append<Value: BitwiseCopyable>(_ values: [Value]) {
        withUnsafeBytes(of: values.count) { bytes.append(contentsOf: $0) }
        values.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    private mutating func next<Value: BitwiseCopyable>(_ zero: Value) -> [Value] {
        bytes.withUnsafeBytes { raw in
            let count = raw.loadUnaligned(fromByteOffset: position, as: Int.self)
            position += MemoryLayout<Int>.size
            defer { position += count * MemoryLayout<Value>.stride }
            return [Value](unsafeUninitializedCapacity: count) { out, initialized in
                UnsafeMutableRawBufferPointer(out).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: raw[position..<position + count * MemoryLayout<Value>.stride]))
                initialized = count
            }
        }
    }
}
