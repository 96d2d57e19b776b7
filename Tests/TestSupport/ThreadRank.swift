import Dispatch
import Foundation
package import MessagePassing
import Synchronization

/// A thread that acts as one of several processes: the same calls, by way of memory.
package struct ThreadRank: ProcessGroup {
    /// Messages in the order they were sent.
    private final class Channel: Sendable {
        private let messages = Mutex<[[UInt8]]>([])
        private let arrivals = DispatchSemaphore(value: 0)

        func send(_ bytes: [UInt8]) {
            messages.withLock { $0.append(bytes) }
            arrivals.signal()
        }

        func receive() -> [UInt8] {
            arrivals.wait()
            return messages.withLock { $0.removeFirst() }
        }
    }

    package let rank: Int
    package let count: Int
    package let meter: MessageMeter
    /// From every rank to every rank.
    private let channels: [Channel]

    package func broadcast(_ bytes: [UInt8]) -> [UInt8] {
        guard rank == 0 else { return receive(from: 0) }
        for other in 1..<max(1, count) { send(bytes, to: other) }
        if count > 1 { meter.add(MessageTraffic(messages: 1, bytesSent: bytes.count * (count - 1))) }
        return bytes
    }

    package func send(_ bytes: [UInt8], to other: Int) { channels[rank * count + other].send(bytes) }

    package func receive(from other: Int) -> [UInt8] { channels[other * count + rank].receive() }

    /// Runs `body` on `count` threads that are the ranks of a group; what they return, in the order of ranks.
    package static func run<Value: Sendable>(_ count: Int, _ body: @escaping @Sendable (ThreadRank) -> Value) -> [Value] {
        let channels = (0..<count * count).map { _ in Channel() }
        let meter = MessageMeter()
        let results = Mutex([Value?](repeating: nil, count: count))
        // Not concurrentPerform: on few processors it would let ranks wait for others that have not begun.
        let group = DispatchGroup()
        for rank in 0..<count {
            let member = ThreadRank(rank: rank, count: count, meter: meter, channels: channels)
            group.enter()
            Thread.detachNewThread {
                let value = body(member)
                results.withLock { $0[rank] = value }
                group.leave()
            }
        }
        group.wait()
        return results.withLock { $0.compactMap { $0 } }
    }
}
