// The threads behind a team: helpers that take parts of a loop while its caller does.

internal import CKernels
import Dispatch

/// Helpers for one team, which take up its first loop. When the crew goes, they wait for the next crew of their number: threads that
/// are there cost nothing, those that must be started 100 µs.
final class ThreadCrew: Sendable {
    private let board: Board

    init(helpers: Int) { board = waiting.take(helpers) }

    deinit { waiting.giveBack(board) }

    /// Calls `body` once for each of 0..<parts on the caller's thread, which is 0, and those helpers that are free, and returns when
    /// all are done; false, with nothing done, while another loop is under way (one within another, or of another thread).
    func share(_ parts: Int, _ body: (_ part: Int, _ thread: Int) -> Void) -> Bool { board.share(parts, body) }
}

private let waiting = WaitingBoards()

/// Boards whose teams have gone.
private final class WaitingBoards: @unchecked Sendable {
    // Unchecked: guarded by `lock`.
    private var boards: [Board] = []
    private let lock = DispatchSemaphore(value: 1)

    /// Kept at most: teams that follow each other, not all that were ever there at once.
    private static let most = 4

    func take(_ helpers: Int) -> Board {
        lock.wait()
        defer { lock.signal() }
        let index = boards.lastIndex { $0.helpers == helpers }
        return index.map { boards.remove(at: $0) } ?? Board(helpers: helpers)
    }

    func giveBack(_ board: Board) {
        lock.wait()
        boards.append(board)
        let oldest = boards.count > Self.most ? boards.removeFirst() : nil
        lock.signal()
        oldest?.close()
    }
}

/// What caller and helpers see.
private final class Board: @unchecked Sendable {
    // Unchecked: numbers are atomic, and `body` is only read by who holds a part, during which it does not change.

    /// Which loop, how many parts it has, and which is next, in one number: who takes a part takes it of that very loop.
    private struct Ticket {
        static let bits: Int64 = 20
        static let mask = (Int64(1) << bits) - 1
        let loop: Int64
        let parts: Int64
        let next: Int64

        init(_ number: Int64) { (loop, parts, next) = (number >> (2 * Self.bits), number >> Self.bits & Self.mask, number & Self.mask) }

        static func first(loop: Int64, parts: Int) -> Int64 { loop << (2 * bits) | Int64(parts) << bits }
    }

    /// Looks at the board before a waiting thread goes to sleep or gives way: about as long as it takes to wake one.
    private static let patience = 2000
    /// Distance of numbers that are written by different threads: two lines of the cache.
    private static let spacing = 16

    let helpers: Int
    private let numbers: UnsafeMutablePointer<Int64>
    private var body: UnsafePointer<(Int, Int) -> Void>?
    private let bell = DispatchSemaphore(value: 0)

    private var ticket: UnsafeMutablePointer<Int64> { numbers }
    private var done: UnsafeMutablePointer<Int64> { numbers + Self.spacing }
    /// Helpers that sleep, or are about to.
    private var asleep: UnsafeMutablePointer<Int64> { numbers + 2 * Self.spacing }
    private var isBusy: UnsafeMutablePointer<Int64> { numbers + 3 * Self.spacing }
    private var isClosed: UnsafeMutablePointer<Int64> { numbers + 4 * Self.spacing }
    private var hasBegun: UnsafeMutablePointer<Int64> { numbers + 5 * Self.spacing }

    init(helpers: Int) {
        self.helpers = helpers
        numbers = .allocate(capacity: 6 * Self.spacing)
        numbers.initialize(repeating: 0, count: 6 * Self.spacing)
    }

    deinit { numbers.deallocate() }

    func close() {
        ck_store(isClosed, 1)
        for _ in 0..<helpers { bell.signal() }
    }

    func share(_ parts: Int, _ body: (Int, Int) -> Void) -> Bool {
        // Helpers look for a part in vain, too; the mask leaves room for that.
        guard parts < Int(Ticket.mask) - 1024, ck_exchange(isBusy, 1) == 0 else { return false }
        defer { ck_store(isBusy, 0) }
        if ck_exchange(hasBegun, 1) == 0 {
            // A queue of its own for each: those of the system start no more threads than there are processors, and count the ones
            // that wait.
            for thread in 1...helpers { DispatchQueue(label: "helper", qos: .userInitiated).async { self.help(thread) } }
        }
        withoutActuallyEscaping(body) { body in
            withUnsafePointer(to: body) { body in
                self.body = body
                ck_store(done, 0)
                ck_store(ticket, Ticket.first(loop: Ticket(ck_load(ticket)).loop + 1, parts: parts))
                for _ in 0..<ck_exchange(asleep, 0) { bell.signal() }
                work(0)
                var looks = 0
                while ck_load(done) < parts {
                    ck_pause()
                    looks += 1
                    if looks % Self.patience == 0 { ck_yield() }
                }
            }
        }
        return true
    }

    /// Does parts until there are none; returns the loop they were of.
    @discardableResult private func work(_ thread: Int) -> Int64 {
        while true {
            let taken = Ticket(ck_add(ticket, 1))
            guard taken.next < taken.parts else { return taken.loop }
            run(Int(taken.next), thread)
            _ = ck_add(done, 1)
        }
    }

    /// Never inlined: what the call retains is released before the part counts as done.
    @inline(never) private func run(_ part: Int, _ thread: Int) { body?.pointee(part, thread) }

    private func help(_ thread: Int) {
        var (last, looks) = (Int64(0), 0)
        while ck_load(isClosed) == 0 {
            if Ticket(ck_load(ticket)).loop != last {
                (last, looks) = (work(thread), 0)
            } else if looks < Self.patience {
                looks += 1
                ck_pause()
            } else {
                looks = 0
                _ = ck_add(asleep, 1)
                // A loop that began before this thread counted as asleep does not ring for it.
                if Ticket(ck_load(ticket)).loop == last, ck_load(isClosed) == 0 { bell.wait() }
            }
        }
    }
}
