// A pruning run's steps on the progress line.

import Pruning
import Synchronization

/// Names the step at hand; where several plans are made, which of them. Keeps account of where the time goes.
final class PlanningProgress: Sendable {
    let times: PhaseTimes
    private let bar: ProgressBar
    private let prefix = Mutex("")

    init(_ bar: ProgressBar, _ times: PhaseTimes = PhaseTimes("reading")) { (self.bar, self.times) = (bar, times) }

    /// What is made next, before the name of every step.
    func begin(_ name: String) { prefix.withLock { $0 = name + ": " } }

    func observer() -> PruningObserver {
        { [self] progress in
            times.begin(progress.phase.name)
            var count: ProgressBar.Count?
            if case .learning(let step, let steps) = progress.phase { count = .init(done: step, total: steps, unit: "steps") }
            // Before inputs are there nothing is known of the end; a bar that stands at nothing would say otherwise.
            let fraction = progress.phase == .inputs ? nil : progress.fraction
            bar.update(prefix.withLock { $0 } + progress.phase.text, fraction: fraction, count: count)
            return true
        }
    }
}

extension PruningProgress.Phase {
    /// The phase without what it is at: a key of `phases`.
    var name: String {
        switch self {
        case .inputs: "inputs"
        case .moments: "moments"
        case .ranking: "ranking"
        case .errorCurves: "errorCurves"
        case .refit: "refit"
        case .learning: "learning"
        case .finished: "report"
        }
    }

    /// What is being done, for a person to read.
    var text: String {
        switch self {
        case .inputs: "drawing inputs"
        case .moments: "measuring activations"
        case .ranking(let group): "ranking channels of \(group)"
        case .errorCurves: "predicting errors"
        case .refit(let consumer, let count): "refitting layer \(consumer + 1) of \(count)"
        case .learning(let step, let steps): "learning, step \(step) of \(steps)"
        case .finished: "finished"
        }
    }
}
