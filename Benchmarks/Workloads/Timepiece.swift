// Which clock a line is measured with.
//
// With one thread it is the CPU time of the process: what the work costs, not what other programs take away from it
// (on an idle machine the two agree). With several threads it is the clock on the wall, because then waiting counts.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

package enum Timepiece: String, Codable, Sendable {
    case cpu
    case wall
    /// CPU time of the calling thread: other threads that wait for work spend some of the process's.
    case thread

    /// The right clock for work on `threads` threads.
    package init(threads: Int) { self = threads == 1 ? .cpu : .wall }

    /// Seconds since some fixed moment.
    package var now: Double {
        var time = timespec()
        switch self {
        case .cpu: clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        case .wall: clock_gettime(CLOCK_MONOTONIC, &time)
        case .thread: clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        }
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    /// Seconds that `body` takes.
    package func measure(_ body: () throws -> Void) rethrows -> Double {
        let start = now
        try body()
        return now - start
    }
}
