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
