// The reduction of points that no tree of sums should be kept for: block by block, and a tree of merges.
//
// Blocks are cut by their numbers alone and merged in pairs of equal height, like the digits of a binary counter. So the answer depends
// neither on the files that the points are in nor on who reduces which block, and memory is that of the blocks at hand and of D points
// for every level of the tree. Of several processes each reduces a run of blocks; rank 0 merges what they found.

import LinearAlgebra
public import MessagePassing

extension CaratheodoryReduction {
    /// Reduces points in pieces, in memory that does not depend on their number.
    ///
    /// - Parameters:
    ///   - weights: n non-negative weights; `nil` stands for 1/n each.
    ///   - keepsSecondMoments: whether Σw·ppᵀ is kept as well.
    ///   - processes: who share the blocks, of which this is rank 0; the others call `shareBlocks`. The answer has the same bytes for
    ///     any number of them.
    /// - Throws: `nonFinite`, `invalidWeight`, `dimensionMismatch`, `notRepresentable`, `factorization`; `onRank` of those.
    public init(
        points: ConcatenatedPoints, weights: UnsafeBufferPointer<Double>? = nil, keepsSecondMoments: Bool = false,
        processes: any ProcessGroup = SingleProcess()
    ) throws(GeometryError) {
        let blocks = PointBlocks(points: points, weights: weights, keepsSecondMoments: keepsSecondMoments)
        self = try blocks.reduction(processes)
    }

    /// Shares the blocks of reductions that rank 0 of a group makes of the same points and weights with these `processes`, until it
    /// releases the group. Every process must be able to read all points.
    public static func shareBlocks(
        of points: ConcatenatedPoints, weights: UnsafeBufferPointer<Double>? = nil, keepsSecondMoments: Bool = false,
        with processes: any ProcessGroup
    ) {
        let blocks = PointBlocks(points: points, weights: weights, keepsSecondMoments: keepsSecondMoments)
        processes.serve { _ in _ = blocks.join(processes) }
    }
}

/// Runs of consecutive points that are reduced on their own.
package struct PointBlocks {
    let points: ConcatenatedPoints
    let weights: UnsafeBufferPointer<Double>?
    let keepsSecondMoments: Bool
    /// Points of a block. By default 16 MB in double precision: a block outweighs the D³ of its elimination, and several fit the memory
    /// of any machine.
    let length: Int

    package init(
        points: ConcatenatedPoints, weights: UnsafeBufferPointer<Double>?, keepsSecondMoments: Bool, length: Int? = nil
    ) {
        (self.points, self.weights, self.keepsSecondMoments) = (points, weights, keepsSecondMoments)
        self.length = length ?? Swift.max(256, (1 << 21) / Swift.max(1, points.dimension))
    }

    /// The reduction by all ranks of a group, at rank 0.
    package func reduction(_ processes: any ProcessGroup) throws(GeometryError) -> CaratheodoryReduction {
        if let weights, weights.count != points.pointCount {
            throw .dimensionMismatch(expected: points.pointCount, found: weights.count)
        }
        do throws(GeometryError) {
            guard processes.count > 1 else { return try assemble(try tree(0..<points.pointCount)) }
            // Everything is known already; it is only to be done.
            _ = processes.broadcast([1])
            guard let all = join(processes) else { throw .breakdown("a reduction was asked for by a process of another rank") }
            return try assemble(try MergeTree(message: all))
        } catch {
            throw error.byRank(of: processes, pointCount: points.pointCount, inRunsOf: length)
        }
    }

    /// Reduces the blocks of a rank's share, and merges what it came to with what others have; a tree or an error at rank 0, nil
    /// elsewhere.
    package func join(_ processes: any ProcessGroup) -> [UInt8]? {
        let share = processes.share(of: points.pointCount, inRunsOf: length, rank: processes.rank)
        let own = Result { () throws(GeometryError) in try tree(share) }
        return processes.combine(MergeTree.message(own)) { first, second in
            MergeTree.message(
                Result { () throws(GeometryError) in
                    var tree = try MergeTree(message: first)
                    try tree.append(try MergeTree(message: second))
                    return tree
                })
        }
    }

    /// What the blocks of a range come to.
    private func tree(_ range: Range<Int>) throws(GeometryError) -> MergeTree {
        var tree = MergeTree()
        try reduce(range.lowerBound / length..<(range.upperBound + length - 1) / length) { (block, leaf) throws(GeometryError) in
            try tree.append(leaf, block: block)
        }
        return tree
    }

    /// Gives `body` the accumulators of some blocks in order, two for each thread at a time.
    private func reduce(
        _ range: Range<Int>, _ body: (_ block: Int, CaratheodoryAccumulator) throws(GeometryError) -> Void
    ) throws(GeometryError) {
        let team = BLASConfiguration.configuredTeam
        try BLASConfiguration.withSingleThread { () throws(GeometryError) in
            for start in stride(from: range.lowerBound, to: range.upperBound, by: 2 * team.count) {
                let group = start..<Swift.min(start + 2 * team.count, range.upperBound)
                let leaves = try team.map(group.count) { (place) throws(GeometryError) in try leaf(group.lowerBound + place) }
                for (block, leaf) in zip(group, leaves) { try body(block, leaf) }
            }
        }
    }

    private func leaf(_ block: Int) throws(GeometryError) -> CaratheodoryAccumulator {
        let range = block * length..<Swift.min((block + 1) * length, points.pointCount)
        let share = 1 / Double(points.pointCount)
        var result = CaratheodoryAccumulator(dimension: points.dimension, keepsSecondMoments: keepsSecondMoments)
        do {
            try result.append(
                Matrix(rows: points.dimension, columns: range.count, elements: points.copy(range)),
                weights: weights.map { Array($0[range]) } ?? [Double](repeating: share, count: range.count))
        } catch {
            // By its place in the set.
            switch error {
            case .nonFinite(let point, let coordinate, let value):
                throw .nonFinite(point: point + range.lowerBound, coordinate: coordinate, value: value)
            case .invalidWeight(let index, let value): throw .invalidWeight(index: index + range.lowerBound, value: value)
            default: throw error
            }
        }
        return result
    }

    private func assemble(_ tree: MergeTree) throws(GeometryError) -> CaratheodoryReduction {
        var tree = tree
        guard let all = try tree.finish(), all.totalWeight > 0 else { throw .invalidWeight(index: 0, value: weights?.first ?? 0) }
        try CaratheodoryReduction.checkTotal(all.totalWeight)
        let pairs = points.dimension * (points.dimension + 1) / 2
        return CaratheodoryReduction(
            indices: all.indices, weights: all.weights, featureCount: points.dimension + (keepsSecondMoments ? pairs : 0),
            pointCount: points.pointCount, totalWeight: all.totalWeight, rank: nil, error: all.error, spreadError: all.spreadError,
            massError: all.massError)
    }
}
