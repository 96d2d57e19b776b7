// From counts to a refitted network: groups in forward order, then the classifier, then how often it answers as the original.

import Coresets
import LinearAlgebra
import NeuralNetworks

extension Pruner {
    /// What refits are made on.
    struct FittingInputs {
        let source: InputSource
        let description: InputSource.Description
        let ridge: Double
        let shared: SharedGroups
    }

    /// The network refitted for given counts.
    struct Fit {
        var refit: Refit
        var outcomes: [GroupOutcome] = []
        var kept: [PruningPlan.Group] = []
        var warnings: [String] = []
        var agreement: Double?
    }

    /// Keeps `counts` channels of the groups and refits what reads them.
    func fitted(
        _ ranked: [RankedGroup], counts: [Int], inputs: FittingInputs, report: (String, Int) throws(PruningError) -> Void
    ) throws(PruningError) -> Fit {
        let (description, ridge) = (inputs.description, inputs.ridge)
        var fit = Fit(refit: Refit(network, statistics: description.statistics))
        if settings.reweighting == .sequential, chain == nil, case .samples(let samples) = inputs.source {
            fit.outcomes = try pruneSequentially(
                ranked, counts: counts, shared: inputs.shared, inputs: samples, description: description, ridge: ridge, refit: &fit.refit
            ) { (index) throws(PruningError) in
                try report("refitting consumers", 2 + groups.count + Swift.min(index, groups.count - 1))
            }
            for index in fit.outcomes.indices { fit.outcomes[index].layer.seconds += ranked[index].seconds }
        } else {
            let clock = ContinuousClock()
            for (index, group) in groups.enumerated() {
                try report("refitting the consumers of \(group.id)", 2 + groups.count + index)
                let start = clock.now
                var current = ranked[index]
                current.weights = try GroupWeights(group, in: network)
                var outcome = try prune(
                    current, keeping: counts[index], source: inputs.source, description: description, ridge: ridge, refit: &fit.refit,
                    warnings: &fit.warnings)
                outcome.layer.seconds = ranked[index].seconds + (clock.now - start).seconds
                fit.outcomes.append(outcome)
            }
        }
        fit.kept = zip(groups, fit.outcomes).map { PruningPlan.Group(name: $0.id, channels: $0.count, kept: $1.kept) }
        if settings.refitsClassifier, settings.reweighting == .sequential, case .samples(let samples) = inputs.source {
            for final in try refitClasses(on: samples, statistics: description.statistics, refit: &fit.refit) {
                for index in fit.outcomes.indices {
                    fit.outcomes[index].errors = fit.outcomes[index].errors.map { $0.replaced(by: final) }
                }
            }
        }
        fit.agreement = try predictedAgreement(fit.refit.network, source: inputs.source, description: description)
        return fit
    }

    /// Counts within the budget. Residual streams stay whole where they are neither named nor to be cut.
    func allocate(_ ranked: [RankedGroup], cutsStreams: Bool) throws(PruningError) -> [Int] {
        let candidates = zip(groups, ranked).map { member, group in
            BudgetAllocation.Candidate(
                count: group.count,
                fixed: settings.layerRatios[group.name].map {
                    Budget.count(of: group.count, ratio: $0, multiple: settings.roundTo)
                } ?? (member.isInner || cutsStreams ? nil : group.count),
                errors: group.errors ?? (0...group.count).map { 1 - Double($0) / Double(group.count) })
        }
        return try BudgetAllocation.counts(
            candidates, budget: settings.budget, cost: CostModel(network, groups: groups, budget: settings.budget),
            roundTo: settings.roundTo)
    }

    /// The fit that leaves residual streams whole, when `fit` cut some and is not clearly the better of the two.
    ///
    /// A stream's error is predicted with every other group whole, and a stream has many consumers: what cutting it costs beside
    /// other cuts only the refitted network shows. Better is an agreement that is higher by a standard error.
    func keepingStreams(
        insteadOf fit: Fit, _ ranked: [RankedGroup], inputs: FittingInputs, report: (String, Int) throws(PruningError) -> Void
    ) throws(PruningError) -> Fit? {
        guard needsErrorCurve, let agreement = fit.agreement, case .samples(let samples) = inputs.source,
            zip(groups, fit.kept).contains(where: {
                !$0.isInner && settings.layerRatios[$0.id] == nil && $1.kept.count < $0.count
            }), let counts = try? allocate(ranked, cutsStreams: false)
        else { return nil }
        var other = try fitted(ranked, counts: counts, inputs: inputs, report: report)
        guard let without = other.agreement else { return nil }
        let error = (without * (1 - without) / Double(Swift.max(1, samples.batchCount))).squareRoot()
        guard agreement <= without + error else { return nil }
        other.warnings.append(
            "residual streams stay whole: cutting them too is predicted to agree with the original on \(PruningReport.fixed(100 * agreement, 1)) % of inputs, cutting inner channels alone on \(PruningReport.fixed(100 * without, 1)) %"
        )
        return other
    }
}
