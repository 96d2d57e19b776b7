// Carathéodory reduction by one read of the data and a tree of sums, in plain Swift: no BLAS, no blocking.
//
// The same method as the accelerated engine. Weighted sums of runs of 16 points are added up pairwise to a tree; from
// the top down, survivors split in two and at most 2D nodes are eliminated to at most D = d + 1. A node is the row
// (1, mean − global mean); elimination writes every other row by a basis of D rows (row-pivoted LU) and exchanges:
// lowering the weight of a = Σ tᵢaᵢ by s raises the basic weights by s·tᵢ. Rows must span ℝᴰ at every level.

/// The one-read reduction in plain Swift.
public enum TreeCaratheodory {
    /// At most d + 1 of n weighted points (d×n by columns, weights > 0) with the same mass and weighted sum; `nil` when
    /// a level does not span.
    public static func reduce(points: [Double], dimension d: Int, weights: [Double]) -> (indices: [Int], weights: [Double])? {
        let n = weights.count
        let order = d + 1
        var levels = [leafSums(points, d, weights)]
        while levels[levels.count - 1].count > 2 * order * order { levels.append(pairSums(levels[levels.count - 1], order)) }
        let top = levels[levels.count - 1]
        var total = [Double](repeating: 0, count: order)
        for node in 0..<top.count / order { for k in 0..<order { total[k] += top[k + node * order] } }
        let mean = (0..<d).map { total[$0 + 1] / total[0] }

        // Survivors of a level: node number and the factor on its whole mass.
        var survivors = (0..<top.count / order).map { (node: $0, factor: 1.0) }
        for level in levels.indices.reversed() {
            let sums = levels[level]
            let nodes = survivors.filter { sums[$0.node * order] > 0 }
            let rows = nodes.flatMap { entry -> [Double] in
                let base = entry.node * order
                return [1] + (0..<d).map { sums[base + 1 + $0] / sums[base] - mean[$0] }
            }
            guard let kept = eliminate(rows, nodes.map { $0.factor * sums[$0.node * order] }, order) else { return nil }
            survivors = kept.map { (nodes[$0.row].node, $0.weight / sums[nodes[$0.row].node * order]) }
            if level > 0 {
                let below = levels[level - 1].count / order
                survivors = survivors.flatMap { entry in
                    (2 * entry.node..<min(2 * entry.node + 2, below)).map { ($0, entry.factor) }
                }
            }
        }
        let members = survivors.flatMap { entry in (run * entry.node..<min(run * entry.node + run, n)).map { ($0, entry.factor) } }
        let rows = members.flatMap { entry -> [Double] in [1] + (0..<d).map { points[$0 + entry.0 * d] - mean[$0] } }
        guard let kept = eliminate(rows, members.map { $0.1 * weights[$0.0] }, order) else { return nil }
        let sorted = kept.map { (members[$0.row].0, $0.weight) }.sorted { $0.0 < $1.0 }
        return (sorted.map(\.0), sorted.map(\.1))
    }

    /// Points in a leaf.
    private static let run = 16

    /// (mass, weighted sum) of each run, one after the other.
    private static func leafSums(_ points: [Double], _ d: Int, _ weights: [Double]) -> [Double] {
        let n = weights.count
        let order = d + 1
        var sums = [Double](repeating: 0, count: (n + run - 1) / run * order)
        for i in 0..<n {
            let base = i / run * order
            let weight = weights[i]
            sums[base] += weight
            for k in 0..<d { sums[base + 1 + k] += weight * points[k + i * d] }
        }
        return sums
    }

    private static func pairSums(_ sums: [Double], _ order: Int) -> [Double] {
        let count = sums.count / order
        var result = [Double](repeating: 0, count: (count + 1) / 2 * order)
        for node in 0..<count { for k in 0..<order { result[node / 2 * order + k] += sums[node * order + k] } }
        return result
    }

    /// At most `order` of the rows (stored one after the other) with the same weighted sum of rows.
    private static func eliminate(_ rows: [Double], _ start: [Double], _ order: Int) -> [(row: Int, weight: Double)]? {
        let m = start.count
        guard m > order else { return start.indices.map { ($0, start[$0]) } }
        var columns = [Double](repeating: 0, count: m * order)
        for i in 0..<m { for k in 0..<order { columns[i + k * m] = rows[k + i * order] } }
        guard let (permutation, t) = ReferenceLinearAlgebra.rowBasis(columns, rows: m, columns: order) else { return nil }
        let extra = m - order
        // Coefficients row by row, so that exchanges run over consecutive numbers.
        var coefficients = [Double](repeating: 0, count: extra * order)
        for j in 0..<extra { for i in 0..<order { coefficients[i + j * order] = t[j + i * extra] } }
        var basis = Array(permutation.prefix(order))
        var x = basis.map { start[$0] }
        for j in 0..<extra {
            let row = permutation[order + j]
            let weight = start[row]
            let base = j * order
            var (down, up) = ((step: weight, place: -1), (step: Double.infinity, place: -1))
            for i in 0..<order {
                let value = coefficients[base + i]
                if value < 0, -x[i] / value < down.step { down = (-x[i] / value, i) }
                if value > 0, x[i] / value < up.step { up = (x[i] / value, i) }
            }
            guard down.place >= 0 else {
                for i in 0..<order { x[i] += weight * coefficients[base + i] }
                continue
            }
            let goesUp = up.place >= 0 && coefficients[base + up.place] > -coefficients[base + down.place]
            let place = goesUp ? up.place : down.place
            let step = goesUp ? -up.step : down.step
            for i in 0..<order { x[i] = max(0, x[i] + step * coefficients[base + i]) }
            x[place] = weight - step
            basis[place] = row
            let pivot = coefficients[base + place]
            for later in (j + 1)..<max(extra, j + 1) {
                let scale = coefficients[later * order + place] / pivot
                for i in 0..<order { coefficients[later * order + i] -= scale * coefficients[base + i] }
                coefficients[later * order + place] = scale
            }
        }
        return (0..<order).filter { x[$0] > 0 }.map { (basis[$0], x[$0]) }
    }
}
