// From the top of the tree to single points: split, express, eliminate (OneReadReduction.swift has the why).

import LinearAlgebra

/// What rows are formed with: the center (`nil` for the origin), mean − center, and room for a row.
private struct Frame {
    let center: UnsafePointer<Double>?
    let shift: UnsafePointer<Double>
    let scratch: UnsafeMutablePointer<Double>
}

extension OneReadReduction {
    /// The survivors. Wide rows without costs descend in single precision for all but the last levels, at half the price:
    /// that decides which runs survive, and what their weights lack is made up for in double precision before anything
    /// is final. Where that fails, as it may for nearly dependent features, every level is done in double precision.
    func eliminate(_ leaves: UnsafePointer<Double>, costs leafCosts: [Double]?, moments: InputMoments) -> WeightedPoints {
        let isOrigin = moments.center.allSatisfy { $0 == 0 }
        return moments.center.withUnsafeBufferPointer { center in
            moments.shift.withUnsafeBufferPointer { shift in
                withUnsafeTemporaryAllocation(of: Double.self, capacity: stride) { scratch in
                    let frame = Frame(
                        center: isOrigin ? nil : center.baseAddress!, shift: shift.baseAddress!, scratch: scratch.baseAddress!)
                    if width > Double.narrowWidth, leafCosts == nil,
                        let points = descend(leaves, costs: nil, moments, frame, startsInSingle: true)
                    {
                        return points
                    }
                    return descend(leaves, costs: leafCosts, moments, frame, startsInSingle: false)!
                }
            }
        }
    }

    private func descend(
        _ leaves: UnsafePointer<Double>, costs leafCosts: [Double]?, _ moments: InputMoments, _ frame: Frame, startsInSingle: Bool
    ) -> WeightedPoints? {
        let run = 1 << depth
        var nodes = NodeList(capacity: 2 * width), halves = NodeList(capacity: 2 * width)
        for i in 0..<leafCount / run { nodes.append(i * run, (i + 1) * run, 1) }
        if startsInSingle {
            guard descendInSingle(&nodes, &halves, leaves, moments, frame) else { return nil }
        }
        var lacksWeight = startsInSingle
        var elimination = NullSpaceElimination<Double>(width: width, capacity: 2 * width, hasCosts: leafCosts != nil)
        while split(nodes, into: &halves) {
            gather(&halves, leaves, frame, into: elimination.rows)
            let count = halves.count
            elimination.weights.update(repeating: 1, count: count)
            if let leafCosts { for i in 0..<count { elimination.costs![i] = halves.factors[i] * costSum(halves, i, leafCosts) } }
            let left: Int
            if lacksWeight {
                missing(moments, elimination.rows, count: count, into: frame.scratch)
                guard let sound = elimination.run(count: count, missing: frame.scratch, negligible: moments.negligiblePivots) else {
                    return nil
                }
                left = sound
                lacksWeight = false
            } else {
                left = elimination.run(count: count)
            }
            keep(halves, elimination.survivors, left, in: &nodes) { elimination.survivorWeights[$0] }
        }
        if startsInSingle {
            guard !lacksWeight else { return nil }
            // All is well if no more is missing now than 2⁵ ulp, as after a descent in double precision.
            gather(&nodes, leaves, frame, into: elimination.rows)
            missing(moments, elimination.rows, count: nodes.count, into: frame.scratch)
            for k in 0..<width {
                let size = k < width - 1 ? moments.centeredMagnitude[k] : moments.mass
                guard frame.scratch[k].magnitude <= 0x1p-47 * size else { return nil }
            }
        }
        return survivors(nodes)
    }

    // Nodes of single points, as points with weights.
    private func survivors(_ nodes: borrowing NodeList) -> WeightedPoints {
        var kept: [(index: Int, weight: Double)] = []
        kept.reserveCapacity(nodes.count)
        for i in 0..<nodes.count {
            let index = nodes.starts[i], weight = nodes.factors[i] * weights[index]
            if weight > 0 { kept.append((index, weight)) }
        }
        kept.sort { $0.index < $1.index }
        return WeightedPoints(indices: kept.map(\.index), weights: kept.map(\.weight))
    }

    // The levels after which there still are `pointsPerNode` points or more for a node; false when there are none. The
    // next level starts from so many more than D rows that its weights, all 1, have room for a correction.
    private func descendInSingle(
        _ nodes: inout NodeList, _ halves: inout NodeList, _ leaves: UnsafePointer<Double>, _ moments: InputMoments, _ frame: Frame
    ) -> Bool {
        // Columns in units of Σw|z|, so that sums of any size are within the range of Float.
        let scale = (0..<stride).map { k in
            let size = k < width - 1 ? moments.centeredMagnitude[k] : k == width - 1 ? moments.mass : 0
            return (1 / size).isNormal ? 1 / size : 0
        }
        var elimination = NullSpaceElimination<Float>(width: width, capacity: 2 * width)
        let rows = elimination.rows, rowStride = elimination.stride
        var didDescend = false
        while split(nodes, into: &halves) {
            var points = 0
            for i in 0..<halves.count {
                points += halves.isOfLeaves ? start(halves.ends[i]) - start(halves.starts[i]) : halves.ends[i] - halves.starts[i]
            }
            guard Double(points) >= Self.pointsPerNode * Double(halves.count) else { break }
            let isFirst = !didDescend
            didDescend = true
            scale.withUnsafeBufferPointer { scale in
                gather(&halves, leaves, frame) { row, factor, sum in
                    VectorKernels.weightedRow(
                        sum, mass: sum[width - 1], factor: factor, shift: frame.shift, scale: scale.baseAddress!, dimension: width - 1,
                        stride: rowStride, row: rows + row * rowStride)
                }
            }
            elimination.weights.update(repeating: 1, count: halves.count)
            let left = elimination.run(count: halves.count)
            // A few dependent features do no harm; many weak pivots belong to features that only double precision tells apart.
            // Later levels have light rows, whose pivots say less.
            if isFirst, elimination.weakPivots > width / 32 { return false }
            keep(halves, elimination.survivors, left, in: &nodes) { Double(elimination.survivorWeights[$0]) }
        }
        return didDescend
    }

