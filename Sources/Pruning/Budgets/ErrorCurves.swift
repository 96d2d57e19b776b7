// What pruning one group alone does to the outputs of the network: the error that budgets are allocated by.
//
//   e_g(k)   error of what the consumers compute with k channels kept, over channels × taps where they read patches
//   E_g(k) = e_g(k)·ρ_g,   ρ_g = E‖y − y_g‖²/E‖y − E y‖² ÷ e_g at probed k                                      (1)
// with y the outputs of the original network (logits less their mean) and y_g those after group g alone lost channels and its
// consumers were refitted, on inputs that the fit has not seen: on its own inputs a fit of a wide late layer to few of them looks
// free of cost.
// Errors of consumers are not comparable across a network: an addition, a normalization or a saturated unit behind them decides
// how much of an error arrives. (1) measures that once per group; no label is used. Errors of several groups are taken to add
// up, which is exact to first order when they are uncorrelated.
// Cost: per group one accumulation of its moments, one full elimination, and per probe one evaluation of the nodes behind it.

import LinearAlgebra
import NeuralNetworks

/// Predicted error of every group, at every kept count, when it alone is cut.
struct ErrorCurves: Sendable {
    /// Kept shares at which the outputs are compared; the last one, one channel, serves groups so redundant that nothing shows before.
    private static let probedShares = [0.75, 0.5, 0.25, 0]
    /// Inputs that (1) is measured on, and what part of all at most: a ratio of two mean squares over inputs and outputs is steady
    /// long before a fit is.
    private static let heldOut = (count: 32, part: 4)

    /// Per group: relative error with k channels kept, k = 0 … n, of the network's outputs where there are inputs to evaluate on, else
    /// of what the group's consumers compute; `nil` where nothing is known.
    let curves: [[Double]?]

    /// Predicts what cutting each group costs; nothing for a budget that leaves nothing to allocate.
    init(_ ranking: ChannelRanking, _ shared: SharedGroups, _ inputs: RunInputs, _ run: PruningRun) throws(PruningError) {
        guard !run.settings.budget.isUniform else {
            curves = ranking.groups.map { _ in nil }
            return
        }
        try run.begin(.errorCurves)
        let evaluates = inputs.samples != nil && run.network.inputs.count == 1 && run.canCompareOutputs
        var curves: [[Double]?] = []
        for group in ranking.groups {
            // What is chosen in the moments of its consumer gets its curve there.
            let isMeasured = evaluates && run.settings.reweighting == .sequential && group.isChosenInPlace && !group.isWide(run)
            curves.append(isMeasured ? nil : try ErrorCurves.ofConsumers(group))
        }
        if let samples = inputs.samples, evaluates {
            let original = MaskedNetwork(run.network)
            let held = Swift.min(ErrorCurves.heldOut.count, samples.batchCount / ErrorCurves.heldOut.part)
            // Too few to spare some: the fit's own.
            let fitted = 0..<samples.batchCount - held
            let others = held > 0 ? fitted.upperBound..<samples.batchCount : fitted
            let bytes = run.frontierBytes(samples)
            var streams = PairedFrontier(try ActivationFrontier(samples, fitted, in: run, bytes: bytes), isPaired: false)
            var heldFrontier = try ActivationFrontier(samples, others, in: run, bytes: bytes)
            try heldFrontier.advance(to: 0, in: original)
            let exact = try ExactOutputs(of: original, from: heldFrontier, isCentered: run.settings.refitsClassifier)
            let turns = ranking.groups.compactMap { group in
                group.consumers.map(\.layer.node).min().map { (node: $0, group: group) }
            }.sorted { ($0.node, $0.group.index) < ($1.node, $1.group.index) }
            for (node, group) in turns {
                try heldFrontier.advance(to: node, in: original)
                let readers = try ErrorCurves.readers(of: group, shared, &streams, original, inputs, run)
                guard let prediction = try LocalPrediction(group, readers, own: curves[group.index], inputs, run) else { continue }
                curves[group.index] = try prediction.scaled(to: exact, from: heldFrontier)
            }
        }
        self.curves = curves
    }

    /// Error of what the consumers compute, in one-shot moments; `nil` without any.
    private static func ofConsumers(_ group: RankedGroup) throws(PruningError) -> [Double]? {
        guard let problem = try group.problem() else { return nil }
        let order = try group.order() ?? Array(0..<group.count)
        return problem.relativeErrors(order: order)
    }

    /// The consumers that choose a group's channels in their own moments, in the original network.
    private static func readers(
        of group: RankedGroup, _ shared: SharedGroups, _ streams: inout PairedFrontier, _ original: MaskedNetwork, _ inputs: RunInputs,
        _ run: PruningRun
    ) throws(PruningError) -> [SharedGroups.Reader] {
        guard run.settings.reweighting == .sequential, group.isChosenInPlace, !group.isWide(run),
            let site = try Site.sites(of: [group.reading], in: run.network, pending: false).first
        else { return shared.readers(of: group.index) }
        let problem = try SiteMeasurement.problem(
            of: site, &streams, in: original, original, inputs, run, using: run.places(ofSite: 0))
        let factor = try inputs.samples.flatMap { (samples) throws(PruningError) in
            try OutputMetric(inputs, on: samples).factor(behind: site.consumer)
        }
        return [SharedGroups.Reader(site: site, problem: problem, factor: factor)]
    }

    /// Error curve of a group's consumers in the original network, and the network with m channels of it kept.
    private struct LocalPrediction {
        let errors: [Double]
        private let masked: (Int) throws(PruningError) -> MaskedNetwork

        init?(
            _ group: RankedGroup, _ readers: [SharedGroups.Reader], own: [Double]?, _ inputs: RunInputs, _ run: PruningRun
        ) throws(PruningError) {
            if !readers.isEmpty {
                let path = try group.elimination(readers.choice(of: group.index) { _ in nil })
                // Removed last, kept first.
                let order = Array(path.order.reversed())
                errors = LocalPrediction.errors(afterRemovals: path.changes)
                masked = { (m) throws(PruningError) in
                    var masked = MaskedNetwork(run.network)
                    for reader in readers {
                        let stay = reader.site.patches.blocks { $0 == group.index ? Array(order.prefix(m)) : nil }
                        _ = try masked.refit(reader.site, reader.problem, kept: stay)
                    }
                    try masked.restrictStatistics(of: [group]) { _ in order.prefix(m).sorted() }
                    return masked
                }
                return
            }
            guard let own else { return nil }
            errors = own
            masked = { (m) throws(PruningError) in
                var refit = OneShotRefit(inputs, run)
                let choice = try group.choice(keeping: m)
                _ = try refit.cut(group, kept: choice.kept, factors: choice.factors)
                return refit.masked
            }
        }

        /// (1).
        func scaled(to exact: ExactOutputs, from frontier: ActivationFrontier) throws(PruningError) -> [Double] {
            let count = errors.count - 1
            var probes: [(kept: Int, ratio: Double)] = []
            for share in ErrorCurves.probedShares where share > 0 || probes.isEmpty {
                let m = Budget.count(of: count, ratio: share)
                guard m < count, errors[m] > ExactOutputs.leastProbedError, probes.last?.kept != m else { continue }
                if let error = try exact.relativeError(of: try masked(m), from: frontier) { probes.append((m, error / errors[m])) }
            }
            var curve = errors.indices.map { k in errors[k] * LocalPrediction.ratio(probes, at: k) }
            // More channels never count as a larger error.
            for k in curve.indices.dropLast().reversed() { curve[k] = Swift.max(curve[k], curve[k + 1]) }
            return curve
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
}
