// Column generation: a second-order master on a working set, candidates from a pool, certificate from all points.
//
//   1  read all points: leverages in the metric of a sample; pool = the farthest
//   2  projected Newton on the pool, which keeps a working set of its own; or, where that does not converge,
//   3  interior-point masters on a working set, to a tolerance that tightens round by round; violators of the pool join
//   4  read all points: the certificate. Violators left → new pool, back to 2

import LinearAlgebra

/// Candidates: a subset of the points with their images in the frame.
struct CandidatePool {
    var indices: [Int]
    /// r×count
    var images: [Double]
    /// κ of the candidates for the current weights.
    var kappa: [Double]

    /// Where a point of the pool is in it; `indices` ascends.
    func position(of index: Int) -> Int {
        var (low, high) = (0, indices.count)
        while low < high {
            let middle = (low + high) / 2
            if indices[middle] < index { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func contains(_ index: Int) -> Bool {
        let position = position(of: index)
        return position < indices.count && indices[position] == index
    }
}

/// The points the master sees, as positions in the pool, with weights ≥ 0.
struct WorkingSet {
    var positions: [Int]
    var weights: [Double]
}

extension EllipsoidSolver {
    /// Below it the number of contact points is near D²/2, where projected Newton steps are erratic, and the
    /// interior-point method cheap.
    private static var leastOrderOfProjectedNewton: Int { 8 }

    /// Tolerance of the last masters: leaves room for what the certificate adds.
    private var tightest: Double { 0.3 * settings.gap }

    mutating func solveByColumnGeneration() throws(GeometryError) -> CertifiedDesign {
        if let start = settings.start, let certified = try certify(start.normalized) {
            if isSolved(certified) { return certified }
        } else {
            try readLeverages(.identity(frame.rank))
            reframe()
        }
        var (pool, work) = firstCandidates()
        var tolerance = Swift.max(tightest, 3e-2)
        var best: CertifiedDesign?
        var round = 0
        while true {
            defer { round += 1 }
            if !solveByProjectedNewton(pool, &work) {
                if work.positions.isEmpty { work = firstWorkingSet(pool) }
                if work.positions.count == source.pointCount { tolerance = tightest }
                solvePool(&pool, &work, &tolerance, isBold: round == 0)
            } else {
                tolerance = tightest
            }
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
            work.positions = design.indices.map { pool.position(of: $0) }
            let added = grow(&work, pool)
            // A tight master whose points are the only violators is at the limit of rounding.
            if !budget.check() || (wasTight && added == 0) { return try recertify(best ?? certified) }
        }
    }

    /// The farthest points, and the weights of a warm start; of a cold one the masters find their own.
    private func firstCandidates() -> (CandidatePool, WorkingSet) {
        guard let start = settings.start, kappa.contains(where: { $0 != 0 }) else {
            return (makePool(including: []), WorkingSet(positions: [], weights: []))
        }
        let pool = makePool(including: start.indices)
        var work = WorkingSet(positions: start.indices.map { pool.position(of: $0) }, weights: start.weights)
        _ = grow(&work, pool)
        return (pool, work)
    }

    /// The fast master on the whole pool; false, with a start for the interior-point method, where it is not the right one.
    private mutating func solveByProjectedNewton(_ pool: CandidatePool, _ work: inout WorkingSet) -> Bool {
        guard order >= Self.leastOrderOfProjectedNewton, pool.indices.count > 2 * order, isProjectedNewtonAdmitted else { return false }
        let isCold = work.positions.isEmpty
        var start = [Double](repeating: 0, count: pool.indices.count)
        for (position, weight) in zip(work.positions, work.weights) { start[position] = weight }
        var master = ProjectedNewtonMaster(lifted: lift(pool.images), order: order, weights: isCold ? nil : start, kappa: pool.kappa)
        let (weights, outcome) = master.solve(
            gap: tightest, deficit: 0.3 * Swift.min(1, settings.supportDeficit), isCold: isCold, budget: &budget)
        let kept = weights.indices.filter { weights[$0] > 0 }
        if outcome == .unsuitable {
            isProjectedNewtonAdmitted = false
            if isCold { return false }
        }
        if outcome == .converged || outcome == .stopped || isCold {
            work = WorkingSet(positions: kept, weights: kept.map { weights[$0] })
        }
        return outcome != .unsuitable
    }

    /// κ must belong to the answer that is returned.
    private mutating func recertify(_ best: CertifiedDesign) throws(GeometryError) -> CertifiedDesign {
        try certify(best.design) ?? best
    }

    /// Steps 3 and 4 until every candidate is satisfied or the effort is spent.
    private mutating func solvePool(_ pool: inout CandidatePool, _ work: inout WorkingSet, _ tolerance: inout Double, isBold: Bool) {
        let goal = 0.5 * settings.gap
        var rounds = 0
        while true {
            let isTight = tolerance <= tightest * 1.0001
            let outcome = runMaster(pool, &work, tolerance, isTight, isBold: isBold && rounds < 4)
            rounds += 1
            let factor = DesignFactor(
                images: gather(pool, work.positions), rank: frame.rank, weights: work.weights, isCentered: isCentered)
            guard outcome != .stopped, let factor else { return }
            factor.leverages(ofImages: pool.images, count: pool.indices.count, base: base, into: &pool.kappa)
            let gap = (pool.kappa.max() ?? 0) / Double(order) - 1
            if isTight, gap <= goal { return }
            if grow(&work, pool) == 0, isTight { return }
            tolerance = Swift.max(tightest, Swift.min(0.05 * gap, tolerance))
        }
    }

    /// One master; leaves in `work` the points with weight.
    private mutating func runMaster(
        _ pool: CandidatePool, _ work: inout WorkingSet, _ tolerance: Double, _ isTight: Bool, isBold: Bool
    ) -> InteriorPointMaster.Outcome {
        var master = InteriorPointMaster(lifted: lift(gather(pool, work.positions)), order: order, weights: work.weights, isBold: isBold)
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
        let size = Swift.max(4000 + 12 * order, Swift.min(n / 100, 100_000))
        var indices = 2 * n <= 3 * size ? Array(0..<n) : indicesOfLargest(kappa, size)
        if indices.count < n {
            indices = Set(indices).union(required.isEmpty ? spanningPoints() : required).sorted()
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
            positions = Set(positions).union(spanningPoints().filter(pool.contains).map(pool.position)).sorted()
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

    /// One of each group of points with equal coordinates: those have equal κ, so few coordinates are looked at.
    private func distinct(_ positions: [Int], _ pool: CandidatePool) -> [Int] {
        let r = frame.rank
        func coordinates(_ position: Int) -> ArraySlice<Double> { pool.images[position * r..<(position + 1) * r] }
        var first: [UInt64: Int] = [:]
        var seen = Set<ArraySlice<Double>>()
        return positions.filter { position in
            let key = pool.kappa[position].bitPattern
            guard let other = first[key] else {
                first[key] = position
                return true
            }
            seen.insert(coordinates(other))
            return seen.insert(coordinates(position)).inserted
        }
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
