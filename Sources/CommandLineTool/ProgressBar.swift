// Progress of long work on standard error, only where a person is watching.

import Foundation
import Synchronization

/// One redrawn line: what is being done, a bar and a percentage where the end is known, how fast it goes, how long it has taken and,
/// where that can be told, how long it will.
///
/// Thread-safe. A thread of its own draws four times a second, the first time after 0.3 seconds, so that the line moves whatever the work
/// is busy with; quick work shows nothing at all.
final class ProgressBar: Sendable {
    /// How much of something countable is done.
    struct Count: Sendable {
        let done: Int
        let total: Int
        /// In the plural.
        let unit: String
    }

    private struct State {
        var label: String?
        var fraction: Double?
        var count: Count?
        /// When the work at hand began, and what was counted by then.
        var began = ContinuousClock.now
        var countBegan: (done: Int, at: ContinuousClock.Instant)?
        /// Seconds that are left, as of then.
        var left: (seconds: Double, at: ContinuousClock.Instant)?
    }

    private static let interval = 0.25
    private let enabled: Bool
    private let state: Mutex<State>

    /// A bar that is drawn only when standard error is a terminal and `quiet` is false.
    /// - Parameter label: what begins with it; nil where the first update says so.
    init(quiet: Bool = false, _ label: String? = nil) {
        enabled = !quiet && Console.redrawsError
        state = Mutex(State(label: label))
        guard enabled else { return }
        let thread = Thread { [weak self] in
            Thread.sleep(forTimeInterval: 0.3)
            while let bar = self {
                bar.tick()
                Thread.sleep(forTimeInterval: Self.interval)
            }
        }
        thread.start()
    }

    /// Shows `label`, with a bar filled to `fraction` (0…1) and a rate where there are such.
    func update(_ label: String, fraction: Double? = nil, count: Count? = nil) {
        guard enabled else { return }
        state.withLock { state in
            let now = ContinuousClock.now
            if (fraction ?? 0) < (state.fraction ?? 0) || state.label == nil { (state.began, state.left) = (now, nil) }
            if count?.unit != state.count?.unit || (count?.done ?? 0) < (state.count?.done ?? 0) {
                state.countBegan = count.map { ($0.done, now) }
            }
            if let fraction, fraction != state.fraction {
                let spent = (now - state.began).seconds
                // A guess from little is none.
                state.left = fraction > 0.05 && spent > 1 ? (spent * (1 - fraction) / fraction, now) : nil
            }
            (state.label, state.fraction, state.count) = (label, fraction, count)
        }
    }

    /// Erases the line until the next update, so that what is printed starts on a clean one.
    func clear() {
        guard enabled else { return }
        state.withLock { state in
            (state.label, state.fraction, state.count) = (nil, nil, nil)
            Console.erase()
        }
    }

    /// Draws the line, where there is something to say.
    private func tick() {
        state.withLock { state in
            if state.label != nil { Console.redraw(Self.line(state, at: .now)) }
        }
    }

    private static func line(_ state: State, at now: ContinuousClock.Instant) -> String {
        var parts = [state.label ?? ""]
        if let fraction = state.fraction {
            let share = min(max(fraction, 0), 1), width = 14
            let filled = Int((share * Double(width)).rounded())
            parts[0] +=
                " " + String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
                + " \(Int((share * 100).rounded())) %"
        }
        if let count = state.count, let began = state.countBegan, count.done > began.done {
            let rate = Double(count.done - began.done) / max((now - began.at).seconds, 1e-3)
            parts.append("\(rate >= 10 ? Format.count(Int(rate)) : Format.fixed(rate, 1)) \(count.unit)/s")
        }
        parts.append(duration((now - state.began).seconds))
        if let left = state.left {
            let seconds = left.seconds - (now - left.at).seconds
            if seconds >= 1 { parts.append("\(duration(seconds)) left") }
        }
        return parts.joined(separator: ", ")
    }

    /// Whole seconds, or minutes and seconds.
    private static func duration(_ seconds: Double) -> String {
        let whole = Int(seconds)
        return whole < 60 ? "\(whole) s" : "\(whole / 60) min \(whole % 60) s"
    }
}
