// Every group of a run, ranked.

/// The ranked groups of a run, in its order.
struct ChannelRanking: Sendable {
    let groups: [RankedGroup]
    /// Seconds that ranking each group took.
    let seconds: [Double]

    /// Ranks all groups.
    /// - Throws: as `RankedGroup`; `cancelled`.
    init(_ moments: MomentTable, _ inputs: RunInputs, _ run: PruningRun) throws(PruningError) {
        let ridge = inputs.relativeRidge(run.settings)
        let waits = run.settings.reweighting == .sequential && inputs.samples != nil
        var groups: [RankedGroup] = []
        var seconds: [Double] = []
        for index in run.groups.indices {
            try run.begin(.ranking(group: run.groups[index].id))
            let (ranked, spent) = try run.timed { () throws(PruningError) in
                try RankedGroup(index, moments, relativeRidge: ridge, waits: waits, run)
            }
            groups.append(ranked)
            seconds.append(spent)
        }
        (self.groups, self.seconds) = (groups, seconds)
    }
}
