// How much outputs vary.

import LinearAlgebra

/// Variance of every output over a stream of samples, about the first of them.
struct OutputSpread: Sendable {
    /// Σ(y − origin) and Σ(y − origin)² per output, and how many samples they are of.
    struct Sums: Sendable {
        fileprivate var sums: [Double] = []
        fileprivate var squares: [Double] = []
        fileprivate var count = 0

        init() {}

        /// - Parameter block: samples as columns.
        init(_ block: Matrix, about origins: [Double]) {
            sums = [Double](repeating: 0, count: block.rows)
            squares = sums
            count = block.columns
            var centered = CenteredRuns<Double>(center: origins, columns: block.columns, runs: 1, sumsSquares: true)
            centered.withWriter { $0.write(block, run: 0, first: 0) }
            centered.addSums(of: 0, to: &sums)
            centered.addSquares(of: 0, to: &squares)
        }
    }

    /// What samples are summed about; `nil` before the first.
    private(set) var origins: [Double]?
    private var total: Sums

    init(count: Int) {
        total = Sums()
        (total.sums, total.squares) = ([Double](repeating: 0, count: count), [Double](repeating: 0, count: count))
    }

    /// Adds sums about `origins`, or about the first ones.
    mutating func add(_ parts: [Sums], about origins: [Double]) {
        precondition(self.origins == nil || self.origins == origins, "sums must be about the same origins")
        self.origins = origins
        for part in parts where part.count > 0 {
            for o in origins.indices {
                total.sums[o] += part.sums[o]
                total.squares[o] += part.squares[o]
            }
            total.count += part.count
        }
    }

    var variances: [Double] {
        let n = Double(Swift.max(1, total.count))
        return zip(total.sums, total.squares).map { Swift.max(0, $1 / n - ($0 / n) * ($0 / n)) }
    }
}
