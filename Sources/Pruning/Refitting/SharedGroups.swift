// Groups that several consumers read, residual streams above all: one choice of channels for all of them.
//
//   minimize over S   Σ_i w_i·e_i(S),   e_i relative error of consumer i refitted on S × taps                (1)
//   w_i = E_i/e_i                                                                                       (2)
// with E_i the relative error of the network's outputs when consumer i alone reads half of the channels, and e_i the error of
// what it computes then. (2) puts all consumers in one unit, so that (1) is what the outputs lose when their errors are
// uncorrelated. Moments are those of the original network: the choice comes before the first of the consumers is refitted.
// Cost: two passes over the inputs for the moments, and for each consumer one evaluation of what is behind it, on few inputs.
// Memory: the normal matrices of all consumers of such groups, until the run ends.

import LinearAlgebra
import NeuralNetworks

/// Least-squares problems of the consumers of shared groups in the original network.
struct SharedGroups: Sendable {
    /// A consumer, its problem, and w of (2).
    struct Reader: Sendable {
        var site: Site
        var problem: SiteProblem
        var weight: Double
    }

    /// In node order; empty when there is nothing to choose together.
    var readers: [Reader] = []

    /// Consumers that read a group.
    func readers(of group: Int) -> [Reader] { readers.filter { $0.site.groups.contains(group) } }

    /// (1) as problems that share the channels of a group.
    func choice(of group: Int, kept: (_ group: Int) -> [Int]?) -> [BlockSelection.Problem] {
        readers(of: group).flatMap { reader in
            var problems = reader.site.choice(reader.problem, of: group, kept: kept)
            // Shares of one consumer count by their part of its energy.
            let energy = problems.reduce(0) { $0 + $1.reconstruction.targetEnergy }
            for k in problems.indices {
                problems[k].weight = reader.weight * (energy > 0 ? problems[k].reconstruction.targetEnergy / energy : 1)
            }
            return problems
        }
    }
}

extension Pruner {
    /// Inputs on which (2) is measured: a ratio of two mean squares over inputs and outputs is steady long before a fit is.
    private static let weighedInputs = 64

    /// Whether the choice of a group looks at several consumers at once.
    func isShared(_ group: RankedGroup) -> Bool {
        chain == nil && settings.reweighting == .sequential && settings.selection.usesMoments && group.weights.consumers.count > 1
    }

    /// Passes the original network by all consumers of shared groups.
    func sharedGroups(
        _ ranked: [RankedGroup], inputs: ActivationTensor, description: InputSource.Description, ridge: Double
    ) throws(PruningError) -> SharedGroups {
        let shared = ranked.indices.filter { isShared(ranked[$0]) }
        guard !shared.isEmpty, network.inputs.count == 1 else { return SharedGroups() }
        let statistics = description.statistics
        let sites = try Site.sites(
            of: ranked.indices.map { ($0, ranked[$0].weights) }, in: network, statistics: statistics, pending: false
        ).filter { site in site.groups.contains { shared.contains($0) } }
        let start = Refit(network, statistics: statistics)
        var frontier = try ActivationFrontier(inputs, of: network)
        let few = inputs.samples(0..<Swift.min(Pruner.weighedInputs, inputs.batchCount))
        var fewFrontier = try ActivationFrontier(few, of: network)
        let exact = try ExactOutputs(of: network, from: fewFrontier, statistics: statistics)
        var result = SharedGroups()
        for (index, site) in sites.enumerated() {
            let node = site.consumer.layer.node
            try frontier.advance(to: node, in: network, statistics: statistics)
            try fewFrontier.advance(to: node, in: network, statistics: statistics)
            let problem = try accumulate(site, index: index, frontier, frontier, refit: start, description, ridge: ridge)
            var refit = start
            do throws(FactorizationError) {
                let half = site.patches.blocks { g in
                    shared.contains(g) ? ranked[g].order.map { Array($0.prefix(($0.count + 1) / 2)) } : nil
                }
                let errors = try replaceWeights(problem, site, kept: half, refit: &refit).errors
                let energies = zip(problem.shares.flatMap(\.targetEnergies), site.path.scale).map { $0 * $1 * $1 }
                let own = relativeShare(errors, of: energies) ?? 0
                let outputs = try? exact.relativeError(of: refit, from: fewFrontier)
                result.readers.append(
                    .init(site: site, problem: problem, weight: own > Pruner.leastProbedError ? (outputs ?? own) / own : 1))
            } catch {
                throw .factorization(layer: site.consumer.name, error)
            }
        }
        return result
    }
}
