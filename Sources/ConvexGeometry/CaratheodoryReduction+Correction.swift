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
        var one = 1.0
        withUnsafePointer(to: &one) { unit in
            moments.center.withUnsafeBufferPointer { center in
                rows.withUnsafeMutableBufferPointer { rows in
                    for (q, index) in points.indices.enumerated() {
                        let row = rows.baseAddress! + q * stride
                        _ = source.moments(
                            of: index..<index + 1, weights: WeightView(base: unit, step: 0), center: center.baseAddress!,
                            stride: stride, sum: row, centeredMagnitude: nil, magnitude: nil)
                        row[features] = 1
                    }
                }
            }
        }
    }

    // MARK: residual and errors

    /// b − Σ x(z, 1), rounded to Double at the end only.
    func residual(_ weights: [Double]) -> [Double] {
        var high = moments.high, low = moments.low
        high.withUnsafeMutableBufferPointer { high in
            low.withUnsafeMutableBufferPointer { low in
                rows.withUnsafeBufferPointer { rows in
                    for q in 0..<weights.count {
                        VectorKernels.addCompensated(
                            -weights[q], rows.baseAddress! + q * stride, width: stride, high: high.baseAddress!, low: low.baseAddress!)
                    }
                }
            }
        }
        return zip(high, low).map { $0 + $1 }
    }

    /// The three errors of (CaratheodoryReduction) for a residual.
    func errors(_ r: [Double]) -> (error: Double, spread: Double, mass: Double) {
        guard moments.mass > 0 else { return (0, 0, 0) }
        var worst = 0.0, worstSpread = 0.0
        for k in 0..<features {
            if moments.magnitude[k] > 0 {
                worst = max(worst, (r[k] + moments.center[k] * r[features]).magnitude / moments.magnitude[k])
            }
            if moments.spread[k] > 0 { worstSpread = max(worstSpread, (r[k] - moments.shift[k] * r[features]).magnitude / moments.spread[k]) }
        }
        return (worst, worstSpread, r[features].magnitude / moments.mass)
    }

    private func size(_ r: [Double]) -> Double {
        let e = errors(r)
        return max(e.error, e.spread, e.mass)
    }

    // MARK: correction

    /// Brings the weights as close to the input's sums as Double allows.
    mutating func correct() throws(GeometryError) {
        guard points.count > 0, moments.mass > 0 else { return }
        var best = residual(points.weights)
        var bestSize = size(best)
        let goodEnough = 0.5 * Double.ulpOfOne
        guard bestSize > goodEnough else { return }
        if points.count == width, let factor = try factorized() {
            for _ in 0..<3 where bestSize > goodEnough {
                guard let delta = try? factor.solve(Matrix(rows: width, columns: 1, elements: scaledRight(best))),
                    accept(delta.elements, &best, &bestSize)
                else { break }
            }
        }
        // Singular, fewer points than equations, or a weight that the exact solution would make negative.
        let needsMore = 4 * Double.ulpOfOne
        if bestSize > needsMore {
            for _ in 0..<3 where bestSize > goodEnough {
                guard accept(try leastSquares(best), &best, &bestSize) else { break }
            }
        }
    }

    private mutating func accept(_ delta: [Double], _ best: inout [Double], _ bestSize: inout Double) -> Bool {
        let candidate = zip(points.weights, delta).map { $0 + $1 }
        guard candidate.allSatisfy({ $0 > 0 && $0.isFinite }) else { return false }
        let r = residual(candidate)
        let size = size(r)
        guard size < bestSize else { return false }
        points = WeightedPoints(indices: points.indices, weights: candidate)
        best = r
        bestSize = size
        return true
    }

    // Scale of each equation: the largest entry of the feature among the survivors, about the mean.
    private func scales() -> [Double] {
        var scale = [Double](repeating: 0, count: width)
        for q in 0..<points.count {
            for k in 0..<features { scale[k] = max(scale[k], (rows[q * stride + k] - moments.shift[k]).magnitude) }
        }
        scale[features] = 1
        return scale.map { $0 > 0 ? $0 : 1 }
    }

    // Equations as rows, survivors as columns, about the mean and scaled to entries ≤ 1.
    private func equations() -> Matrix {
        let scale = scales()
        return Matrix(rows: width, columns: points.count) { k, q in
            k < features ? (rows[q * stride + k] - moments.shift[k]) / scale[k] : 1
        }
    }

    private func scaledRight(_ r: [Double]) -> [Double] {
        let scale = scales()
        return (0..<width).map { k in k < features ? (r[k] - moments.shift[k] * r[features]) / scale[k] : r[features] }
    }

    private func factorized() throws(GeometryError) -> LU? {
        do {
            let factor = try LU(equations())
            return factor.firstZeroPivot == nil ? factor : nil
        } catch {
            throw .factorization(error.description)
        }
    }

    // Corrections relative to the weights, from a rank-revealing QR: directions in which the survivors cannot move
    // are left alone.
    private func leastSquares(_ r: [Double]) throws(GeometryError) -> [Double] {
        var a = equations()
        let largest = points.weights.max() ?? 1
        let relative = points.weights.map { $0 / largest }
        for q in 0..<points.count { for k in 0..<width { a[k, q] *= relative[q] } }
        do {
            let qr = try PivotedQR(a)
            let rank = qr.rank(relativeTolerance: 0x1p-44)
            let projected = qr.q(columns: rank).times(scaledRight(r), transposeSelf: true)
            var solution = [Double](repeating: 0, count: points.count)
            var y = projected
            for i in Swift.stride(from: rank - 1, through: 0, by: -1) {
                for j in (i + 1)..<max(rank, i + 1) { y[i] -= qr.r[i, j] * y[j] }
                y[i] /= qr.r[i, i]
            }
            for i in 0..<rank { solution[qr.permutation[i]] = y[i] * relative[qr.permutation[i]] }
            return solution
        } catch {
            throw .factorization(error.description)
        }
    }

    // MARK: dependent survivors

    /// Eliminates survivors that depend on others, so that as many are left as their numerical rank; returns the rank.
    mutating func removeDependent() throws(GeometryError) -> Int {
        guard points.count > 1 else { return points.count }
        do {
            let qr = try PivotedQR(equations())
            let rank = qr.rank(relativeTolerance: Double(width) * Double.ulpOfOne)
            let dependent = points.count - rank
            guard dependent > 0 else { return rank }
            // Relations R₁₁⁻¹R₁₂: dependent survivor j = Σᵢ tᵢ·(independent survivor i).
            var elimination = NullSpaceElimination(width: width, capacity: dependent)
            var names: [Int64] = []
            for j in 0..<dependent {
                let t = elimination.rows + j * elimination.stride
                for i in Swift.stride(from: rank - 1, through: 0, by: -1) {
                    var value = qr.r[i, rank + j]
                    for k in (i + 1)..<max(rank, i + 1) { value -= qr.r[i, k] * t[k] }
                    t[i] = value / qr.r[i, i]
                }
                names.append(Int64(qr.permutation[rank + j]))
                elimination.weights[j] = points.weights[qr.permutation[rank + j]]
            }
            for i in 0..<rank {
                elimination.survivors[i] = Int64(qr.permutation[i])
                elimination.survivorWeights[i] = points.weights[qr.permutation[i]]
            }
            elimination.exchangeRelations(count: dependent, basisSize: rank, names: names)
            var kept: [(Int, Double)] = []
            for i in 0..<rank where elimination.survivorWeights[i] > 0 { kept.append((Int(elimination.survivors[i]), elimination.survivorWeights[i])) }
            kept.sort { $0.0 < $1.0 }
            rows = kept.flatMap { rows[$0.0 * stride..<($0.0 + 1) * stride] }
            points = WeightedPoints(indices: kept.map { points.indices[$0.0] }, weights: kept.map(\.1))
            return rank
        } catch {
            throw .factorization(error.description)
        }
    }
}
