// Samples in runs that a thread makes, centers and sums at a time.

import LinearAlgebra

/// Columns of samples, in the order of the accumulators (folds) that they go to.
package struct SampleRun: Sendable {
    package var fold: Int
    package var columns: [Int]

    /// Values of a run: a quarter of a second-level cache, where they stay until they are centered; and columns that are worth being
    /// handed to a thread.
    private static let values = 1 << 15
    private static let columns = 16...256

    /// Runs of columns, those of fold 0 first.
    ///
    /// - Parameters:
    ///   - sources: the image of every column.
    ///   - rows: values of a column.
    ///   - folds: number of folds.
    ///   - fold: of an image.
    package static func runs(of sources: [Int], rows: Int, folds: Int, fold: (Int) -> Int) -> [SampleRun] {
        let most = Swift.min(Swift.max(values / Swift.max(1, rows), columns.lowerBound), columns.upperBound)
        var own = [[Int]](repeating: [], count: folds)
        for (column, source) in sources.enumerated() { own[fold(source)].append(column) }
        return own.indices.flatMap { f in
            stride(from: 0, to: own[f].count, by: most).map { first in
                SampleRun(fold: f, columns: Array(own[f][first..<Swift.min(first + most, own[f].count)]))
            }
        }
    }

    /// Runs in tiles of at most so many columns of one fold and of all folds, as far as single runs allow; every fold is spread over
    /// all tiles.
    package static func tiles(_ runs: [SampleRun], ofFold mostOfFold: Int, ofAll most: Int) -> [[Int]] {
        let folds = (0...(runs.last?.fold ?? 0)).map { f in runs.indices.filter { runs[$0].fold == f } }
        func columns(_ own: [Int]) -> Int { own.reduce(0) { $0 + runs[$1].columns.count } }
        let longest = folds.map(columns).max() ?? 0
        let all = columns(Array(runs.indices))
        let count = Swift.max(1, (longest + mostOfFold - 1) / mostOfFold, (all + most - 1) / most)
        var tiles = [[Int]](repeating: [], count: count)
        for own in folds { for (k, run) in own.enumerated() { tiles[k * count / own.count].append(run) } }
        return tiles.filter { !$0.isEmpty }
    }
}

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
