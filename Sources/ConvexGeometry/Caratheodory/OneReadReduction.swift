// The one-read engine: leaf sums, top-down elimination over runs of them.
//
// Notation   z = feature − center, D = features + 1 with the mass last; a *leaf* is a run of 16 … 128 consecutive points,
//            a *node* a run of leaves (D·2^P in all) or of points, its sum Σw(z, 1).
// Loop       Split every surviving node in two (≤ 2D nodes), express the halves by a basis of D of them, push the
//            others to weight zero. A survivor's weight is a *factor* on its whole node, so no point is read again;
//            below the leaves only the points of the ≤ D surviving leaves are.
// Rows       The sums themselves, each with weight 1, and not their means: a rounding error of the elimination is then
//            small beside the part of a coordinate's Σw|z| that it is made in, however unequal the weights are.
// Accuracy   A fresh factorization per level: errors build over log₂(n/D) levels, not over n eliminations. The
//            features are taken about a center near the mean, so an offset costs no digits. At the end the weights are
//            corrected against the sums of the whole input (SurvivorSystem.swift). Wide rows choose
//            their survivors in single precision down to the last levels (OneReadReduction+Descent.swift).

import LinearAlgebra

struct OneReadReduction<Source: FeatureSource> {
    let source: Source
    let weights: WeightView
    let costs: [Double]?
    /// A center to use whatever the data says; `nil` to find one.
    let fixedCenter: [Double]?

    let width: Int  // D
    let stride: Int
    let depth: Int  // P
    let leafCount: Int

    // Runs of at least this many points become leaves, so that their sums are small beside the data.
    private static var shortestLeaf: Int { 16 }
    // Larger leaves keep the sums in cache; the D surviving leaves are read again, about 2·D·leaf points of n.
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

    // First point of a leaf; groups of four points are read together.
    func start(_ leaf: Int) -> Int {
        let exact = source.count * leaf / max(1, leafCount)
        return depth > 0 && leaf < leafCount ? exact & ~3 : exact
    }

    /// The survivors (none when `descends` is false), and the sums that they must keep; nil when these leave the safe range of
    /// Double, and may not.
    func run(descends: Bool, mayLeaveRange: Bool = true) throws(GeometryError) -> (WeightedPoints, InputMoments)? {
        let zeros = [Double](repeating: 0, count: stride)
        var moments = InputMoments(
            high: zeros, low: zeros, centeredMagnitude: zeros, spread: zeros, magnitude: zeros,
            center: fixedCenter ?? (source.isAboutMean ? zeros : sampleCenter(zeros)), shift: zeros, width: width - 1)
        let leaves = UnsafeMutablePointer<Double>.allocate(capacity: max(1, leafCount * stride))
        defer { leaves.deallocate() }
        try readLeaves(into: leaves, &moments)
        if !mayLeaveRange, !isInRange(moments), !source.isComfortable(weights) { return nil }
        if !moments.isFinite { throw overflow }
        if fixedCenter == nil, let better = betterCenter(moments) {
            moments = InputMoments(
                high: zeros, low: zeros, centeredMagnitude: zeros, spread: zeros, magnitude: zeros, center: better, shift: zeros,
                width: width - 1)
            try readLeaves(into: leaves, &moments)
            if !moments.isFinite { throw overflow }
        }
        guard descends else { return (WeightedPoints(indices: [], weights: []), moments) }
        return (eliminate(leaves, costs: costs.map { costSums($0) }, moments: moments), moments)
    }

    // MARK: the read

    // A center within the data. The origin for coordinates of both signs, so that sparse data stay sparse; else the
    // sampled value nearest to the weighted mean of the sample, so that a constant coordinate becomes exact zeros.
    private func sampleCenter(_ origin: [Double]) -> [Double] {
        let n = source.count, features = width - 1
        let sampled = min(n, 24, 8 + n / 256)
        var center = origin
        guard n > 0, features > 0 else { return center }
        withUnsafeTemporaryAllocation(of: Double.self, capacity: (sampled + 1) * stride) { buffer in
            let rows = buffer.baseAddress!, mean = rows + sampled * stride
            mean.initialize(repeating: 0, count: stride)
            var total = 0.0
            for s in 0..<sampled {
                let i = (2 * s + 1) * n / (2 * sampled), row = rows + s * stride
                source.copyFeatures(of: i, about: nil, stride: stride, into: row)
                let weight = weights[i]
                guard weight > 0, weight.isFinite else { continue }
                total += weight
                let share = weight / total
                for k in 0..<features { mean[k] += (row[k] - mean[k]) * share }
            }
            for k in 0..<features {
                var nearest = rows[k], low = nearest, high = nearest
                for s in 1..<max(1, sampled) {
                    let value = rows[s * stride + k]
                    low = min(low, value)
                    high = max(high, value)
                    if (value - mean[k]).magnitude < (nearest - mean[k]).magnitude { nearest = value }
                }
                if nearest.isFinite, !(low <= 0 && high >= 0) { center[k] = nearest }
            }
        }
        return center
    }

