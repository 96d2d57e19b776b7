// Carathéodory's theorem as its proof goes: plain loops, one null vector per dropped point, no BLAS.

public enum ReferenceCaratheodory {
    /// At most d + 1 of the weighted points with the same total weight and weighted sum. O(n·d³).
    ///
    /// - Parameters:
    ///   - points: n points of equal dimension.
    ///   - weights: n weights ≥ 0.
    public static func reduce(points: [[Double]], weights: [Double]) -> (indices: [Int], weights: [Double]) {
        precondition(points.count == weights.count, "one weight per point")
        let dimension = points.first?.count ?? 0
        var active: [(index: Int, weight: Double)] = []
        for i in points.indices where weights[i] > 0 {
            active.append((i, weights[i]))
            guard active.count > dimension + 1 else { continue }
            // Columns (p − p₀, 1) of the active points: d + 2 vectors in ℝ^{d+1}.
            let origin = points[active[0].index]
            var columns: [[Double]] = []
            for (index, _) in active { columns.append(zip(points[index], origin).map(-) + [1]) }
            let null = nullVector(columns)
            // Follow the null vector until the first weight vanishes.
            var step = Double.infinity, leaving = 0
            for k in active.indices where null[k] > 0 && active[k].weight / null[k] < step {
                step = active[k].weight / null[k]
                leaving = k
            }
            for k in active.indices { active[k].weight = max(0, active[k].weight - step * null[k]) }
            active[leaving].weight = 0
            active.removeAll { $0.weight == 0 }
        }
        return (active.map(\.index), active.map(\.weight))
    }

    /// A nonzero λ with Σ λₖ·columnₖ = 0 and a positive entry, by elimination with complete pivoting; one column more
    /// than rows at least.
    static func nullVector(_ columns: [[Double]]) -> [Double] {
        let n = columns.count, m = columns[0].count
        var a = (0..<m).map { row in (0..<n).map { columns[$0][row] } }
        // Rows scaled to equal size.
        for i in 0..<m {
            let size = a[i].reduce(0) { max($0, $1.magnitude) }
            if size > 0 { a[i] = a[i].map { $0 / size } }
        }
        var order = Array(0..<n)
        var rank = 0
        while rank < m {
            var best = (value: 0.0, row: rank, column: rank)
            for i in rank..<m { for j in rank..<n where a[i][j].magnitude > best.value { best = (a[i][j].magnitude, i, j) } }
            guard best.value > 1e-14 else { break }
            a.swapAt(rank, best.row)
            for i in 0..<m { a[i].swapAt(rank, best.column) }
            order.swapAt(rank, best.column)
            for i in 0..<m where i != rank {
                let factor = a[i][rank] / a[rank][rank]
                for j in rank..<n { a[i][j] -= factor * a[rank][j] }
            }
            rank += 1
        }
        // The first free column is a combination of the pivot columns.
        var result = [Double](repeating: 0, count: n)
        result[order[rank]] = 1
        for i in 0..<rank { result[order[i]] = -a[i][rank] / a[i][i] }
        return result
    }
}
