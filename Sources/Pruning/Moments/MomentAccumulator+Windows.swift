// Moments of all taps of 3×3 windows from products of shifted planes.
//
// Notation: x_a(p) = x(p + a) what tap a ∈ {−1, 0, 1}² of the window at place p reads, zero outside of the plane; c the planes' center,
// x̃ = x − c within the plane and zero outside, o_a(p) = 1 where p + a is outside; deviations of regressors are y_a = x̃_a − c·o_a.
// Sums over all places p of all images:
//
//     Σ x̃_a·x̃_bᵀ = Σ_q x̃(q)·x̃(q + b − a)ᵀ − what q = p + a never reads                                      (1)
//     Σ y_a·y_bᵀ = Σ x̃_a·x̃_bᵀ − (Σ x̃_a·o_b)·cᵀ − c·(Σ o_a·x̃_b)ᵀ + (Σ o_a·o_b)·c·cᵀ                          (2)
//     Σ y_a·z̃ᵀ  = Σ_q x̃(q)·z̃(q − a)ᵀ − c·(Σ o_a·z̃)ᵀ                                                        (3)
//
// (1) depends on a and b through the shift b − a, of which there are 25, where 45 products of blocks of taps would be made. Tap a with
// a_y = ±1 never reads the first or the last row, and likewise columns; what is left out matters only where b − a stays in that row or
// column (else the other factor is outside): products over single edges, of few samples. Products are made in Float and added up in
// Double, as those of `MomentAccumulator+Adding`.

import LinearAlgebra

extension MomentAccumulator {
    /// Adds the samples of a tile with these centers: regressors are all taps of all planes, 9·plane + tap.
    mutating func add(_ tile: WindowTile) {
        addSums(of: tile)
        let edges = EdgeSums(tile)
        let panels = WindowPanel.panels(of: tile)
        gram.elements.withUnsafeMutableBufferPointer { gram in
            cross.elements.withUnsafeMutableBufferPointer { cross in
                // Every panel has columns of its own.
                nonisolated(unsafe) let (gram, cross) = (gram.baseAddress!, cross.baseAddress)
                BLASConfiguration.share(panels.count) { k in
                    switch panels[k] {
                    case .planes(let planes): tile.addProducts(of: planes, edges, to: gram)
                    case .targets(let targets): tile.addProducts(withTargets: targets, edges, to: cross!)
                    }
                }
            }
        }
    }

    private mutating func addSums(of tile: WindowTile) {
        let places = tile.grid.count
        count += tile.stride
        for (t, tap) in WindowGrid.taps.enumerated() {
            let read = tile.grid.moved(by: tap)
            let outside = Double(read.count { $0 == nil } * tile.images)
            for plane in tile.planeCenter.indices {
                let sum = read.reduce(0) { sum, rank in rank.map { sum + tile.planeSums[plane * places + $0] } ?? sum }
                channelSum[9 * plane + t] += sum - outside * tile.planeCenter[plane]
            }
        }
        for k in tile.targetCenter.indices {
            targetSum[k] += tile.targetSums[k * places..<(k + 1) * places].reduce(0, +)
            targetSquares[k] += tile.targetSquares[k]
        }
    }
}

/// Sums of (2) and (3) over places where a tap is outside.
private struct EdgeSums {
    /// Σ x̃_a·o_b by a, b and plane; Σ o_a·o_b by a and b; Σ o_a·z̃ by a and target.
    let planes: [[[Double]]]
    let counts: [[Double]]
    let targets: [[Double]]

    init(_ tile: WindowTile) {
        let places = tile.grid.count
        let reads = WindowGrid.taps.map(tile.grid.moved(by:))
        let outside = reads.map { read in read.indices.filter { read[$0] == nil } }
        planes = reads.map { read in
            outside.map { outside in
                let ranks = outside.compactMap { read[$0] }
                return tile.planeCenter.indices.map { plane in ranks.reduce(0) { $0 + tile.planeSums[plane * places + $1] } }
            }
        }
        counts = outside.map { a in
            let own = Set(a)
            return outside.map { b in Double(b.count { own.contains($0) } * tile.images) }
        }
        targets = outside.map { outside in
            tile.targetCenter.indices.map { k in outside.reduce(0) { $0 + tile.targetSums[k * places + $1] } }
        }
    }
}

