// The one-read engine: leaf sums, segment tree, top-down elimination.
//
// Notation   z = feature − center, D = features + 1 with the mass last; a *node* is a run of consecutive points, its
//            sum Σw(z, 1). Level P holds the leaves, level 0 holds D nodes.
// Loop       Split every surviving node in two (≤ 2D nodes), express the halves by a basis of D of them, push the
//            others to weight zero. A survivor's weight is a *factor* on its whole node, so nothing is summed again;
//            below the leaves only the points of the ≤ D surviving leaves are read once more.
// Accuracy   A fresh factorization per level: errors build over log₂(n/D) levels, not over n eliminations. The
//            features are taken about a center near the mean, so an offset costs no digits. At the end the weights are
//            corrected against the sums of the whole input (CaratheodoryReduction+Correction.swift).

import LinearAlgebra

/// Sums of the whole input: what the reduction must keep, and what its errors are measured by.
struct InputMoments {
    /// Σw(z, 1) in two terms, `stride` entries.
    var high: [Double]
    var low: [Double]
    /// Σw|z| about the center, and a lower bound of Σw|z| about the mean.
    var centeredMagnitude: [Double]
    var spread: [Double]
    /// Σw|feature|.
    var magnitude: [Double]
    /// The center that z is taken about, and mean − center.
    var center: [Double]
    var shift: [Double]

    let width: Int
    var mass: Double { high[width] }
}

/// A run of points below or at one node of the tree, and the factor on the weights of its points.
private struct Node {
    var start: Int
    var end: Int
    /// Level in the tree; −1 below the leaves.
    var level: Int
    var index: Int
    var factor: Double
}

struct OneReadReduction<Source: FeatureSource> {
    let source: Source
    let weights: WeightView
    let costs: [Double]?
    /// A center to use whatever the data says; `nil` to find one.
    let fixedCenter: [Double]?

    private let width: Int  // D
    private let stride: Int
    private let depth: Int  // P
    private let leafCount: Int

    // Runs of at least this many points become leaves, so that the tree is small beside the data.
    private static var shortestLeaf: Int { 16 }
    // Larger leaves keep the tree in cache; the D surviving leaves are read again, about 2·D·leaf points of n.
    private static var longestLeaf: Int { 128 }

    init(source: Source, weights: WeightView, costs: [Double]?, fixedCenter: [Double]? = nil) {
        self.source = source
        self.weights = weights
        self.costs = costs
        self.fixedCenter = fixedCenter
        width = source.width + 1
        stride = VectorKernels.stride(width)
        let n = source.count
        let leaf = min(Self.longestLeaf, max(Self.shortestLeaf, n / (64 * width)))
        var depth = 0
        while (width << (depth + 1)) * leaf <= n { depth += 1 }
        self.depth = depth
        leafCount = min(n, width << depth)
    }

    // First point of a leaf.
    private func start(_ leaf: Int) -> Int { source.count * leaf / max(1, leafCount) }

    /// The survivors (none when `descends` is false), and the sums that they must keep.
    func run(descends: Bool) throws(GeometryError) -> (WeightedPoints, InputMoments) {
        var moments = InputMoments(
            high: zeros, low: zeros, centeredMagnitude: zeros, spread: zeros, magnitude: zeros, center: fixedCenter ?? sampleCenter(),
            shift: zeros, width: width - 1)
        let tree = UnsafeMutablePointer<Double>.allocate(capacity: max(1, 2 * leafCount * stride))
        defer { tree.deallocate() }
        try readLeaves(into: tree, &moments)
        if fixedCenter == nil, let better = betterCenter(moments) {
            moments.center = better
            try readLeaves(into: tree, &moments)
        }
        guard descends else { return (WeightedPoints(indices: [], weights: []), moments) }
        let costTree = costs.map { costSums($0) }
        buildTree(tree)
        let survivors = eliminate(tree: tree, costTree: costTree, moments: moments)
        return (survivors, moments)
    }

    private var zeros: [Double] { [Double](repeating: 0, count: stride) }

    // MARK: the read

