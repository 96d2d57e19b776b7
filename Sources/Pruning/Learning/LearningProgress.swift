// How a learning run tells where it is.

/// Where a learning run is.
public struct LearningProgress: Sendable {
    /// Steps made.
    public var step: Int
    /// Steps of the whole run.
    public var steps: Int
    /// Objective of the last step's inputs.
    public var loss: Double
    /// Latest error on held-out inputs.
    public var heldOutError: Double
    /// Everything that is needed to go on from here later.
    public var state: LearningState
}

/// Called behind every step; returning `false` stops the run, with the best weights so far as its result.
public typealias LearningObserver = (LearningProgress) -> Bool
