// The least-squares problem of a site, measured in both networks at once.
//
//   targets     z* of OutputPath: what the original network computes there, plus what the pruned one owes on the other branch
//   regressors  everything the consumer reads at all taps, in the network pruned so far
// at places drawn once per input. Both networks pass the same inputs batch by batch; moments are accumulated in Double.

import LinearAlgebra
import NeuralNetworks
import RandomNumbers

/// Least-squares problems of a site, one per share, and the spread of what `OutputPath.observed` holds.
struct SiteProblem: Sendable {
    /// Places per input that a refit looks at: enough of them for `rowsPerRegressor`, within these bounds. More places of one image
    /// tell little that its others do not.
    private static let placesPerInput = 64...300
    /// Samples wanted for every regressor: with r of them a least-squares fit adds 1/r of the noise to the error.
    private static let rowsPerRegressor = 30
    /// Samples in folds, weights as they were, and scale of the outputs' errors, share by share.
    var shares: [PulledReconstruction.Share]
    let hasIntercept: Bool
    let strengths: PullStrengths
    /// Var y per output, all shares.
    var spread: [Double]

    /// Streams both networks past one consumer.
    ///
    /// - Parameters:
    ///   - exact: the cut through the original network, right before the consumer.
    ///   - approximate: the same cut through the network pruned so far.
    ///   - generator: draws the places.
    init(
        _ site: Site, _ exact: ActivationFrontier, of original: MaskedNetwork, _ approximate: ActivationFrontier, of masked: MaskedNetwork,
        strengths: PullStrengths, using generator: SeededGenerator
    ) throws(PruningError) {
        let (patches, path, layer) = (site.patches, site.path, site.consumer.layer)
        var accumulators = [FoldedMoments](
            repeating: FoldedMoments(channels: patches.count, targets: patches.outputs), count: patches.shares)
        let wanted = SiteProblem.rowsPerRegressor * patches.count / Swift.max(1, exact.batchCount)
        let limit = Swift.min(Swift.max(wanted, SiteProblem.placesPerInput.lowerBound), SiteProblem.placesPerInput.upperBound)
        var spread = OutputSpread(count: patches.outputs * patches.shares)
        let inverse = path.inverseScale
        var generator = generator
        let summand = path.operand.map { [$0] } ?? []
        // What the original network computes at the places, held until the pruned one has passed the same inputs.
        var targets: [(places: [SampledPlace], shape: [Int], z: [Matrix], r: [Matrix])] = []
        try exact.forEachBatch(in: original, observing: [layer.output] + summand) { _, seen in
            guard let z = seen[layer.output] else { return }
            let places = SampledPlace.draw(
                samples: z.batchCount, places: patches.placeCount(outputShape: z.shape), limit: limit, using: &generator)
            let shares = 0..<patches.shares
            targets.append(
                (
                    places, z.shape, shares.map { patches.values(of: z, at: places, share: $0) },
                    path.operand.flatMap { seen[$0] }.map { r in shares.map { patches.values(of: r, at: places, share: $0) } } ?? []
                ))
        }
        let batches = targets.map(\.shape[0])
        var firstImage = 0
        try approximate.forEachBatch(in: masked, observing: [layer.input] + summand, batches: batches) { batch, seen in
            guard let h = seen[layer.input] else { return }
            let (places, shape, z, r) = targets[batch]
            let other = path.operand.flatMap { seen[$0] }
            for share in 0..<patches.shares {
                var target = z[share]
                var y = z[share]
                if !r.isEmpty, let other {
                    let drift = r[share] - patches.values(of: other, at: places, share: share)
                    for k in target.elements.indices {
                        let o = share * patches.outputs + k % patches.outputs
                        target.elements[k] += drift.elements[k] * inverse[o]
                        y.elements[k] = path.scale[o] * y.elements[k] + r[share].elements[k]
                    }
                } else {
                    for k in y.elements.indices { y.elements[k] *= path.scale[share * patches.outputs + k % patches.outputs] }
                }
                accumulators[share].add(
                    patches.regressors(of: h, at: places, outputShape: shape, share: share), targets: target,
                    images: places.map { firstImage + $0.sample })
                spread.add(y, from: share * patches.outputs)
            }
            firstImage += shape[0]
            targets[batch].z = []
            targets[batch].r = []
        }
        hasIntercept = site.consumer.hasConstant
        self.strengths = strengths
        let weight = original.network.parameters[layer.weight]?.values ?? []
        shares = accumulators.enumerated().map { share, samples in
            PulledReconstruction.Share(
                samples: samples, prior: patches.weights(weight, share: share),
                scale: Array(path.scale[share * patches.outputs..<(share + 1) * patches.outputs]))
        }
        self.spread = spread.variances
    }

    /// Var z per output of the consumer, all shares.
    var targetEnergies: [Double] { shares.flatMap { $0.samples.training(without: nil, hasIntercept: hasIntercept).targetEnergies } }

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

    /// Fits on the kept blocks, one per share.
    func fits(keeping kept: [Int], of patches: ConsumerPatches) throws(FactorizationError) -> [Reconstruction.Fit] {
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
        let pulled = PulledReconstruction(shares: shares.map { $0.selecting(regressors) }, hasIntercept: hasIntercept)
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
    mutating func refit(_ site: Site, _ problem: SiteProblem, kept: [Int]) throws(PruningError) -> ConsumerErrors {
        let (patches, path, layer) = (site.patches, site.path, site.consumer.layer)
        var offsets: [Double] = []
        var errors: [Double] = []
        guard var weight = network.parameters[layer.weight] else { throw .missingParameter(name: layer.weight, layer: site.consumer.name) }
        do throws(FactorizationError) {
            for (share, fit) in try problem.fits(keeping: kept, of: patches).enumerated() {
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
            consumer: site.consumer, errors: zip(errors, path.scale).map { $0 * $1 * $1 }, energies: problem.spread)
    }
}
