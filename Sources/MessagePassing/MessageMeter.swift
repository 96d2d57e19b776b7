import Synchronization

/// What collectives have cost the network.
public struct MessageTraffic: Sendable, Equatable {
    /// Collectives.
    public var messages: Int
    /// Bytes that left a process for another one.
    public var bytesSent: Int

    /// Traffic of so many collectives and bytes.
    public init(messages: Int = 0, bytesSent: Int = 0) {
        self.messages = messages
        self.bytesSent = bytesSent
    }

    /// The traffic since an earlier moment.
    public func since(_ earlier: MessageTraffic) -> MessageTraffic {
        MessageTraffic(messages: messages - earlier.messages, bytesSent: bytesSent - earlier.bytesSent)
    }
}

/// Where a group of processes counts its traffic.
public final class MessageMeter: Sendable {
    private let state = Mutex(MessageTraffic())

    /// A meter at zero.
    public init() {}

    /// All so far.
    public var traffic: MessageTraffic { state.withLock { $0 } }

    /// Counts further traffic. Safe from any thread.
    public func add(_ more: MessageTraffic) {
        state.withLock {
            $0.messages += more.messages
            $0.bytesSent += more.bytesSent
        }
    }
}
