// From the top of the tree to single points: split, express, eliminate (CaratheodoryReduction+OneRead.swift has the why).

import LinearAlgebra

/// A run of leaves, or of points below the leaves, and the factor on the weights of its points.
private struct Node {
    var start: Int
    var end: Int
    var isOfLeaves: Bool
    var factor: Double
}

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
                    if width > NullSpaceElimination.smallWidth, leafCosts == nil,
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
        var nodes = (0..<leafCount / run).map { Node(start: $0 * run, end: ($0 + 1) * run, isOfLeaves: true, factor: 1) }
        var halves: [Node] = []
        halves.reserveCapacity(2 * width)
        if startsInSingle {
            guard descendInSingle(&nodes, &halves, leaves, moments, frame) else { return nil }
        }
        var lacksWeight = startsInSingle
        var elimination = NullSpaceElimination(width: width, capacity: 2 * width, hasCosts: leafCosts != nil)
        let rows = elimination.rows, rowWeights = elimination.weights, rowCosts = elimination.costs
        while split(nodes, into: &halves) {
            let count = gather(&halves, leaves, frame) { row, node, sum, mass in
                VectorKernels.weightedRow(
                    sum, mass: mass, factor: node.factor, shift: frame.shift, dimension: width - 1, stride: stride, row: rows + row * stride)
                rowWeights[row] = 1
                if let leafCosts { rowCosts![row] = node.factor * costSum(node, leafCosts) }
            }
            let left: Int
            if lacksWeight {
                missing(moments, rows, count: count, into: frame.scratch)
                guard let sound = elimination.run(count: count, missing: frame.scratch, negligible: moments.negligiblePivots) else { return nil }
                left = sound
                lacksWeight = false
            } else {
                left = elimination.run(count: count)
            }
            nodes.removeAll(keepingCapacity: true)
            for i in 0..<left { keep(halves[Int(elimination.survivors[i])], elimination.survivorWeights[i], in: &nodes) }
        }
        if startsInSingle {
            guard !lacksWeight else { return nil }
            // All is well if no more is missing now than 2⁵ ulp, as after a descent in double precision.
            let count = gather(&nodes, leaves, frame) { row, node, sum, mass in
                VectorKernels.weightedRow(
                    sum, mass: mass, factor: node.factor, shift: frame.shift, dimension: width - 1, stride: stride, row: rows + row * stride)
            }
            missing(moments, rows, count: count, into: frame.scratch)
            for k in 0..<width {
                let size = k < width - 1 ? moments.centeredMagnitude[k] : moments.mass
                guard frame.scratch[k].magnitude <= 0x1p-47 * size else { return nil }
            }
        }
        let kept = nodes.filter { $0.factor * weights[$0.start] > 0 }.sorted { $0.start < $1.start }
        return WeightedPoints(indices: kept.map(\.start), weights: kept.map { $0.factor * weights[$0.start] })
    }

    // The levels after which there still are `pointsPerNode` points or more for a node; false when there are none. The
    // next level starts from so many more than D rows that its weights, all 1, have room for a correction.
    private func descendInSingle(
        _ nodes: inout [Node], _ halves: inout [Node], _ leaves: UnsafePointer<Double>, _ moments: InputMoments, _ frame: Frame
    ) -> Bool {
        // Columns in units of Σw|z|, so that sums of any size are within the range of Float.
        let scale = (0..<stride).map { k in
            let size = k < width - 1 ? moments.centeredMagnitude[k] : k == width - 1 ? moments.mass : 0
            return (1 / size).isNormal ? 1 / size : 0
        }
        var elimination = SingleNullSpaceElimination(width: width, capacity: 2 * width)
        let rows = elimination.rows, rowStride = elimination.stride
        var didDescend = false
        while split(nodes, into: &halves) {
            let points = halves.reduce(0) { $0 + ($1.isOfLeaves ? start($1.end) - start($1.start) : $1.end - $1.start) }
            guard Double(points) >= Self.pointsPerNode * Double(halves.count) else { break }
            let isFirst = !didDescend
            didDescend = true
            let count = scale.withUnsafeBufferPointer { scale in
                gather(&halves, leaves, frame) { row, node, sum, mass in
                    VectorKernels.weightedRow(
                        sum, mass: mass, factor: node.factor, shift: frame.shift, scale: scale.baseAddress!, dimension: width - 1, stride: rowStride,
                        row: rows + row * rowStride)
                }
            }
            let left = elimination.run(count: count)
            // A few dependent features do no harm; many weak pivots belong to features that only double precision tells apart.
            // Later levels have light rows, whose pivots say less.
            if isFirst, elimination.weakPivots > width / 32 { return false }
            nodes.removeAll(keepingCapacity: true)
            for i in 0..<left { keep(halves[Int(elimination.survivors[i])], Double(elimination.survivorWeights[i]), in: &nodes) }
        }
        return didDescend
    }

    private static var pointsPerNode: Double { 1.25 }

    // Rows of the halves that have weight, one after the other; the others are removed. Returns how many.
    @inline(__always)
    private func gather(
        _ halves: inout [Node], _ leaves: UnsafePointer<Double>, _ frame: Frame,
        row place: (Int, Node, UnsafePointer<Double>, Double) -> Void
    ) -> Int {
        var count = 0
        for node in halves {
            let (sum, mass) = sum(of: node, leaves, frame)
            guard mass * node.factor > 0 else { continue }
            place(count, node, sum, mass)
            halves[count] = node
            count += 1
        }
        return count
    }

    @inline(__always)
    private func keep(_ node: Node, _ weight: Double, in nodes: inout [Node]) {
        guard weight > 0 else { return }
        nodes.append(node)
        nodes[nodes.count - 1].factor *= weight
    }

    // What the sum of the rows lacks of the sum of the input, about the mean.
    private func missing(
        _ moments: InputMoments, _ rows: UnsafePointer<Double>, count: Int, into result: UnsafeMutablePointer<Double>
    ) {
        VectorKernels.sumRows(rows, count: count, stride: stride, sum: result)
        for k in 0..<width - 1 { result[k] = moments.high[k] - moments.shift[k] * moments.mass - result[k] }
        result[width - 1] = moments.mass - result[width - 1]
    }

    // Σwz and Σw of a node, the sum in place or in `scratch`. The mass of points is not put behind their sum: who reads
    // a number on its own and the same cells as a vector waits for the first to reach the cache.
    private func sum(of node: Node, _ leaves: UnsafePointer<Double>, _ frame: Frame) -> (UnsafePointer<Double>, mass: Double) {
        if node.isOfLeaves {
            let first = leaves + node.start * stride
            guard node.end - node.start > 1 else { return (first, first[width - 1]) }
            VectorKernels.sumRows(first, count: node.end - node.start, stride: stride, sum: frame.scratch)
            return (UnsafePointer(frame.scratch), frame.scratch[width - 1])
        }
        let mass = source.moments(
            of: node.start..<node.end, weights: weights, center: frame.center, stride: stride, sum: frame.scratch, centeredMagnitude: nil,
            magnitude: nil)
        return (UnsafePointer(frame.scratch), mass)
    }

    // Splits every node in two where that is possible; false when all nodes are single points already.
    private func split(_ nodes: [Node], into halves: inout [Node]) -> Bool {
        halves.removeAll(keepingCapacity: true)
        var didSplit = false
        for node in nodes {
            var (low, high) = (node, node)
            if node.isOfLeaves, node.end - node.start == 1 {
                (low.start, low.end, low.isOfLeaves) = (start(node.start), start(node.end), false)
                high = low
                didSplit = true
            }
            let length = low.end - low.start
            guard length > 1 else {
                if length > 0 { halves.append(low) }
                continue
            }
            // Halves of points begin at groups of four while that costs no level.
            let half = !low.isOfLeaves && length >= 8 ? (length / 2 + 3) & ~3 : length / 2
            low.end = low.start + half
            high.start = low.end
            halves.append(low)
            halves.append(high)
            didSplit = true
        }
        return didSplit
    }

    private func costSum(_ node: Node, _ leafCosts: [Double]) -> Double {
        node.isOfLeaves
            ? leafCosts[node.start..<node.end].reduce(0, +) : (node.start..<node.end).reduce(0) { $0 + weights[$1] * costs![$1] }
    }
}
