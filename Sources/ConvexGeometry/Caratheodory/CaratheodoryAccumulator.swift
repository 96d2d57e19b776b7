// Carathéodory reduction of weighted points that arrive in blocks.
//
// At any time at most D points represent everything seen, and the sums that they must keep are carried in two-term
// arithmetic, so that the weights are corrected against the true sums after every block: errors do not build up with
// the number of blocks. O(D²) memory beside the block at hand.

import LinearAlgebra
import MessagePassing

/// A running reduction: append blocks of points, read off a representation at any time, merge two of them.
///
/// ```swift
/// var accumulator = CaratheodoryAccumulator(dimension: 10)
/// for block in blocks { try accumulator.append(block.points, weights: block.weights) }
/// accumulator.indices      // positions in the order of arrival
/// accumulator.points       // the points themselves, one per column
/// accumulator.weights
/// ```
public struct CaratheodoryAccumulator: Sendable {
    /// d.
    public let dimension: Int
    /// Whether Σw·ppᵀ is kept besides Σw and Σw·p.
    public let keepsSecondMoments: Bool
    /// The representation: positions in the order of arrival (ascending), the points (d×k), and positive weights.
    public private(set) var indices: [Int] = []
    /// The points themselves, d×k: one column for each of `indices`.
    public private(set) var points: Matrix
    /// Their weights, all positive, in the order of `indices`.
    public private(set) var weights: [Double] = []
    /// Points seen.
    public private(set) var pointCount = 0
    /// Errors as in ``CaratheodoryReduction``, with respect to everything appended.
    public private(set) var error = 0.0
    /// The same in units of the spread: ``CaratheodoryReduction/spreadError``.
    public private(set) var spreadError = 0.0
    /// Relative error of the total weight: ``CaratheodoryReduction/massError``.
    public private(set) var massError = 0.0
    /// Σw of everything appended.
    public var totalWeight: Double { moments?.mass ?? 0 }

    private var moments: InputMoments?
    private var anchor: [Double]?

    /// An empty accumulator. Precondition: `dimension` ≥ 0.
    public init(dimension: Int, keepsSecondMoments: Bool = false) {
        precondition(dimension >= 0, "a dimension is not negative")
        self.dimension = dimension
        self.keepsSecondMoments = keepsSecondMoments
        points = Matrix(rows: dimension, columns: 0)
    }

    /// Takes in a block of points, d×n, with weights (1 each when `nil`).
    /// - Throws: as ``CaratheodoryReduction``; the accumulator is unchanged then.
    /// - Complexity: n·d in one read, and log n eliminations of d³.
    public mutating func append(_ block: Matrix, weights blockWeights: [Double]? = nil) throws(GeometryError) {
        let positions = Array(pointCount..<(pointCount + block.columns))
        try append(block, weights: blockWeights ?? [Double](repeating: 1, count: block.columns), positions: positions, seen: block.columns)
    }

    /// Takes in all that another accumulator has seen, as if its points had been appended after the ones here.
    public mutating func merge(_ other: CaratheodoryAccumulator) throws(GeometryError) {
        try append(other.points, weights: other.weights, positions: other.indices.map { $0 + pointCount }, seen: other.pointCount)
        // What the other one is off by is not seen here. Its share of the whole is at most 1, and the spread about its own mean at
        // most twice that about the common one.
        error += other.error
        spreadError += 2 * other.spreadError
        massError += other.massError
    }

    private mutating func append(_ block: Matrix, weights blockWeights: [Double], positions: [Int], seen: Int) throws(GeometryError) {
        guard block.rows == dimension else { throw .dimensionMismatch(expected: dimension, found: block.rows) }
        guard blockWeights.count == block.columns else { throw .dimensionMismatch(expected: block.columns, found: blockWeights.count) }
        guard block.columns > 0 else {
            pointCount += seen
            return
        }
        if keepsSecondMoments, blockWeights.contains(0) {
            return try appendWeighted(block, weights: blockWeights, positions: positions, seen: seen)
        }
        // The block's own sums and survivors, about the common center.
        var anchor = anchor
        var (survivors, sums) = try reduce(block, blockWeights, center: moments?.center, &anchor)
        if let moments { sums.add(moments) }
        // Both representations together, down to D.
        var candidates = points.elements, candidateWeights = weights, names = indices
        for (index, weight) in zip(survivors.indices, survivors.weights) {
            candidates.append(contentsOf: block.column(index))
            candidateWeights.append(weight)
            names.append(positions[index])
        }
        let together = Matrix(rows: dimension, columns: names.count, elements: candidates)
        (survivors, _) = try reduce(together, candidateWeights, center: sums.center, &anchor)
        let (corrected, errors) = try correct(survivors, of: together, sums, anchor)
        let order = corrected.indices.indices.sorted { names[corrected.indices[$0]] < names[corrected.indices[$1]] }
        self.anchor = anchor
        moments = sums
        indices = order.map { names[corrected.indices[$0]] }
        weights = order.map { corrected.weights[$0] }
        points = together.selectingColumns(order.map { corrected.indices[$0] })
        (error, spreadError, massError) = errors
        pointCount += seen
    }