/// What a thread multiplies at a time: all shifts of a few planes or targets, with all planes.
private enum WindowPanel {
    case planes(Range<Int>)
    case targets(Range<Int>)

    /// Planes and targets of a panel: some 200 columns of a product, which stay in the cache until they are added up.
    private static let size = (planes: 8, targets: 22)

    static func panels(of tile: WindowTile) -> [WindowPanel] {
        func cut(_ count: Int, _ size: Int) -> [Range<Int>] {
            stride(from: 0, to: count, by: size).map { $0..<Swift.min($0 + size, count) }
        }
        return cut(tile.targetCenter.count, size.targets).map { .targets($0) }
            + cut(tile.planeCenter.count, size.planes).map { .planes($0) }
    }
}

extension WindowTile {
    private typealias Shift = WindowGrid.Shift

    /// Shifts b − a: those along a row, none, those along a column, and all others.
    private static let shifts: [Shift] = {
        let along = [-2, -1, 1, 2]
        return along.map { Shift(y: 0, x: $0) } + [Shift(y: 0, x: 0)] + along.map { Shift(y: $0, x: 0) }
            + along.flatMap { y in along.map { Shift(y: y, x: $0) } }
    }()
    private static let indexOfShift = Dictionary(uniqueKeysWithValues: shifts.enumerated().map { ($1, $0) })
    /// Where those along a row and along a column lie among the shifts; both include none.
    private static let (alongRow, alongColumn, none) = (0..<5, 4..<9, 4)

    /// Adds (2) for b of some planes, rows from the first of these on.
    fileprivate func addProducts(of own: Range<Int>, _ edges: EdgeSums, to gram: UnsafeMutablePointer<Double>) {
        let (first, width) = (own.lowerBound, own.count)
        let rows = planeCenter.count - first
        let moved = copies(of: planes, own, shifts: WindowTile.shifts)
        let taps = WindowGrid.taps
        func product(_ shifts: Range<Int>, over ranks: [Range<Int>]) -> [Float] {
            self.product(rowsFrom: first, moved, columns: shifts.lowerBound * width..<shifts.upperBound * width, over: ranks)
        }
        // Products one after the other, each from its own start on.
        var products = product(WindowTile.shifts.indices, over: [0..<grid.count])
        func append(_ shifts: Range<Int>, over ranks: [Range<Int>]) -> Int {
            defer { products += product(shifts, over: ranks) }
            return products.count
        }
        let rowEdges = [1, -1].map { append(WindowTile.alongRow, over: grid.ranksOfRow(unreadBy: $0)) }
        let columnEdges = [1, -1].map { append(WindowTile.alongColumn, over: grid.ranksOfColumn(unreadBy: $0)) }
        let corners = taps.map { tap -> Int? in
            guard tap.y != 0, tap.x != 0 else { return nil }
            let rank = grid.rankOfCorner(unreadBy: tap)
            return append(WindowTile.none..<WindowTile.none + 1, over: [rank..<rank + 1])
        }
        let order = 9 * planeCenter.count
        products.withUnsafeBufferPointer { products in
            planeCenter.withUnsafeBufferPointer { center in
                for (j, b, a) in WindowTile.columnsAndTaps(width) {
                    let shift = taps[b] - taps[a]
                    let index = WindowTile.indexOfShift[shift]!
                    // Where the column of a shift begins in a product.
                    func line(_ start: Int?, _ index: Int) -> UnsafePointer<Float>? {
                        start.map { products.baseAddress! + $0 + (index * width + j) * rows }
                    }
                    // What is left out: a row, a column, and the corner that was both.
                    let row = shift.y == 0 && taps[a].y != 0 ? rowEdges[taps[a].y > 0 ? 0 : 1] : nil
                    let edge = shift.x == 0 && taps[a].x != 0 ? columnEdges[taps[a].x > 0 ? 0 : 1] : nil
                    let constant = edges.counts[a][b] * center[first + j] - edges.planes[b][a][first + j]
                    edges.planes[a][b].withUnsafeBufferPointer { sums in
                        // Of the planes' own block only the lower triangle.
                        WindowTile.add(
                            (a >= b ? j : j + 1)..<rows, line(0, index)!, line(row, index),
                            line(edge, index - WindowTile.alongColumn.lowerBound), line(a == b ? corners[a] : nil, 0), constant,
                            center.baseAddress! + first, -center[first + j], sums.baseAddress! + first,
                            to: gram + (9 * (first + j) + b) * order + 9 * first + a)
                    }
                }
            }
        }
    }

