// The first-order methods: Khachiyan's, and Wolfe–Atwood with away steps, on all points.
//
//     toward j = argmax κ:           β = (κⱼ − D)/(D(κⱼ − 1)),   u ← (1−β)u + βeⱼ
//     away from j = argmin_{u>0} κ:  the same β < 0, clipped at −uⱼ/(1−uⱼ), which drops j; dropped outright if κⱼ ≤ 1
//     of order 1: β = 1, all weight to the farthest point, which is the answer
//     κᵢ ← (κᵢ − γ(qᵢᵀM⁻¹qⱼ)²)/(1−β),   γ = g/(1 + gκⱼ),  g = β/(1−β)                                  (1)
//
// O(nD) a step. M⁻¹ and κ are refreshed from the weights whenever a freshly computed κⱼ differs from the tracked one by
// more than 1e-8·max(1, κⱼ), and before the method may stop. Points that can never carry weight are dropped
// (Harman & Pronzato). Sources: Khachiyan 1996; Todd & Yıldırım 2007; Ahipaşaoğlu, Sun & Todd, OMS 23 (2008).

import LinearAlgebra

extension EllipsoidSolver {
    mutating func solveByRankOneSteps(away: Bool) throws(GeometryError) -> CertifiedDesign {
        let n = source.pointCount
        // Khachiyan's weights never vanish.
        if !away { budget.reserve = certificateEffort(support: n) }
        guard try survey(gathering: n) else { return try certifySample() }
        let images = surveyed ?? frame.images(source, Array(0..<n), team)
        surveyed = nil
        var state = RankOneState(
            lifted: lift(images), order: order, start: startOfRankOneSteps(away: away))
        var goal = (gap: 0.9 * settings.gap, deficit: 0.9 * settings.supportDeficit)
        while true {
            let finished = state.run(away: away, gap: goal.gap, deficit: goal.deficit, budget: &budget)
            let kept = state.weights.indices.filter { state.weights[$0] > 0 }
            let total = kept.reduce(0) { $0 + state.weights[$1] }
            let design = WeightedDesign(
                indices: kept.map { state.indices[$0] }, weights: kept.map { state.weights[$0] / total })
            guard let certified = try certify(design) else {
                throw .breakdown("the support does not span the affine hull")
            }
            if isSolved(certified) { return certified }
            budget.settle()
            guard finished, budget.affords(Effort()), goal.gap > 0.1 * settings.gap else { return certified }
            goal = (0.5 * goal.gap, 0.5 * goal.deficit)
        }
    }

    /// Khachiyan starts from equal weights on all points; away steps from the points that span and the farthest ones.
    private func startOfRankOneSteps(away: Bool) -> [Double] {
        let n = source.pointCount
        guard away, n > 4 * order else { return [Double](repeating: 1 / Double(n), count: n) }
        var weights = [Double](repeating: 0, count: n)
        let start = Set(spanningPoints()).union(far.indices(count: 2 * order))
        for index in start { weights[index] = 1 / Double(start.count) }
        return weights
    }
}

/// Weights with M⁻¹ and all κ kept up to date by rank-one formulas.
private struct RankOneState {
    let order: Int
    /// Column j of `q` is point `indices[j]`; columns leave by elimination.
    private(set) var indices: [Int]
    private(set) var weights: [Double]
    private var q: [Double]
    private var kappa: [Double]
    private var inverse: [Double]

    init(lifted: [Double], order: Int, start: [Double]) {
        self.order = order
        q = lifted
        weights = start
        indices = Array(0..<start.count)
        kappa = [Double](repeating: 0, count: start.count)
        inverse = [Double](repeating: 0, count: order * order)
    }

    /// Steps until both tolerances hold on fresh values (the first one alone without away steps); false when stopped
    /// before that.
    mutating func run(away: Bool, gap: Double, deficit: Double, budget: inout EffortBudget) -> Bool {
        let d = Double(order)
        guard refresh(&budget) else { return false }
        var isFresh = true
        var step = 0
        while true {
            let (most, least) = extremes()
            let (above, below) = (kappa[most] / d - 1, 1 - kappa[least] / d)
            if above <= gap, !away || below <= deficit {
                if isFresh { return true }
                guard refresh(&budget) else { return false }
                isFresh = true
                continue
            }
            guard budget.spendIteration(gap: above, work: stepWork) else { return false }
            if order == 1 {
                for i in weights.indices { weights[i] = i == most ? 1 : 0 }
                guard refresh(&budget) else { return false }
                isFresh = true
                continue
            }
            step += 1
            if step % 64 == 0, eliminate(gap: above) {
                guard refresh(&budget) else { return false }
                isFresh = true
                continue
            }
            let takesAway = away && (above <= gap || below > above)
            let j = takesAway ? least : most
            let w = product(j)
            let actual = BLAS.dot(order, w, 1, Array(q[j * order..<(j + 1) * order]), 1)
            if (actual - kappa[j]).magnitude > 1e-8 * Swift.max(1, actual) {
                guard !isFresh, refresh(&budget) else { return false }
                isFresh = true
                continue
            }
            isFresh = false
            let clip = -weights[j] / (1 - weights[j])
            var beta = kappa[j] <= 1 + 1e-12 ? clip : (kappa[j] - d) / (d * (kappa[j] - 1))
            let drops = takesAway && beta <= clip
            if drops { beta = clip }
            guard beta.isFinite, beta < 1 else { return false }
            update(j, w, beta)
            if drops { weights[j] = 0 }
        }
    }

