// Choosing channels in the moments of their consumers.

extension RankedGroup {
    /// The group as `Site.sites` wants it.
    var reading: (group: Int, channels: Int, consumers: [Consumer]) { (index, count, consumers) }

    /// Whether the choice waits for the moments of the consumer in the network pruned so far.
    var isChosenInPlace: Bool { consumers.count == 1 && rule.usesMoments && group.statistics.isEmpty }

    /// Whether a consumer has more regressors than memory allows, and the group has moments of its own to be fitted in.
    func isWide(_ run: PruningRun) -> Bool {
        zip(consumers, moments).contains { $0.regressorCount > run.mostRegressors && $1 != nil }
    }

    /// Whether the choice comes first, in moments of the original network: it looks at several consumers at once, or a normalization on the
    /// way to them takes its statistics over what stays.
    var isShared: Bool { (consumers.count > 1 || !group.statistics.isEmpty) && rule.usesMoments }

    /// Greedy or backward choice of whole channels.
    func select(_ problems: consuming [BlockSelection.Problem], keeping m: Int) throws(PruningError) -> [Int] {
        let n = problems.first?.blocks.count ?? m
        do {
            if rule == .backward {
                let removed = Set(try BlockSelection.backward(problems, remaining: m, first: redundant).order)
                return (0..<n).filter { !removed.contains($0) }
            }
            return try BlockSelection.forward(problems, count: m, last: redundant).order.sorted()
        } catch {
            throw .factorization(error, layer: name)
        }
    }

    /// All channels in the order of their removal.
    func elimination(_ problems: consuming [BlockSelection.Problem]) throws(PruningError) -> BlockSelection {
        do {
            if rule == .backward { return try BlockSelection.backward(problems, remaining: 0, first: redundant) }
            let path = try BlockSelection.forward(problems, count: problems.first?.blocks.count ?? 0, last: redundant)
            return BlockSelection(order: path.order.reversed(), changes: path.changes.reversed())
        } catch {
            throw .factorization(error, layer: name)
        }
    }
}
