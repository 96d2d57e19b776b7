// What an engine asks of the processes that share its reads.
//
// One of them, rank 0, runs the method; the others do what it asks for. So everything is decided once, and an answer cannot depend on
// who shares the work as long as what comes together does not. Two collectives suffice: all hear what rank 0 says, and rank 0 hears
// what each of them found; sums and maxima are taken there, in the order of the ranks.

/// Processes that work on one problem, each with a rank from 0.
///
/// Every member must call the same collectives in the same order.
public protocol ProcessGroup: Sendable {
    /// Which of them this is.
    var rank: Int { get }
    /// How many there are, at least 1.
    var count: Int { get }
    /// What rank 0 passes; what the others pass is ignored.
    func broadcast(_ bytes: [UInt8]) -> [UInt8]
    /// What every rank passes, in the order of ranks, at rank 0; nothing elsewhere.
    func gather(_ bytes: [UInt8]) -> [[UInt8]]
    /// What rank 0 has sent and received so far; not kept by the others.
    var traffic: MessageTraffic { get }
}

/// What a solve has cost the network.
public struct MessageTraffic: Sendable, Equatable {
    /// Collectives.
    public var messages = 0
    /// Bytes that left a process for another one.
    public var bytesSent = 0

    public init() {}

    /// The traffic since an earlier moment.
    public func since(_ earlier: MessageTraffic) -> MessageTraffic {
        var result = self
        result.messages -= earlier.messages
        result.bytesSent -= earlier.bytesSent
        return result
    }
}
