// Errors of pulled fits on samples that they have not seen, for many strengths of the pull.
//
// With moments C, A, m of the samples fitted and C', A', m' of those left out, W the weights as they were, e the constants:
//   δ(λ) = (C + λP)⁻¹·R,   R = A − C·Wᵀ                                                                     (1)
//   E'(λ) = E'(W) + Σ_k δ_kᵀ(C'δ_k − 2R'_k) + (δ_k·d)² − 2s_k·(δ_k·d),   R' = A' − C'·Wᵀ                      (2)
// d = m' − m and s = what is left of the targets' means: the constants are those of the samples fitted. Everything that λ does not
// change is prepared once. Where there are more than `probes` targets, R and R' are multiplied by as many vectors of signs ±1/√probes,
// which leaves the expectation of (2) as it is: a λ is chosen among powers of ten.
// Cost: n²q once; per fold 4n²·min(q, probes), and per λ one Cholesky factorization n³/3 and 3n²·min(q, probes).
// Source of the estimate: Hutchinson, Commun. Stat. Simul. Comput. 18 (1989) 1059–1076.

import LinearAlgebra
import RandomNumbers

/// The folds of a pulled problem, each with the moments of the other samples.
struct HeldOutFolds {
    /// Vectors of signs: sums over many targets to a few percent, the same for every λ.
    private static let probes = 32

    fileprivate struct Fold: Sendable {
        var covariance: Matrix
        var pull: [Double]
        /// R of (1) and R' of (2), n × targets or probes.
        var residual: Matrix
        var heldCovariance: Matrix
        var heldResidual: Matrix
        /// d and s of (2).
        var drift: [Double]
        var shift: [Double]
        /// Share of the samples left out.
        var weight: Double
        var isConstant: Bool
    }

    private var folds: [Fold] = []
    /// E'(W), per sample, summed over outputs and folds.
    private(set) var priorError = 0.0

    /// - Parameter isExact: whether all targets are followed, however many.
    init(_ problem: PulledReconstruction, isExact: Bool = false) {
        let shares = problem.shares
        let priors = HeldOutFolds.map(shares.count) { Prior(shares[$0], isExact: isExact) }
        let parts = shares.indices.flatMap { share in shares[share].samples.heldOutFolds.map { (share: share, fold: $0) } }
        let made = HeldOutFolds.map(parts.count) { k in
            let (share, fold) = parts[k]
            return priors[share].fold(fold, of: shares[share], hasIntercept: problem.hasIntercept)
        }
        priorError = made.reduce(0) { $0 + $1.priorError }
        folds = made.map(\.fold)
    }

    /// What `body` makes of parts, in order: threads take whole parts where these go round, and share the products of one after the other
    /// where they are few.
    private static func map<T, E: Error>(_ count: Int, _ body: (Int) throws(E) -> T) throws(E) -> [T] {
        guard count < FoldedMoments.foldCount else { return try BLASConfiguration.map(count, body) }
        return try ThreadTeam.single.map(count, body)
    }

    /// What the folds of a share have in common.
    private struct Prior {
        /// Wᵀ, n × targets, and times the signs.
        let weights: Matrix
        let seen: Matrix
        let signs: Matrix
        /// Squared scales, and G of E'(W).
        let squaredScale: [Double]
        let gram: Matrix

        init(_ share: PulledReconstruction.Share, isExact: Bool) {
            signs = HeldOutFolds.signs(share.scale, isExact: isExact)
            weights = share.prior.transposed()
            seen = weights.times(signs)
            squaredScale = share.scale.map { $0 * $0 }
            gram = weights.gram(weights: squaredScale)
        }

        /// One fold, and its part of E'(W).
        func fold(_ k: Int, of share: PulledReconstruction.Share, hasIntercept: Bool) -> (fold: Fold, priorError: Double) {
            let training = share.samples.training(without: k, hasIntercept: hasIntercept)
            let held = share.samples.heldOut(k, hasIntercept: hasIntercept)
            let weight = share.samples.share(of: k)
            let fitted = share.prior.times(training.channels.mean)
            let heldFitted = share.prior.times(held.channels.mean)
            let shift = held.targetMean.indices.map { held.targetMean[$0] - heldFitted[$0] - (training.targetMean[$0] - fitted[$0]) }
            let fold = Fold(
                covariance: training.channels.covariance, pull: training.pull,
                residual: training.cross.times(signs) - training.channels.covariance.times(seen),
                heldCovariance: held.channels.covariance, heldResidual: held.cross.times(signs) - held.channels.covariance.times(seen),
                drift: zip(held.channels.mean, training.channels.mean).map { $0 - $1 },
                shift: signs.times(shift, transposeSelf: true), weight: weight, isConstant: !(training.channels.meanVariance > 0))
            return (fold, weight * HeldOutFolds.priorError(held, weights, gram, squaredScale, shift))
        }
    }

    /// E'(W) of one fold, Σ_k w_k·(E z_k² − 2·W_k·A'_k + s_k²) + tr G·C', where all folds share G = Wᵀ·diag(w)·W.
    private static func priorError(
        _ held: Reconstruction, _ prior: Matrix, _ gram: Matrix, _ weights: [Double], _ shift: [Double]
    ) -> Double {
        var error = 0.0
        for (k, energy) in held.targetEnergies.enumerated() { error += weights[k] * (energy + shift[k] * shift[k]) }
        for (a, b) in zip(gram.elements, held.channels.covariance.elements) { error += a * b }
        for k in 0..<prior.columns {
            for j in k * prior.rows..<(k + 1) * prior.rows { error -= 2 * weights[k] * prior.elements[j] * held.cross.elements[j] }
        }
        return Swift.max(0, error)
    }

    /// Targets × probes: every target times its scale, in random signs where there are many.
    private static func signs(_ scale: [Double], isExact: Bool) -> Matrix {
        guard scale.count > probes, !isExact else { return .diagonal(scale) }
        var generator = SeededGenerator(seed: UInt64(scale.count))
        let unit = 1 / Double(probes).squareRoot()
        return Matrix(rows: scale.count, columns: probes) { k, _ in generator.uniform() < 0.5 ? unit * scale[k] : -unit * scale[k] }
    }

    /// (2) summed over the folds, for each of some λ.
    func errors(_ strengths: [Double]) throws(FactorizationError) -> [Double] {
        let open = folds.filter { !$0.isConstant }
        let changes = try HeldOutFolds.map(strengths.count * open.count) { (k) throws(FactorizationError) in
            let fold = open[k % open.count]
            return fold.weight * (try fold.change(strengths[k / open.count]))
        }
        var errors = [Double](repeating: priorError, count: strengths.count)
        for (k, change) in changes.enumerated() { errors[k / open.count] += change }
        return errors.map { Swift.max(0, $0) }
    }
}

extension HeldOutFolds.Fold {
    /// E'(λ) − E'(W).
    fileprivate func change(_ strength: Double) throws(FactorizationError) -> Double {
        let step = try Reconstruction.solve(residual) {
            var normal = covariance
            for (j, p) in pull.enumerated() { normal[j, j] += strength * p }
            return normal
        }
        let image = heldCovariance.times(step)
        var change = 0.0
        for k in step.elements.indices { change += step.elements[k] * (image.elements[k] - 2 * heldResidual.elements[k]) }
        for (shift, moved) in zip(shift, step.times(drift, transposeSelf: true)) { change += moved * (moved - 2 * shift) }
        return change
    }
}
