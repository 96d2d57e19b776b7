// Least squares that trusts the weights as they were as far as the samples are few.
//
//   minimize over V, e   E‖z − V·h − e‖² + λ·Σ_j p_j‖V_j − W_j‖²,   p_j = ½·(C_jj + tr C/n)                (1)
//   V = W + (A − C·Wᵀ)ᵀ·(C + λP)⁻¹,   e = E z − V·m                                                     (2)
// A ridge towards zero would make cuts without loss lossy wherever the samples do not span the regressors; (1) returns W itself
// when W explains the targets. p_j has two parts: C_jj makes the pull invariant under the scale of each regressor, the mean
// keeps regressors that hardly vary in these samples from being fitted to their noise.
//   λ = 1e-4, 1e-3 … 1e4 by cross-validation over folds of images: error on the samples left out, summed over the folds. (3)
// The fit is accepted where (3) is below the error of W with its constant alone corrected (λ = ∞), also on the samples left out.
// (1) is the least-squares problem with moments C + λP, A + λPWᵀ and no ridge: selection by forward gain or backward cost in
// those moments chooses in the same problem that is fitted.
// The grid is searched downhill from a given start: (3) is smooth in log λ. Cost: HeldOutFolds.
// Sources: ridge regression towards a target, e.g. van Wieringen, arXiv 1509.09169, ch. 3; cross-validation over groups:
// Roberts et al., Ecography 40 (2017) 913–929.

import LinearAlgebra

extension Reconstruction {
    /// p of (1).
    package var pull: [Double] {
        let mean = channels.meanVariance
        return channels.covariance.diagonal.map { ($0 + mean) / 2 }
    }

    /// (1) as a problem without a ridge.
    ///
    /// - Parameters:
    ///   - weights: W, q×n.
    ///   - strength: λ.
    package consuming func pulled(towards weights: Matrix, strength: Double) -> Reconstruction {
        let pull = pull
        var result = self
        result.ridge = 0
        for (j, p) in pull.enumerated() {
            result.channels.covariance[j, j] += strength * p
            for k in 0..<weights.rows {
                result.cross[j, k] += strength * p * weights[k, j]
                result.targetEnergies[k] += strength * p * weights[k, j] * weights[k, j]
            }
        }
        return result
    }
}

