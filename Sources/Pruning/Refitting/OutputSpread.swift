// How much outputs vary.

import LinearAlgebra

/// Variance of every output over a stream of samples, about the first one.
struct OutputSpread {
    private var origins: [Double]
    private var sums: [Double]
    private var squares: [Double]
    private var counts: [Double]

    init(count: Int) {
        origins = [Double](repeating: 0, count: count)
        (sums, squares, counts) = (origins, origins, origins)
    }

    /// Adds samples as columns; row 0 is output `first`.
    mutating func add(_ block: Matrix, from first: Int) {
        for j in 0..<block.columns {
            for o in 0..<block.rows {
                let value = block.elements[j * block.rows + o]
                if counts[first + o] == 0 { origins[first + o] = value }
                let difference = value - origins[first + o]
                sums[first + o] += difference
                squares[first + o] += difference * difference
                counts[first + o] += 1
            }
        }
    }

    var variances: [Double] {
        counts.indices.map { k in
            let n = Swift.max(1, counts[k])
            return Swift.max(0, squares[k] / n - (sums[k] / n) * (sums[k] / n))
        }
    }
}
