// The numbers of the interior-point master, and why they are what they are (rows beside them: Documentation/Tuning.md).

/// Where to start, how far to step, and which points to keep.
package struct InteriorPointTuning: Sendable {
    /// Share of the start's mass that is spread evenly: every point is lifted off the boundary, to a fifth of its mean weight.
    package var lifted = 0.2
    /// Multiplicative steps u ← u∘κ/D before the first: each costs an evaluation, and together they do what two or three
    /// Newton steps would, at a sixth of the price when m ≈ 6·D.
    package var multiplicativeSteps = 6
    /// A gap that is not below this of the best counts as no progress …
    package var progress = 0.9
    /// … and so many of them in a row as a stall: twice what a solve takes from cold.
    package var stalls = 12
    /// First μ, relative to D/m, for a gap in these limits: the complementarity that the multiplicative steps have
    /// left, less what the predictor takes at once.
    package var firstTarget = 0.3
    package var firstGap = 0.02...1.0
    /// Half of the deficit that is allowed: points below it lose their weight, the other half is for what that changes.
    package var purge = 0.5
    /// Mass that a purge may take, as a share of the gap: κ of the others rises by as much.
    package var purgedMass = 0.1
    /// … plus what rounding leaves on points that are off by a deficit.
    package var roundedMass = 1e-14
    /// Points are dropped on a guess when u/s is this far below its mean, and κ this many gaps below D: the quotient falls by
    /// the square of μ's factor from step to step for points that vanish, so two steps separate them.
    package var boldness = (quotient: 1e-3, gaps: 3.0)
    /// The set is packed when less than this of it is left.
    package var worthPacking = 0.93
    /// Share of the way to the boundary that the predictor is judged at: rounding of the last pivot must not make it infeasible.
    package var predicted = 0.999
    /// Least share of the way to the boundary that a step goes (Mehrotra, SIAM J. Optim. 2 (1992), has 0.995, too); it tends to 1 with
    /// the distance, which makes the tail quadratic.
    package var leastWay = 0.995
    /// Least factor of μ from step to step: Mehrotra's σ³ may be 0 to rounding, and weights that reach the boundary do not leave it.
    package var leastCentering = 1e-4
}
