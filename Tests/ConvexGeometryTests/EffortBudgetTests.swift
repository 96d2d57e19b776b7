import ConvexGeometry
import Dispatch
import LinearAlgebra
import TestSupport
import Testing

/// Time that passes only when somebody says so.
private final class CountedTime: @unchecked Sendable {
    // Guarded by `lock`.
    private var total = Duration.zero
    private let lock = DispatchSemaphore(value: 1)

    var now: Duration { locked { total } }

    func pass(_ duration: Duration) { locked { total += duration } }

    private func locked<R>(_ body: () -> R) -> R {
        lock.wait()
        defer { lock.signal() }
        return body()
    }
}

/// A source on which reading is all that takes time: so much for each point.
private struct SlowPoints: PointSource {
    let points: MatrixPoints
    let time: CountedTime
    let perPoint = Duration.milliseconds(1)

    var pointCount: Int { points.pointCount }
    var dimension: Int { points.dimension }
    var relativePrecision: Double { points.relativePrecision }

    func withBlock(_ range: Range<Int>, _ body: (PointBlock) -> Void) {
        time.pass(perPoint * range.count)
        points.withBlock(range, body)
    }
}

@Suite struct EffortBudgetTests {
    /// Steps of one second, a certificate of two and a half: the last step ends where the certificate still fits.
    @Test func stepsLeaveTimeForTheCertificate() {
        let time = CountedTime()
        var budget = EffortBudget(iterationLimit: 100, timeLimit: .seconds(10), clock: { time.now })
        budget.reserve = Effort(flops: 2500)
        while budget.spendIteration(gap: 1, work: 1000) { time.pass(.seconds(1)) }
        #expect(budget.exhausted == .timeLimit)
        #expect(budget.iterations == 7)
    }

    /// A step that is too long is not begun, however much time there is for shorter ones.
    @Test func longStepsAreNotBegun() {
        let time = CountedTime()
        var budget = EffortBudget(iterationLimit: 100, timeLimit: .seconds(10), clock: { time.now })
        let isFirstDone = budget.spendIteration(gap: 1, work: 1000)
        #expect(isFirstDone)
        time.pass(.seconds(1))
        let isLongOneDone = budget.spendIteration(gap: 1, work: 9500)
        #expect(!isLongOneDone)
        #expect(budget.exhausted == .timeLimit && time.now == .seconds(1))
    }

    /// One step that another process held up says little about the next: thousands of steps of a millisecond, one of a tenth of a second.
    @Test func oneSlowStepIsNoPace() {
        let time = CountedTime()
        var budget = EffortBudget(iterationLimit: 100_000, timeLimit: .seconds(2), clock: { time.now })
        budget.reserve = Effort(flops: 20_000)
        var steps = 0
        while budget.spendIteration(gap: 1, work: 1000) {
            steps += 1
            time.pass(.milliseconds(steps == 200 ? 100 : 1))
        }
        #expect(budget.exhausted == .timeLimit && time.now > .milliseconds(1900), "stopped at \(time.now)")
    }

    /// Reads have their own pace: fast arithmetic must not make a slow read look short.
    @Test func readsHaveTheirOwnPace() {
        let time = CountedTime()
        var budget = EffortBudget(iterationLimit: 100, timeLimit: .seconds(10), clock: { time.now })
        budget.reserve = Effort(reads: 1)
        let isFirstDone = budget.affords(Effort(reads: 1))
        #expect(isFirstDone)
        time.pass(.seconds(4))
        var steps = 0
        while budget.spendIteration(gap: 1, work: 1000) {
            time.pass(.milliseconds(10))
            steps += 1
            if steps == 100 { break }
        }
        #expect(steps == 100)
        time.pass(.seconds(2))
        let isAnythingLeft = budget.affords(Effort())
        #expect(!isAnythingLeft)
    }

    /// One read of all points is 20 s, a sample 2 s: limits above that are kept, whatever the method.
    @Test(arguments: [30, 43, 46, 50, 70, 100, 200], MinimumVolumeEllipsoid.Method.allCases)
    func timeLimitsAreKept(_ seconds: Int, _ method: MinimumVolumeEllipsoid.Method) throws {
        let time = CountedTime()
        let points = Matrix(columns: PointMuseum.gaussian(20_000, 6, seed: 71))
        var settings = MinimumVolumeEllipsoid.Settings(method: method, gap: method == .khachiyan ? 1e-2 : 1e-7)
        settings.timeLimit = .seconds(seconds)
        let fit = try MinimumVolumeEllipsoid(
            source: SlowPoints(points: MatrixPoints(points), time: time), settings: settings, clock: { time.now })
        #expect(time.now <= .milliseconds(1100 * seconds), "\(fit.status) after \(time.now)")
        #expect(fit.status == .solved || fit.status == .timeLimit)
        if seconds <= 43 { #expect(fit.status == .timeLimit) }
        if seconds >= 200 { #expect(fit.status == .solved) }
        for gauge in fit.ellipsoid.gauges(of: points) { #expect(gauge <= 1 + 1e-12) }
    }
}
