// The end of a reduction: dependent survivors, the correction of the weights, and the errors that remain.
//
// The survivors' weights x satisfy Σ x(z, 1) = b up to rounding, b the sums of the whole input in two terms. The
// residual r = b − Σ x(z, 1) is formed in two-term arithmetic; a correction δ with Σ δ(z, 1) = r is accepted only if it
// lowers the error and leaves every weight positive.

import LinearAlgebra

/// Survivors with their features, weights to be corrected.
struct SurvivorSystem {
    private(set) var points: WeightedPoints
    private let moments: InputMoments
    private let stride: Int
    /// Row q: z of survivor q about the center, then 1, zeros up to the stride.
    private var rows: [Double]

    private var features: Int { moments.width }
    private var width: Int { moments.width + 1 }

    init<Source: FeatureSource>(_ points: WeightedPoints, source: Source, moments: InputMoments) {
        self.points = points
        self.moments = moments
        stride = moments.high.count
        rows = [Double](repeating: 0, count: points.count * stride)
        let stride = stride, features = moments.width
        moments.center.withUnsafeBufferPointer { center in
            rows.withUnsafeMutableBufferPointer { rows in
                for (q, index) in points.indices.enumerated() {
                    let row = rows.baseAddress! + q * stride
                    source.copyFeatures(of: index, about: center.baseAddress!, stride: stride, into: row)
                    row[features] = 1
                }
            }
        }
    }

    // MARK: residual and errors

    // b − Σ x(z, 1), rounded to Double at the end only.
    private func residual(_ weights: [Double]) -> [Double] {
        var high = moments.high, low = moments.low
        high.withUnsafeMutableBufferPointer { high in
            low.withUnsafeMutableBufferPointer { low in
                rows.withUnsafeBufferPointer { rows in
                    for q in 0..<weights.count {
                        VectorKernels.addCompensated(
                            -weights[q], rows.baseAddress! + q * stride, width: stride, high: high.baseAddress!, low: low.baseAddress!)
                    }
                    for k in 0..<stride { high[k] += low[k] }
                }
            }
        }
        return high
    }

    // The three errors of (CaratheodoryReduction) for a residual.
    private func errors(_ r: [Double]) -> (error: Double, spread: Double, mass: Double) {
        guard moments.mass > 0 else { return (0, 0, 0) }
        var worst = 0.0, worstSpread = 0.0
        for k in 0..<features {
            if moments.magnitude[k] > 0 {
                worst = max(worst, (r[k] + moments.center[k] * r[features]).magnitude / moments.magnitude[k])
            }
            if moments.spread[k] > 0 {
                worstSpread = max(worstSpread, (r[k] - moments.shift[k] * r[features]).magnitude / moments.spread[k])
            }
        }
        return (worst, worstSpread, r[features].magnitude / moments.mass)
    }

    private func size(_ r: [Double]) -> Double {
        let e = errors(r)
        return max(e.error, e.spread, e.mass)
    }

    // MARK: correction

    /// Brings the weights as close to the input's sums as Double allows.
    ///
    /// Unknown are the relative corrections η, δ = xη, so that no equation is swamped by weights that are large elsewhere.
    /// - Returns: the three errors of ``CaratheodoryReduction`` that are left.
    mutating func correct() throws(GeometryError) -> (error: Double, spread: Double, mass: Double) {
        var best = residual(points.weights)
        guard points.count > 0, moments.mass > 0 else { return errors(best) }
        var bestSize = size(best)
        let goodEnough = Double.ulpOfOne
        if bestSize > goodEnough, points.count == width { refine(&best, &bestSize, until: goodEnough) }
        // Singular, fewer points than equations, or a weight that the exact solution would make negative.
        if bestSize > 8 * goodEnough {
            for _ in 0..<3 where bestSize > goodEnough {
                guard accept(try leastSquares(best), &best, &bestSize) else { break }
            }
        }
        return errors(best)
    }

    /// Multiplies the weights by 2 to a power.
    /// - Returns: the errors where that rounds weights, which were multiplied by the opposite power before; `nil` where it is exact.
    mutating func unscale(by exponent: Int) throws(GeometryError) -> (error: Double, spread: Double, mass: Double)? {
        func scale(_ weights: [Double], _ exponent: Int) -> [Double] {
            weights.map { Double(sign: .plus, exponent: exponent, significand: $0) }
        }
        let before = points.weights
        let stored = scale(before, exponent)
        let back = scale(stored, -exponent)
        points = WeightedPoints(indices: points.indices, weights: stored)
        guard back != before else { return nil }
        let errors = errors(residual(back))
        guard max(errors.error, errors.spread, errors.mass) <= Self.tolerable, stored.allSatisfy({ $0 > 0 }) else {
            throw .notRepresentable(reason: "weights so small that those of fewer points are rounded to less than half of their digits")
        }
        return errors
    }

    /// What rounding of denormal weights may cost: half of the digits of Double.
    private static var tolerable: Double { 0x1p-26 }