    private static var pointsPerNode: Double { 1.25 }

    // Rows of the nodes that have weight, one after the other; the others are taken off the list.
    private func gather(
        _ nodes: inout NodeList, _ leaves: UnsafePointer<Double>, _ frame: Frame, into rows: UnsafeMutablePointer<Double>
    ) {
        guard nodes.isOfLeaves else {
            return source.rows(
                of: &nodes, weights: weights, center: frame.center, shift: frame.shift, stride: stride, scratch: frame.scratch, into: rows)
        }
        gather(&nodes, leaves, frame) { row, factor, sum in
            VectorKernels.weightedRow(
                sum, mass: sum[width - 1], factor: factor, shift: frame.shift, dimension: width - 1, stride: stride,
                row: rows + row * stride)
        }
    }

    @inline(__always)
    private func gather(
        _ nodes: inout NodeList, _ leaves: UnsafePointer<Double>, _ frame: Frame,
        row place: (Int, Double, UnsafePointer<Double>) -> Void
    ) {
        let count = nodes.count
        nodes.count = 0
        for i in 0..<count {
            let (start, end, factor) = (nodes.starts[i], nodes.ends[i], nodes.factors[i])
            let sum = sum(start..<end, nodes.isOfLeaves, leaves, frame)
            guard sum[width - 1] * factor > 0 else { continue }
            place(nodes.count, factor, sum)
            nodes.append(start, end, factor)
        }
    }

    // The halves that survive, with their weights as factors.
    @inline(__always)
    private func keep(
        _ halves: borrowing NodeList, _ survivors: UnsafePointer<Int64>, _ count: Int, in nodes: inout NodeList, weight: (Int) -> Double
    ) {
        nodes.count = 0
        nodes.isOfLeaves = halves.isOfLeaves
        for i in 0..<count where weight(i) > 0 {
            let at = Int(survivors[i])
            nodes.append(halves.starts[at], halves.ends[at], halves.factors[at] * weight(i))
        }
    }

    // What the sum of the rows lacks of the sum of the input, about the mean.
    private func missing(
        _ moments: InputMoments, _ rows: UnsafePointer<Double>, count: Int, into result: UnsafeMutablePointer<Double>
    ) {
        VectorKernels.sumRows(rows, count: count, stride: stride, sum: result)
        for k in 0..<width - 1 { result[k] = moments.high[k] - moments.shift[k] * moments.mass - result[k] }
        result[width - 1] = moments.mass - result[width - 1]
    }

    // Σw(z, 1) of a node, in place or in `scratch`.
    private func sum(
        _ range: Range<Int>, _ isOfLeaves: Bool, _ leaves: UnsafePointer<Double>, _ frame: Frame
    ) -> UnsafePointer<Double> {
        if isOfLeaves {
            let first = leaves + range.lowerBound * stride
            guard range.count > 1 else { return first }
            VectorKernels.sumRows(first, count: range.count, stride: stride, sum: frame.scratch)
        } else {
            source.sum(of: range, weights: weights, center: frame.center, stride: stride, into: frame.scratch)
        }
        return UnsafePointer(frame.scratch)
    }

    // Splits every node in two where that is possible, single leaves into points; false when all are single points already.
    private func split(_ nodes: borrowing NodeList, into halves: inout NodeList) -> Bool {
        halves.count = 0
        // All nodes reach the leaves at the same level.
        let isOfLeaves = nodes.isOfLeaves && nodes.count > 0 && nodes.ends[0] - nodes.starts[0] > 1
        halves.isOfLeaves = isOfLeaves
        var didSplit = nodes.isOfLeaves
        for i in 0..<nodes.count {
            let factor = nodes.factors[i]
            var low = nodes.starts[i], high = nodes.ends[i]
            if nodes.isOfLeaves, !isOfLeaves { (low, high) = (start(low), start(high)) }
            let length = high - low
            guard length > 1 else {
                if length > 0 { halves.append(low, high, factor) }
                continue
            }
            // Halves of points begin at groups of four while that costs no level.
            let half = !isOfLeaves && length >= 8 ? (length / 2 + 3) & ~3 : length / 2
            halves.append(low, low + half, factor)
            halves.append(low + half, high, factor)
            didSplit = true
        }
        return didSplit && nodes.count > 0
    }

    private func costSum(_ nodes: borrowing NodeList, _ i: Int, _ leafCosts: [Double]) -> Double {
        let range = nodes.starts[i]..<nodes.ends[i]
        return nodes.isOfLeaves ? leafCosts[range].reduce(0, +) : range.reduce(0) { $0 + weights[$1] * costs![$1] }
    }
}
