// A pruning run's steps on the progress line.

import Pruning
import Synchronization

/// Names the step at hand; where several plans are made, which of them.
final class PlanningProgress: Sendable {
    private let bar: ProgressBar
    private let prefix = Mutex("")

    init(_ bar: ProgressBar) { self.bar = bar }

    /// What is made next, before the name of every step.
    func begin(_ name: String) { prefix.withLock { $0 = name + ": " } }

    func observer() -> PruningObserver {
        { [self] progress in
            bar.update(
                prefix.withLock { $0 } + progress.phase.text, fraction: Double(progress.completed) / Double(max(1, progress.total)))
            return true
        }
    }
}
