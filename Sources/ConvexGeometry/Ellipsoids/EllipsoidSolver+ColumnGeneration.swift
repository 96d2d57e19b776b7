// Column generation: a second-order master on a working set, candidates from a pool, certificate from all points.
//
//   1  read all points: leverages in the metric of a sample; pool = the farthest
//   2  projected Newton on the pool, which keeps a working set of its own; or, where that does not converge,
//   3  interior-point masters on a working set, to a tolerance that tightens round by round; violators of the pool join
//   4  read all points: the certificate. Violators left → new pool, back to 2

import LinearAlgebra

extension EllipsoidSolver {
    /// Tolerance of the last masters: leaves room for what the certificate adds.
    private var tightest: Double { tuning.tightest * settings.gap }

    mutating func solveByColumnGeneration() throws(GeometryError) -> CertifiedDesign {
        if let answer = try begin() { return answer }
        var (pool, work) = try firstCandidates()
        var tolerance = Swift.max(tightest, tuning.first)
        var best: CertifiedDesign?
        var round = 0
        while true {
            defer { round += 1 }
            // Once something is certified, returning to it may cost another certificate.
            let support = Swift.min(pool.indices.count, order * (order + 1) / 2)
            budget.reserve = (best == nil ? 1 : 2) * certificateEffort(support: support)
            let (lastStep, iterations) = (course.lastStep, budget.iterations)
            if !solveByProjectedNewton(pool, &work) {
                if work.positions.isEmpty { work = firstWorkingSet(pool) }
                if work.positions.count == source.pointCount { tolerance = tightest }
                solvePool(&pool, &work, &tolerance, isBold: round == 0)
            } else {
                tolerance = tightest
            }
            let design = WeightedDesign(indices: work.positions.map { pool.indices[$0] }, weights: work.weights)
            guard let certified = try certify(design, images: gather(pool, work.positions)) else {
                if let best { return try recertify(best) }
                throw .breakdown("the support does not span the affine hull")
            }
            if isSolved(certified) { return certified }
            let wasSeen = course.lastStep == lastStep
            let isBest = best.map { certified.gap < $0.gap } ?? true
            // Without an iteration a round has made progress only where its certificate says so.
            let isIdle = budget.iterations == iterations && best.map { certified.gap > 0.5 * $0.gap } ?? false
            if isBest { best = certified }
            let wasTight = tolerance <= tightest * 1.0001
            tolerance = Swift.max(tightest, Swift.min(tuning.next.read * certified.gap, tolerance))
            if pool.indices.count < source.pointCount { pool = try makePool(including: design.indices) } else { pool.kappa = far.kappa }
            work.positions = design.indices.map { pool.position(of: $0) }
            let added = grow(&work, pool)
            // A tight master whose points are the only violators is at the limit of rounding, and so is one that drops points for nothing
            // but to have them brought back.
            if !budget.affords(Effort()) || (wasTight && (isIdle || (wasSeen && added == 0))) {
                return isBest ? certified : try recertify(best ?? certified)
            }
        }
    }

    /// The first read: κ of the start, or in the metric of the frame; an answer when that is all there is to do, or time for.
    private mutating func begin() throws(GeometryError) -> CertifiedDesign? {
        guard let start else { return try survey(gathering: Swift.min(poolSize, source.pointCount)) ? nil : try certifySample() }
        // Where all points are candidates, their images are needed next, and tell whether a certificate is worth its read.
        if course.frame == .start, isOwnPool, !frame.isDelicate {
            let isOpen = try survey(gathering: 0) && !isBalanced(start)
            if isOpen { return nil }
        }
        guard let certified = try certify(start, isFirst: true) else {
            return try survey(gathering: Swift.min(poolSize, source.pointCount)) ? nil : try certifySample()
        }
        return isSolved(certified) || !budget.affords(Effort()) ? certified : nil
    }

    /// Whether the last read says that a design meets both tolerances.
    private func isBalanced(_ design: WeightedDesign) -> Bool {
        let least = leverages(design.indices).min() ?? .infinity
        return largest <= Double(order) * (1 + settings.gap) && least >= Double(order) * (1 - settings.supportDeficit)
    }

    /// The farthest points, and the weights of a warm start; of a cold one the masters find their own.
    private mutating func firstCandidates() throws(GeometryError) -> (CandidatePool, WorkingSet) {
        guard let start else {
            return (try makePool(including: []), WorkingSet(positions: [], weights: []))
        }
        let pool = try makePool(including: start.indices)
        var work = WorkingSet(positions: start.indices.map { pool.position(of: $0) }, weights: start.weights)
        _ = grow(&work, pool)
        return (pool, work)
    }

