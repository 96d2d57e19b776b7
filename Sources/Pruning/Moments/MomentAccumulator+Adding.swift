// Samples on their way into moment sums, those of several accumulators at once.
//
//     G_f += H̃_f·H̃_fᵀ,   X_f += H̃_f·Z̃_fᵀ,   f a fold, H̃_f and Z̃_f its samples less the centers                  (1)
//
// Threads share the runs of a tile of samples, which they make and center, and then panels of all products (1). Products of many
// regressors are made in Float and added up in Double: twice as fast, and about their center exact to √tile·6e-8 of the deviations, a
// thousandth of what the least pull on their fit allows. How samples and products are cut follows from their number alone.

import LinearAlgebra

extension MomentAccumulator {
    /// Regressors and targets of a run: n and q rows, a column per sample.
    package typealias Samples = (h: Matrix, z: Matrix?)

    /// Adds samples: h as n×N and z as q×N (0×N without targets), one sample per column.
    package mutating func add(_ h: Matrix, targets z: Matrix? = nil) {
        precondition(h.rows == channels && (z?.rows ?? 0) == targets && (z?.columns ?? h.columns) == h.columns)
        guard h.columns > 0 else { return }
        if channelCenter.isEmpty { setCenters(h, z) }
        // Out of this value and back, so that sums have one owner.
        var parts = [self]
        self = MomentAccumulator(channels: 0)
        let runs = SampleRun.runs(of: Array(0..<h.columns), rows: channels, folds: 1) { _ in 0 }
        MomentAccumulator.add(runs, to: &parts) { run in
            (h.selectingColumns(runs[run].columns), z?.selectingColumns(runs[run].columns))
        }
        self = parts.removeLast()
    }

    /// Adds samples to accumulators with the same centers.
    ///
    /// - Parameter samples: makes those of a run; called by several threads at once.
    static func add(_ runs: [SampleRun], to parts: inout [MomentAccumulator], _ samples: (Int) -> Samples) {
        guard let first = parts.first, first.channels > 0 else { return }
        for tile in SampleRun.tiles(runs, ofFold: tileColumns, ofAll: columnsOfTile(first.channels, first.targets)) {
            if first.channels >= wide {
                addTile(tile, of: runs, to: &parts, samples, as: Float.self)
            } else {
                addTile(tile, of: runs, to: &parts, samples, as: Double.self)
            }
        }
    }

    /// Samples of one accumulator whose products are added at once.
    private static let tileColumns = 1024

    /// Samples of all accumulators in memory at once: as many values as there are sums (of five folds), so that neither takes much
    /// longer to visit than the other; 2 MB at least, which caches hold, and 16 at most, which is handed out again without a visit to
    /// the system. Targets are in memory, too: of many more than there are regressors (a vocabulary) fewer samples.
    private static func columnsOfTile(_ n: Int, _ q: Int) -> Int {
        let most = n >= wide ? 1 << 22 : 1 << 21
        return Swift.max(1, Swift.min(Swift.max(5 * n * n, 1 << 18), most) / Swift.max(n, q / 4))
    }

    /// Regressors from which products are made in Float: below, they take no time.
    private static let wide = 64

    private static func addTile<Scalar: PanelScalar>(
        _ tile: [Int], of runs: [SampleRun], to parts: inout [MomentAccumulator], _ samples: (Int) -> Samples, as: Scalar.Type
    ) {
        let (n, q) = (parts[0].channels, parts[0].targets)
        let starts = tile.reduce(into: [0]) { $0.append($0[$0.count - 1] + runs[$1].columns.count) }
        func centered(_ center: [Double], squares: Bool) -> CenteredRuns<Scalar> {
            CenteredRuns(center: center, columns: starts[tile.count], runs: tile.count, sumsSquares: squares)
        }
        var (regressors, targets) = (centered(parts[0].channelCenter, squares: false), centered(parts[0].targetCenter, squares: true))
        regressors.withWriter { h in
            targets.withWriter { z in
                BLASConfiguration.share(tile.count) { k in
                    let made = samples(tile[k])
                    h.write(made.h, run: k, first: starts[k])
                    if let own = made.z { z.write(own, run: k, first: starts[k]) }
                }
            }
        }
        var columns = [Range<Int>](repeating: 0..<0, count: parts.count)
        for (k, run) in tile.enumerated() {
            let f = runs[run].fold
            columns[f] = (columns[f].isEmpty ? starts[k] : columns[f].lowerBound)..<starts[k + 1]
            parts[f].count += starts[k + 1] - starts[k]
            regressors.addSums(of: k, to: &parts[f].channelSum)
            targets.addSums(of: k, to: &parts[f].targetSum)
            targets.addSquares(of: k, to: &parts[f].targetSquares)
        }
        let panels = parts.indices.filter { !columns[$0].isEmpty }.flatMap {
            MomentPanel.lowerTriangle(of: n, fold: $0) + MomentPanel.rectangle(n, q, fold: $0)
        }
        withProducts(of: &parts) { grams, crosses in
            regressors.values.withUnsafeBufferPointer { a in
                targets.values.withUnsafeBufferPointer { b in
                    BLASConfiguration.share(panels.count) { k in
                        let panel = panels[k]
                        let own = columns[panel.fold]
                        let left = a.baseAddress! + own.lowerBound * n
                        if panel.isOfTargets {
                            Scalar.addProduct(
                                panel, left, n, b.baseAddress! + own.lowerBound * q, q, own.count, to: crosses[panel.fold], stride: n)
                        } else {
                            Scalar.addProduct(panel, left, n, left, n, own.count, to: grams[panel.fold], stride: n)
                        }
                    }
                }
            }
        }
    }

    /// Calls `body` with where the sums of products of every accumulator lie.
    private static func withProducts(
        of parts: inout [MomentAccumulator], _ body: ([UnsafeMutablePointer<Double>], [UnsafeMutablePointer<Double>]) -> Void
    ) {
        func descend(_ index: Int, _ grams: [UnsafeMutablePointer<Double>], _ crosses: [UnsafeMutablePointer<Double>]) {
            guard index < parts.count else { return body(grams, crosses) }
            var (gram, cross) = (parts[index].gram, parts[index].cross)
            (parts[index].gram, parts[index].cross) = (Matrix(rows: 0, columns: 0), Matrix(rows: 0, columns: 0))
            gram.elements.withUnsafeMutableBufferPointer { g in
                cross.elements.withUnsafeMutableBufferPointer { x in
                    // No targets, no memory: nothing will be written there.
                    descend(index + 1, grams + [g.baseAddress!], crosses + [x.baseAddress ?? g.baseAddress!])
                }
            }
            (parts[index].gram, parts[index].cross) = (gram, cross)
        }
        descend(0, [], [])
    }
}
