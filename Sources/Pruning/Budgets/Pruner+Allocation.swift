// What pruning one group alone does to the outputs of the network: the error that budgets are allocated by.
//
//   e_g(k)   error of what the consumer computes with k channels kept, over channels × taps where it reads patches
//   E_g(k) = e_g(k)·ρ_g,   ρ_g = E‖y − y_g‖²/E‖y − E y‖² ÷ e_g at probed k                                      (1)
// with y the outputs of the original network and y_g those after group g alone lost channels and its consumers were refitted.
// Errors of consumers are not comparable across a network: an addition, a normalization or a saturated unit behind them decides
// how much of an error arrives. (1) measures that once per group; no label is used. Errors of several groups are taken to add
// up, which is exact to first order when they are uncorrelated.
// Cost: per group one accumulation of its moments, one full elimination, and per probe one evaluation of the nodes behind it.

import Coresets
import LinearAlgebra
import NeuralNetworks

extension Pruner {
    /// Kept shares at which the outputs are compared.
    private static let probedShares = [0.75, 0.5, 0.25, 0]
    /// Relative error below which Float rounding in the outputs drowns what a probe would show.
    static let leastProbedError = 1e-6

    /// Replaces the error curve of every group by (1), on the inputs the refit will use.
    func predictOutputErrors(
        _ ranked: inout [RankedGroup], shared: SharedGroups, inputs: ActivationTensor, description: InputSource.Description,
        ridge: Double
    ) throws(PruningError) {
        guard network.inputs.count == 1 else { return }
        let statistics = description.statistics
        var frontier = try ActivationFrontier(inputs, of: network)
        let exact = try ExactOutputs(of: network, from: frontier, statistics: statistics)
        let turns = ranked.indices.compactMap { g in
            ranked[g].weights.consumers.map(\.layer.node).min().map { (node: $0, group: g) }
        }.sorted { ($0.node, $0.group) < ($1.node, $1.group) }
        for (node, g) in turns {
            try frontier.advance(to: node, in: network, statistics: statistics)
            let group = ranked[g]
            let prediction = try localPrediction(group, shared: shared, frontier: frontier, description: description, ridge: ridge)
            guard let prediction else { continue }
            var probes: [(kept: Int, ratio: Double)] = []
            // The last share, one channel, serves groups so redundant that nothing shows before.
            for share in Pruner.probedShares where share > 0 || probes.isEmpty {
                let m = Budget.count(of: group.count, ratio: share)
                guard m < group.count, prediction.errors[m] > Pruner.leastProbedError, probes.last?.kept != m else { continue }
                let refit = try prediction.refit(m)
                if let error = try exact.relativeError(of: refit, from: frontier) { probes.append((m, error / prediction.errors[m])) }
            }
            var errors = prediction.errors.indices.map { k in prediction.errors[k] * Pruner.ratio(probes, at: k) }
            // More channels never count as a larger error.
            for k in errors.indices.dropLast().reversed() { errors[k] = Swift.max(errors[k], errors[k + 1]) }
            ranked[g].errors = errors
        }
    }

    /// Error curve of a group's consumers in the original network, and the network with m channels of it kept.
    private struct LocalPrediction {
        var errors: [Double]
        var refit: (Int) throws(PruningError) -> Refit
    }

    private func localPrediction(
        _ group: RankedGroup, shared: SharedGroups, frontier: ActivationFrontier, description: InputSource.Description, ridge: Double
    ) throws(PruningError) -> LocalPrediction? {
        let statistics = description.statistics
        var readers = shared.readers(of: group.index)
        if chain == nil, settings.reweighting == .sequential, isChosenInPlace(group),
            let site = try Site.sites(
                of: [(group.index, group.weights)], in: network, statistics: statistics, pending: false
            ).first
        {
            let start = Refit(network, statistics: statistics)
            let problem = try accumulate(site, index: 0, frontier, frontier, refit: start, description, ridge: ridge)
            readers = [.init(site: site, problem: problem, weight: 1)]
        }
        if !readers.isEmpty {
            let path: BlockSelection
            do throws(FactorizationError) {
                path = try elimination(SharedGroups(readers: readers).choice(of: group.index) { _ in nil })
            } catch {
                throw .factorization(layer: group.name, error)
            }
            // Removed last, kept first.
            let (order, chosen) = (Array(path.order.reversed()), readers)
            return LocalPrediction(errors: Pruner.errors(afterRemovals: path.changes)) { (m) throws(PruningError) in
                var refit = Refit(network, statistics: statistics)
                for reader in chosen {
                    let stay = reader.site.patches.blocks { $0 == group.index ? Array(order.prefix(m)) : nil }
                    do throws(FactorizationError) {
                        _ = try replaceWeights(reader.problem, reader.site, kept: stay, refit: &refit)
                    } catch {
                        throw .factorization(layer: reader.site.consumer.name, error)
                    }
                }
                return refit
            }
        }
        guard let errors = group.errors else { return nil }
        var whole = group
        whole.weights = try GroupWeights(groups[group.index], in: network)
        let current = whole
        return LocalPrediction(errors: errors) { (m) throws(PruningError) in
            var refit = Refit(network, statistics: statistics)
            var unused: [ConsumerErrors] = []
            try apply(
                settings.reweighting == .none ? .none : .leastSquares, kept: try channels(current, keeping: m), factors: nil,
                ranked: current, sequential: nil, ridge: ridge,
                errors: &unused, refit: &refit)
            return refit
        }
    }

    /// All channels in the order of their removal.
    private func elimination(_ problems: [BlockSelection.Problem]) throws(FactorizationError) -> BlockSelection {
        if settings.selection == .backward { return try BlockSelection.backward(problems, remaining: 0) }
        let path = try BlockSelection.forward(problems, count: problems.first?.blocks.count ?? 0)
        return BlockSelection(order: path.order.reversed(), changes: path.changes.reversed())
    }

    /// Error with k channels kept, k = 0 … n, from what each removal in turn adds.
    private static func errors(afterRemovals changes: [Double]) -> [Double] {
        var sum = 0.0
        let rising = changes.map { change in
            sum += change
            return sum
        }
        return rising.reversed() + [0]
    }

    /// ρ at k, linear between the probes and constant beyond them; 1 without any.
    private static func ratio(_ probes: [(kept: Int, ratio: Double)], at k: Int) -> Double {
        guard let first = probes.first, let last = probes.last else { return 1 }
        if k >= first.kept { return first.ratio }
        if k <= last.kept { return last.ratio }
        for (above, below) in zip(probes, probes.dropFirst()) where k >= below.kept {
            let t = Double(k - below.kept) / Double(above.kept - below.kept)
            return below.ratio + t * (above.ratio - below.ratio)
        }
        return last.ratio
    }
}
