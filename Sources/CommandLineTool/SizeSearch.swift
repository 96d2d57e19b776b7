// `prune --max-drop`: sizes tried one after another, from one measurement of the network.

import NeuralNetworks
import Pruning

/// What was tried, and the smallest that lost little enough.
struct SizeSearch: Encodable {
    /// One size.
    struct Try: Encodable {
        let share: Double
        /// Absent for a share that no choice of channels reaches.
        let parameters: Int?
        let macs: Int?
        let accuracy: Double?
        let fits: Bool
    }

    /// In percentage points.
    let maxDrop: Double
    let budget: String
    let accuracyBefore: Double
    /// Labelled inputs.
    let count: Int
    let tries: [Try]
    /// The share of the plan.
    let share: Double?
    /// The plan of the smallest network that fits; nil when none does.
    let plan: PruningPlan?

    private enum CodingKeys: CodingKey { case maxDrop, budget, accuracyBefore, count, tries, share }

    init(
        _ prepared: PreparedPruning, _ network: Network, _ kind: BudgetKind, maxDrop: Double, on data: LabelledImages,
        _ progress: PlanningProgress
    ) throws {
        let before = try Evaluator(network).accuracy(on: data)
        // In whole inputs, which is what accuracies are counted in.
        let allowed = maxDrop / 100 * Double(before.count) + 1e-9
        var tries: [Try] = []
        var (best, bestShare): (PruningPlan?, Double?) = (nil, nil)
        var verdicts: [[Int]: BudgetSearch.Verdict] = [:]
        _ = try BudgetSearch { share in
            progress.begin("--\(kind.rawValue) \(Format.number(share))")
            let reached = try prepared.reaching(kind.budget(share)) { (prepared, budget) throws(PruningError) in
                (counts: try prepared.counts(budget: budget), budget: budget)
            }
            guard let (counts, budget) = reached.result else {
                tries.append(Try(share: share, parameters: nil, macs: nil, accuracy: nil, fits: false))
                return .misses
            }
            // Rounding makes one network of several shares.
            if let known = verdicts[counts ?? []] { return known }
            let plan = try SettingFlags.naming { () throws(PruningError) in try prepared.plan(budget: budget) }
            let pruned = try plan.apply(to: network).inferringShapes()
            let after = try Evaluator(pruned).accuracy(on: data)
            let fits = Double(before.correct - after.correct) <= allowed && plan.groups.contains { $0.kept.count < $0.channels }
            tries.append(
                Try(
                    share: share, parameters: pruned.cost.parameters, macs: pruned.cost.multiplyAdds, accuracy: after.fraction, fits: fits))
            if fits { (best, bestShare) = (plan, share) }
            if let counts { verdicts[counts] = fits ? .fits : .misses }
            return fits ? .fits : .misses
        }
        (self.maxDrop, budget, self.tries, share, plan) = (maxDrop, kind.rawValue, tries, bestShare, best)
        (accuracyBefore, count) = (before.fraction, before.count)
    }

    /// The tries as a table.
    func show() {
        var table = ConsoleTable([
            ("--\(budget)", .left), ("parameters", .right), ("multiply–adds", .right), ("accuracy", .right), ("", .left),
        ])
        for entry in tries {
            table.append([
                Format.number(entry.share), entry.parameters.map(Format.count) ?? "–", entry.macs.map(Format.count) ?? "–",
                entry.accuracy.map { Format.fixed(100 * $0, 2) + " %" } ?? "–",
                entry.accuracy == nil ? "cannot be reached" : entry.fits ? "within \(Format.number(maxDrop)) points" : "loses more",
            ])
        }
        table.show()
        // Of a difference of two shares over the same inputs, at most: both counted as if independent.
        let error = (2 * accuracyBefore * (1 - accuracyBefore) / Double(count)).squareRoot()
        Console.say(
            "tried from one measurement of the network; on \(Format.count(count)) inputs a difference of accuracies has a standard error of up to \(Format.fixed(100 * error, 1)) points"
        )
        Console.say()
    }
}
