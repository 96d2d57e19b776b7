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
    private(set) var masked: MaskedNetwork
    /// One per group of the run.
    private(set) var outcomes: [GroupOutcome]

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
        let sites = try Site.sites(
            of: groups.filter { counts[$0.index] < $0.count }.map(\.reading), in: run.network,
            followers: inputs.provenance.isMeasured)
        let metric = OutputMetric(inputs, on: samples)
        var (exact, approximate) = (
            try ActivationFrontier(samples, of: run.network), try ActivationFrontier(samples, of: run.network)
        )
        for (index, site) in sites.enumerated() {
            try run.begin(.refit(consumer: index))
            let (errors, seconds) = try run.timed { () throws(PruningError) in
                let node = site.consumer.layer.node
                try exact.advance(to: node, in: original)
                try approximate.advance(to: node, in: masked)
                let problem = try SiteProblem(
                    site, exact, of: original, approximate, of: masked, strengths: .init(inputs, run.settings),
                    using: run.places(ofSite: index))
                for g in site.groups where kept[g] == nil {
                    let removed = SequentialRefit.removedOutputs(of: site.consumer, groups) { kept[$0] }
                    let factor = try metric.factor(behind: site.consumer)
                    let choice = site.choice(problem, of: g, removed: removed, factor: factor) { kept[$0] }
                    kept[g] = try groups[g].select(choice, keeping: counts[g])
                }
                return try masked.refit(site, problem, kept: site.patches.blocks { kept[$0] })
            }
            for g in site.groups {
                outcomes[g].errors.append(errors)
                outcomes[g].seconds += seconds / Double(site.groups.count)
            }
        }
        for g in groups.indices { outcomes[g].kept = kept[g] ?? [] }
    }

    /// Outputs of a consumer that the choices made so far remove: nobody will read them.
    private static func removedOutputs(of consumer: Consumer, _ groups: [RankedGroup], kept: (_ group: Int) -> [Int]?) -> Set<Int> {
        var removed: Set<Int> = []
        for (g, group) in groups.enumerated() {
            guard let stay = kept(g), stay.count < group.count else { continue }
            for slice in group.group.slices
            where slice.role == .producer && slice.parameter == consumer.layer.weight && slice.axis == consumer.outputAxis {
                for c in Set(0..<group.count).subtracting(stay) { removed.formUnion(slice.map.positions(of: c)) }
            }
        }
        return removed
    }
}
