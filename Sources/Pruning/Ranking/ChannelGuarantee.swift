// What is proven about the kept channels of a group, always with the points it is proven for.

/// The geometric guarantee of a group's kept channels.
public struct ChannelGuarantee: Sendable, Equatable, Codable {
    /// The ℓ∞ factor of the kept channels, or why there is none.
    public var factor: ProvenFactor
    /// What stands for a channel.
    public var representation: PointRepresentation
    /// Number of directions that the statement is about, and the share of Σ‖pᵢ‖² in them, 0…1.
    public var rank: Int
    public var retainedEnergy: Double
    /// When sensitivities were peeled.
    public var peeling: Peeling?
    /// When channels were drawn.
    public var sampling: Sampling?

    /// How the sensitivities came about.
    public struct Peeling: Sendable, Equatable, Codable {
        /// Rounds of peeling.
        public var peels: Int
        /// Σs, and Σ min(1, s).
        public var total: Double
        public var capped: Double
    }

    /// What the draw promises.
    public struct Sampling: Sendable, Equatable, Codable {
        /// Number of draws made.
        public var draws: Int
        /// ε of the sampling bound; above 1 it promises nothing.
        public var epsilon: Double
        /// The bound in one sentence.
        public var statement: String
    }
}
