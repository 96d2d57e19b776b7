/// A process on its own.
public struct SingleProcess: ProcessGroup {
    /// Stays at zero: nothing is sent.
    public let meter = MessageMeter()

    /// The only process.
    public init() {}

    /// The first and only one.
    public var rank: Int { 0 }
    /// One.
    public var count: Int { 1 }
    /// What it is given.
    public func broadcast(_ bytes: [UInt8]) -> [UInt8] { bytes }
    /// Never to be called. Precondition: there is another process.
    public func send(_ bytes: [UInt8], to rank: Int) { preconditionFailure("a process on its own has nobody to send to") }
    /// Never to be called. Precondition: there is another process.
    public func receive(from rank: Int) -> [UInt8] { preconditionFailure("a process on its own has nobody to hear from") }
}
