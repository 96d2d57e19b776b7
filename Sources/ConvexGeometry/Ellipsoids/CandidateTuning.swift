// The numbers of column generation outside its masters, and why they are what they are. Where a reason is a cost that was
// measured, Documentation/Tuning.md has the rows: each number at a half and at twice itself.

/// Sizes of the sets that masters look at, and tolerances between rounds.
package struct CandidateTuning: Sendable {
    /// Order below which contact points are near D²/2, where projected Newton steps are erratic and the interior-point method is cheap.
    package var leastOrderOfProjectedNewton = 8
    /// Candidates for each order from which projected Newton steps are tried: fewer are all in the support, or nearly so.
    package var leastCandidates = 2
    /// Tolerance of the last masters as a share of the caller's, of the gap and of the deficit: the certificate sees points that the
    /// pool does not hold.
    package var tightest = 0.3
    /// Gap on the pool, as a share of the caller's, at which interior-point rounds end: the pool holds nearly all that the
    /// certificate will see, and half of the gap is left for the rest.
    package var poolGap = 0.5
    /// Tolerance of the first: a gap of 3e-2 is what a working set of 6·D points leaves open on the pool.
    package var first = 3e-2
    /// A next round is solved to this share of the gap found (inside the pool, and after a read): solving closer would be undone by the
    /// points that join.
    package var next = (pool: 0.05, read: 0.02)
    /// Interior-point rounds in which points may be dropped on a guess; a mistake costs a round, so not for ever.
    package var boldRounds = 4
    /// Candidates between reads: 4000 + 12·D hold the contact points of any set that is not on a quadric, n/100 of them at most
    /// 100 000 keep the second read from finding many more.
    package var pool = (base: 4000, perOrder: 12, share: 100, most: 100_000)
    /// After a read of good weights, candidates are those which a change by so many gaps, or by this share of D, could lift to D. The
    /// read keeps what a gap of 0.1/8 would ask for: the first certificate of 10⁵×50 finds 0.004, and another read for its candidates
    /// would cost a third more.
    package var margin = (gaps: 8.0, least: 0.02, read: 0.1)
    /// First working set, by order, and at least.
    package var working = (perOrder: 6, least: 200)
    /// Violators that join at once, by order, and at least.
    package var joining = (perOrder: 8, least: 400)
    /// Violators are those beyond this share of the gap asked for, the tolerance of the last masters.
    package var violation = 0.3
    /// Weight below which a point leaves the working set before the last master: far below what a tolerance of 3e-2 resolves.
    package var vanished = 1e-13
    /// Largest κ/D from which the metric of the sample says nothing about the points that matter: 1e6 of 1e16 leaves ten digits.
    package var farOutlier = 1e6
    /// Points of the sample among which a spanning set is looked for, and farthest points around which a frame is made again, by
    /// order: four times as many as are needed, so that a few in a common plane do no harm.
    package var spanning = 4
}
