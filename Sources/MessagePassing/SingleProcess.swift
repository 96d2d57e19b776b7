/// A process on its own.
public struct SingleProcess: ProcessGroup {
    public let meter = MessageMeter()

    public init() {}

    public var rank: Int { 0 }
    public var count: Int { 1 }
    public func broadcast(_ bytes: [UInt8]) -> [UInt8] { bytes }
    public func send(_ bytes: [UInt8], to rank: Int) { preconditionFailure("a process on its own has nobody to send to") }
    public func receive(from rank: Int) -> [UInt8] { preconditionFailure("a process on its own has nobody to hear from") }
}