    /// argmax κ over all, argmin κ over the support.
    private func extremes() -> (Int, Int) {
        var (most, least) = (0, -1)
        for i in kappa.indices {
            if kappa[i] > kappa[most] { most = i }
            if weights[i] > 0, least < 0 || kappa[i] < kappa[least] { least = i }
        }
        return (most, least)
    }

    /// M⁻¹qⱼ
    private func product(_ j: Int) -> [Double] {
        var w = [Double](repeating: 0, count: order)
        q.withUnsafeBufferPointer { BLAS.symv(.lower, order, 1, inverse, order, $0.baseAddress! + j * order, 1, 0, &w, 1) }
        return w
    }

    /// Equation (1), and the same for M⁻¹.
    private mutating func update(_ j: Int, _ w: [Double], _ beta: Double) {
        let g = beta / (1 - beta)
        let gamma = g / (1 + g * kappa[j])
        let rescale = 1 / (1 - beta)
        BLAS.syr(.lower, order, -gamma, w, 1, &inverse, order)
        BLAS.scal(inverse.count, rescale, &inverse, 1)
        var products = [Double](repeating: 0, count: kappa.count)
        BLAS.gemv(.transposed, order, kappa.count, 1, q, order, w, 1, 0, &products, 1)
        for i in kappa.indices { kappa[i] = (kappa[i] - gamma * products[i] * products[i]) * rescale }
        for i in weights.indices { weights[i] *= 1 - beta }
        weights[j] += beta
        if weights[j] < 0 { weights[j] = 0 }
    }

    /// Flops of a step, of which one read of Q runs at the pace of memory, a tenth of that of products.
    private var stepWork: Double { 20 * Double(weights.count * order) }

    /// M⁻¹ and κ from the weights, through a QR of diag(√u)·Qᵀ; false when the support does not span, or no time is left.
    private mutating func refresh(_ budget: inout EffortBudget) -> Bool {
        let kept = weights.indices.filter { weights[$0] > 0 }
        guard budget.affords(Effort(flops: Double(order * order) * Double(4 * kept.count + 2 * weights.count))) else { return false }
        let total = weights.reduce(0, +)
        for i in weights.indices { weights[i] /= total }
        guard kept.count >= order else { return false }
        var rows = Matrix(rows: kept.count, columns: order)
        for (row, j) in kept.enumerated() {
            let root = weights[j].squareRoot()
            for k in 0..<order { rows.elements[row + k * kept.count] = root * q[k + j * order] }
        }
        let r = rows.triangularFactor()
        guard r.diagonal.allSatisfy({ $0 > 0 && $0.isFinite }) else { return false }
        var upper = r.elements
        do { try LAPACK.trtri(.upper, .nonUnit, order, &upper, order) } catch { return false }
        // M⁻¹ = R⁻¹·R⁻ᵀ; κ = ‖R⁻ᵀq‖².
        BLAS.syrk(.lower, .normal, order, order, 1, upper, order, 0, &inverse, order)
        let block = Swift.max(16, 32768 / order)
        var z = [Double](repeating: 0, count: order * block)
        let count = weights.count
        q.withUnsafeBufferPointer { q in
            kappa.withUnsafeMutableBufferPointer { kappa in
                for start in stride(from: 0, to: count, by: block) {
                    let size = Swift.min(block, count - start)
                    BLAS.gemm(
                        .transposed, .normal, order, size, order, 1, upper, order, q.baseAddress! + start * order, order, 0, &z, order)
                    LeverageKernels.columnNorms(z, rows: order, count: size, into: kappa.baseAddress! + start)
                }
            }
        }
        return true
    }

    /// Drops points that can never carry weight, when they are a tenth or more; says whether it did.
    private mutating func eliminate(gap: Double) -> Bool {
        let threshold = HarmanPronzato.threshold(gap: Swift.max(gap, 0), order: order) * (1 - 1e-9)
        let keep = kappa.indices.filter { kappa[$0] >= threshold }
        guard keep.count < kappa.count * 9 / 10, keep.count >= order else { return false }
        // The kept points must still span after their weights are rescaled.
        guard keep.filter({ weights[$0] > 0 }).count >= order else { return false }
        for (to, from) in keep.enumerated() where to != from {
            for k in 0..<order { q[k + to * order] = q[k + from * order] }
            (weights[to], kappa[to], indices[to]) = (weights[from], kappa[from], indices[from])
        }
        let removed = kappa.count - keep.count
        q.removeLast(removed * order)
        weights.removeLast(removed)
        kappa.removeLast(removed)
        indices.removeLast(removed)
        return true
    }
}
