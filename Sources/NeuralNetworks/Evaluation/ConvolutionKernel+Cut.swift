// How a convolution is cut into units that threads share.
//
// A unit is a block of lines of the results for some of the filters. Smaller blocks leave lanes of their last vectors empty, and every
// thread reads all filters; parts of the filters each fill the block's buffer once more. Which of the two costs less depends on the
// layer: of all cuts that are not too many units the one is taken whose last thread is done first.

import LinearAlgebra

extension ConvolutionKernel {
    /// Blocks of all images, times parts of the filters.
    struct Cut: Sendable {
        let images: Int
        /// Positions (1×1), rows of results, rows of tiles, or images side by side of a block.
        let lines: Int
        let blocks: Int
        /// Filters of a part: whole groups, or whole tiles of one group.
        let filters: Int
        let parts: Int

        var count: Int { blocks * parts }
    }

    /// Planes of a depthwise unit.
    private static let planesPerUnit = 16
    /// Units that are enough for a thread: with seven in all one of two threads does a seventh too much.
    private static let enoughUnits = 8
    /// Lanes that are filled or empty together, at most.
    private static let lanes = 16
    /// In multiply–adds: what it costs to take up a unit, about 1 µs, to copy a value, and to read one of a filter, mostly from the
    /// third level of the cache.
    private static let (unitCost, copyCost, filterCost) = (1 << 15, 8, 4)

    /// Blocks as large as caches allow, with all filters: the cut for one thread.
    func wholeFilters(_ images: Int) -> Cut { cut(images, lines: lineCounts(images).most, filters: extents.outputs) }

    /// The cut for threads that share images.
    func cut(_ images: Int, threads: Int) -> Cut {
        precondition(images > 0, "an image is expected")
        guard strategy != .depthwise else { return cut(images, lines: 1, filters: Self.planesPerUnit) }
        let (runs, lines, most) = lineCounts(images)
        let enough = Self.enoughUnits * threads
        var best = wholeFilters(images)
        var bestTime = time(best, threads: threads)
        var last = (lines: 0, filters: 0)
        let least = max(1, (lines + most - 1) / most)
        for blocks in least...max(least, enough / runs) {
            let length = linesPerBlock(images, lines, blocks)
            guard length != last.lines else { continue }
            last = (length, 0)
            for parts in 1...max(1, enough / (runs * blocks)) {
                let filters = filtersPerPart(parts)
                guard filters != last.filters else { continue }
                last.filters = filters
                let found = cut(images, lines: length, filters: filters)
                let time = time(found, threads: threads)
                if time < bestTime { (best, bestTime) = (found, time) }
            }
        }
        return best
    }

    private func cut(_ images: Int, lines: Int, filters: Int) -> Cut {
        let (runs, total, _) = lineCounts(images)
        let (lines, filters) = (max(1, min(lines, total)), max(1, filters))
        return Cut(
            images: images, lines: lines, blocks: runs * ((total + lines - 1) / lines), filters: filters,
            parts: (extents.outputs + filters - 1) / filters)
    }

    /// How many runs of lines are cut each by itself, the lines of each, and those of a block at most.
    private func lineCounts(_ images: Int) -> (runs: Int, lines: Int, most: Int) {
        if gathers(images) { return (1, images, gathered) }
        switch strategy {
        case .pointwise: return (images, extents.plane, blockColumns)
        case .depthwise: return (images, 1, 1)
        case .winograd: return winograd.map { (1, images * $0.tilesDown, $0.rowsPerBlock) } ?? (1, 0, 1)
        case .rows: return (images, extents.outHeight, patches?.block ?? 1)
        }
    }

    private func linesPerBlock(_ images: Int, _ lines: Int, _ blocks: Int) -> Int {
        let even = (lines + blocks - 1) / blocks
        return strategy == .pointwise && !gathers(images) ? Self.whole(even, Self.lanes) : even
    }

    private func filtersPerPart(_ parts: Int) -> Int {
        let piece = extents.groups > 1 ? extents.outputsPerGroup : TiledProduct.tileRows
        let pieces = (extents.outputs + piece - 1) / max(1, piece)
        return min(extents.outputs, (pieces + parts - 1) / parts * piece)
    }

    /// One thread with all filters, in multiply–adds.
    func time(_ images: Int) -> Int {
        let whole = wholeFilters(images)
        let (runs, lines, _) = lineCounts(images)
        let others = whole.blocks / max(1, runs) - 1
        let rest = cut(images, lines: lines - others * whole.lines, filters: whole.filters)
        return whole.count * Self.unitCost + runs * (others * work(whole) + work(rest))
    }

    /// Until the last thread is done, in multiply–adds. None of them begins just when the others do: an eighth of a unit on top.
    private func time(_ cut: Cut, threads: Int) -> Int {
        let unit = Self.unitCost + work(cut)
        return (cut.count + threads - 1) / threads * unit + unit / 8
    }

    /// Multiply–adds of a unit, with empty lanes, and what it copies or transforms.
    private func work(_ cut: Cut) -> Int {
        let e = extents
        let groups = e.groups > 1 ? cut.filters / max(1, e.outputsPerGroup) : 1
        let rows = Self.whole(min(cut.filters, e.outputsPerGroup), TiledProduct.tileRows)
        let inputs = e.inputsPerGroup
        switch strategy {
        case .depthwise: return cut.filters * e.outPlane * e.taps
        case .pointwise:
            let positions = gathers(cut.images) ? cut.lines * e.plane : cut.lines
            let copies = gathers(cut.images) || !panelOffsets.isEmpty ? Self.copyCost * positions * inputs : 0
            return groups * ((Self.whole(positions, Self.lanes) + Self.filterCost) * rows * inputs + copies)
        case .rows:
            let positions = cut.lines * e.outWidth
            let copies = Self.copyCost * positions * inputs * e.kernelWidth
            return groups * ((Self.whole(positions, Self.lanes) + Self.filterCost) * rows * e.depth + copies)
        case .winograd:
            let tiles = Self.whole(cut.lines * (winograd?.tilesAcross ?? 1), Self.lanes)
            let read = Self.filterCost * WinogradTransform.valueCount * inputs * rows
            return groups * (WinogradConvolution.multiplyAdds(tiles: tiles, inputs: inputs, filters: rows) + read)
        }
    }

    private static func whole(_ count: Int, _ size: Int) -> Int { (count + size - 1) / size * size }
}
