// How much a solve may still spend: iterations, time, and the caller's patience.
//
// Time is looked at before work, not after it: who asks says what is next, the pace of what was announced before says
// how long it will take, and `reserve` is what the certificate will need after it. A step that would end too late is
// not begun.

/// Work that is about to be done.
package struct Effort: Sendable {
    /// Floating-point operations at the pace of matrix products, reads of the data not included.
    package var flops: Double
    /// Reads of all points, or fractions of one.
    package var reads: Double

    package init(flops: Double = 0, reads: Double = 0) { (self.flops, self.reads) = (flops, reads) }

    static func * (factor: Double, effort: Effort) -> Effort { Effort(flops: factor * effort.flops, reads: factor * effort.reads) }
}

package struct EffortBudget {
    /// Time since the solve began.
    package typealias Clock = @Sendable () -> Duration

    package private(set) var iterations = 0
    var dataPasses = 0
    /// Why no more may be spent; nil while there is some left.
    package private(set) var exhausted: MinimumVolumeEllipsoid.Status?
    /// What follows when the method stops: the certificate.
    package var reserve = Effort()
    private let iterationLimit: Int
    private let timeLimit: Double?
    private let clock: Clock
    private let observer: (@Sendable (MinimumVolumeEllipsoid.Progress) -> Bool)?
    /// Seconds per flop and per read.
    private var pace = (flop: Pace(), read: Pace())
    private var announced: (work: Effort, start: Double)?

    package init(
        iterationLimit: Int, timeLimit: Duration?, clock: @escaping Clock,
        observer: (@Sendable (MinimumVolumeEllipsoid.Progress) -> Bool)? = nil
    ) {
        self.iterationLimit = iterationLimit
        self.timeLimit = timeLimit?.seconds
        self.clock = clock
        self.observer = observer
    }

    var isTimed: Bool { timeLimit != nil }

    /// Counts one iteration of `work` flops and says whether it may be done.
    package mutating func spendIteration(gap: Double, work: Double) -> Bool {
        guard affords(Effort(flops: work)) else { return false }
        guard iterations < iterationLimit else { return exhaust(.iterationLimit) }
        if let observer, !observer(.init(iterations: iterations, dataPasses: dataPasses, gap: gap)) { return exhaust(.cancelled) }
        iterations += 1
        return true
    }

    /// Whether `work`, which begins now, would leave time for the reserve.
    package mutating func affords(_ work: Effort) -> Bool {
        guard exhausted == nil else { return false }
        guard let timeLimit else { return true }
        settle()
        let now = clock().seconds
        let predicted = (work.flops + reserve.flops) * pace.flop.mean + (work.reads + reserve.reads) * pace.read.mean
        guard now < timeLimit, now + predicted <= timeLimit else { return exhaust(.timeLimit) }
        announced = (work, now)
        return true
    }

    /// The work announced is done; what follows does not count for the pace.
    package mutating func settle() {
        guard let (work, start) = announced else { return }
        announced = nil
        let seconds = clock().seconds - start
        if work.reads > 0 {
            pace.read.add(work.reads, seconds)
        } else if work.flops > 0 {
            pace.flop.add(work.flops, seconds)
        }
    }

    private mutating func exhaust(_ status: MinimumVolumeEllipsoid.Status) -> Bool {
        exhausted = status
        return false
    }
}

/// Seconds per unit of work, over the last pieces of it: another process on the processor during one of them says little about the next.
private struct Pace {
    private var work = 0.0
    private var seconds = 0.0
    private var pieces = 0

    /// 0 before any work.
    var mean: Double { work > 0 ? seconds / work : 0 }

    mutating func add(_ work: Double, _ seconds: Double) {
        self.work += work
        self.seconds += seconds
        pieces += 1
        // Twice as many pieces as are remembered: the older half counts half.
        guard pieces >= 64 else { return }
        (self.work, self.seconds, pieces) = (self.work / 2, self.seconds / 2, 32)
    }
}
