// Interleaved timing. Candidates take turns, so that a neighbor's burst of work hits all of them alike.

import LinearAlgebra

/// One way of doing the work of a line: the product's code, or something it is compared with.
struct Candidate {
    /// Runs once and returns seconds.
    let sample: () throws -> Double
    /// Seconds of one run, from the warm-up.
    let estimate: Double
}

/// Times of one candidate, by round; `nil` in rounds it sat out because it is slow.
typealias Rounds = [Double?]

enum Sampler {
    /// How much effort one line deserves.
    struct Effort: Sendable {
        /// Seconds for all candidates of a line together.
        let seconds: Double
        let minimumRounds: Int
        let maximumRounds: Int
    }

    /// Times all candidates in turns until the effort is spent. Slow candidates sit out rounds, never the first.
    static func run(_ candidates: [Candidate], effort: Effort, isCancelled: () -> Bool) throws -> [Rounds] {
        let share = effort.seconds / Double(candidates.count)
        let fastest = candidates.map(\.estimate).min() ?? 0
        let rounds = min(max(Int(share / max(fastest, 1e-9)), effort.minimumRounds), effort.maximumRounds)
        let strides = candidates.map { candidate in
            max(1, Int((candidate.estimate * Double(rounds) / share).rounded(.down)))
        }
        var times = [Rounds](repeating: [], count: candidates.count)
        let clock = ContinuousClock()
        let start = clock.now
        for round in 0..<rounds {
            if round > 0, isCancelled() { break }
            // The estimate may have been wrong: never take more than three times the effort.
            if round >= effort.minimumRounds, start.duration(to: clock.now).seconds > 3 * effort.seconds { break }
            // Every second round in reverse, so that nobody always runs with the caches of the same neighbor.
            let order = round.isMultiple(of: 2) ? Array(candidates.indices) : candidates.indices.reversed()
            for index in candidates.indices { times[index].append(nil) }
            for index in order where round.isMultiple(of: strides[index]) {
                times[index][round] = try candidates[index].sample()
            }
        }
        return times
    }

    /// Seconds of a sample at least: what is measured between two of them has let other threads fall asleep.
    private static let leastSeconds = 5e-3

    /// A candidate that runs in this process on `threads` BLAS threads; short runs are batched.
    static func inProcess(threads: Int, clock: Timepiece, estimate: Double, _ run: @escaping () throws -> Answer) -> Candidate {
        let batch = max(1, min(10_000, Int((leastSeconds / max(estimate, 1e-9)).rounded(.up))))
        return Candidate(
            sample: {
                if BLASConfiguration.threads != threads { BLASConfiguration.threads = threads }
                return try clock.measure {
                    for _ in 0..<batch { withExtendedLifetime(try run()) {} }
                } / Double(batch)
            }, estimate: estimate)
    }
}
