// Where the time of a run went.

import Synchronization

/// Phases that follow each other without gaps, so that their times add up to the total.
final class PhaseTimes: Sendable {
    private struct State {
        var name: String
        var began: ContinuousClock.Instant
        var spent: [(name: String, seconds: Double)] = []

        mutating func close(at now: ContinuousClock.Instant) {
            let seconds = (now - began).seconds
            if let index = spent.firstIndex(where: { $0.name == name }) {
                spent[index].seconds += seconds
            } else {
                spent.append((name, seconds))
            }
        }
    }

    private let state: Mutex<State>

    /// Begins with `phase`.
    init(_ phase: String) { state = Mutex(State(name: phase, began: .now)) }

    /// Ends the phase at hand and begins another, or goes on with it.
    func begin(_ phase: String) {
        state.withLock { state in
            guard state.name != phase else { return }
            let now = ContinuousClock.now
            state.close(at: now)
            (state.name, state.began) = (phase, now)
        }
    }

    /// Seconds of every phase until now, in the order in which they began.
    var seconds: [(name: String, seconds: Double)] {
        state.withLock { state in
            var state = state
            state.close(at: .now)
            return state.spent
        }
    }

    /// One line: the total, the phases that took a hundredth of it, and the memory.
    func show() {
        let phases = seconds, total = phases.reduce(0) { $0 + $1.seconds }
        let parts = phases.filter { $0.seconds >= total / 100 }.map { "\($0.name) \(Format.seconds($0.seconds))" }
        Console.say(
            "\(Format.seconds(total)) in all: \(parts.joined(separator: ", ")); at most \(Format.bytes(ProcessMemory.peak)) of memory")
    }
}
