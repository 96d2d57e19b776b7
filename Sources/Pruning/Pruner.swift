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
    let wholeStreams: [ChannelGroup]

    /// Checks settings and weights and finds the groups.
    ///
    /// - Throws: `invalidSetting`, `unsupported`, `nonFiniteParameter`, `network`, `nothingToPrune`, `onlyResidualStreams`,
    ///   `unknownLayer`, `unknownName`, `wholeLayer`.
    /// - Complexity: one pass over the parameters.
    public init(network: Network, settings: PruningSettings) throws(PruningError) {
        try settings.validate()
        if let found = network.firstUnusableParameter { throw .nonFiniteParameter(name: found.name, index: found.index) }
        let all: [ChannelGroup]
        do {
            self.network = try network.inferringShapes()
            all = try self.network.channelGroups()
        } catch {
            throw .network(error)
        }
        self.settings = settings
        // Naming a residual stream is asking for it.
        let excluded = try ExcludedGroups(settings.excludedNames ?? [], in: self.network, groups: all)
        let cuttable = all.filter {
            $0.isPrunable || $0.isCuttable && (settings.cutsResidualStreams || settings.layerRatios[$0.id] != nil)
        }
        groups = cuttable.filter { !excluded.contains($0) }
        wholeStreams = settings.cutsResidualStreams ? all.filter { !$0.isInner && !$0.isCuttable } : []
        guard cuttable.isEmpty || !groups.isEmpty else { throw .nothingToPrune(reason: "all that may be cut is excluded") }
        guard !groups.isEmpty else {
            let streams = all.filter(\.isCuttable).map(\.id)
            if !streams.isEmpty { throw .onlyResidualStreams(groups: streams) }
            throw .nothingToPrune(
                reason: all.first { $0.barrier != nil }?.barrier ?? self.network.unknownOperations.first.map {
                    "node \($0) is not understood"
                }
                    ?? "no layer has another one behind it")
        }
        let names = groups.map(\.id)
        for name in settings.layerRatios.keys.sorted() where !names.contains(name) {
            if cuttable.contains(where: { $0.id == name }) { throw .wholeLayer(name: name, reason: "it is excluded") }
            if let reason = all.first(where: { $0.id == name })?.barrier { throw .wholeLayer(name: name, reason: reason) }
            throw .unknownLayer(name: name, available: names)
        }
    }

    /// Chooses channels and weights.
    ///
    /// - Parameters:
    ///   - calibration: normalized inputs, batch axis first; labels are not used. Handed over, they leave memory once those of the fit
    ///     are chosen.
    ///   - observer: told about every step; returning `false` cancels.
    /// - Throws: ``PruningError``.
    /// - Complexity: what ``PruningSettings/effort`` allows in passes over inputs, then O(n³) for a group of n channels.
    public func plan(
        calibration: consuming ActivationTensor? = nil, observer: PruningObserver? = nil
    ) throws(PruningError) -> PruningPlan {
        let run = try begin(observer, isGivenInputs: calibration != nil)
        // What costs nothing needs no inputs.
        if let plan = try losslessPlan(run, observer) { return plan }
        try BudgetAllocation.checkReach(of: run)
        return try PreparedPruning(self, run, calibration: calibration, observer: observer).plan(budget: settings.budget)
    }

    /// Measures all that does not depend on how much stays, for plans of several sizes; the budget of the settings says which kind.
    ///
    /// - Parameters: as of ``plan(calibration:observer:)``.
    /// - Throws: ``PruningError``.
    /// - Complexity: as ``plan(calibration:observer:)`` without the refit.
    public func prepare(
        calibration: consuming ActivationTensor? = nil, observer: PruningObserver? = nil
    ) throws(PruningError) -> PreparedPruning {
        let run = try begin(observer, isGivenInputs: calibration != nil)
        return try PreparedPruning(self, run, calibration: calibration, observer: observer)
    }

    private func begin(_ observer: PruningObserver?, isGivenInputs: Bool) throws(PruningError) -> PruningRun {
        let comparable = comparable
        let merges =
            settings.mergesRedundantChannels
            ? try ExactMerges(comparable, groups: groups) : ExactMerges(keeping: comparable, groupCount: groups.count)
        return PruningRun(comparable, merges: merges, groups: groups, settings: settings, isGivenInputs: isGivenInputs, observer: observer)
    }

    /// The network with ends that can be compared where its own outputs cannot, unless channels that may go would have to stay for them.
    private var comparable: Network {
        let result = network.endingWhereComputable()
        guard result.outputs != network.outputs, let found = try? result.channelGroups() else { return network }
        let free = Dictionary(found.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        return groups.allSatisfy { free[$0.id]?.barrier == nil && free[$0.id]?.count == $0.count } ? result : network
    }

    /// The first node in the way of the network's own outputs, where what it reads is compared in their place.
    func replacedOutputs(in run: PruningRun) -> [PruningWarning] {
        guard run.original.outputs != network.outputs,
            let obstacle = run.evaluability.blockingNodes.first(where: {
                network.nodes.indices.contains($0.node) && !network.nodes[$0.node].outputs.isEmpty
            })
        else { return [] }
        return [.comparedBefore(node: obstacle.name, operation: obstacle.operation)]
    }

    /// The plan where the counts asked for cost nothing but redundant channels.
    func losslessPlan(_ run: PruningRun, _ observer: PruningObserver?) throws(PruningError) -> PruningPlan? {
        guard let counts = BudgetAllocation.uniformCounts(run), run.isWithoutLoss(counts), counts != groups.map(\.count),
            let unfitted = run.settings.withoutMoments
        else { return nil }
        return try Pruner(network: network, settings: unfitted).plan(observer: observer).with([.lossless])
    }
}
