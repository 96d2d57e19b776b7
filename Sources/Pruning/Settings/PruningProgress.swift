// Where a run is, for those who wait for it.

/// Where a pruning run is; handed to an observer that may stop it.
public struct PruningProgress: Sendable, Equatable {
    /// What begins.
    public enum Phase: Sendable, Equatable {
        /// Choosing and drawing inputs.
        case inputs
        /// Measuring activations.
        case moments
        /// Ranking the channels of the named group.
        case ranking(group: String)
        /// Predicting what cutting each group alone costs.
        case errorCurves
        /// Refitting the consumer of this number, in forward order, of so many.
        case refit(consumer: Int, of: Int)
        /// All weights learning together: steps made, and how many there will be.
        case learning(step: Int, of: Int)
        /// The plan is made.
        case finished
    }

    /// What begins now.
    public var phase: Phase
    /// Finished steps.
    public var completed: Int
    /// All steps of the run; `completed` reaches it at the end.
    public var total: Int
    /// Share of the run's time that has passed by now, as long as phases usually take (0…1); it falls where another way is tried.
    public var fraction: Double
}

/// Called between steps; returning `false` cancels the run.
public typealias PruningObserver = @Sendable (PruningProgress) -> Bool
