// Column generation: a second-order master on a working set, candidates from a pool, certificate from all points.
//
//   1  read all points: leverages in the metric of a sample; pool = the farthest
//   2  working set = the farthest of the pool, without duplicates
//   3  master on the working set, to a tolerance that tightens round by round
//   4  leverages of the pool; violators join the working set; until the pool is satisfied
//   5  read all points: the certificate. Violators left → new pool, back to 3

import LinearAlgebra

/// Candidates: a subset of the points with their images in the frame.
struct CandidatePool {
    var indices: [Int]
    /// r×count
    var images: [Double]
    /// κ of the candidates for the current weights.
    var kappa: [Double]
}

/// The points the master sees, as positions in the pool, with weights ≥ 0.
struct WorkingSet {
    var positions: [Int]
    var weights: [Double]
}

extension EllipsoidSolver {
    /// Tolerance of the last masters: leaves room for what the certificate adds.
    private var tightest: Double { 0.3 * settings.gap }

    mutating func solveByColumnGeneration() throws(GeometryError) -> CertifiedDesign {
        try readLeverages(.identity(frame.rank))
        reframe()
        var pool = makePool(including: [])
        var work = firstWorkingSet(pool)
        var tolerance = work.positions.count == source.pointCount ? tightest : Swift.max(tightest, 3e-2)
        var best: CertifiedDesign?
        while true {
            solvePool(&pool, &work, &tolerance)
            let design = WeightedDesign(indices: work.positions.map { pool.indices[$0] }, weights: work.weights)
            guard let certified = try certify(design) else {
                if let best { return try recertify(best) }
                throw .factorization("the support does not span the affine hull")
            }
            if isSolved(certified) { return certified }
            if best.map({ certified.gap < $0.gap }) ?? true { best = certified }
            let wasTight = tolerance <= tightest * 1.0001
            tolerance = Swift.max(tightest, Swift.min(0.02 * certified.gap, tolerance))
            if pool.indices.count < source.pointCount { pool = makePool(including: design.indices) } else { pool.kappa = kappa }
            var positions: [Int: Int] = [:]
            for (position, index) in pool.indices.enumerated() { positions[index] = position }
            work.positions = design.indices.compactMap { positions[$0] }
            let added = grow(&work, pool)
            // A tight master whose points are the only violators is at the limit of rounding.
            if !budget.check() || (wasTight && added == 0) { return try recertify(best ?? certified) }
        }
    }

    /// κ must belong to the answer that is returned.
    private mutating func recertify(_ best: CertifiedDesign) throws(GeometryError) -> CertifiedDesign {
        try certify(best.design) ?? best
    }

    /// Steps 3 and 4 until every candidate is satisfied or the effort is spent.
    private mutating func solvePool(_ pool: inout CandidatePool, _ work: inout WorkingSet, _ tolerance: inout Double) {
        let goal = 0.5 * settings.gap
        while true {
            let isTight = tolerance <= tightest * 1.0001
            let outcome = runMaster(pool, &work, tolerance, isTight)
            let factor = DesignFactor(
                images: gather(pool, work.positions), rank: frame.rank, weights: work.weights, isCentered: isCentered)
            guard outcome != .stopped, let factor else { return }
            factor.leverages(ofImages: pool.images, count: pool.indices.count, into: &pool.kappa)
            if !isCentered { for i in pool.kappa.indices { pool.kappa[i] += 1 } }
            let gap = (pool.kappa.max() ?? 0) / Double(order) - 1
            // A coarse master need not be exact on the pool before the first full read.
            if isTight ? gap <= goal : (pool.indices.count < source.pointCount && gap <= 1.2 * tolerance && tolerance > 1e-3) { return }
            if grow(&work, pool) == 0, isTight { return }
            tolerance = Swift.max(tightest, Swift.min(0.05 * gap, tolerance))
        }
    }

    /// One master; leaves in `work` the points with weight.
    private mutating func runMaster(
        _ pool: CandidatePool, _ work: inout WorkingSet, _ tolerance: Double, _ isTight: Bool
    ) -> InteriorPointMaster.Outcome {
        var master = InteriorPointMaster(lifted: lift(gather(pool, work.positions)), order: order, weights: work.weights)
        let deficit = isTight && settings.supportDeficit < 1 ? settings.supportDeficit : nil
        let (weights, outcome) = master.solve(gap: tolerance, deficit: deficit, count: work.positions.count, budget: &budget)
        let kept = weights.indices.filter { weights[$0] > (isTight ? 0 : 1e-13) }
        let total = kept.reduce(0) { $0 + weights[$1] }
        work = WorkingSet(positions: kept.map { work.positions[$0] }, weights: kept.map { weights[$0] / total })
        return outcome
    }

    private func gather(_ pool: CandidatePool, _ positions: [Int]) -> [Double] {
        let r = frame.rank
        var result: [Double] = []
        result.reserveCapacity(r * positions.count)
        for position in positions { result.append(contentsOf: pool.images[position * r..<(position + 1) * r]) }
        return result
    }

    /// qᵢ from yᵢ.
    func lift(_ images: [Double]) -> [Double] {
        guard !isCentered else { return images }
        let r = frame.rank
        let count = images.count / r
        var result = [Double](repeating: 1, count: (r + 1) * count)
        for j in 0..<count { for k in 0..<r { result[k + j * (r + 1)] = images[k + j * r] } }
        return result
    }