    // One read of the data: sums of the leaves, and from them the sums of everything, which are zero so far.
    private func readLeaves(into leaves: UnsafeMutablePointer<Double>, _ m: inout InputMoments) throws(GeometryError) {
        let features = width - 1
        let isOrigin = m.center.allSatisfy { $0 == 0 }
        m.center.withUnsafeBufferPointer { center in
            m.centeredMagnitude.withUnsafeMutableBufferPointer { centered in
                m.magnitude.withUnsafeMutableBufferPointer { magnitude in
                    forGroupsOfLeaves { first, bounds in
                        source.moments(
                            of: bounds, weights: weights, center: isOrigin ? nil : center.baseAddress!, stride: stride,
                            sums: leaves + first * stride, centeredMagnitude: centered.baseAddress!,
                            magnitude: isOrigin ? nil : magnitude.baseAddress!)
                    }
                }
            }
        }
        if isOrigin { m.magnitude = m.centeredMagnitude }
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

    // Gives `body` the first of some consecutive leaves, and where they begin and end.
    private func forGroupsOfLeaves(_ body: (Int, UnsafeBufferPointer<Int>) -> Void) {
        let group = 64
        withUnsafeTemporaryAllocation(of: Int.self, capacity: group + 1) { bounds in
            bounds[0] = start(0)
            for first in Swift.stride(from: 0, to: leafCount, by: group) {
                let size = min(group, leafCount - first)
                for i in 1...size { bounds[i] = start(first + i) }
                body(first, UnsafeBufferPointer(rebasing: bounds[0...size]))
                bounds[0] = bounds[size]
            }
        }
    }

    private func checkFinite(_ m: InputMoments) throws(GeometryError) {
        guard !m.isFinite else { return }
        for i in 0..<(weights.step == 0 ? min(1, source.count) : source.count) where !(weights[i] >= 0 && weights[i].isFinite) {
            throw .invalidWeight(index: i, value: weights[i])
        }
        if let (point, coordinate, value) = source.firstNonFinitePoint() {
            throw .nonFinite(point: point, coordinate: coordinate, value: value)
        }
    }

    // Why sums of finite points are not finite.
    private var overflow: GeometryError {
        source.firstNonFinite().map { .nonFinite(point: $0, coordinate: $1, value: $2) }
            ?? .breakdown("weighted sums of the points exceed the range of Double")
    }

    // Whether no sum has overflowed, or may have lost digits to the lower end of the range. Sums that are zero may have lost
    // all of them.
    private func isInRange(_ m: InputMoments) -> Bool {
        m.isFinite && (source.count == 0 || m.mass >= RescaledPoints.leastSafeSum)
            && (0..<width - 1).allSatisfy { m.magnitude[$0] >= RescaledPoints.leastSafeSum }
    }

    // Σw|z − shift| from below: Σw|z| − mass·|shift|, or the sum over leaves of |Σw(z − shift)|.
    private func spreadBound(_ leaves: UnsafeMutablePointer<Double>, _ m: inout InputMoments) {
        let features = width - 1
        m.shift.withUnsafeBufferPointer { shift in
            m.spread.withUnsafeMutableBufferPointer {
                VectorKernels.addDeviations(
                    leaves, count: leafCount, shift: shift.baseAddress!, dimension: features, stride: stride, sum: $0.baseAddress!)
            }
        }
        for k in 0..<features { m.spread[k] = max(m.spread[k], m.centeredMagnitude[k] - m.mass * m.shift[k].magnitude) }
    }

    // A center this far from the mean, in units of the spread, would cost digits: worth a second read. Where the heaviest
    // point is as near to the mean as the rest are, it is the center: one that outweighs the rest, and a constant, become
    // exact zeros.
    private func betterCenter(_ m: InputMoments) -> [Double]? {
        // Squares about the origin: their spread is seen between leaves only, up to √longestLeaf ≈ 2³·⁵ too small.
        let far = source.isAboutMean ? 0x1p-7 : 0x1p-4
        let isFar = { (k: Int) in m.spread[k] < far * m.centeredMagnitude[k] }
        guard (0..<width - 1).contains(where: isFar) else { return nil }
        var heaviest = 0
        if weights.step > 0 { for i in 0..<source.count where weights[i] > weights[heaviest] { heaviest = i } }
        var point = [Double](repeating: 0, count: stride), center = m.center
        source.copyFeatures(of: heaviest, about: nil, stride: stride, into: &point)
        for k in 0..<width - 1 where isFar(k) {
            let mean = center[k] + m.shift[k], rounding = 4 * Double.ulpOfOne * (center[k].magnitude + m.shift[k].magnitude)
            center[k] = (point[k] - mean).magnitude <= max(m.spread[k] / m.mass, rounding) ? point[k] : mean
        }
        return center == m.center ? nil : center
    }

    private func costSums(_ costs: [Double]) -> [Double] {
        var sums = [Double](repeating: 0, count: leafCount)
        for leaf in 0..<leafCount { for i in start(leaf)..<start(leaf + 1) { sums[leaf] += weights[i] * costs[i] } }
        return sums
    }
}
