// Sequential reconstruction: consumers in forward order, each fitted to what the network pruned so far hands it.
//
// For each consumer of cut groups, and with real inputs for each layer behind one:
//   measure     SiteProblem, in the original network and in the one pruned so far
//   choose      by gain or cost of whole channels in these moments, weighted by what follows (a of OutputPath)
//   fit         once, over all that stays of all its groups × taps: PulledReconstruction, as far from the weights as they were
//               as images left out of the fit confirm
//   replace     the consumer's weights; the constant goes to its bias or to the running mean behind it
// Layers behind, which lose nothing themselves, are fitted to what now reaches them in the same way. Drawn inputs
// are a stand-in: on them this fits the stand-in better and the data worse, on every network tried, held-out ones included
// (Benchmarks/ConvolutionalNetworks.md), while 512 images gain where much is cut.

import LinearAlgebra
import NeuralNetworks

/// A network pruned consumer by consumer.
struct SequentialRefit: Sendable {
    /// Bytes for a fit before which memory is given back: those of activations leave gaps that matrices do not fit into.
    private static let muchMemory = 1e8

    private(set) var masked: MaskedNetwork
    /// One per group of the run.
    private(set) var outcomes: [GroupOutcome]
    private(set) var warnings: [PruningWarning] = []
    /// The original and this network behind all that was fitted, but for the dense layers at the end, with all inputs; `nil` where
    /// nothing was.
    private(set) var tail: PairedFrontier?

    /// Keeps `counts` channels of the groups and refits what reads them.
    ///
    /// - Throws: `factorization`, `evaluation`, `coreset`; `cancelled`.
    init(
        _ ranking: ChannelRanking, keeping counts: [Int], _ shared: SharedGroups, _ samples: ActivationTensor, _ inputs: RunInputs,
        _ run: PruningRun
    ) throws(PruningError) {
        let groups = ranking.groups
        let original = MaskedNetwork(run.network)
        masked = original
        outcomes = groups.map { _ in GroupOutcome(kept: [], reweighting: .sequential, errors: [], seconds: 0) }
        var kept = [[Int]?](repeating: nil, count: groups.count)
        for (g, group) in groups.enumerated() {
            let readers = shared.readers(of: g)
            if counts[g] < group.count, group.isShared, !readers.isEmpty {
                kept[g] = try group.select(readers.choice(of: g) { kept[$0] }, keeping: counts[g])
            } else if counts[g] == group.count || !group.isChosenInPlace {
                kept[g] = try group.choice(keeping: counts[g]).kept
            }
        }
        try masked.restrictStatistics(of: groups) { kept[$0] }
        let sites = try Site.sites(
            of: groups.filter { counts[$0.index] < $0.count }.map(\.reading), in: run.network,
            followers: inputs.provenance.isMeasured)
        let metric = OutputMetric(inputs, on: samples)
        var streams = PairedFrontier(
            try ActivationFrontier(samples, in: run, bytes: run.frontierBytes(samples)), isPaired: true)
        let firstOfTail = run.settings.refitsClassifier ? DenseTail(run.network).firstNode(in: run.network) : nil
        for (index, site) in sites.enumerated() {
            try run.begin(.refit(consumer: index, of: sites.count))
            let (errors, seconds): (ConsumerErrors?, Double) = try run.timed { () throws(PruningError) in
                if let firstOfTail, tail == nil, site.consumer.layer.node >= firstOfTail {
                    try streams.advance(to: firstOfTail, in: original, masked)
                    tail = streams
                }
                guard site.patches.count <= run.mostRegressors || !SequentialRefit.hasMoments(site, groups) else {
                    return try refitByChannels(site, groups, &kept, keeping: counts, inputs, run)
                }
                streams.allow(bytes: run.frontierBytes(samples, regressors: site.patches.count))
                if PruningRun.memory(forRegressors: site.patches.count) > SequentialRefit.muchMemory { FreeMemory.giveBack() }
                let problem = try SiteMeasurement.problem(
                    of: site, &streams, in: original, masked, inputs, run, using: run.places(ofSite: index))
                for g in site.groups where kept[g] == nil {
                    let removed = SequentialRefit.removedOutputs(of: site.consumer, groups) { kept[$0] }
                    let factor = try metric.factor(behind: site.consumer)
                    let choice = site.choice(problem, of: g, removed: removed, factor: factor) { kept[$0] }
                    kept[g] = try groups[g].select(choice, keeping: counts[g])
                }
                return try masked.refit(site, consume problem, kept: site.patches.blocks { kept[$0] })
            }
            for g in site.groups {
                if let errors { outcomes[g].errors.append(errors) }
                outcomes[g].seconds += seconds / Double(site.groups.count)
            }
        }
        for g in groups.indices { outcomes[g].kept = kept[g] ?? [] }
        if tail == nil, let last = sites.last?.consumer.layer.node {
            try streams.advance(to: firstOfTail ?? last, in: original, masked)
            tail = streams
        }
    }

