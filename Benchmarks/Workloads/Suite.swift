/// A family of workloads that `loewner benchmark` runs together.
package enum Suite: String, Codable, CaseIterable, Sendable {
    /// Calls of the linear-algebra façade.
    case kernels
    /// Minimum-volume ellipsoids.
    case ellipsoid
    /// Carathéodory reductions.
    case caratheodory
    /// ℓ∞-coresets and sensitivities.
    case coreset
    /// Ellipsoids of sets too large for memory.
    case scale
    /// One layer of a network: points, coreset, refit.
    case layers
    /// A whole network pruned.
    case network
}

/// What a workload can be compared with in the same run.
package enum Comparison: String, Codable, CaseIterable, Sendable {
    /// The same work in plain Swift, without BLAS.
    case plain
    /// Several BLAS threads against one.
    case threads
    /// The kernels in use against those of an SSE3 processor (what an old OpenBLAS falls back to).
    case kernels
}

/// How long a workload may take before it is left out of the shorter runs.
package enum Tier: Int, Comparable, Sendable {
    /// Runs always.
    case quick
    /// Left out by `--quick`.
    case standard
    /// Runs only when asked for.
    case large

    package static func < (left: Tier, right: Tier) -> Bool { left.rawValue < right.rawValue }
}
