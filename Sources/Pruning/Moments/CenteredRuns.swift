// Samples less a center, as products of moments take them, and their sums.

import LinearAlgebra

/// What one run's sums are of, next to its samples: deviations from a center by columns, those of every run where it begins.
struct CenteredRuns<Scalar: PanelScalar> {
    /// Rows times all columns.
    private(set) var values: [Scalar]
    let rows: Int
    private let center: [Double]
    /// Σ and Σ of squares by run, `rows` entries each.
    private var sums: [Double]
    private var squares: [Double]

    init(center: [Double], columns: Int, runs: Int, sumsSquares: Bool) {
        rows = center.count
        self.center = center
        values = .uninitialized(rows * columns)
        sums = [Double](repeating: 0, count: rows * runs)
        squares = [Double](repeating: 0, count: sumsSquares ? rows * runs : 0)
    }

    /// Where threads write their runs.
    mutating func withWriter<R>(_ body: (Writer) -> R) -> R {
        let rows = rows
        let wantsSquares = !squares.isEmpty
        return center.withUnsafeBufferPointer { center in
            values.withUnsafeMutableBufferPointer { values in
                sums.withUnsafeMutableBufferPointer { sums in
                    squares.withUnsafeMutableBufferPointer { squares in
                        body(
                            Writer(
                                rows: rows, center: center, values: values, sums: sums,
                                squares: wantsSquares ? squares : nil))
                    }
                }
            }
        }
    }

    struct Writer {
        fileprivate let rows: Int
        fileprivate let center: UnsafeBufferPointer<Double>
        fileprivate let values: UnsafeMutableBufferPointer<Scalar>
        fileprivate let sums: UnsafeMutableBufferPointer<Double>
        fileprivate let squares: UnsafeMutableBufferPointer<Double>?

        /// Run `run` is the block's columns; it begins at column `first` of all.
        func write(_ block: Matrix, run: Int, first: Int) {
            precondition(
                block.rows == rows && (first + block.columns) * rows <= values.count, "as many rows as the center, and room for the run")
            guard rows > 0 else { return }
            // Sums of one's own first: neighbouring ones would share lines of the cache with other threads.
            withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * rows) { own in
                own.update(repeating: 0)
                let (sum, square) = (own.baseAddress!, own.baseAddress! + rows)
                block.elements.withUnsafeBufferPointer { source in
                    for j in 0..<block.columns {
                        Scalar.center(
                            source.baseAddress! + j * rows, by: center.baseAddress!, count: rows,
                            into: values.baseAddress! + (first + j) * rows, sum: sum, squares: squares == nil ? nil : square)
                    }
                }
                (sums.baseAddress! + run * rows).update(from: sum, count: rows)
                if let squares { (squares.baseAddress! + run * rows).update(from: square, count: rows) }
            }
        }
    }

    /// Adds the sums of a run.
    func addSums(of run: Int, to total: inout [Double]) { for i in 0..<rows { total[i] += sums[run * rows + i] } }

    /// Adds the sums of a run's squares.
    func addSquares(of run: Int, to total: inout [Double]) { for i in 0..<rows { total[i] += squares[run * rows + i] } }
}
