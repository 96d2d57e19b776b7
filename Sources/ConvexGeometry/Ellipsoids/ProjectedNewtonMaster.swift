// The fast method for point sets whose contact points are few beside D²/2: projected Newton with conjugate gradients.
//
//     maximize  φ(u) = log det M(u) − D·Σu,   M(u) = Σ uᵢqᵢqᵢᵀ,   u ≥ 0        (its optimum has Σu = 1)
//
// Notation: κᵢ = qᵢᵀM⁻¹qᵢ, K = QᵀM⁻¹Q, H = K∘K; ∇φ = κ − D, ∇²φ = −H.
//
// Start. Weights near equilibrium, while that brings much (`Equilibrium`).
//
// Steps. On the free points F = {uᵢ > 0 or κᵢ > D}: maximize (κ − D)ᵀΔ − ½ΔᵀHΔ subject to u + Δ ≥ 0, by conjugate
// gradients in which points that would become negative are fixed at −uᵢ; then u ← max(0, u + tΔ), t halved until φ
// does not fall. For random directions H/D² is the identity, a rank-one part, and noise of norm about √(8m)/D, so
// ten products suffice; H may be in single precision, because κ and φ are not.
//
// Cost per step: m²D + 3mD² flops, no factorization beyond order D. When progress is not that of Newton's method (many
// contact points beside D²/2: H nearly singular) the caller is told and the interior-point master takes over.
// Sources: Bertsekas, SIAM J. Control Optim. 20 (1982); Dembo, Eisenstat & Steihaug, SIAM J. Numer. Anal. 19 (1982).

import LinearAlgebra

struct ProjectedNewtonMaster {
    enum Outcome {
        case converged
        /// The last step should converge; κ at its end is for the caller to look at.
        case expected
        case unsuitable, stopped
    }

    private let order: Int
    /// Lifted points, D×m. Points leave the working set, the full set is looked at again before convergence is claimed.
    private let full: [Double]
    private var q: [Double]
    /// Column j of `q` is column `active[j]` of `full`.
    private var active: [Int]
    private var u: [Double]
    private var kappa: [Double]
    private var design: CholeskyDesign
    /// Images of the working set; longer after some have left it.
    private var z: [Double]
    private(set) var model: HessianModel
    private let team: ThreadTeam
    private let tuning: ProjectedNewtonTuning

    /// - Parameters:
    ///   - lifted: D×m, spanning.
    ///   - weights: a start, ≥ 0 with sum 1, or nil for one near equilibrium by the κ given.
    ///   - kappa: κ of the points for the start; without one in any metric near that of the points.
    ///   - model: one to use the memory of.
    init(
        lifted: [Double], order: Int, weights: [Double]?, kappa: [Double], model: HessianModel?, team: ThreadTeam,
        tuning: ProjectedNewtonTuning = .init()
    ) {
        self.order = order
        self.team = team
        self.tuning = tuning
        full = lifted
        q = lifted
        active = Array(kappa.indices)
        self.kappa = kappa
        z = []
        design = CholeskyDesign(order: order, team: team)
        self.model = model ?? HessianModel(team: team)
        u = weights ?? [Double](repeating: 0, count: kappa.count)
        var threshold = 0.0
        if let weights {
            if distances().above > tuning.farthestOfNewton { Equilibrium.approach(&u, kappa: kappa, order: order, fraction: 1) }
            // κ' ≤ κ/(1 − δ) where no weight falls below 1 − δ times what it was: points that a step which moves the mass δ
            // will hardly lift to D are left to `restore`.
            let moved = 0.5 * zip(u, weights).reduce(0) { $0 + ($1.0 - $1.1).magnitude }
            threshold = Double(order) * (1 - Swift.max(tuning.leastMovedMass, moved))
        } else {
            Equilibrium.approach(&u, kappa: kappa, order: order, fraction: 1)
            // Most of the rest will never matter; `restore` finds what does. In many dimensions it costs a step to find.
            let cut = tuning.firstCut.perOrder * order
            if order < tuning.firstCut.order, kappa.count > cut {
                threshold = kappa[LargestValues.indices(kappa, cut).min { kappa[$0] < kappa[$1] }!]
            }
        }
        keep(u.indices.filter { u[$0] > 0 || kappa[$0] >= threshold })
    }