    /// The fast master on the whole pool; false, with a start for the interior-point method, where it is not the right one.
    private mutating func solveByProjectedNewton(_ pool: CandidatePool, _ work: inout WorkingSet) -> Bool {
        guard order >= tuning.leastOrderOfProjectedNewton, pool.indices.count > tuning.leastCandidates * order,
            course.master == .projectedNewton
        else {
            return false
        }
        let isCold = work.positions.isEmpty
        var start = [Double](repeating: 0, count: pool.indices.count)
        for (position, weight) in zip(work.positions, work.weights) { start[position] = weight }
        var master = ProjectedNewtonMaster(
            lifted: lift(pool.images), order: order, weights: isCold ? nil : start, kappa: pool.kappa, model: hessian.take(), team: team,
            tuning: settings.tuning.projectedNewton)
        defer { hessian = master.model }
        let (weights, outcome) = master.solve(
            gap: tightest, deficit: tuning.tightest * Swift.min(1, settings.supportDeficit),
            acceptable: isOwnPool && course.lastStep == .trusted ? Swift.min(settings.gap, settings.supportDeficit) : nil, budget: &budget)
        budget.settle()
        let kept = weights.indices.filter { weights[$0] > 0 }
        if outcome == .unsuitable {
            course.master = .interiorPoint
            if isCold { return false }
        }
        if outcome == .expected { course.lastStep = .checked }
        if outcome != .unsuitable || isCold {
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
        let goal = tuning.poolGap * settings.gap
        var rounds = 0
        var leastIdle = Double.infinity
        let (r, candidates) = (Double(frame.rank), Double(pool.indices.count))
        while true {
            let isTight = tolerance <= tightest * 1.0001
            let iterations = budget.iterations
            let outcome = runMaster(pool, &work, tolerance, isTight, isBold: isBold && rounds < tuning.boldRounds)
            rounds += 1
            let factor = DesignFactor(
                images: gather(pool, work.positions), rank: frame.rank, weights: work.weights, isCentered: isCentered, team: team)
            guard outcome != .stopped, let factor, budget.affords(Effort(flops: 2 * r * r * candidates)) else { return }
            factor.leverages(ofImages: pool.images, count: pool.indices.count, base: base, into: &pool.kappa, team: team)
            budget.settle()
            let gap = (pool.kappa.max() ?? 0) / Double(order) - 1
            if isTight, gap <= goal { return }
            // A master that was content at once, and dropped points that it is given back, may do so for ever.
            let isIdle = budget.iterations == iterations && gap > 0.5 * leastIdle
            if budget.iterations == iterations { leastIdle = Swift.min(leastIdle, gap) }
            if grow(&work, pool) == 0 || isIdle, isTight { return }
            tolerance = isIdle ? tightest : Swift.max(tightest, Swift.min(tuning.next.pool * gap, tolerance))
        }
    }

    /// One master; leaves in `work` the points with weight.
    private mutating func runMaster(
        _ pool: CandidatePool, _ work: inout WorkingSet, _ tolerance: Double, _ isTight: Bool, isBold: Bool
    ) -> InteriorPointMaster.Outcome {
        var master = InteriorPointMaster(
            lifted: lift(gather(pool, work.positions)), order: order, weights: work.weights, isBold: isBold, team: team,
            tuning: settings.tuning.interiorPoint)
        let deficit = isTight && settings.supportDeficit < 1 ? settings.supportDeficit : nil
        let (weights, outcome) = master.solve(gap: tolerance, deficit: deficit, count: work.positions.count, budget: &budget)
        budget.settle()
        let kept = weights.indices.filter { weights[$0] > (isTight ? 0 : tuning.vanished) }
        let total = kept.reduce(0) { $0 + weights[$1] }
        work = WorkingSet(positions: kept.map { work.positions[$0] }, weights: kept.map { weights[$0] / total })
        return outcome
    }

    /// Far outliers make the metric of a sample useless for the points that matter: a frame from the farthest points.
    mutating func reframe() {
        guard largest > tuning.farOutlier * Double(order) else { return }
        let union = Set(far.indices(count: tuning.spanning * order)).union(frame.sample).sorted()
        guard let next = PointFrame(source, around: union, isCentered: isCentered, team: team), next.rank == frame.rank else { return }
        (frame, surveyed) = (next, nil)
    }
}
