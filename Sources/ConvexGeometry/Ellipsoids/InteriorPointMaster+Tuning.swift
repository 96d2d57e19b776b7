// The numbers of the interior-point master, and why they are what they are.

extension InteriorPointMaster {
    struct Tuning: Sendable {
        /// Share of the start's mass that is spread evenly: every point is lifted off the boundary, to a fifth of its mean weight.
        var lifted = 0.2
        /// Multiplicative steps u ← u∘κ/D before the first: each costs an evaluation, and together they do what two or three
        /// Newton steps would, at a sixth of the price when m ≈ 6·D.
        var multiplicativeSteps = 6
        /// A gap that is not below this of the best counts as no progress …
        var progress = 0.9
        /// … and so many of them in a row as a stall: twice what a solve takes from cold.
        var stalls = 12
        /// First μ, relative to D/m, for a gap in these limits: the complementarity that the multiplicative steps have
        /// left, less what the predictor takes at once.
        var firstTarget = 0.3
        var firstGap = 0.02...1.0
        /// Half of the deficit that is allowed: points below it lose their weight, the other half is for what that changes.
        var purge = 0.5
        /// Mass that a purge may take, as a share of the gap: κ of the others rises by as much.
        var purgedMass = 0.1
        /// … plus what rounding leaves on points that are off by a deficit.
        var roundedMass = 1e-14
        /// Points are dropped on a guess when u/s is this far below its mean, and κ this many gaps below D: the quotient falls by
        /// the square of μ's factor from step to step for points that vanish, so two steps separate them.
        var boldness = (quotient: 1e-3, gaps: 3.0)
        /// The set is packed when less than this of it is left.
        var worthPacking = 0.93

        static let standard = Tuning()
    }
}
