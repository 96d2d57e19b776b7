/// Where a pruning run is; handed to an observer that may stop it.
public struct PruningProgress: Sendable, Equatable {
    /// What is being done, for a person to read.
    public var phase: String
    /// Finished steps and all steps of the run.
    public var completed: Int
    public var total: Int
}

/// Called between steps; returning `false` cancels the run.
public typealias PruningObserver = @Sendable (PruningProgress) -> Bool