    // A center within the data: coordinate by coordinate the sampled value nearest the weighted mean of the sample, so
    // that a constant coordinate is centered to exact zeros.
    private func sampleCenter() -> [Double] {
        let n = source.count
        let sampled = min(n, 96)
        var center = zeros
        guard n > 0, width > 1 else { return center }
        let origin = zeros
        var rows = [Double](repeating: 0, count: sampled * stride)
        var total = 0.0
        let one = [1.0]
        for s in 0..<sampled {
            let i = (2 * s + 1) * n / (2 * sampled)
            rows.withUnsafeMutableBufferPointer { buffer in
                origin.withUnsafeBufferPointer { origin in
                    one.withUnsafeBufferPointer {
                        _ = source.moments(
                            of: i..<i + 1, weights: WeightView(base: $0.baseAddress!, step: 0), center: origin.baseAddress!,
                            stride: stride, sum: buffer.baseAddress! + s * stride, centeredMagnitude: nil, magnitude: nil)
                    }
                }
            }
            let weight = weights[i]
            guard weight > 0, weight.isFinite else { continue }
            total += weight
            let share = weight / total
            guard share.isFinite else { continue }
            for k in 0..<width - 1 { center[k] += (rows[s * stride + k] - center[k]) * share }
        }
        for k in 0..<width - 1 {
            var nearest = rows[k]
            for s in 1..<max(1, sampled) where (rows[s * stride + k] - center[k]).magnitude < (nearest - center[k]).magnitude {
                nearest = rows[s * stride + k]
            }
            center[k] = nearest.isFinite ? nearest : 0
        }
        return center
    }

    // One read of the data: sums of the leaves, and from them the sums of everything.
    private func readLeaves(into tree: UnsafeMutablePointer<Double>, _ m: inout InputMoments) throws(GeometryError) {
        for k in 0..<stride { m.high[k] = 0; m.low[k] = 0; m.centeredMagnitude[k] = 0; m.magnitude[k] = 0 }
        let leaves = row(tree, level: depth, 0)
        let features = width - 1
        m.center.withUnsafeBufferPointer { center in
            m.centeredMagnitude.withUnsafeMutableBufferPointer { centered in
                m.magnitude.withUnsafeMutableBufferPointer { magnitude in
                    for leaf in 0..<leafCount {
                        let sum = leaves + leaf * stride
                        sum[features] = source.moments(
                            of: start(leaf)..<start(leaf + 1), weights: weights, center: center.baseAddress!, stride: stride, sum: sum,
                            centeredMagnitude: centered.baseAddress!, magnitude: magnitude.baseAddress!)
                    }
                }
            }
        }
        m.high.withUnsafeMutableBufferPointer { high in
            m.low.withUnsafeMutableBufferPointer { low in
                for leaf in 0..<leafCount {
                    VectorKernels.addCompensated(
                        1, leaves + leaf * stride, width: stride, high: high.baseAddress!, low: low.baseAddress!)
                }
            }
        }
        try checkFinite(m)
        for k in 0..<features { m.shift[k] = m.mass > 0 ? m.high[k] / m.mass : 0 }
        spreadBound(leaves, &m)
    }

    private func checkFinite(_ m: InputMoments) throws(GeometryError) {
        let sound = m.high.allSatisfy(\.isFinite) && m.centeredMagnitude.allSatisfy(\.isFinite) && m.magnitude.allSatisfy(\.isFinite)
        guard !sound else { return }
        for i in 0..<(weights.step == 0 ? min(1, source.count) : source.count) where !(weights[i] >= 0 && weights[i].isFinite) {
            throw .invalidWeight(index: i, value: weights[i])
        }
        if let (point, coordinate, value) = source.firstNonFinite() {
            throw .nonFinite(point: point, coordinate: coordinate, value: value)
        }
        throw .factorization("weighted sums of the points exceed the range of Double")
    }

    // Σw|z − shift| from below: Σw|z| − mass·|shift|, or the sum over leaves of |Σw(z − shift)|.
    private func spreadBound(_ leaves: UnsafeMutablePointer<Double>, _ m: inout InputMoments) {
        let features = width - 1
        var byLeaf = zeros
        for leaf in 0..<leafCount {
            let sum = leaves + leaf * stride
            let mass = sum[features]
            for k in 0..<features { byLeaf[k] += (sum[k] - mass * m.shift[k]).magnitude }
        }
        for k in 0..<features { m.spread[k] = max(byLeaf[k], m.centeredMagnitude[k] - m.mass * m.shift[k].magnitude) }
    }

    // A center this far from the mean, in units of the spread, would cost digits: worth a second read.
    private func betterCenter(_ m: InputMoments) -> [Double]? {
        let features = width - 1
        guard (0..<features).contains(where: { m.spread[$0] < 0x1p-4 * m.centeredMagnitude[$0] }) else { return nil }
        var center = m.center
        for k in 0..<features where m.centeredMagnitude[k] > 0 { center[k] += m.shift[k] }
        return center == m.center ? nil : center
    }

    private func costSums(_ costs: [Double]) -> [Double] {
        var sums = [Double](repeating: 0, count: leafCount)
        for leaf in 0..<leafCount { for i in start(leaf)..<start(leaf + 1) { sums[leaf] += weights[i] * costs[i] } }
        return sums
    }

    // MARK: the tree

