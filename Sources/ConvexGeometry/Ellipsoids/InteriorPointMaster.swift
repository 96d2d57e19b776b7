// The second-order method for a working set of m points.
//
//     maximize  log det M(u) − D·Σu,   M(u) = Σ uᵢqᵢqᵢᵀ,   u ≥ 0        (its optimum has Σu = 1)
//
// Notation: κᵢ = qᵢᵀM⁻¹qᵢ, K = QᵀM⁻¹Q, H = K∘K, s the slacks of κ ≤ D, μ the target of uᵢsᵢ.
// Since dκ = −H·du, Newton's equations of  s = D − κ(u), u∘s = μ  are
//
//     (H + diag(s/u))·Δu = (μ − c)/u − D + κ,    Δs = (μ − c − s∘Δu)/u − s                           (1)
//
// and are solved twice per factorization: c = μ = 0 (affine), then c = Δu∘Δs and a μ from the affine step (Mehrotra,
// SIAM J. Optim. 2 (1992)). diag(s/u) keeps (1) definite where the optimum is not unique and H is singular. With
// D(D+1) < m the matrix has low rank plus diagonal, and (1) is solved by Sherman–Morrison–Woodbury in that dimension.
//
// Cost per step: 2mD² + m²D + m³/3 flops, all in BLAS 3. Tail quadratic: the fraction to the boundary tends to 1.
// Source of the formulation: Sun & Freund, Oper. Res. 52 (2004); Ahipaşaoğlu, Cipolla & Gondzio, arXiv 2507.03210.

import LinearAlgebra

struct InteriorPointMaster {
    /// What a solve ended with.
    enum Outcome { case converged, stalled, stopped }

    private let order: Int
    /// Whitened lifted points, D×m; columns leave as the working set shrinks.
    private var q: [Double]
    /// Column j of `q` is point `active[j]` of the caller.
    private var active: [Int]
    private var u: [Double]
    private var s: [Double]
    private var kappa: [Double]
    private var z: [Double]
    private var design: CholeskyDesign
    private let team: ThreadTeam
    /// Whether points may be dropped on a guess.
    private let isBold: Bool
    private let tuning: InteriorPointTuning

    /// - Parameters:
    ///   - lifted: D×m.
    ///   - weights: a start, ≥ 0; points with weight 0 are lifted off the boundary.
    ///   - isBold: whether points may be dropped because they look useless. A caller that brings mistakes back must not
    ///     allow it for ever: points dropped and brought back in turn make no progress.
    init(lifted: [Double], order: Int, weights: [Double], isBold: Bool, team: ThreadTeam, tuning: InteriorPointTuning = .init()) {
        let m = weights.count
        self.order = order
        self.isBold = isBold
        self.team = team
        self.tuning = tuning
        design = CholeskyDesign(order: order, team: team)
        q = lifted
        active = Array(0..<m)
        let total = weights.reduce(0, +)
        u = weights.map { (1 - tuning.lifted) * $0 / total + tuning.lifted / Double(m) }
        s = []
        kappa = [Double](repeating: 0, count: m)
        z = [Double](repeating: 0, count: m * order)
    }

    /// Runs until max κ/D − 1 ≤ `gap` for the normalized weights and, when `deficit` is given, until the points with
    /// κ < D·(1 − deficit) can be left out without losing that.
    ///
    /// Returns weights for all points of the caller, sum 1.
    mutating func solve(gap: Double, deficit: Double?, count total: Int, budget: inout EffortBudget) -> (
        weights: [Double], outcome: Outcome
    ) {
        guard budget.affords(Effort(flops: startWork)) else { return (expand(u, total), .stopped) }
        guard whiten() else { return (expand(u, total), .stalled) }
        for _ in 0..<tuning.multiplicativeSteps {
            guard updateLeverages() else { return (expand(u, total), .stalled) }
            for j in u.indices { u[j] *= kappa[j] / Double(order) }
        }
        var best: (gap: Double, weights: [Double]) = (.infinity, u)
        var sinceImproved = 0
        var mu = 0.0
        let d = Double(order)
        var outcome = Outcome.stalled
        while true {
            guard updateLeverages() else { break }
            normalize()
            let current = (kappa.max() ?? 0) / d - 1
            if current <= gap {
                guard let deficit else { return (expand(u, total), .converged) }
                if let purged = purge(gap: gap, deficit: deficit) { return (expand(purged, total), .converged) }
            }
            if current < tuning.progress * best.gap || !best.gap.isFinite {
                sinceImproved = 0
            } else {
                sinceImproved += 1
            }
            if current <= best.gap { best = (current, expand(u, total)) }
            if sinceImproved > tuning.stalls { break }
            if !budget.spendIteration(gap: current, work: stepWork) {
                outcome = .stopped
                break
            }
            shrink(gap: current, mu: mu)
            if s.isEmpty {
                mu =
                    tuning.firstTarget * d / Double(u.count)
                    * Swift.max(tuning.firstGap.lowerBound, Swift.min(tuning.firstGap.upperBound, current))
                s = u.indices.map { Swift.max(d - kappa[$0], mu / u[$0]) }
            }
            guard let next = step() else { break }
            mu = next
        }
        return (best.weights.count == total ? best.weights : expand(u, total), outcome)
    }

    /// Flops of the start: a QR, the product with its factor, and six evaluations.
    private var startWork: Double { 18 * Double(u.count) * Double(order * order) }