    /// Columns of a panel with the taps of both factors.
    private static func columnsAndTaps(_ width: Int) -> [(column: Int, tap: Int, rowTap: Int)] {
        (0..<81 * width).map { ($0 / 81, $0 / 9 % 9, $0 % 9) }
    }

    /// column[9·i] += whole[i] − row[i] − edge[i] + corner[i] + α·x[i] + β·y[i].
    @inline(__always)
    private static func add(
        _ range: Range<Int>, _ whole: UnsafePointer<Float>, _ row: UnsafePointer<Float>?, _ edge: UnsafePointer<Float>?,
        _ corner: UnsafePointer<Float>?, _ alpha: Double, _ x: UnsafePointer<Double>, _ beta: Double, _ y: UnsafePointer<Double>,
        to column: UnsafeMutablePointer<Double>
    ) {
        switch (row, edge, corner) {
        case (nil, nil, _):
            for i in range { column[9 * i] += Double(whole[i]) + (alpha * x[i] + beta * y[i]) }
        case (let row?, nil, _):
            for i in range { column[9 * i] += (Double(whole[i]) - Double(row[i])) + (alpha * x[i] + beta * y[i]) }
        case (nil, let edge?, _):
            for i in range { column[9 * i] += (Double(whole[i]) - Double(edge[i])) + (alpha * x[i] + beta * y[i]) }
        case (let row?, let edge?, let corner):
            for i in range {
                let inner = Double(whole[i]) - Double(row[i]) - Double(edge[i]) + Double(corner?[i] ?? 0)
                column[9 * i] += inner + (alpha * x[i] + beta * y[i])
            }
        }
    }

    /// Adds (3) for some targets.
    fileprivate func addProducts(withTargets own: Range<Int>, _ edges: EdgeSums, to cross: UnsafeMutablePointer<Double>) {
        let (width, rows) = (own.count, planeCenter.count)
        let zero = Shift(y: 0, x: 0)
        let moved = copies(of: targets, own, shifts: WindowGrid.taps.map { zero - $0 })
        let whole = product(rowsFrom: 0, moved, columns: 0..<9 * width, over: [0..<grid.count])
        for (j, target) in own.enumerated() {
            let column = cross + target * 9 * rows
            for a in 0..<9 {
                let (start, outside) = ((a * width + j) * rows, edges.targets[a][target])
                for i in 0..<rows { column[9 * i + a] += Double(whole[start + i]) - planeCenter[i] * outside }
            }
        }
    }

    /// Planes or targets moved by all shifts, zero outside: shift by shift, row by row.
    private func copies(of source: [Float], _ rows: Range<Int>, shifts: [Shift]) -> [Float] {
        var result = [Float].uninitialized(shifts.count * rows.count * stride)
        result.withUnsafeMutableBufferPointer { target in
            source.withUnsafeBufferPointer { source in
                for (k, shift) in shifts.enumerated() {
                    let moved = grid.moved(by: shift)
                    for (j, row) in rows.enumerated() {
                        let to = target.baseAddress! + (k * rows.count + j) * stride
                        let from = source.baseAddress! + row * stride
                        for (rank, other) in moved.enumerated() {
                            if let other {
                                (to + rank * images).update(from: from + other * images, count: images)
                            } else {
                                (to + rank * images).update(repeating: 0, count: images)
                            }
                        }
                    }
                }
            }
        }
        return result
    }

    /// X·B over places of some ranks: rows are planes from the first on, columns some of `moved`.
    private func product(rowsFrom first: Int, _ moved: [Float], columns: Range<Int>, over ranks: [Range<Int>]) -> [Float] {
        let rows = planeCenter.count - first
        var result = [Float].uninitialized(rows * columns.count)
        for (k, part) in ranks.enumerated() {
            let offset = part.lowerBound * images
            planes.withUnsafeBufferPointer { a in
                moved.withUnsafeBufferPointer { b in
                    BLAS.gemm(
                        .transposed, .normal, rows, columns.count, part.count * images, 1, a.baseAddress! + first * stride + offset, stride,
                        b.baseAddress! + columns.lowerBound * stride + offset, stride, k == 0 ? 0 : 1, &result, rows)
                }
            }
        }
        return result
    }
}
