import Dispatch
import Synchronization

/// A thread that acts as one of several processes, for tests without MPI: the same calls, by way of memory.
public struct ThreadRank: ProcessGroup {
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

    /// What all ranks of a group see.
    private final class Board: Sendable {
        let down: [Channel]
        let up: [Channel]
        let traffic = Mutex(MessageTraffic())

        init(_ count: Int) {
            down = (0..<count).map { _ in Channel() }
            up = (0..<count).map { _ in Channel() }
        }
    }

    public let rank: Int
    public let count: Int
    private let board: Board

    /// The members of a group of `count` ranks, one for each thread.
    public static func group(_ count: Int) -> [ThreadRank] {
        let board = Board(count)
        return (0..<count).map { ThreadRank(rank: $0, count: count, board: board) }
    }

    public var traffic: MessageTraffic { board.traffic.withLock { $0 } }

    public func broadcast(_ bytes: [UInt8]) -> [UInt8] {
        guard rank == 0 else { return board.down[rank].receive() }
        for other in board.down.dropFirst() { other.send(bytes) }
        board.traffic.withLock {
            $0.messages += 1
            $0.bytesSent += bytes.count * (count - 1)
        }
        return bytes
    }

    public func gather(_ bytes: [UInt8]) -> [[UInt8]] {
        guard rank == 0 else {
            board.up[rank].send(bytes)
            return []
        }
        let others = board.up.dropFirst().map { $0.receive() }
        board.traffic.withLock {
            $0.messages += 1
            $0.bytesSent += others.reduce(0) { $0 + $1.count }
        }
        return [bytes] + others
    }
}
