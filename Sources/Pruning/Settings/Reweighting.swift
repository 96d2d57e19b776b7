// What the kept channels owe for the removed ones.

/// What the kept channels owe for the removed ones.
public enum Reweighting: String, Sendable, Codable, CaseIterable {
    /// Outgoing weights stay as they are.
    case none
    /// Outgoing weights times the sampling weights u(i): unbiased, of high variance.
    case coreset
    /// One least-squares refit per group, targets and regressors from the original network.
    case leastSquares = "least-squares"
    /// Least squares in forward order, regressors from the network pruned so far.
    case sequential

    /// Whether the rule reads moments of the activations.
    public var usesMoments: Bool { self == .leastSquares || self == .sequential }
}