    /// Runs until max κ/D − 1 ≤ `gap` over all points and 1 − min κ/D ≤ `deficit` over the support.
    ///
    /// - Parameter acceptable: both tolerances of a caller who looks at κ of all points after this anyway and at no higher
    ///   price: a step that should reach them is the last, and is not looked at here.
    /// - Returns: weights for all points of the caller, sum 1.
    mutating func solve(
        gap goal: Double, deficit: Double, acceptable: Double?, budget: inout EffortBudget
    ) -> (weights: [Double], outcome: Outcome) {
        guard budget.affords(Effort(flops: evaluationWork)) else { return (expanded(), .stopped) }
        guard var objective = evaluate() else { return (expanded(), .unsuitable) }
        guard approach(&objective, budget: &budget) else { return (expanded(), budget.exhausted == nil ? .unsuitable : .stopped) }
        var (previous, slow, restored) = (Double.infinity, 0, 0)
        // In few dimensions the other master is cheaper than persistence.
        let patience = order < tuning.patience.order ? tuning.patience.below : tuning.patience.from
        while true {
            let (above, below) = distances()
            if above <= goal, below <= deficit {
                if active.count * order == full.count { return (expanded(), .converged) }
                guard restore(above: goal) else { return (expanded(), .unsuitable) }
                if distances().above <= goal { return (expanded(), .converged) }
                restored += 1
                continue
            }
            guard budget.spendIteration(gap: above, work: stepWork) else { return (expanded(), .stopped) }
            let distance = Swift.max(above, below)
            slow = distance > tuning.slow * previous ? slow + 1 : 0
            // The tail is quadratic, and the factor seldom grows.
            let expected = previous.isFinite ? distance * distance * (distance / (previous * previous)) : .infinity
            let isLast = acceptable.map { expected <= $0 } ?? false
            previous = distance
            // Points dropped and brought back in turn would make no progress.
            if restored < tuning.returns { shrink(above: above, below: below) }
            guard slow < patience, let direction = direction(goal: Swift.min(goal, deficit), gap: distance) else {
                return (expanded(), .unsuitable)
            }
            if isLast {
                move(direction, 1, from: u)
                return (expanded(), .expected)
            }
            guard let step = step(objective, direction), step.length > tuning.shortestStep.counted else { return (expanded(), .unsuitable) }
            objective = step.objective
        }
    }

    /// Flops of `evaluate`.
    private var evaluationWork: Double { 3 * Double(u.count) * Double(order * order) }

    /// Flops of a step; about ten products with H run at the pace of memory, a tenth of that of matrix products.
    private var stepWork: Double {
        let free = Double(u.indices.reduce(0) { u[$1] > 0 || kappa[$1] > Double(order) ? $0 + 1 : $0 })
        return free * free * Double(order + 100) + evaluationWork
    }

    // MARK: Start

    /// Approaches equilibrium while it pays. A warm start takes it too when points from outside have come.
    private mutating func approach(_ objective: inout Double, budget: inout EffortBudget) -> Bool {
        var previous = Double.infinity
        for _ in 0..<tuning.approaches {
            let gap = distances().above
            guard gap > tuning.farthestOfNewton, gap < tuning.worthwhileApproach * previous else { break }
            guard budget.spendIteration(gap: gap, work: evaluationWork) else { return false }
            previous = gap
            shrink(above: gap, below: gap)
            // Undamped, neighbors that both rise to cover the same direction overshoot.
            Equilibrium.approach(&u, kappa: kappa, order: order, fraction: tuning.approachFraction)
            guard let next = evaluate() else { return false }
            objective = next
        }
        return true
    }

    // MARK: Steps

    /// M, Z = L⁻¹Q and κ of the working set for the current weights; returns φ.
    private mutating func evaluate() -> Double? {
        guard design.factor(q, u), design.isWellConditioned, design.invert() else { return nil }
        if z.count < q.count { z = .uninitialized(q.count) }
        design.leverages(q, count: u.count, images: &z, into: &kappa)
        return design.logDeterminant - Double(order) * u.reduce(0, +)
    }

    /// max κ/D − 1 and 1 − min κ/D over the support, for weights of sum 1.
    private func distances() -> (above: Double, below: Double) {
        let scale = u.reduce(0, +) / Double(order)
        var (most, least) = (0.0, Double.infinity)
        for j in u.indices {
            most = Swift.max(most, kappa[j])
            if u[j] > 0 { least = Swift.min(least, kappa[j]) }
        }
        return (most * scale - 1, 1 - least * scale)
    }

