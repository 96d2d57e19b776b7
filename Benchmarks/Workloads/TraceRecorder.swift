import Synchronization

/// Collects the progress of a solve; the gap shown is the best so far, because what a user holds never gets worse.
final class TraceRecorder: Sendable {
    private let start = ContinuousClock.now
    private let collected = Mutex<[ConvergenceTrace.Point]>([])

    var points: [ConvergenceTrace.Point] { collected.withLock { $0 } }

    func record(_ iteration: Int, _ gap: Double) {
        guard gap.isFinite, gap > 0 else { return }
        let seconds = start.duration(to: .now).seconds
        collected.withLock { points in
            points.append(ConvergenceTrace.Point(iteration: iteration, seconds: seconds, gap: gap))
        }
    }
}