/// Problem (1) with its samples in folds, one part per share of a consumer.
package struct PulledReconstruction: Sendable {
    /// λ of (3).
    package static let strengths = (-4...4).map { exponent in
        (0..<exponent.magnitude).reduce(1.0) { x, _ in exponent < 0 ? x / 10 : x * 10 }
    }

    /// One share: samples, W (q×n), and the factor of each output's errors.
    package struct Share: Sendable {
        package var samples: FoldedMoments
        package var prior: Matrix
        package var scale: [Double]

        package init(samples: FoldedMoments, prior: Matrix, scale: [Double]) {
            precondition(prior.columns == samples.channels && prior.rows == samples.targets && scale.count == prior.rows)
            (self.samples, self.prior, self.scale) = (samples, prior, scale)
        }

        /// The same with some of the regressors only.
        func selecting(_ regressors: [Int]) -> Share {
            guard regressors.count < samples.channels else { return self }
            return Share(samples: samples.selecting(regressors), prior: prior.selectingColumns(regressors), scale: scale)
        }
    }

    package var shares: [Share]
    package var hasIntercept: Bool

    package init(shares: [Share], hasIntercept: Bool) {
        (self.shares, self.hasIntercept) = (shares, hasIntercept)
    }

    /// What came of (3).
    package struct Choice: Sendable {
        /// λ, a member of `strengths`; `nil` where the weights as they were are better.
        package var strength: Double?
        /// Squared error on samples left out, of the choice and of W with corrected constants.
        package var heldOutError: Double
        package var priorError: Double
    }

    /// (3).
    ///
    /// - Parameter start: index in `strengths` where the search begins.
    package func choice(startingAt start: Int = 3) throws(FactorizationError) -> Choice {
        let folds = HeldOutFolds(self)
        let before = folds.priorError
        // Below this W explains the targets to the rounding of Float32.
        let energy = shares.reduce(0) { sum, share in
            sum + zip(share.samples.targetEnergies(hasIntercept: hasIntercept), share.scale).reduce(0) { $0 + $1.0 * $1.1 * $1.1 }
        }
        guard before.isFinite, before > 1e-10 * energy, shares.allSatisfy({ $0.samples.isDivided }) else {
            return Choice(strength: nil, heldOutError: before, priorError: before)
        }
        let grid = PulledReconstruction.strengths
        var known: [Int: Double] = [:]
        var best = Swift.min(Swift.max(start, 0), grid.count - 1)
        while true {
            // A λ and its neighbours.
            let seen = Swift.max(0, best - 1)...Swift.min(best + 1, grid.count - 1)
            let new = seen.filter { known[$0] == nil }
            for (k, error) in zip(new, try folds.errors(new.map { grid[$0] })) { known[k] = error }
            let next = seen.reduce(best) { known[$1, default: .infinity] < known[$0, default: .infinity] ? $1 : $0 }
            guard next != best else { break }
            best = next
        }
        let least = known[best, default: before]
        return Choice(
            strength: least < before ? grid[best] : nil, heldOutError: Swift.min(least, before),
            priorError: before)
    }

    /// Error on samples left out, per sample, summed over outputs; of W with corrected constants with `nil`.
    package func heldOutError(_ strength: Double?) throws(FactorizationError) -> Double {
        let folds = HeldOutFolds(self, isExact: true)
        guard let strength else { return folds.priorError }
        return try folds.errors([strength]).first ?? folds.priorError
    }

    /// (2) from all samples with a given λ, or with the one that (3) chooses where none is given.
    ///
    /// - Parameter least: λ that (3) may not go below: samples left out are of the same kind as the others, and cannot tell how far a
    ///   fit to that kind serves the inputs that it stands for.
    package func fits(by strength: Double?, atLeast least: Double = 0) throws(FactorizationError) -> [Reconstruction.Fit] {
        if let strength { return try fits(strength) }
        return try fits(choice().strength.map { Swift.max($0, least) })
    }

    /// (2) from all samples, one fit per share; W with corrected constants with `nil`.
    package func fits(_ strength: Double?) throws(FactorizationError) -> [Reconstruction.Fit] {
        var result: [Reconstruction.Fit] = []
        for share in shares {
            let whole = share.samples.training(without: nil, hasIntercept: hasIntercept)
            result.append(try whole.fit(towards: share.prior, strength: strength))
        }
        return result
    }
}

extension Reconstruction {
    /// (2); V = W with `nil`.
    ///
    /// With (C + λP)·δ = R, C·Vᵀ = A − λPδ: errors need no product of their own.
    fileprivate consuming func fit(towards prior: Matrix, strength: Double?) throws(FactorizationError) -> Fit {
        let (pull, count) = (pull, channels.count)
        var weights = prior
        // A − C·Vᵀ: R, and λPδ once V is known.
        var left = cross - channels.covariance.times(prior, transposeOther: true)
        if let strength, channels.meanVariance > 0 {
            let covariance = channels.covariance
            var step = try Reconstruction.solve(left) {
                var normal = covariance
                for (j, p) in pull.enumerated() { normal[j, j] += strength * p }
                return normal
            }
            weights = prior + step.transposed()
            for k in 0..<step.columns { for j in 0..<count { step.elements[k * count + j] *= strength * pull[j] } }
            left = step
        }
        var errors = targetEnergies
        for k in errors.indices {
            for j in 0..<count { errors[k] -= weights[k, j] * (cross.elements[k * count + j] + left.elements[k * count + j]) }
            errors[k] = Swift.max(0, errors[k])
        }
        let fitted = weights.times(channels.mean)
        return Fit(weights: weights, offset: zip(targetMean, fitted).map { $0 - $1 }, errors: errors, energies: targetEnergies)
    }
}
