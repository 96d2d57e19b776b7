// Inputs → moments → ranking → budget → refit → plan.

import NeuralNetworks

/// Plans the pruning of one network.
///
/// ```swift
/// let pruner = try Pruner(network: network, settings: PruningSettings(budget: .keep(0.3)))
/// let plan = try pruner.plan()
/// let smaller = try plan.apply(to: network)
/// ```
public struct Pruner: Sendable {
    /// The network, shapes inferred.
    public let network: Network
    /// What the user decided, in range.
    public let settings: PruningSettings
    /// The groups that may be cut, in topological order.
    public let groups: [ChannelGroup]
    /// Residual streams that stay whole though all were asked for.
    private let wholeStreams: [ChannelGroup]

    /// Checks settings and weights and finds the groups.
    ///
    /// - Throws: `invalidSetting`, `unsupported`, `nonFiniteParameter`, `network`, `nothingToPrune`, `unknownLayer`, `wholeLayer`.
    /// - Complexity: one pass over the parameters.
    public init(network: Network, settings: PruningSettings) throws(PruningError) {
        try settings.validate()
        // Constants of the graph may be masks of −∞.
        let weights = Set(
            network.nodes.flatMap { node in if case .constant = node.layer { [String]() } else { node.layer.parameterNames } })
        for name in network.parameters.keys.sorted() {
            let isBad: (Float) -> Bool = if weights.contains(name) { { !$0.isFinite } } else { \.isNaN }
            if let index = network.parameters[name]?.values.firstIndex(where: isBad) {
                throw .nonFiniteParameter(name: name, index: index)
            }
        }
        let all: [ChannelGroup]
        do {
            self.network = try network.inferringShapes()
            all = try self.network.channelGroups()
        } catch {
            throw .network(error)
        }
        self.settings = settings
        // Naming a residual stream is asking for it.
        groups = all.filter { $0.isPrunable || $0.isCuttable && (settings.cutsResidualStreams || settings.layerRatios[$0.id] != nil) }
        wholeStreams = settings.cutsResidualStreams ? all.filter { !$0.isInner && !$0.isCuttable } : []
        guard !groups.isEmpty else {
            throw .nothingToPrune(reason: all.first { $0.barrier != nil }?.barrier ?? "no layer has another one behind it")
        }
        let names = groups.map(\.id)
        for name in settings.layerRatios.keys.sorted() where !names.contains(name) {
            if let reason = all.first(where: { $0.id == name })?.barrier { throw .wholeLayer(name: name, reason: reason) }
            throw .unknownLayer(name: name, available: names)
        }
    }

    /// Chooses channels and weights.
    ///
    /// - Parameters:
    ///   - calibration: normalized inputs, batch axis first; labels are not used.
    ///   - observer: told about every step; returning `false` cancels.
    /// - Throws: ``PruningError``.
    public func plan(calibration: ActivationTensor? = nil, observer: PruningObserver? = nil) throws(PruningError) -> PruningPlan {
        let merges =
            settings.mergesRedundantChannels
            ? try ExactMerges(network, groups: groups) : ExactMerges(keeping: network, groupCount: groups.count)
        let run = PruningRun(network, merges: merges, groups: groups, settings: settings, observer: observer)
        // What costs nothing needs no inputs.
        if let counts = BudgetAllocation.uniformCounts(run), run.isWithoutLoss(counts), counts != groups.map(\.count),
            let unfitted = settings.withoutMoments
        {
            return try Pruner(network: network, settings: unfitted).plan(observer: observer).with([.lossless])
        }
        try run.begin(.inputs)
        let inputs = try RunInputs(calibration, for: run)
        if !inputs.areEnough(for: settings), let fallback = settings.withoutMoments {
            let warning = PruningWarning.settingsWithoutInputs(
                selection: fallback.selection, points: fallback.points, reweighting: fallback.reweighting)
            return try Pruner(network: network, settings: fallback).plan(observer: observer).with([warning])
        }
        try run.begin(.moments)
        let moments = try MomentTable(inputs, run)
        let ranking = try ChannelRanking(moments, inputs, run)
        let shared = try SharedGroups(ranking, inputs, run)
        let errors = try ErrorCurves(ranking, shared, inputs, run)
        let counts = try BudgetAllocation.counts(errors, run)
        var refit = try Refit(ranking, keeping: counts, shared, inputs, run)
        if let samples = inputs.samples, refit.agreement != nil,
            let narrower = BudgetAllocation.countsWithWholeStreams(insteadOf: counts, errors, run)
        {
            refit = refit.unless(try Refit(ranking, keeping: narrower, shared, inputs, run), inputCount: samples.batchCount)
        }
        let streams = wholeStreams.map { PruningWarning.wholeStream(group: $0.id, reason: $0.barrier) }
        let plan = try PruningPlan(refit, ranking, errors, inputs, run).with(streams + run.unmeasured).learned(inputs, run)
        try run.begin(.finished)
        return plan
    }
}
