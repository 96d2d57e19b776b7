// How much a solve may still spend: iterations, time, and the caller's patience.

/// What an observer is told.
public struct MinimumVolumeEllipsoidProgress: Sendable {
    /// Iterations so far.
    public let iterations: Int
    /// Reads of the whole data so far.
    public let dataPasses: Int
    /// Current max κ/D − 1 over the points looked at.
    public let gap: Double
}

struct EffortBudget {
    private(set) var iterations = 0
    var dataPasses = 0
    /// Why no more may be spent; nil while there is some left.
    private(set) var exhausted: MinimumVolumeEllipsoid.Status?
    private let iterationLimit: Int
    private let deadline: ContinuousClock.Instant?
    private let observer: (@Sendable (MinimumVolumeEllipsoidProgress) -> Bool)?

    init(iterationLimit: Int, deadline: ContinuousClock.Instant?, observer: (@Sendable (MinimumVolumeEllipsoidProgress) -> Bool)?) {
        self.iterationLimit = iterationLimit
        self.deadline = deadline
        self.observer = observer
    }

    /// Counts one iteration and says whether it may be done.
    mutating func spendIteration(gap: Double) -> Bool {
        guard check() else { return false }
        guard iterations < iterationLimit else {
            exhausted = .iterationLimit
            return false
        }
        if let observer, !observer(.init(iterations: iterations, dataPasses: dataPasses, gap: gap)) {
            exhausted = .cancelled
            return false
        }
        iterations += 1
        return true
    }

    /// Whether anything is left, looking at the clock.
    mutating func check() -> Bool {
        if exhausted == nil, let deadline, ContinuousClock.now >= deadline { exhausted = .timeLimit }
        return exhausted == nil
    }
}
