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
    /// - Throws: `nonFinite`, `invalidWeight`, `dimensionMismatch`, `notRepresentable`, `factorization`.
    public init(
        points: ConcatenatedPoints, weights: UnsafeBufferPointer<Double>? = nil, keepsSecondMoments: Bool = false
    ) throws(GeometryError) {
        let reduction = try Self.shared(points: points, weights: weights, keepsSecondMoments: keepsSecondMoments, with: SingleProcess())
        guard let reduction else { throw .breakdown("a process on its own is not rank 0") }
        self = reduction
    }

    /// The same by several processes, each of which can read all points and has all weights; the reduction at rank 0, nil elsewhere.
    ///
    /// The answer has the same bytes for any number of processes.
    public static func shared(
        points: ConcatenatedPoints, weights: UnsafeBufferPointer<Double>? = nil, keepsSecondMoments: Bool = false,
        with processes: any ProcessGroup
    ) throws(GeometryError) -> CaratheodoryReduction? {
        let blocks = PointBlocks(points: points, weights: weights, keepsSecondMoments: keepsSecondMoments)
        if let weights, weights.count != points.pointCount {
            throw .dimensionMismatch(expected: points.pointCount, found: weights.count)
        }
        guard processes.count > 1 else {
            var tree = MergeTree()
            try blocks.reduce(0..<blocks.count) { (leaf) throws(GeometryError) in try tree.append(leaf) }
            return try blocks.assemble(tree)
        }
        func share(_ rank: Int) -> Range<Int> {
            blocks.count * rank / processes.count..<blocks.count * (rank + 1) / processes.count
        }
        // Rank 0 has its own blocks from memory; an error of another one is found again, by the block it was in.
        var (own, message, failure) = ([CaratheodoryAccumulator](), MessageBuffer(), GeometryError?.none)
        do throws(GeometryError) {
            try blocks.reduce(share(processes.rank)) { (leaf) throws(GeometryError) in
                if processes.rank == 0 { own.append(leaf) } else { message.append(leaf.bytes) }
            }
        } catch {
            failure = error
        }
        let answers = processes.gather(message.bytes)
        guard processes.rank == 0 else { return nil }
        if let failure { throw failure }
        var tree = MergeTree()
        for leaf in own { try tree.append(leaf) }
        for (rank, answer) in answers.enumerated().dropFirst() {
            var message = MessageBuffer(answer)
            for block in share(rank) {
                guard message.hasMore else {
                    try blocks.reduce(block..<block + 1) { (leaf) throws(GeometryError) in try tree.append(leaf) }
                    continue
                }
                try tree.append(CaratheodoryAccumulator(message: &message))
            }
        }
        return try blocks.assemble(tree)
    }
}

/// Runs of consecutive points that are reduced on their own.
private struct PointBlocks {
    let points: ConcatenatedPoints
    let weights: UnsafeBufferPointer<Double>?
    let keepsSecondMoments: Bool

    /// 16 MB in double precision: a block outweighs the D³ of its elimination, and several fit the memory of any machine.
    private var length: Int { Swift.max(256, (1 << 21) / Swift.max(1, points.dimension)) }

    var count: Int { (points.pointCount + length - 1) / length }

    /// Gives `body` the accumulators of some blocks in order, two for each thread at a time.
    func reduce(_ range: Range<Int>, _ body: (CaratheodoryAccumulator) throws(GeometryError) -> Void) throws(GeometryError) {
        let team = ThreadTeam(BLASConfiguration.configuredThreads)
        try BLASConfiguration.withSingleThread { () throws(GeometryError) in
            for start in stride(from: range.lowerBound, to: range.upperBound, by: 2 * team.count) {
                let group = start..<Swift.min(start + 2 * team.count, range.upperBound)
                var leaves = [Result<CaratheodoryAccumulator, GeometryError>?](repeating: nil, count: group.count)
                leaves.withUnsafeMutableBufferPointer { leaves in
                    guard let base = leaves.baseAddress else { return }
                    let target = SharedPointer(base)
                    team.share(group.count) { place in
                        target.pointer[place] = Result { () throws(GeometryError) in try leaf(group.lowerBound + place) }
                    }
                }
                for leaf in leaves { if let leaf { try body(try leaf.get()) } }
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

    func assemble(_ tree: MergeTree) throws(GeometryError) -> CaratheodoryReduction {
        var tree = tree
        guard let all = try tree.finish(), all.totalWeight > 0 else { throw .invalidWeight(index: 0, value: weights?.first ?? 0) }
        let pairs = points.dimension * (points.dimension + 1) / 2
        return CaratheodoryReduction(
            indices: all.indices, weights: all.weights, featureCount: points.dimension + (keepsSecondMoments ? pairs : 0),
            pointCount: points.pointCount, totalWeight: all.totalWeight, rank: nil, error: all.error, spreadError: all.spreadError,
            massError: all.massError)
    }
}

/// Accumulators of consecutive points, merged in pairs that have seen equally many blocks.
private struct MergeTree {
    private var levels: [(height: Int, accumulator: CaratheodoryAccumulator)] = []

    init() {}

    /// Takes in the accumulator of the next block.
    mutating func append(_ leaf: CaratheodoryAccumulator) throws(GeometryError) {
        levels.append((0, leaf))
        while levels.count > 1, levels[levels.count - 1].height == levels[levels.count - 2].height {
            let right = levels.removeLast()
            try levels[levels.count - 1].accumulator.merge(right.accumulator)
            levels[levels.count - 1].height += 1
        }
    }

    /// All of them together; nil when there were none.
    mutating func finish() throws(GeometryError) -> CaratheodoryAccumulator? {
        while levels.count > 1 {
            let right = levels.removeLast()
            try levels[levels.count - 1].accumulator.merge(right.accumulator)
        }
        return levels.first?.accumulator
    }
}
