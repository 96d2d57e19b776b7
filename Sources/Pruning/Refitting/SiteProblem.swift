// The least-squares problem of a site: which fits its samples allow, and which channels they speak for.

import LinearAlgebra
import NeuralNetworks
import RandomNumbers

/// Least-squares problems of a site, one per share, and the spread of what `OutputPath.observed` holds.
struct SiteProblem: Sendable {
    /// Samples in folds, weights as they were, and scale of the outputs' errors, share by share.
    var shares: [PulledReconstruction.Share]
    let hasIntercept: Bool
    let strengths: PullStrengths
    /// Var y per output, all shares.
    var spread: [Double]

    init(shares: [PulledReconstruction.Share], hasIntercept: Bool, strengths: PullStrengths, spread: [Double]) {
        (self.shares, self.hasIntercept, self.strengths, self.spread) = (shares, hasIntercept, strengths, spread)
    }

    /// Keeps what a choice needs, in the memory of one fold: no fit will ask for held-out samples.
    mutating func joinFolds() { for share in shares.indices { shares[share].samples.join() } }

    /// Var z per output of the consumer, all shares.
    var targetEnergies: [Double] { shares.flatMap { $0.samples.targetEnergies(hasIntercept: hasIntercept) } }

    /// The least-squares problem of one share, pulled towards the weights as they were.
    func pulled(_ share: Int) -> Reconstruction {
        if trustsCombinations(share) { return ridged(share) }
        return shares[share].samples.training(without: nil, hasIntercept: hasIntercept).pulled(
            towards: shares[share].prior, strength: strengths.choice)
    }

    /// Samples per regressor from which what they say about combinations is worth more than the weights as they were.
    private static let rowsOfTrust = 8

    private func trustsCombinations(_ share: Int) -> Bool {
        let samples = shares[share].samples
        return strengths.trustsCombinations && samples.count >= SiteProblem.rowsOfTrust * samples.channels
    }

    /// The least-squares problem of one share under a plain ridge.
    private func ridged(_ share: Int) -> Reconstruction {
        var problem = shares[share].samples.training(without: nil, hasIntercept: hasIntercept)
        problem.ridge = strengths.choice * problem.channels.meanVariance
        return problem
    }

    /// Fits on the kept blocks, one per share; moments of regressors that go are given up one after the other.
    consuming func fits(keeping kept: [Int], of patches: ConsumerPatches) throws(FactorizationError) -> [Reconstruction.Fit] {
        let regressors = patches.regressors(ofBlocks: kept)
        // Where nothing that is read is given up, the weights as they were are exact.
        let removed = Set(0..<patches.count).subtracting(regressors)
        let isExact = shares.allSatisfy { share in removed.allSatisfy { share.prior.column($0).allSatisfy { $0 == 0 } } }
        if !isExact, shares.indices.allSatisfy(trustsCombinations) {
            var result: [Reconstruction.Fit] = []
            for share in shares.indices {
                let problem = ridged(share)
                let combined = try problem.oneShot(shares[share].prior, taps: patches.taps, kept: kept)
                result.append(try problem.fit(regressors, prior: combined))
            }
            return result
        }
        let (hasIntercept, strengths) = (hasIntercept, strengths)
        var left = (consume self).shares
        for share in left.indices { left[share] = left[share].selecting(regressors) }
        let pulled = PulledReconstruction(shares: left, hasIntercept: hasIntercept)
        return try pulled.fits(by: strengths.fixed, atLeast: strengths.least)
    }
}

extension Site {
    /// The choice of channels of one group as least-squares problems, one per share: its channels are the blocks, every target
    /// counts by the normalization behind it, and channels that other groups have given up take no part.
    ///
    /// - Parameters:
    ///   - removed: outputs that count nothing.
    ///   - factor: of `OutputMetric`.
    ///   - kept: channels of other groups that stay; `nil` where that is open, and they are whole.
    func choice(
        _ problem: SiteProblem, of group: Int, removed: Set<Int> = [], factor: Matrix? = nil, kept: (_ group: Int) -> [Int]?
    ) -> [BlockSelection.Problem] {
        guard let member = patches.members.first(where: { $0.group == group }) else { return [] }
        let regressors = patches.regressors(ofBlocks: patches.blocks { $0 == group ? nil : kept($0) })
        let size = member.blocksPerChannel * patches.taps
        let first = regressors.firstIndex(of: member.first * patches.taps) ?? 0
        let blocks = (0..<member.channels).map { first + $0 * size..<first + ($0 + 1) * size }
        return problem.shares.indices.map { share in
            let reconstruction = problem.pulled(share)
            let outputs = share * patches.outputs..<(share + 1) * patches.outputs
            let scale = outputs.map { removed.contains($0) ? 0 : path.scale[$0] }
            let whole = regressors.count == reconstruction.count ? reconstruction : reconstruction.selecting(regressors)
            let weighted = whole.weighted(scale)
            return BlockSelection.Problem(factor.map { weighted.weighted(with: $0) } ?? weighted, blocks: blocks)
        }
    }
}

extension MaskedNetwork {
    /// Fits a consumer on the kept blocks and puts the result in place.
    ///
    /// - Returns: expected squared errors of what `OutputPath.observed` holds, per output.
    mutating func refit(_ site: Site, _ problem: consuming SiteProblem, kept: [Int]) throws(PruningError) -> ConsumerErrors {
        let (patches, path, layer) = (site.patches, site.path, site.consumer.layer)
        var offsets: [Double] = []
        var errors: [Double] = []
        let spread: [Double]
        guard var weight = network.parameters[layer.weight] else { throw .missingParameter(name: layer.weight, layer: site.consumer.name) }
        do throws(FactorizationError) {
            spread = problem.spread
            for (share, fit) in try (consume problem).fits(keeping: kept, of: patches).enumerated() {
                patches.scatter(fit.weights, kept: kept, share: share, into: &weight.values)
                offsets += fit.offset
                errors += fit.errors
            }
        } catch {
            throw .factorization(error, layer: site.consumer.name)
        }
        replace(layer.weight, weight)
        setConstants(offsets, of: site.consumer)
        return ConsumerErrors(
            consumer: site.consumer, errors: zip(errors, path.scale).map { $0 * $1 * $1 }, energies: spread)
    }
}