    // Levels one after the other, level 0 first: D·2^q rows each (or leafCount rows when there is one level only).
    private func row(_ tree: UnsafeMutablePointer<Double>, level: Int, _ index: Int) -> UnsafeMutablePointer<Double> {
        tree + (width * ((1 << level) - 1) + index) * stride
    }

    private func buildTree(_ tree: UnsafeMutablePointer<Double>) {
        for level in Swift.stride(from: depth - 1, through: 0, by: -1) {
            for i in 0..<width << level {
                VectorKernels.add(
                    row(tree, level: level + 1, 2 * i), row(tree, level: level + 1, 2 * i + 1), width: stride,
                    sum: row(tree, level: level, i))
            }
        }
    }

    // MARK: the descent

    private func eliminate(tree: UnsafeMutablePointer<Double>, costTree: [Double]?, moments: InputMoments) -> WeightedPoints {
        var nodes = (0..<(depth > 0 ? width : leafCount)).map { i in
            depth > 0 ? Node(start: 0, end: 0, level: 0, index: i, factor: 1) : leafNode(i, factor: 1)
        }
        var halves: [Node] = []
        var masses: [Double] = []
        halves.reserveCapacity(2 * width)
        masses.reserveCapacity(2 * width)
        var elimination = NullSpaceElimination(width: width, capacity: 2 * width, hasCosts: costs != nil)
        let scratch = UnsafeMutablePointer<Double>.allocate(capacity: stride)
        defer { scratch.deallocate() }
        while split(nodes, into: &halves) {
            masses.removeAll(keepingCapacity: true)
            var count = 0
            for node in halves {
                var sum = UnsafePointer(scratch)
                if node.level >= 0 {
                    sum = UnsafePointer(row(tree, level: node.level, node.index))
                } else {
                    moments.center.withUnsafeBufferPointer {
                        scratch[width - 1] = source.moments(
                            of: node.start..<node.end, weights: weights, center: $0.baseAddress!, stride: stride, sum: scratch,
                            centeredMagnitude: nil, magnitude: nil)
                    }
                }
                let mass = sum[width - 1]
                guard mass * node.factor > 0 else { continue }
                moments.shift.withUnsafeBufferPointer {
                    VectorKernels.meanRow(
                        sum, mass: mass, shift: $0.baseAddress!, dimension: width - 1, stride: stride,
                        row: elimination.rows + count * stride)
                }
                elimination.weights[count] = mass * node.factor
                if let costTree { elimination.costs![count] = costSum(node, costTree) / mass }
                masses.append(mass)
                halves[count] = node
                count += 1
            }
            let left = elimination.run(count: count)
            nodes.removeAll(keepingCapacity: true)
            for i in 0..<left where elimination.survivorWeights[i] > 0 {
                let name = Int(elimination.survivors[i])
                var node = halves[name]
                node.factor = elimination.survivorWeights[i] / masses[name]
                nodes.append(node)
            }
        }
        let kept = nodes.filter { $0.factor * weights[$0.start] > 0 }.sorted { $0.start < $1.start }
        return WeightedPoints(indices: kept.map(\.start), weights: kept.map { $0.factor * weights[$0.start] })
    }

    private func leafNode(_ leaf: Int, factor: Double) -> Node {
        Node(start: start(leaf), end: start(leaf + 1), level: -1, index: 0, factor: factor)
    }

    // Splits every node in two where that is possible; false when all nodes are single points already.
    private func split(_ nodes: [Node], into halves: inout [Node]) -> Bool {
        halves.removeAll(keepingCapacity: true)
        var didSplit = false
        for var node in nodes {
            if node.level == depth { node = leafNode(node.index, factor: node.factor) }
            if node.level >= 0 {
                halves.append(Node(start: 0, end: 0, level: node.level + 1, index: 2 * node.index, factor: node.factor))
                halves.append(Node(start: 0, end: 0, level: node.level + 1, index: 2 * node.index + 1, factor: node.factor))
                didSplit = true
            } else if node.end - node.start > 1 {
                let middle = (node.start + node.end) / 2
                halves.append(Node(start: node.start, end: middle, level: -1, index: 0, factor: node.factor))
                halves.append(Node(start: middle, end: node.end, level: -1, index: 0, factor: node.factor))
                didSplit = true
            } else if node.end > node.start {
                halves.append(node)
            }
        }
        return didSplit
    }

    private func costSum(_ node: Node, _ leafCosts: [Double]) -> Double {
        if node.level >= 0 {
            let run = 1 << (depth - node.level)
            return leafCosts[node.index * run..<(node.index + 1) * run].reduce(0, +)
        }
        return (node.start..<node.end).reduce(0) { $0 + weights[$1] * costs![$1] }
    }
}
