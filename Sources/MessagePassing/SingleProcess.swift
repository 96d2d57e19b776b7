/// A process on its own.
public struct SingleProcess: ProcessGroup {
    public init() {}

    public var rank: Int { 0 }
    public var count: Int { 1 }
    public var traffic: MessageTraffic { MessageTraffic() }
    public func broadcast(_ bytes: [UInt8]) -> [UInt8] { bytes }
    public func gather(_ bytes: [UInt8]) -> [[UInt8]] { [bytes] }
}
