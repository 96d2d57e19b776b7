// The classic method: one null vector for every point that is dropped.
//
// D + 1 active points are dependent; a null vector λ of their (z, 1), from the last right singular vector, is followed
// until a weight reaches zero, in the direction that drops the point with the larger pivot (or lowers the cost). The
// next point takes the free place. O(n·D³) time, O(D²) memory.
// Source: the proof in Carathéodory (1907), as in most textbooks; see also Maalouf, Jubran & Feldman (2019), algorithm 1.

import LinearAlgebra

struct DirectReduction<Source: FeatureSource> {
    let source: Source
    let weights: WeightView
    let costs: [Double]?

    func run(_ moments: InputMoments) throws(GeometryError) -> WeightedPoints {
        let width = source.width + 1
        var active: [(index: Int, weight: Double, row: [Double])] = []
        for i in 0..<source.count where weights[i] > 0 {
            active.append((i, weights[i], row(of: i, moments)))
            if active.count > width { try dropOne(&active) }
        }
        active.sort { $0.index < $1.index }
        return WeightedPoints(indices: active.map(\.index), weights: active.map(\.weight))
    }

    // (z − shift, 1) of a point, features divided by their spread.
    private func row(of i: Int, _ m: InputMoments) -> [Double] {
        let features = source.width
        var result = [Double](repeating: 0, count: m.high.count)
        m.center.withUnsafeBufferPointer {
            source.copyFeatures(of: i, about: $0.baseAddress!, stride: m.high.count, into: &result)
        }
        for k in 0..<features { result[k] = m.spread[k] > 0 ? (result[k] - m.shift[k]) / (m.spread[k] / m.mass) : 0 }
        return result[0..<features] + [1]
    }

    private func dropOne(_ active: inout [(index: Int, weight: Double, row: [Double])]) throws(GeometryError) {
        let width = source.width + 1
        let null: [Double]
        do {
            // Square with a zero row, so that the decomposition returns all right singular vectors.
            let a = Matrix(rows: active.count, columns: active.count) { k, q in k < width ? active[q].row[k] : 0 }
            let vt = try SingularValueDecomposition(a).vt
            null = vt.row(active.count - 1)
        } catch {
            throw .factorization(error)
        }
        // Moving by +s·λ, the weights with λ < 0 fall; by −s·λ those with λ > 0.
        var falling = (step: Double.infinity, at: -1), rising = (step: Double.infinity, at: -1)
        for (q, lambda) in null.enumerated() {
            if lambda < 0, active[q].weight / -lambda < falling.step { falling = (active[q].weight / -lambda, q) }
            if lambda > 0, active[q].weight / lambda < rising.step { rising = (active[q].weight / lambda, q) }
        }
        var goesUp = rising.at >= 0 && (falling.at < 0 || null[rising.at] > -null[falling.at])
        if let costs, rising.at >= 0, falling.at >= 0 {
            let slope = zip(null, active).reduce(0) { $0 + $1.0 * costs[$1.1.index] }
            goesUp = slope > 0
        }
        let chosen = goesUp ? rising : falling
        guard chosen.at >= 0 else { throw .breakdown("a null vector of the points vanishes") }
        let step = goesUp ? -chosen.step : chosen.step
        for q in active.indices { active[q].weight = max(0, active[q].weight + step * null[q]) }
        active[chosen.at].weight = 0
        active.removeAll { !($0.weight > 0) }
    }
}
