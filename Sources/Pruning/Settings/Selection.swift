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
    /// Whether the rule reads moments of the activations.
    public var usesMoments: Bool { self == .greedy || self == .backward }
}
