// Progress of long work on standard error, only where a person is watching.

import Foundation
import Synchronization

/// One redrawn line: label, bar and percentage, or label and counter where the end is not known.
///
/// Thread-safe; draws at most ten times a second and nothing at all during the first half second.
final class ProgressBar: Sendable {
    private struct State {
        var lastDraw: ContinuousClock.Instant
        var isVisible = false
    }

    private let enabled: Bool
    private let state: Mutex<State>

    /// A bar that is drawn only when standard error is a terminal and `quiet` is false.
    init(quiet: Bool = false) {
        enabled = !quiet && Console.redrawsError
        // The first draw waits until work turns out to be long.
        state = Mutex(State(lastDraw: ContinuousClock.now.advanced(by: .milliseconds(400))))
    }

    /// Shows `label` with a bar filled to `fraction` (0…1).
    func update(_ label: String, fraction: Double) {
        let width = 24
        let filled = Int((min(max(fraction, 0), 1) * Double(width)).rounded())
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        let percent = Int((min(max(fraction, 0), 1) * 100).rounded())
        draw("\(label) \(bar) \(percent) %")
    }

    /// Shows a line without a bar.
    func update(_ label: String) { draw(label) }

    /// Erases the line, so that what follows starts on a clean one.
    func clear() {
        guard enabled else { return }
        state.withLock { state in
            if state.isVisible { Console.writeError("\r\u{1b}[2K") }
            state.isVisible = false
        }
    }

    private func draw(_ text: @autoclosure () -> String) {
        guard enabled else { return }
        state.withLock { state in
            let now = ContinuousClock.now
            guard state.lastDraw.duration(to: now) > .milliseconds(100) else { return }
            state.lastDraw = now
            state.isVisible = true
            Console.writeError("\r\u{1b}[2K" + Console.escaped(text()).prefix(max(10, Console.columns - 1)))
        }
    }
}