    /// Flops of a step; two solves with refinement move the matrix, at a tenth of the pace of products.
    private var stepWork: Double {
        let (m, d) = (Double(u.count), Double(order))
        let p = 0.5 * d * (d + 1)
        return 2 * m * d * d + (m > 2 * p ? m * p * p + p * p * p / 3 : m * m * d + m * m * m / 3 + 40 * m * m)
    }

    private func expand(_ values: [Double], _ total: Int) -> [Double] {
        var result = [Double](repeating: 0, count: total)
        let sum = values.reduce(0, +)
        for (j, index) in active.enumerated() { result[index] = values[j] / sum }
        return result
    }

    /// Scales u to sum 1, and s, κ with it (κ is homogeneous of degree −1; u∘s stays).
    private mutating func normalize() {
        let total = u.reduce(0, +)
        for j in u.indices {
            u[j] /= total
            kappa[j] *= total
        }
    }

    /// q ← R⁻ᵀq with RᵀR = Σ uᵢqᵢqᵢᵀ from a QR, so that later Cholesky factorizations start near the identity.
    private mutating func whiten() -> Bool {
        let m = u.count
        guard m >= order else { return false }
        var rows = Matrix(rows: m, columns: order)
        for j in 0..<m {
            let root = u[j].squareRoot()
            for k in 0..<order { rows.elements[j + k * m] = root * q[k + j * order] }
        }
        let r = rows.triangularFactor()
        guard r.diagonal.allSatisfy({ $0 > 0 && $0.isFinite }) else { return false }
        var upper = r.elements
        do { try LAPACK.trtri(.upper, .nonUnit, order, &upper, order) } catch { return false }
        var image = [Double](repeating: 0, count: m * order)
        BLAS.gemm(.transposed, .normal, order, m, order, 1, upper, order, q, order, 0, &image, order)
        q = image
        return q.allSatisfy(\.isFinite)
    }

    /// M(u), its inverse factor, Z = L⁻¹Q and κ; false when M is not positive definite.
    private mutating func updateLeverages() -> Bool {
        let m = u.count
        guard design.factor(q, u), design.invert() else { return false }
        design.leverages(q, count: m, images: &z, into: &kappa)
        return kappa[0..<m].allSatisfy(\.isFinite)
    }

    /// Weights without the points of low leverage, if they still satisfy both tolerances.
    private mutating func purge(gap: Double, deficit: Double) -> [Double]? {
        let d = Double(order)
        let floor = d * (1 - tuning.purge * deficit)
        var mass = 0.0
        for j in u.indices where kappa[j] < floor { mass += u[j] }
        if mass == 0 { return u }
        guard mass <= tuning.purgedMass * gap + tuning.roundedMass else { return nil }
        let saved = u
        for j in u.indices where kappa[j] < floor { u[j] = 0 }
        defer { u = saved }
        let total = u.reduce(0, +)
        for j in u.indices { u[j] /= total }
        guard updateLeverages() else { return nil }
        var (high, low) = (0.0, Double.infinity)
        for j in u.indices {
            high = Swift.max(high, kappa[j])
            if u[j] > 0 { low = Swift.min(low, kappa[j]) }
        }
        guard high / d - 1 <= gap, 1 - low / d <= deficit else {
            _ = restoreLeverages(saved)
            return nil
        }
        return u
    }

    private mutating func restoreLeverages(_ weights: [Double]) -> Bool {
        u = weights
        return updateLeverages()
    }

    /// Drops points that cannot, or very likely will not, carry weight; column generation brings back mistakes.
    private mutating func shrink(gap: Double, mu: Double) {
        let d = Double(order)
        let threshold = HarmanPronzato.threshold(gap: gap, order: order) * (1 - 1e-9)
        let m = u.count
        var keep: [Int] = []
        keep.reserveCapacity(m)
        let (meanU, meanS) = (1 / Double(m), s.reduce(0, +) / Double(Swift.max(1, s.count)))
        for j in 0..<m {
            if kappa[j] < threshold { continue }
            if isBold, !s.isEmpty, u[j] * meanS < tuning.boldness.quotient * s[j] * meanU,
                kappa[j] < d * (1 - tuning.boldness.gaps * gap)
            {
                continue
            }
            keep.append(j)
        }
        guard Double(keep.count) < tuning.worthPacking * Double(m), keep.count >= order else { return }
        for (to, from) in keep.enumerated() {
            for k in 0..<order { q[k + to * order] = q[k + from * order] }
            u[to] = u[from]
            active[to] = active[from]
            if !s.isEmpty { s[to] = s[from] }
        }
        u.removeLast(m - keep.count)
        active.removeLast(m - keep.count)
        if !s.isEmpty { s.removeLast(m - keep.count) }
        kappa.removeLast(m - keep.count)
        q.removeLast((m - keep.count) * order)
        z.removeLast((m - keep.count) * order)
        _ = updateLeverages()
    }

    /// One predictor–corrector step (1); returns the new μ, or nil when the system cannot be factored.
    private mutating func step() -> Double? {
        let m = u.count
        var ratio = [Double](repeating: 0, count: m)
        for j in 0..<m { ratio[j] = s[j] / u[j] }
        guard var system = NormalSystem(z: z, order: order, count: m, diagonal: ratio, team: team),
            let step = PredictorCorrectorStep(u: u, s: s, kappa: kappa, order: order, system: &system, tuning: tuning)
        else { return nil }
        for j in 0..<m {
            u[j] += step.lengthOfU * step.du[j]
            s[j] += step.lengthOfS * step.ds[j]
        }
        return step.target
    }
}
