// The reduction of points that no tree of sums should be kept for: block by block, and a tree of merges.
//
// Blocks are cut by their numbers alone and merged in pairs of equal height, like the digits of a binary counter. So the answer depends
// neither on the files that the points are in nor on who reduces which block, and memory is that of the blocks at hand and of D points
// for every level of the tree.

import LinearAlgebra

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
        let n = points.pointCount
        if let weights, weights.count != n { throw .dimensionMismatch(expected: n, found: weights.count) }
        var tree = MergeTree()
        let block = Self.pointsPerBlock(points.dimension)
        let team = ThreadTeam(BLASConfiguration.configuredThreads)
        let group = block * 2 * team.count
        try BLASConfiguration.withSingleThread { () throws(GeometryError) in
            for start in stride(from: 0, to: n, by: group) {
                let count = Swift.min(group, n - start)
                var leaves = [Result<CaratheodoryAccumulator, GeometryError>?](repeating: nil, count: (count + block - 1) / block)
                leaves.withUnsafeMutableBufferPointer { leaves in
                    guard let base = leaves.baseAddress else { return }
                    let target = SharedPointer(base)
                    team.share(count, inRunsOf: block) { range in
                        let range = start + range.lowerBound..<start + range.upperBound
                        target.pointer[(range.lowerBound - start) / block] = Result { () throws(GeometryError) in
                            try CaratheodoryAccumulator(points, range, weights, keepsSecondMoments: keepsSecondMoments)
                        }
                    }
                }
                for leaf in leaves { if let leaf { try tree.append(try leaf.get()) } }
            }
        }
        guard let all = try tree.finish(), all.totalWeight > 0 else { throw .invalidWeight(index: 0, value: weights?.first ?? 0) }
        let pairs = points.dimension * (points.dimension + 1) / 2
        self.init(
            indices: all.indices, weights: all.weights, featureCount: points.dimension + (keepsSecondMoments ? pairs : 0),
            pointCount: n, totalWeight: all.totalWeight, rank: nil, error: all.error, spreadError: all.spreadError,
            massError: all.massError)
    }

    /// 16 MB in double precision: a block outweighs the D³ of its elimination, and several fit the memory of any machine.
    private static func pointsPerBlock(_ dimension: Int) -> Int { Swift.max(256, (1 << 21) / Swift.max(1, dimension)) }
}

/// Accumulators of consecutive points, merged in pairs that have seen equally many blocks.
private struct MergeTree {
    private var levels: [(height: Int, accumulator: CaratheodoryAccumulator)] = []

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

extension CaratheodoryAccumulator {
    /// Some consecutive points of a set; positions count from the first of them.
    fileprivate init(
        _ source: ConcatenatedPoints, _ range: Range<Int>, _ weights: UnsafeBufferPointer<Double>?, keepsSecondMoments: Bool
    ) throws(GeometryError) {
        self.init(dimension: source.dimension, keepsSecondMoments: keepsSecondMoments)
        let block = Matrix(rows: dimension, columns: range.count, elements: source.copy(range))
        let share = 1 / Double(source.pointCount)
        do {
            try append(block, weights: weights.map { Array($0[range]) } ?? [Double](repeating: share, count: range.count))
        } catch {
            // By its place in the set.
            switch error {
            case .nonFinite(let point, let coordinate, let value):
                throw .nonFinite(point: point + range.lowerBound, coordinate: coordinate, value: value)
            case .invalidWeight(let index, let value): throw .invalidWeight(index: index + range.lowerBound, value: value)
            default: throw error
            }
        }
    }
}
