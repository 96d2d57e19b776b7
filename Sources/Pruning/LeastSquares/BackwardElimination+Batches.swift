// Backward elimination of many channels at the speed of products.
//
// A batch is chosen among candidates, the channels of the least costs. What leaving channels do to M and W of the candidates is told by
// their own entries alone, (3) of BackwardElimination: a table of the candidates gives the exact costs of every step, and when the batch
// is full all of it leaves M and V' at once (ShrinkingInverse). A batch ends early where the next candidate costs more than the
// cheapest of the others did when the batch began: costs hardly ever fall when others leave. A quarter of a batch leaves in any case.
// Residual energies of exact steps and of batches, half of 1024 channels kept: equal to six digits (Documentation/Method.md, 6).
// Single precision beyond 4096 channels, where ShrinkingInverse does not refuse it: the moments of so many are sums of products in
// Float anyway.
// Cost to remove half of n channels with q ≤ n targets: n³ + n²·q multiply–adds to set up, less a half of the first by symmetry, then
// n³/7 + 3n²·q/8, all in products.

import LinearAlgebra

extension BackwardElimination {
    /// How many channels a batch is chosen from, and its own size.
    package struct BatchSizes: Sendable {
        package var candidates: Int
        package var batch: Int

        /// Products of this depth run at full speed; a table of the candidates stays in the cache.
        package static let usual = BatchSizes(candidates: 1024, batch: 512)

        package init(candidates: Int, batch: Int) {
            precondition(batch > 0 && candidates >= batch, "a batch is chosen from at least as many candidates")
            (self.candidates, self.batch) = (candidates, batch)
        }
    }

    /// Channels from which single precision is tried first.
    private static let singleLimit = 4096

    /// Removes channels in batches until `remaining` are left; ties to the lowest index.
    ///
    /// - Parameters:
    ///   - first: channels that leave before all others.
    ///   - precisions: tried in turn; where none serves, every step is taken among all channels.
    /// - Complexity: as above; memory n² + n·q numbers, in single precision as a rule beyond 4096 channels.
    package init(
        batches problem: Reconstruction, remaining: Int, first: [Int] = [], sizes: BatchSizes = .usual,
        precisions: [ShrinkingInverse.Precision]? = nil
    ) throws(FactorizationError) {
        precondition(remaining >= 0 && remaining <= problem.count, "cannot keep more channels than there are")
        let usual: [ShrinkingInverse.Precision] = problem.count > BackwardElimination.singleLimit ? [.single, .double] : [.double]
        for precision in precisions ?? usual {
            if let elimination = try? BackwardElimination(batches: problem, remaining: remaining, first: first, sizes, in: precision) {
                self = elimination
                return
            }
        }
        self = try BackwardElimination(stepwise: problem, remaining: remaining, first: first)
    }

    private init(
        batches problem: Reconstruction, remaining: Int, first: [Int], _ sizes: BatchSizes, in precision: ShrinkingInverse.Precision
    ) throws(FactorizationError) {
        // Costs are norms over the targets, which no rotation of them alters: of many, a triangular factor is as good as all.
        let cross =
            problem.cross.columns > problem.count ? problem.cross.transposed().triangularFactor().transposed() : problem.cross
        var inverse = try ShrinkingInverse(
            of: problem.channels.covariance, ridge: problem.eliminationRidge, right: cross, in: precision)
        var channels = Array(0..<problem.count)
        var waiting = Set(first)
        while channels.count > remaining {
            let before = inverse.costs
            let preferred = waiting.isEmpty ? [] : channels.indices.filter { waiting.contains(channels[$0]) }
            let ranked = (preferred.isEmpty ? Array(channels.indices) : preferred).sorted { (before[$0], $0) < (before[$1], $1) }
            let candidates = ranked.prefix(sizes.candidates).sorted()
            let limit = ranked.count > candidates.count ? before[ranked[candidates.count]] : .infinity
            let size = Swift.min(sizes.batch, candidates.count, channels.count - remaining)
            let corner = inverse.corner(candidates)
            var table = Table(inverse: corner.inverse, weights: corner.gram)
            var batch: [Int] = []
            while batch.count < size {
                let (position, cost) = table.cheapest(among: [])
                guard cost.isFinite else { throw .notPositiveDefinite(order: order.count + 1) }
                if cost > limit, 4 * batch.count >= size { break }
                batch.append(candidates[table.channels[position]])
                costs.append(cost)
                table.remove(position)
            }
            order += batch.map { channels[$0] }
            waiting.subtract(batch.map { channels[$0] })
            let gone = Set(batch)
            try inverse.remove(batch)
            channels = channels.indices.filter { !gone.contains($0) }.map { channels[$0] }
        }
    }
}
