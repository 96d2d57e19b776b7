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
import RandomNumbers

/// Least-squares problems of the consumers of shared groups in the original network.
struct SharedGroups: Sendable {
    /// Inputs on which (2) is measured: a ratio of two mean squares over inputs and outputs is steady long before a fit is. And the share
    /// of the work that this may take.
    private static let weighedInputs = 16...64
    private static let weighedShare = 0.0625

    /// A consumer, its problem, and w of (2).
    struct Reader: Sendable {
        var site: Site
        var problem: SiteProblem
        var weight = 1.0
        /// Of `OutputMetric`.
        var factor: Matrix?
    }

    /// In node order; empty when there is nothing to choose together.
    private(set) var readers: [Reader] = []

    /// Consumers that read a group.
    func readers(of group: Int) -> [Reader] { readers.filter { $0.site.groups.contains(group) } }

    /// Passes the original network by all consumers of shared groups.
    ///
    /// Empty without inputs to pass, and where groups are not chosen by moments.
    init(_ ranking: ChannelRanking, _ inputs: RunInputs, _ run: PruningRun) throws(PruningError) {
        guard run.settings.reweighting == .sequential, run.network.inputs.count == 1, let samples = inputs.samples else { return }
        let shared = ranking.groups.indices.filter { ranking.groups[$0].isShared }
        guard !shared.isEmpty else { return }
        let original = MaskedNetwork(run.network)
        let sites = try Site.sites(
            of: ranking.groups.map(\.reading), in: run.network, pending: false
        ).filter { site in site.patches.count <= run.mostRegressors && site.groups.contains { shared.contains($0) } }
        let bytes = run.frontierBytes(samples)
        var streams = PairedFrontier(try ActivationFrontier(samples, in: run, bytes: bytes), isPaired: false)
        let wanted = run.workBudget.inputs(
            SharedGroups.weighedInputs, passes: Double(sites.count + 1), share: SharedGroups.weighedShare)
        let few = 0..<Swift.min(wanted, samples.batchCount)
        var fewFrontier = try ActivationFrontier(samples, few, in: run, bytes: bytes)
        try fewFrontier.advance(to: 0, in: original)
        let exact = try ExactOutputs(of: original, from: fewFrontier)
        var orders: [Int: [Int]] = [:]
        for g in shared { orders[g] = try ranking.groups[g].order() }
        for (index, site) in sites.enumerated() {
            try fewFrontier.advance(to: site.consumer.layer.node, in: original)
            var problem = try SiteMeasurement.problem(
                of: site, &streams, in: original, original, inputs, run, using: run.places(ofSite: index))
            var masked = original
            let half = site.patches.blocks { g in
                shared.contains(g) ? orders[g].map { Array($0.prefix(($0.count + 1) / 2)) } : nil
            }
            let errors = try masked.refit(site, problem, kept: half).errors
            let energies = zip(problem.targetEnergies, site.path.scale).map { $0 * $1 * $1 }
            let own = relativeShare(errors, of: energies) ?? 0
            // Only error curves fit these problems once more.
            if run.settings.budget.isUniform { problem.joinFolds() }
            let outputs = try? exact.relativeError(of: masked, from: fewFrontier)
            readers.append(
                Reader(site: site, problem: problem, weight: own > ExactOutputs.leastProbedError ? (outputs ?? own) / own : 1))
        }
    }
}

extension [SharedGroups.Reader] {
    /// (1) as problems that share the channels of a group.
    func choice(of group: Int, kept: (_ group: Int) -> [Int]?) -> [BlockSelection.Problem] {
        flatMap { reader in
            var problems = reader.site.choice(reader.problem, of: group, factor: reader.factor, kept: kept)
            // Shares of one consumer count by their part of its energy.
            let energy = problems.reduce(0) { $0 + $1.reconstruction.targetEnergy }
            for k in problems.indices {
                problems[k].weight = reader.weight * (energy > 0 ? problems[k].reconstruction.targetEnergy / energy : 1)
            }
            return problems
        }
    }
}

extension PruningRun {
    /// Draws the places at which the consumer of this number is measured.
    func places(ofSite index: Int) -> SeededGenerator { SeededGenerator(seed: settings.seed).stream(.site(index)) }
}
