// What a run knows before it is decided how much stays: inputs, moments, rankings and error curves, for plans of several sizes.

import NeuralNetworks

/// A network measured for pruning to any size.
///
/// ```swift
/// let prepared = try Pruner(network: network, settings: PruningSettings(budget: .multiplyAdds(1))).prepare()
/// let half = try prepared.plan(budget: .multiplyAdds(0.5))
/// let third = try prepared.plan(budget: .multiplyAdds(0.33))
/// ```
public struct PreparedPruning: Sendable {
    private enum Knowledge: Sendable {
        case measured(RunInputs, ChannelRanking, SharedGroups, ErrorCurves)
        /// No inputs: the settings that need none.
        case unmeasured(PruningSettings)
    }

    private let pruner: Pruner
    private let run: PruningRun
    private let knowledge: Knowledge
    private let observer: PruningObserver?

    init(
        _ pruner: Pruner, _ run: PruningRun, calibration: consuming ActivationTensor?, observer: PruningObserver?
    ) throws(PruningError) {
        (self.pruner, self.run, self.observer) = (pruner, run, observer)
        try run.begin(.inputs)
        let inputs = try RunInputs(calibration, for: run).withAnswersChecked(for: run)
        if !inputs.areEnough(for: run.settings), let fallback = run.settings.withoutMoments {
            knowledge = .unmeasured(fallback)
            return
        }
        try run.begin(.moments)
        let moments = try MomentTable(inputs, run)
        let ranking = try ChannelRanking(moments, inputs, run)
        let shared = try SharedGroups(ranking, inputs, run)
        knowledge = .measured(inputs, ranking, shared, try ErrorCurves(ranking, shared, inputs, run))
    }

    /// How many channels of each group a plan of this size keeps, before residual streams are compared with whole ones; `nil` where
    /// nothing was measured. Sizes with the same counts are one network.
    /// - Throws: `unreachableTarget`.
    public func counts(budget: Budget) throws(PruningError) -> [Int]? {
        guard case .measured(_, _, _, let errors) = knowledge else { return nil }
        return try BudgetAllocation.counts(errors, run.with(budget))
    }

    /// Chooses channels and weights for one size; the same plan, but for its duration, as ``Pruner/plan(calibration:observer:)`` makes
    /// of settings with this budget. The duration is that since the preparation began.
    ///
    /// - Parameter budget: of the kind that the settings have: what error curves are worth depends on it.
    /// - Throws: ``PruningError``; `unreachableTarget` for less than there is.
    /// - Complexity: choice and refit alone; what was measured is kept.
    public func plan(budget: Budget) throws(PruningError) -> PruningPlan {
        precondition(budget.setting == run.settings.budget.setting, "a budget of another kind than prepared for")
        try run.settings.with(budget).validate()
        let run = run.with(budget)
        if let plan = try pruner.losslessPlan(run, observer) { return plan }
        switch knowledge {
        case .unmeasured(let fallback):
            let warning = PruningWarning.settingsWithoutInputs(
                selection: fallback.selection, points: fallback.points, reweighting: fallback.reweighting)
            return try Pruner(network: pruner.network, settings: fallback.with(budget)).plan(observer: observer).with([warning])
        case .measured(let inputs, let ranking, let shared, let errors):
            let plan = try fitted(ranking, shared, errors, inputs, run).learned(inputs, run)
            try run.begin(.finished)
            return plan
        }
    }

    /// The plan before anything is learned. The refitted network, as large as the original, does not outlive the call.
    private func fitted(
        _ ranking: ChannelRanking, _ shared: SharedGroups, _ errors: ErrorCurves, _ inputs: RunInputs, _ run: PruningRun
    ) throws(PruningError) -> PruningPlan {
        let counts = try BudgetAllocation.counts(errors, run)
        var refit = try Refit(ranking, keeping: counts, shared, inputs, run)
        if let samples = inputs.samples, let narrower = BudgetAllocation.countsWithWholeStreams(insteadOf: counts, errors, run) {
            refit = try refit.unless(
                { () throws(PruningError) in try Refit(ranking, keeping: narrower, shared, inputs, run) },
                inputCount: samples.batchCount, inputs, run)
        }
        let streams = pruner.wholeStreams.map { PruningWarning.wholeStream(group: $0.id, reason: $0.barrier) }
        return try PruningPlan(refit, ranking, errors, inputs, run).with(streams + run.unmeasured + pruner.replacedOutputs(in: run))
    }
}
