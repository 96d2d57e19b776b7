import Synchronization

/// Collects the progress of a solve as the method reports it: column generation speaks of the points it works with, so that
/// its gap rises whenever others join; the last point is the certificate over all points.
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
