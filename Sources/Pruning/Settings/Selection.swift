// Which channels stay.

/// The rule that chooses the kept channels of a group.
public enum Selection: String, Sendable, Codable, CaseIterable {
    /// Draws with probability proportional to the peeling sensitivities until m distinct channels are chosen.
    case sensitivity
    /// The m largest sensitivities; ties by norm of the point, then lowest index.
    case top
    /// Forward selection: each channel in turn lowers the output error of the refit most.
    case greedy
    /// Backward elimination: each channel removed raises the output error of the refit least.
    case backward
    /// The m largest ‖pᵢ‖₁ (a baseline).
    case l1
    /// The m largest ‖pᵢ‖₂ (a baseline).
    case l2
    /// A uniformly random subset (a baseline).
    case uniform

    /// Whether the rule reads the ellipsoid's sensitivities.
    public var usesSensitivities: Bool { self == .sensitivity || self == .top }
    /// Whether the rule depends on the seed.
    public var isRandom: Bool { self == .sensitivity || self == .uniform }
    /// Whether the rule reads moments of the activations.
    public var usesMoments: Bool { self == .greedy || self == .backward }
}

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

/// Where means and covariances of activations come from.
public enum InputModel: String, Sendable, Codable, CaseIterable {
    /// Calibration images when given, else the strongest model that fits the network.
    case auto
    /// Gaussian inputs, moments in closed form (dense networks).
    case gaussian
    /// Class-ascended samples of the Gaussian prior (dense networks).
    case ascended
    /// Gaussian channels with the means and deviations that batch normalizations store, correlations by formula; nothing is drawn.
    case batchNorm = "batch-norm"
    /// Synthetic images: matched to the batch normalizations, or of declared pixel statistics where there are none.
    case synthetic
    /// Activations on images that the user gave.
    case calibration
}

/// A named combination of settings.
public enum Recipe: String, Sendable, Codable, CaseIterable {
    /// What measures best.
    case best
    /// Löwner ellipsoid → Carathéodory → peeling → sampling → coreset weights, as published.
    case paper
}