    // Iterative refinement: one factorization of the weighted survivors about the mean, residuals in two terms.
    private mutating func refine(_ best: inout [Double], _ bestSize: inout Double, until goodEnough: Double) {
        let base = points.weights
        let solver = NullSpaceElimination<Double>(width: width, capacity: width)
        rows.withUnsafeBufferPointer { rows in
            moments.shift.withUnsafeBufferPointer { shift in
                for q in 0..<width {
                    VectorKernels.weightedRow(
                        rows.baseAddress! + q * stride, mass: 1, factor: base[q], shift: shift.baseAddress!, dimension: features,
                        stride: stride,
                        row: solver.rows + q * stride)
                }
            }
        }
        // Every pivot is believed at first; then those that may be rounding errors are not, if that solves the matter.
        if solver.factorCombination() {
            iterate(solver, base, negligible: [Double](repeating: 0, count: width), &best, &bestSize, until: goodEnough)
        }
        guard bestSize > 8 * goodEnough else { return }
        let before = (points, best, bestSize)
        iterate(solver, base, negligible: moments.negligiblePivots, &best, &bestSize, until: goodEnough)
        if bestSize > 8 * goodEnough { (points, best, bestSize) = before }
    }

    // `base` are the weights that the rows were factored with.
    private mutating func iterate(
        _ solver: borrowing NullSpaceElimination<Double>, _ base: [Double], negligible: [Double], _ best: inout [Double],
        _ bestSize: inout Double, until goodEnough: Double
    ) {
        for _ in 0..<3 where bestSize > goodEnough {
            var right = aboutMean(best)
            let delta = right.withUnsafeMutableBufferPointer {
                let relative = solver.solveCombination($0.baseAddress!, negligible: negligible)
                return (0..<width).map { base[$0] * relative[$0] }
            }
            guard accept(delta, &best, &bestSize) else { return }
        }
    }

    private mutating func accept(_ delta: [Double], _ best: inout [Double], _ bestSize: inout Double) -> Bool {
        var candidate = points.weights
        for q in candidate.indices {
            candidate[q] += delta[q]
            guard candidate[q] > 0, candidate[q].isFinite else { return false }
        }
        let r = residual(candidate)
        let size = size(r)
        guard size < bestSize else { return false }
        points = WeightedPoints(indices: points.indices, weights: candidate)
        best = r
        bestSize = size
        return true
    }

    private func aboutMean(_ r: [Double]) -> [Double] {
        (0..<width).map { k in k < features ? r[k] - moments.shift[k] * r[features] : r[features] }
    }

    // Equations as rows, survivors as columns, about the mean; columns times `columnScale`, rows scaled to entries ≤ 1.
    private func equations(columnScale: (Int) -> Double) -> (matrix: Matrix, scale: [Double]) {
        var a = Matrix(rows: width, columns: points.count) { k, q in
            columnScale(q) * (k < features ? rows[q * stride + k] - moments.shift[k] : 1)
        }
        var scale = [Double](repeating: 0, count: width)
        for q in 0..<points.count { for k in 0..<width { scale[k] = max(scale[k], a[k, q].magnitude) } }
        for k in 0..<width where !(scale[k] > 0) { scale[k] = 1 }
        for q in 0..<points.count { for k in 0..<width { a[k, q] /= scale[k] } }
        return (a, scale)
    }

    // η from a rank-revealing QR: directions in which the survivors cannot move are left alone.
    private func leastSquares(_ r: [Double]) throws(GeometryError) -> [Double] {
        let weights = points.weights
        let (a, scale) = equations { weights[$0] }
        do {
            let qr = try PivotedQR(a)
            let rank = qr.rank(relativeTolerance: 0x1p-44)
            var y = qr.q(columns: rank).times(zip(aboutMean(r), scale).map { $0 / $1 }, transposeSelf: true)
            for i in Swift.stride(from: rank - 1, through: 0, by: -1) {
                for j in (i + 1)..<max(rank, i + 1) { y[i] -= qr.r[i, j] * y[j] }
                y[i] /= qr.r[i, i]
            }
            var solution = [Double](repeating: 0, count: points.count)
            for i in 0..<rank { solution[qr.permutation[i]] = y[i] * weights[qr.permutation[i]] }
            return solution
        } catch {
            throw .factorization(error)
        }
    }

    // MARK: dependent survivors

    /// Eliminates survivors that depend on others, so that as many are left as their numerical rank; returns the rank.
    ///
    /// The rank is that of the points, whatever their weights. As many features span the others; which ones is decided
    /// on the weighted points, so that none that is left out is small beside those that give it.
    mutating func removeDependent() throws(GeometryError) -> Int {
        let count = points.count
        guard count > 1 else { return count }
        let rank: Int, weighted: Matrix, spanning: [Int]
        do {
            rank = try PivotedQR(equations { _ in 1 }.matrix).rank(relativeTolerance: Double(width) * Double.ulpOfOne)
            guard rank < count else { return rank }
            weighted = equations { points.weights[$0] }.matrix
            spanning = Array(try PivotedQR(weighted.transposed()).permutation.prefix(rank))
        } catch {
            throw .factorization(error)
        }
        var elimination = NullSpaceElimination<Double>(width: rank, capacity: count)
        for q in 0..<count {
            let row = elimination.rows + q * elimination.stride
            row.initialize(repeating: 0, count: elimination.stride)
            for (j, k) in spanning.enumerated() { row[j] = weighted[k, q] }
            elimination.weights[q] = 1
        }
        let left = elimination.run(count: count)
        let kept = (0..<left).filter { elimination.survivorWeights[$0] > 0 }
            .map { (at: Int(elimination.survivors[$0]), factor: elimination.survivorWeights[$0]) }
            .sorted { $0.at < $1.at }
        rows = kept.flatMap { rows[$0.at * stride..<($0.at + 1) * stride] }
        points = WeightedPoints(
            indices: kept.map { points.indices[$0.at] }, weights: kept.map { points.weights[$0.at] * $0.factor })
        return rank
    }
}