    /// The farthest points by the last full read, and `required` ones.
    private func makePool(including required: [Int]) -> CandidatePool {
        let n = source.pointCount
        let size = Swift.max(5000, 60 * order, Swift.min(n / 25, 200_000))
        var indices = 2 * n <= 3 * size ? Array(0..<n) : indicesOfLargest(kappa, size)
        if indices.count < n {
            let present = Set(indices)
            indices += required.filter { !present.contains($0) }
            if required.isEmpty { indices += spanningPoints().filter { !present.contains($0) } }
            indices.sort()
        }
        return CandidatePool(indices: indices, images: frame.images(source, indices), kappa: indices.map { kappa[$0] })
    }

    /// D points of the sample whose lifted images are linearly independent.
    func spanningPoints() -> [Int] {
        guard frame.spanning.isEmpty else { return frame.spanning }
        let sample = frame.sample.count > 4 * order ? strided(frame.sample, 4 * order) : frame.sample
        func pivots(_ sample: [Int]) -> [Int]? {
            let lifted = Matrix(rows: order, columns: sample.count, elements: lift(frame.images(source, sample)))
            guard let qr = try? PivotedQR(lifted), qr.rank(relativeTolerance: 1e-9) == order else { return nil }
            return qr.permutation.prefix(order).map { sample[$0] }
        }
        return pivots(sample) ?? pivots(frame.sample) ?? frame.sample
    }

    private func strided(_ values: [Int], _ count: Int) -> [Int] { (0..<count).map { values[$0 * values.count / count] } }

    /// The farthest candidates without duplicates, and points that span.
    private func firstWorkingSet(_ pool: CandidatePool) -> WorkingSet {
        let size = Swift.max(200, 6 * order)
        var positions: [Int]
        if pool.indices.count <= size + order {
            positions = Array(pool.indices.indices)
        } else {
            positions = distinct(indicesOfLargest(pool.kappa, size), pool)
            let place = Dictionary(uniqueKeysWithValues: zip(pool.indices, pool.indices.indices))
            let present = Set(positions)
            positions += Set(spanningPoints()).sorted().compactMap { place[$0] }.filter { !present.contains($0) }
        }
        positions = distinct(positions, pool).sorted()
        return WorkingSet(positions: positions, weights: [Double](repeating: 1 / Double(positions.count), count: positions.count))
    }

    /// Adds the worst violators, without duplicates; returns their number.
    private func grow(_ work: inout WorkingSet, _ pool: CandidatePool) -> Int {
        let bound = Double(order) * (1 + 0.3 * settings.gap)
        let present = Set(work.positions)
        let violators = pool.kappa.indices.filter { pool.kappa[$0] > bound && !present.contains($0) }
        let limit = Swift.max(400, 8 * order)
        let values = violators.map { pool.kappa[$0] }
        let chosen = violators.count > limit ? indicesOfLargest(values, limit).map { violators[$0] } : violators
        let added = distinct(chosen, pool)
        work.positions += added
        work.weights += [Double](repeating: 0, count: added.count)
        return added.count
    }

    /// One of each group of points with equal coordinates.
    private func distinct(_ positions: [Int], _ pool: CandidatePool) -> [Int] {
        let r = frame.rank
        var seen = Set<ArraySlice<Double>>(minimumCapacity: positions.count)
        return positions.filter { seen.insert(pool.images[$0 * r..<($0 + 1) * r]).inserted }
    }

    /// Far outliers make the metric of a sample useless for the points that matter: a frame from the farthest points.
    mutating func reframe() {
        let largest = kappa.max() ?? 0
        guard largest > 1e6 * Double(order) else { return }
        let far = indicesOfLargest(kappa, Swift.min(source.pointCount, 4 * order))
        let union = Set(far).union(frame.sample).sorted()
        guard let next = PointFrame(source, around: union, isCentered: isCentered), next.rank == frame.rank else { return }
        frame = next
    }
}

extension DesignFactor {
    /// The metric of the frame itself.
    static func identity(_ rank: Int) -> DesignFactor {
        DesignFactor(rank: rank, mean: [Double](repeating: 0, count: rank), inverse: Matrix.identity(rank).elements, logDeterminant: 0)
    }

    private init(rank: Int, mean: [Double], inverse: [Double], logDeterminant: Double) {
        self.rank = rank
        self.mean = mean
        self.inverse = inverse
        self.logDeterminant = logDeterminant
    }
}

/// Indices of the `count` largest values, ascending; ties go to the lowest index. O(n).
func indicesOfLargest(_ values: [Double], _ count: Int) -> [Int] {
    let n = values.count
    guard count < n else { return Array(0..<n) }
    guard count > 0 else { return [] }
    // The count-th largest by quickselect on a copy; then one scan.
    var copy = values
    let threshold = copy.withUnsafeMutableBufferPointer { select($0, n - count) }
    var result: [Int] = []
    result.reserveCapacity(count)
    var ties = count
    for value in values where value > threshold { _ = value; ties -= 1 }
    for i in 0..<n {
        if values[i] > threshold {
            result.append(i)
        } else if values[i] == threshold, ties > 0 {
            result.append(i)
            ties -= 1
        }
    }
    return result
}

/// The k-th smallest (0-based), reordering the buffer; Hoare's quickselect with a median of three.
private func select(_ a: UnsafeMutableBufferPointer<Double>, _ k: Int) -> Double {
    var (low, high) = (0, a.count - 1)
    while low < high {
        let middle = low + (high - low) / 2
        let (x, y, z) = (a[low], a[middle], a[high])
        let pivot = Swift.max(Swift.min(x, y), Swift.min(Swift.max(x, y), z))
        var (i, j) = (low, high)
        while i <= j {
            while a[i] < pivot { i += 1 }
            while a[j] > pivot { j -= 1 }
            if i <= j {
                a.swapAt(i, j)
                i += 1
                j -= 1
            }
        }
        if k <= j { high = j } else if k >= i { low = i } else { return a[k] }
    }
    return a[k]
}