    /// Takes in the points of a block that have weight: products are taken about the points, among which the others have no place.
    private mutating func appendWeighted(
        _ block: Matrix, weights blockWeights: [Double], positions: [Int], seen: Int
    ) throws(GeometryError) {
        if let bad = block.elements.firstIndex(where: { !$0.isFinite }) {
            throw .nonFinite(point: bad / dimension, coordinate: bad % dimension, value: block.elements[bad])
        }
        let kept = blockWeights.indices.filter { blockWeights[$0] != 0 }
        do throws(GeometryError) {
            try append(
                block.selectingColumns(kept), weights: kept.map { blockWeights[$0] }, positions: kept.map { positions[$0] }, seen: seen)
        } catch {
            throw error.renumbered(by: kept)
        }
    }

    private func reduce(
        _ block: Matrix, _ weights: [Double], center: [Double]?, _ anchor: inout [Double]?
    ) throws(GeometryError) -> (WeightedPoints, InputMoments) {
        try block.elements.withUnsafeBufferPointer { (elements) throws(GeometryError) in
            try weights.withUnsafeBufferPointer { (weights) throws(GeometryError) in
                let source = StoredPoints(elements, count: block.columns, width: dimension)
                let view = WeightView(base: weights.baseAddress!, step: 1)
                guard keepsSecondMoments else {
                    return try OneReadReduction(source: source, weights: view, costs: nil, fixedCenter: center).run(descends: true)!
                }
                let features = SecondMomentFeatures(of: source, about: anchor ?? source.anchor(weights: weights))
                anchor = features.anchor
                return try OneReadReduction(source: features, weights: view, costs: nil, fixedCenter: center).run(descends: true)!
            }
        }
    }

    private func correct(
        _ survivors: WeightedPoints, of block: Matrix, _ sums: InputMoments, _ anchor: [Double]?
    ) throws(GeometryError) -> (WeightedPoints, (Double, Double, Double)) {
        try block.elements.withUnsafeBufferPointer { (elements) throws(GeometryError) in
            let source = StoredPoints(elements, count: block.columns, width: dimension)
            var system =
                keepsSecondMoments
                ? SurvivorSystem(
                    survivors, source: SecondMomentFeatures(of: source, about: anchor ?? source.anchor(weights: nil)), moments: sums)
                : SurvivorSystem(survivors, source: source, moments: sums)
            let e = try system.correct()
            return (system.points, (e.error, e.spread, e.mass))
        }
    }
}

extension CaratheodoryAccumulator {
    /// Adds it to a message.
    func write(to message: inout MessageBuffer) {
        message.write([dimension, keepsSecondMoments ? 1 : 0, pointCount, moments == nil ? 0 : 1, anchor == nil ? 0 : 1])
        message.write(indices)
        for values in [weights, points.elements, [error, spreadError, massError], anchor ?? []] { message.write(values) }
        if let moments {
            message.write([moments.width])
            for values in [
                moments.high, moments.low, moments.centeredMagnitude, moments.spread, moments.magnitude, moments.center, moments.shift,
            ] { message.write(values) }
        }
    }

    /// Reads it from a message.
    init(message: inout MessageBuffer) {
        let (sizes, names, shares, elements) = (message.readInts(), message.readInts(), message.readDoubles(), message.readDoubles())
        let (errors, about) = (message.readDoubles(), message.readDoubles())
        self.init(dimension: sizes[0], keepsSecondMoments: sizes[1] == 1)
        (pointCount, indices, weights) = (sizes[2], names, shares)
        points = Matrix(rows: dimension, columns: names.count, elements: elements)
        (error, spreadError, massError) = (errors[0], errors[1], errors[2])
        anchor = sizes[4] == 1 ? about : nil
        guard sizes[3] == 1 else { return }
        let width = message.readInts()[0]
        let sums = (0..<7).map { _ in message.readDoubles() }
        moments = InputMoments(
            high: sums[0], low: sums[1], centeredMagnitude: sums[2], spread: sums[3], magnitude: sums[4], center: sums[5],
            shift: sums[6], width: width)
    }
}

extension InputMoments {
    // Sums over two inputs about the same center.
    mutating func add(_ other: InputMoments) {
        for k in high.indices {
            let sum = high[k] + other.high[k], part = sum - high[k]
            low[k] += other.low[k] + ((high[k] - (sum - part)) + (other.high[k] - part))
            high[k] = sum
            centeredMagnitude[k] += other.centeredMagnitude[k]
            magnitude[k] += other.magnitude[k]
        }
        for k in 0..<width {
            let before = (mass: mass - other.mass, shift: shift[k])
            shift[k] = mass > 0 ? high[k] / mass : 0
            // |p − μ| summed over each part is at least what its own mean leaves; the means' distances add to it.
            let between = before.mass * (before.shift - shift[k]).magnitude + other.mass * (other.shift[k] - shift[k]).magnitude
            spread[k] = max(centeredMagnitude[k] - mass * shift[k].magnitude, between)
        }
    }
}
