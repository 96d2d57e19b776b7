// Everything that a learning run needs to go on.

/// A learning run between two steps.
public struct LearningState: Sendable, Equatable {
    /// Steps made.
    public var step: Int
    /// Weights in their units, and Adam's moments of their slopes.
    public var values: [Float]
    /// First moments of the slopes, one per weight.
    public var first: [Float]
    /// Second moments of the slopes, one per weight.
    public var second: [Float]
    /// Steps that the moments have seen.
    public var momentSteps: Int
    /// The weights with the least held-out error so far.
    public var best: [Float]
    /// Held-out error of `best`.
    public var bestError: HeldOutError
    /// Held-out error before the first step.
    public var startError: HeldOutError
    /// Largest rate: chosen at first, halved whenever held-out inputs get much worse.
    public var rate: Double

    /// A state of these parts, as it was stored.
    public init(
        step: Int, values: [Float], first: [Float], second: [Float], momentSteps: Int, best: [Float], bestError: HeldOutError,
        startError: HeldOutError, rate: Double
    ) {
        self.step = step
        self.values = values
        self.first = first
        self.second = second
        self.momentSteps = momentSteps
        self.best = best
        self.bestError = bestError
        self.startError = startError
        self.rate = rate
    }
}
