// Backward elimination of many channels at the speed of products.
//
// A batch is chosen among candidates, the channels of the least costs. What leaving channels do to M and V' of the candidates is told by
// their own entries alone, (3) of BackwardElimination and (1) of BlockTable: a table of the candidates gives the exact costs of every
// step, and when the batch is full all of it leaves M and V' at once (ShrinkingInverse). A batch ends early where the next candidate
// costs more than the cheapest of the others did when the batch began: costs hardly ever fall when others leave. A quarter of a batch
// leaves in any case.
// Residual energies of exact steps and of batches, half of 1024 channels kept: equal to six digits (Documentation/Method.md, 6).
// Single precision beyond 2048 regressors, where ShrinkingInverse does not refuse it: the moments of so many are sums of products in
// Float anyway.
// Cost to remove half of n regressors with q ≤ n targets: n³ + n²·q multiply–adds to set up, less a half of the first by symmetry, then
// n³/7 + 3n²·q/8, all in products.

import LinearAlgebra

/// Channels in the order in which they leave in batches, with the change of the objective by each.
package struct EliminationBatches: Sendable {
    /// How many regressors a batch is chosen from, and its own size.
    package struct Sizes: Sendable {
        package var candidates: Int
        package var batch: Int

        /// Products of this depth run at full speed; a table of the candidates stays in the cache.
        package static let usual = Sizes(candidates: 1024, batch: 512)

        package init(candidates: Int, batch: Int) {
            precondition(batch > 0 && candidates >= batch, "a batch is chosen from at least as many candidates")
            (self.candidates, self.batch) = (candidates, batch)
        }
    }

    /// Regressors from which single precision is tried first.
    private static let singleLimit = 2048

    package private(set) var order: [Int] = []
    package private(set) var changes: [Double] = []

    /// Removes channels until `remaining` are left; ties to the lowest index. Problems count as their `weight` says, in squared errors.
    ///
    /// - Parameters:
    ///   - first: channels that leave before all others.
    ///   - precisions: tried in turn.
    /// - Throws: `notPositiveDefinite` where none serves.
    /// - Complexity: as above; memory n² + n·q numbers per problem.
    package init(
        _ problems: [BlockSelection.Problem], remaining: Int, first: [Int] = [], sizes: Sizes = .usual,
        precisions: [ShrinkingInverse.Precision]? = nil
    ) throws(FactorizationError) {
        let widest = problems.reduce(0) { Swift.max($0, $1.reconstruction.count) }
        let tried = precisions ?? (widest > EliminationBatches.singleLimit ? [.single, .double] : [.double])
        for precision in tried.dropLast() {
            if let done = try? EliminationBatches(problems, remaining, first, sizes, in: precision) {
                self = done
                return
            }
        }
        self = try EliminationBatches(problems, remaining, first, sizes, in: tried.last ?? .double)
    }

    private init(
        _ problems: [BlockSelection.Problem], _ remaining: Int, _ first: [Int], _ sizes: Sizes, in precision: ShrinkingInverse.Precision
    ) throws(FactorizationError) {
        var parts: [Part] = []
        for problem in problems { parts.append(try Part(problem, in: precision)) }
        var channels = Array(0..<(parts.first?.blocks.count ?? 0))
        precondition(remaining >= 0 && remaining <= channels.count, "cannot keep more channels than there are")
        let widest = parts.flatMap { $0.blocks.map(\.count) }.max() ?? 1
        let (most, full) = (Swift.max(1, sizes.candidates / widest), Swift.max(1, sizes.batch / widest))
        var waiting = Set(first)
        while channels.count > remaining {
            let before = parts.map(\.changes).summed
            let preferred = waiting.isEmpty ? [] : channels.indices.filter { waiting.contains(channels[$0]) }
            let ranked = (preferred.isEmpty ? Array(channels.indices) : preferred).sorted { (before[$0], $0) < (before[$1], $1) }
            let candidates = ranked.prefix(most).sorted()
            let limit = ranked.count > candidates.count ? before[ranked[candidates.count]] : .infinity
            let size = Swift.min(full, candidates.count, channels.count - remaining)
            var table = Candidates(candidates, parts)
            var batch: [Int] = []
            while batch.count < size {
                let (candidate, change) = table.cheapest
                guard change.isFinite else { throw .notPositiveDefinite(order: order.count + 1) }
                if change > limit, 4 * batch.count >= size { break }
                batch.append(candidates[candidate])
                changes.append(change)
                table.remove(candidate)
            }
            order += batch.map { channels[$0] }
            waiting.subtract(batch.map { channels[$0] })
            for k in parts.indices { try parts[k].remove(batch) }
            let gone = Set(batch)
            channels = channels.indices.filter { !gone.contains($0) }.map { channels[$0] }
        }
    }

    /// What is left of one problem.
    private struct Part {
        var inverse: ShrinkingInverse
        /// Of every channel that is left, its variables of `inverse`.
        var blocks: [Range<Int>]
        let weight: Double

        var isSingle: Bool { blocks.allSatisfy { $0.count == 1 } }

        init(_ problem: BlockSelection.Problem, in precision: ShrinkingInverse.Precision) throws(FactorizationError) {
            (blocks, weight) = (problem.blocks, problem.weight)
            let reconstruction = problem.reconstruction
            inverse = try ShrinkingInverse(
                of: reconstruction.channels.covariance, ridge: reconstruction.eliminationRidge,
                right: fewestTargets(reconstruction.cross), in: precision)
        }

        /// (1) of BackwardElimination or (2) of BlockSelection for every channel; infinite where M has lost its digits.
        var changes: [Double] {
            if isSingle {
                let costs = inverse.costs
                return blocks.map { costs[$0.lowerBound] * weight }
            }
            return blocks.map { block in
                let (own, gram) = inverse.corner(Array(block))
                guard let factor = try? Cholesky(own) else { return .infinity }
                return Swift.max(0, factor.solve(gram).diagonal.reduce(0, +)) * weight
            }
        }

        mutating func remove(_ channels: [Int]) throws(FactorizationError) {
            try inverse.remove(channels.flatMap { Array(blocks[$0]) })
            let gone = Set(channels)
            // How many variables before each one have left.
            var shifts = [Int](repeating: 0, count: 1 + (blocks.map(\.upperBound).max() ?? 0))
            for c in channels { for i in blocks[c] { shifts[i + 1] = 1 } }
            for i in shifts.indices.dropFirst() { shifts[i] += shifts[i - 1] }
            blocks = blocks.indices.filter { !gone.contains($0) }.map { k in
                let shift = shifts[blocks[k].lowerBound]
                return blocks[k].lowerBound - shift..<blocks[k].upperBound - shift
            }
        }
    }

    /// Exact changes of a few channels while some of them leave.
    private struct Candidates {
        private enum Tables {
            /// One problem of single regressors: costs from matrices that shrink, whatever the number of targets.
            case single(BackwardElimination.Table, weight: Double)
            case blocks([BlockTable])
        }

        private var tables: Tables
        private var open: [Int]

        init(_ channels: [Int], _ parts: [Part]) {
            open = Array(channels.indices)
            if parts.count == 1, parts[0].isSingle {
                let corner = parts[0].inverse.corner(channels.map { parts[0].blocks[$0].lowerBound })
                tables = .single(.init(inverse: corner.inverse, weights: corner.gram), weight: parts[0].weight)
                return
            }
            tables = .blocks(
                parts.map { part in
                    var own: [Range<Int>] = []
                    for c in channels {
                        let start = own.last?.upperBound ?? 0
                        own.append(start..<start + part.blocks[c].count)
                    }
                    let (x, y) = part.inverse.rows(channels.flatMap { Array(part.blocks[$0]) })
                    return BlockTable(blocks: own, x: x, y: fewestTargets(y), unit: part.weight, ridge: 0)
                })
        }

        /// The channel whose loss costs least; ties to the lowest index.
        var cheapest: (candidate: Int, change: Double) {
            switch tables {
            case .single(let table, let weight):
                let (position, cost) = table.cheapest(among: [])
                return (table.channels[position], cost * weight)
            case .blocks(let tables):
                var (best, least) = (open[0], Double.infinity)
                for c in open {
                    let change = tables.reduce(0) { $0 + $1.change(c) }
                    if change < least { (best, least) = (c, change) }
                }
                return (best, least)
            }
        }

        mutating func remove(_ candidate: Int) {
            open.removeAll { $0 == candidate }
            switch tables {
            case .single(var table, let weight):
                tables = .blocks([])
                if let position = table.channels.firstIndex(of: candidate) { table.remove(position) }
                tables = .single(table, weight: weight)
            case .blocks(var list):
                tables = .blocks([])
                for k in list.indices { list[k].take(candidate) }
                tables = .blocks(list)
            }
        }
    }
}

/// n×q with as many targets as needed for norms over them, which no rotation alters: of many, a triangular factor is as good as all.
func fewestTargets(_ cross: Matrix) -> Matrix {
    cross.columns > cross.rows ? cross.transposed().triangularFactor().transposed() : cross
}
