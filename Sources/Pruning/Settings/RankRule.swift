// How many directions the geometry looks at.

/// How many principal directions of the points are used.
public enum RankRule: Sendable, Equatable, Codable {
    /// At most this many.
    case fixed(Int)
    /// The least number that retains this share of Σ‖pᵢ‖², 0 < share ≤ 1.
    case energy(Double)
}