    /// Free points and what Newton's method adds to their weights.
    private mutating func direction(goal: Double, gap: Double) -> (points: [Int], change: [Double])? {
        let d = Double(order)
        let free = freePoints()
        model.update(images: z, order: order, columns: free)
        // Tight enough for the quadratic tail, or to land at the goal in this step.
        let tolerance = Swift.min(tuning.accuracy.upperBound, Swift.max(tuning.accuracy.lowerBound, 0.5 * gap, tuning.landing * goal / gap))
        let direction = model.solve(gradient: free.map { kappa[$0] - d }, floor: free.map { -u[$0] }, tolerance: tolerance)
        return direction.allSatisfy(\.isFinite) ? (free, direction) : nil
    }

    private mutating func move(_ direction: (points: [Int], change: [Double]), _ length: Double, from before: [Double]) {
        for (j, delta) in zip(direction.points, direction.change) { u[j] = Swift.max(0, before[j] + length * delta) }
    }

    private mutating func step(_ objective: Double, _ direction: (points: [Int], change: [Double])) -> (objective: Double, length: Double)?
    {
        let (d, before) = (Double(order), u)
        var length = 1.0
        while length > tuning.shortestStep.tried {
            move(direction, length, from: before)
            if design.factor(q, u) {
                let next = design.logDeterminant - d * u.reduce(0, +)
                if next >= objective - tuning.rounding * (d + objective.magnitude), design.invert() {
                    design.leverages(q, count: u.count, images: &z, into: &kappa)
                    return (next, length)
                }
            }
            length *= 0.5
        }
        u = before
        _ = evaluate()
        return nil
    }

    /// The support, and the points that want to join it most: all at once they would overshoot together.
    private func freePoints() -> [Int] {
        let d = Double(order)
        let joining = u.indices.filter { u[$0] == 0 && kappa[$0] > d }
        let limit = Swift.max(order, Int(Double(u.count - joining.count) * tuning.joining))
        guard joining.count > limit else { return u.indices.filter { u[$0] > 0 || kappa[$0] > d } }
        let chosen = LargestValues.indices(joining.map { kappa[$0] }, limit).map { joining[$0] }
        return (u.indices.filter { u[$0] > 0 } + chosen).sorted()
    }

    // MARK: Working set

    /// Leaves out what is without weight and well inside; `restore` brings back mistakes.
    private mutating func shrink(above: Double, below: Double) {
        let threshold = Double(order) * (1 - tuning.margin * Swift.max(above, below, tuning.leastMargin)) / u.reduce(0, +)
        let keep = u.indices.filter { u[$0] > 0 || kappa[$0] > threshold }
        if Double(keep.count) < tuning.worthPacking * Double(u.count) { self.keep(keep) }
    }

    private mutating func keep(_ keep: [Int]) {
        guard keep.count < u.count else { return }
        if q.count == full.count {
            // Not in place: until now these may be the same memory.
            q = copyColumns(of: q, order, keep, to: order, team)
        } else {
            moveColumns(&q, keep)
            q.removeLast(q.count - keep.count * order)
        }
        if !z.isEmpty { moveColumns(&z, keep) }
        u = keep.map { u[$0] }
        kappa = keep.map { kappa[$0] }
        active = keep.map { active[$0] }
    }

    private func moveColumns(_ a: inout [Double], _ keep: [Int]) {
        a.withUnsafeMutableBufferPointer {
            guard let a = $0.baseAddress else { return }
            for (to, from) in keep.enumerated() where to != from { (a + to * order).update(from: a + from * order, count: order) }
        }
    }

    /// κ of all points; those above join the working set without weight.
    private mutating func restore(above goal: Double) -> Bool {
        let count = full.count / order
        guard active.count < count else { return true }
        var all = [Double](repeating: 0, count: count)
        design.leverages(full, count: count, into: &all)
        let bound = Double(order) * (1 + goal) / u.reduce(0, +)
        var present = [Bool](repeating: false, count: count)
        for j in active { present[j] = true }
        let joining = all.indices.filter { !present[$0] && all[$0] > bound }
        guard !joining.isEmpty else { return true }
        active += joining
        u += [Double](repeating: 0, count: joining.count)
        for j in joining { q += full[j * order..<(j + 1) * order] }
        kappa = [Double](repeating: 0, count: active.count)
        return evaluate() != nil
    }

    private func expanded() -> [Double] {
        var result = [Double](repeating: 0, count: full.count / order)
        let total = u.reduce(0, +)
        for (j, index) in active.enumerated() { result[index] = u[j] / total }
        return result
    }
}
