// From counts to a refitted network: the groups, then the classes, then how often it answers as the original does.

import NeuralNetworks

/// The network refitted for given counts.
struct Refit: Sendable {
    private(set) var masked: MaskedNetwork
    /// One per group of the run.
    private(set) var outcomes: [GroupOutcome]
    /// As far as both networks are final before the dense layers at the end are fitted together.
    private(set) var tail: PairedFrontier?
    private(set) var warnings: [PruningWarning] = []

    /// Keeps `counts` channels of the groups and refits what reads them.
    ///
    /// - Throws: `factorization`, `evaluation`, `coreset`; `cancelled`.
    init(
        _ ranking: ChannelRanking, keeping counts: [Int], _ shared: SharedGroups, _ inputs: RunInputs, _ run: PruningRun
    ) throws(PruningError) {
        let samples = run.settings.reweighting == .sequential ? inputs.samples : nil
        if let samples {
            let sequential = try SequentialRefit(ranking, keeping: counts, shared, samples, inputs, run)
            (masked, outcomes, tail) = (sequential.masked, sequential.outcomes, sequential.tail)
            warnings = sequential.warnings
        } else {
            (masked, outcomes) = try Refit.oneShot(ranking, keeping: counts, inputs, run)
        }
        if let tail, run.settings.refitsClassifier, run.canCompareOutputs, !run.isWithoutLoss(counts) {
            let original = MaskedNetwork(run.network)
            let outputs = try OutputRefit(masked, of: original, on: tail, bytes: run.settings.memory / 4)
            masked = outputs.masked
            for final in outputs.errors {
                for g in outcomes.indices { outcomes[g].errors = outcomes[g].errors.map { $0.replaced(by: final) } }
            }
        }
    }

    /// Share of inputs like those of the fit on which it names the class that the original names: for comparing refits. `nil` where
    /// outputs are not classes.
    private func agreement(_ inputs: RunInputs, _ run: PruningRun) throws(PruningError) -> Double? {
        guard run.canCompareOutputs, let judging = try inputs.judging(run) else { return nil }
        return try AnswerComparison(run.network, masked.network, on: judging, meter: run.meter).agreement?.share
    }

    /// Group by group, in moments of the original network.
    private static func oneShot(
        _ ranking: ChannelRanking, keeping counts: [Int], _ inputs: RunInputs, _ run: PruningRun
    ) throws(PruningError) -> (MaskedNetwork, [GroupOutcome]) {
        var refit = OneShotRefit(inputs, run)
        var outcomes: [GroupOutcome] = []
        for (g, group) in ranking.groups.enumerated() {
            try run.begin(.refit(consumer: g, of: ranking.groups.count))
            let (outcome, seconds) = try run.timed { () throws(PruningError) in
                let (kept, factors) = try group.choice(keeping: counts[g])
                let errors = kept.count < group.count ? try refit.cut(group, kept: kept, factors: factors) : []
                return GroupOutcome(kept: kept, reweighting: refit.reweighting, errors: errors, seconds: 0)
            }
            outcomes.append(outcome)
            outcomes[g].seconds = seconds
        }
        var masked = refit.masked
        try masked.restrictStatistics(of: ranking.groups) { outcomes[$0].kept }
        return (masked, outcomes)
    }

    /// This refit, which cuts residual streams, unless the other one, which leaves them whole, is about as good.
    ///
    /// A stream's error is predicted with every other group whole, and a stream has many consumers: what cutting it costs beside
    /// other cuts only the refitted network shows. Better is an agreement that is higher by a standard error.
    func unless(
        _ whole: () throws(PruningError) -> Refit, inputCount: Int, _ inputs: RunInputs, _ run: PruningRun
    ) throws(PruningError) -> Refit {
        guard let agreement = try agreement(inputs, run) else { return self }
        let whole = try whole()
        guard let without = try whole.agreement(inputs, run) else { return self }
        let error = (without * (1 - without) / Double(Swift.max(1, inputCount))).squareRoot()
        guard agreement <= without + error else { return self }
        var result = whole
        result.warnings.append(.wholeStreams(agreementCut: agreement, agreementWhole: without))
        return result
    }
}
