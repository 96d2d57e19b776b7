// How many channels each group keeps.
//
// `keep` is uniform. The other budgets are spent greedily: start whole, and remove channels where the predicted relative
// error rises least per unit of cost saved, until the target is met; then give back what still fits. The error curve of a
// group is replaced by its lower convex hull, so that one bad channel cannot hide cheap ones behind it.
// Cost: one scan of the groups per removed channel. Ties go to the group first in topological order.

import NeuralNetworks

/// Counts that meet a budget.
package enum BudgetAllocation {
    /// What the allocation knows of one group.
    package struct Candidate {
        package var count: Int
        /// Fixed count: by a ratio of its own, or because the group is outside the budget.
        package var fixed: Int?
        /// Predicted relative error with k channels kept, k = 0 … count (index k); entry `count` is the least.
        package var errors: [Double]
        /// Kept counts are multiples of this, or `count`.
        package var multiple: Int
        /// The fewest that may stay.
        package var least: Int

        package init(count: Int, fixed: Int? = nil, errors: [Double], multiple: Int = 1, least: Int = 1) {
            self.count = count
            self.fixed = fixed
            self.errors = errors
            self.multiple = multiple
            self.least = least
        }
    }

    /// Kept counts per group of a run.
    ///
    /// - Parameter cutsStreams: whether residual streams may lose channels that no ratio of their own asks for.
    /// - Throws: `unreachableTarget`.
    static func counts(_ errors: ErrorCurves, _ run: PruningRun, cutsStreams: Bool = true) throws(PruningError) -> [Int] {
        if let counts = uniformCounts(run) { return counts }
        return try counts(
            candidates(errors.curves, run, cutsStreams: cutsStreams), budget: run.settings.budget, cost: CostModel(run))
    }

    /// What cannot be reached with the fewest channels is said before anything is measured.
    /// - Throws: `unreachableTarget`.
    static func checkReach(of run: PruningRun) throws(PruningError) {
        let budget = run.settings.budget
        guard !budget.isUniform else { return }
        let candidates = candidates(run.groups.map { _ in nil }, run, cutsStreams: true)
        let cost = CostModel(run)
        let (fewest, full) = (cost.cost(candidates.map { $0.fixed ?? $0.least }), cost.cost(candidates.map(\.count)))
        guard fewest <= budget.fraction * full + 0.5 else { throw .unreachableTarget(budget, least: fewest / full) }
    }

    /// - Parameter curves: the predicted error of every count, per group, where there is one.
    private static func candidates(_ curves: [[Double]?], _ run: PruningRun, cutsStreams: Bool) -> [Candidate] {
        let settings = run.settings
        return zip(run.groups, curves).map { group, curve in
            let multiple = Budget.multiple(of: group.count, width: group.width, roundTo: settings.roundTo)
            let least = leastCount(of: group, multiple, settings)
            return Candidate(
                count: group.count,
                fixed: settings.layerRatios[group.id].map {
                    Swift.max(least, Budget.count(of: group.count, ratio: $0, multiple: multiple))
                }
                    ?? (group.isInner || cutsStreams ? nil : group.count),
                // Without a prediction every channel of a group counts the same.
                errors: curve ?? (0...group.count).map { 1 - Double($0) / Double(group.count) }, multiple: multiple, least: least)
        }
    }

    /// Counts of a uniform budget, which no prediction changes; `nil` for budgets that are allocated.
    static func uniformCounts(_ run: PruningRun) -> [Int]? { uniformCounts(run.groups, in: run.original, run.settings) }

    /// The same without a run.
    static func uniformCounts(_ groups: [ChannelGroup], in network: Network, _ settings: PruningSettings) -> [Int]? {
        guard case .keep(let ratio) = settings.budget else { return nil }
        let areBottlenecks = groups.map { settings.layerRatios[$0.id] == nil && network.isLinearBottleneck($0) }
        let hasOthers = areBottlenecks.contains(false)
        return zip(groups, areBottlenecks).map { group, isBottleneck in
            // The narrow end of a factorized map has nothing to spare: every channel is a dimension of what passes. Where a budget is
            // allocated, its error curve says so.
            if isBottleneck, hasOthers { return group.count }
            let multiple = Budget.multiple(of: group.count, width: group.width, roundTo: settings.roundTo)
            return Swift.max(
                leastCount(of: group, multiple, settings),
                Budget.count(of: group.count, ratio: settings.layerRatios[group.id] ?? ratio, multiple: multiple))
        }
    }

    /// The fewest channels that a group may keep: a multiple like the others, or all.
    private static func leastCount(of group: ChannelGroup, _ multiple: Int, _ settings: PruningSettings) -> Int {
        guard let rows = settings.leastChannels else { return 1 }
        let least = Swift.min(group.count, (rows - 1) / group.width + 1)
        return Swift.min(group.count, (least + multiple - 1) / multiple * multiple)
    }

    /// Counts that leave residual streams whole, where a budget that is allocated cut some unasked; `nil` when there are none, or
    /// when the budget cannot be met so.
    static func countsWithWholeStreams(
        insteadOf counts: [Int], _ errors: ErrorCurves, _ run: PruningRun
    ) -> [Int]? {
        guard !run.settings.budget.isUniform,
            zip(run.groups, counts).contains(where: { !$0.isInner && run.settings.layerRatios[$0.id] == nil && $1 < $0.count })
        else { return nil }
        return try? self.counts(errors, run, cutsStreams: false)
    }

    /// Kept counts per group for a budget that is allocated.
    /// - Throws: `unreachableTarget` when the fewest channels per group are still too many.
    package static func counts(
        _ candidates: [Candidate], budget: Budget, cost: CostModel
    ) throws(PruningError) -> [Int] {
        var counts = candidates.map { $0.fixed ?? $0.count }
        let full = candidates.map(\.count)
        let target = budget.fraction * cost.cost(full)
        let hulls = candidates.map { lowerHull($0.errors) }
        // Relative slack for the rounding of (1) in CostModel: counts are integers, so half a unit is exact.
        var current = cost.cost(counts)
        while current > target + 0.5 {
            var best: (group: Int, step: Int, saving: Double)?
            var bestPrice = Double.infinity
            for (g, candidate) in candidates.enumerated() where candidate.fixed == nil {
                let step = stepDown(counts[g], candidate.multiple)
                guard step > 0, counts[g] - step >= candidate.least else { continue }
                let saving = cost.saving(counts, group: g, by: step)
                guard saving > 0 else { continue }
                let price = (hulls[g][counts[g] - step] - hulls[g][counts[g]]) / saving
                if price < bestPrice { (best, bestPrice) = ((g, step, saving), price) }
            }
            guard let best else {
                throw .unreachableTarget(budget, least: current / cost.cost(full))
            }
            counts[best.group] -= best.step
            current -= best.saving
        }
        giveBack(&counts, candidates, hulls, cost, target: target)
        return counts
    }

    /// Adds channels that still fit, the largest drop of the error per cost first.
    private static func giveBack(
        _ counts: inout [Int], _ candidates: [Candidate], _ hulls: [[Double]], _ cost: CostModel, target: Double
    ) {
        var current = cost.cost(counts)
        while true {
            var best: (group: Int, step: Int, price: Double)?
            var bestGain = -1.0
            for (g, candidate) in candidates.enumerated() where candidate.fixed == nil && counts[g] < candidate.count {
                let step = Swift.min(candidate.multiple, candidate.count - counts[g])
                var raised = counts
                raised[g] += step
                let price = cost.saving(raised, group: g, by: step)
                guard price > 0, current + price <= target + 0.5 else { continue }
                let gain = (hulls[g][counts[g]] - hulls[g][counts[g] + step]) / price
                if gain > bestGain { (best, bestGain) = ((g, step, price), gain) }
            }
            guard let best else { return }
            counts[best.group] += best.step
            current += best.price
        }
    }

    /// How many channels the next removal takes: down to the next multiple, never below one channel (one multiple).
    private static func stepDown(_ count: Int, _ multiple: Int) -> Int {
        let next = (count - 1) / multiple * multiple
        return next >= 1 ? count - next : (multiple == 1 || count <= multiple ? 0 : count - multiple)
    }

    /// The largest convex, non-increasing function below `errors`.
    package static func lowerHull(_ errors: [Double]) -> [Double] {
        var vertices: [Int] = []
        for k in errors.indices {
            while vertices.count >= 2 {
                let (a, b) = (vertices[vertices.count - 2], vertices[vertices.count - 1])
                let slope = (errors[b] - errors[a]) / Double(b - a)
                guard (errors[k] - errors[b]) / Double(k - b) <= slope else { break }
                vertices.removeLast()
            }
            vertices.append(k)
        }
        var hull = errors
        for (a, b) in zip(vertices, vertices.dropFirst()) {
            for k in a...b { hull[k] = errors[a] + (errors[b] - errors[a]) * Double(k - a) / Double(b - a) }
        }
        return hull
    }
}