    /// A consumer too wide for memory, in moments of the original network: the best combination of kept channels for every removed one,
    /// at all positions of a channel alike (OneShotRefit).
    ///
    /// - Returns: its error; `nil` for a layer that loses nothing and stays as it is.
    private mutating func refitByChannels(
        _ site: Site, _ groups: [RankedGroup], _ kept: inout [[Int]?], keeping counts: [Int], _ inputs: RunInputs, _ run: PruningRun
    ) throws(PruningError) -> ConsumerErrors? {
        guard !site.groups.isEmpty else { return nil }
        var fit = OneShotRefit(inputs, run)
        var own: ConsumerErrors?
        let name = site.consumer.name
        if site.patches.count > site.groups.reduce(0, { $0 + groups[$1].count }) {
            warnings.append(.fittedByChannels(consumer: name, regressors: site.patches.count))
        }
        for g in site.groups {
            let runs = run.runs(ofChannels: groups[g].count).count
            if runs > 1 { warnings.append(.fittedInRuns(consumer: name, channels: groups[g].count, runs: runs)) }
            if kept[g] == nil { kept[g] = try groups[g].choice(keeping: counts[g]).kept }
            let errors = try fit.cut(groups[g], kept: kept[g] ?? [], factors: nil)
            own = errors.first { $0.consumer.layer.node == site.consumer.layer.node } ?? own
        }
        var names = [site.consumer.layer.weight]
        switch site.consumer.layer.shift {
        case .bias(let name), .runningMean(let name), .inputBias(let name): names.append(name)
        case .none: break
        }
        for name in names where fit.masked.changed.contains(name) {
            if let tensor = fit.masked.network.parameters[name] { masked.replace(name, tensor) }
        }
        return own
    }

    /// Whether all groups that a consumer reads have moments as it reads them.
    private static func hasMoments(_ site: Site, _ groups: [RankedGroup]) -> Bool {
        site.groups.allSatisfy { g in
            zip(groups[g].consumers, groups[g].moments).contains { $0.layer.node == site.consumer.layer.node && $1 != nil }
        }
    }

    /// Outputs of a consumer that the choices made so far remove: nobody will read them.
    private static func removedOutputs(of consumer: Consumer, _ groups: [RankedGroup], kept: (_ group: Int) -> [Int]?) -> Set<Int> {
        var removed: Set<Int> = []
        for (g, group) in groups.enumerated() {
            guard let stay = kept(g), stay.count < group.count else { continue }
            for slice in group.group.slices
            where slice.role == .producer && slice.parameter == consumer.layer.weight && slice.axis == consumer.outputAxis {
                for c in Set(0..<group.count).subtracting(stay) { removed.formUnion(slice.map.positions(of: c).flatMap(consumer.outputs)) }
            }
        }
        return removed
    }
}
