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
            let rows = block.rows
            precondition(origins.count == rows, "one origin per output")
            var (sums, squares) = ([Double](repeating: 0, count: rows), [Double](repeating: 0, count: rows))
            var deviations = sums
            block.elements.withUnsafeBufferPointer { values in
                origins.withUnsafeBufferPointer { origins in
                    deviations.withUnsafeMutableBufferPointer { deviations in
                        sums.withUnsafeMutableBufferPointer { sums in
                            squares.withUnsafeMutableBufferPointer { squares in
                                guard let first = values.baseAddress else { return }
                                for j in 0..<block.columns {
                                    VectorKernels.center(
                                        first + j * rows, by: origins.baseAddress!, count: rows, into: deviations.baseAddress!,
                                        sum: sums.baseAddress!, squares: squares.baseAddress!)
                                }
                            }
                        }
                    }
                }
            }
            (self.sums, self.squares, count) = (sums, squares, block.columns)
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
