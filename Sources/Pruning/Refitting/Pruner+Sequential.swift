// Sequential reconstruction of networks whose consumers read patches: consumers in forward order.
//
// For each consumer of cut groups, and with real inputs for each layer behind one, at places drawn once per input:
//   targets     z* of OutputPath: what the original network computes there, plus what the pruned one owes on the other branch
//   regressors  everything it reads at all taps, in the network pruned so far
//   choose      by gain or cost of whole channels in these moments, weighted by what follows (a of OutputPath)
//   fit         once, over all that stays of all its groups × taps: ridge least squares, pulled towards the one-shot
//               combination of channels
//   replace     the consumer's weights; the constant goes to its bias or to the running mean behind it
// Layers behind, which lose nothing themselves, are fitted to what now reaches them, pulled towards their own weights. Drawn inputs
// are a stand-in: on them this fits the stand-in better and the data worse, on every network tried, held-out ones included
// (Benchmarks/ConvolutionalNetworks.md), while 512 images gain where much is cut.
// Both networks advance side by side; moments are accumulated batch by batch in Double.

import Coresets
import LinearAlgebra
import NeuralNetworks
import RandomNumbers

extension Pruner {
    /// Places per input that a refit looks at.
    static let placesPerInput = 64

    /// Prunes all groups in forward order of their consumers.
    ///
    /// - Parameter chosen: told after each consumer.
    func pruneSequentially(
        _ ranked: [RankedGroup], counts: [Int], shared: SharedGroups, inputs: ActivationTensor, description: InputSource.Description,
        ridge: Double, refit: inout Refit, chosen: (Int) throws(PruningError) -> Void
    ) throws(PruningError) -> [GroupOutcome] {
        var kept = [[Int]?](repeating: nil, count: ranked.count)
        for (g, group) in ranked.enumerated() {
            if counts[g] == group.count {
                kept[g] = Array(0..<group.count)
            } else if !shared.readers(of: g).isEmpty, isShared(group) {
                do throws(FactorizationError) {
                    kept[g] = try select(shared.choice(of: g) { kept[$0] }, keeping: counts[g])
                } catch {
                    throw .factorization(layer: group.name, error)
                }
            } else if !isChosenInPlace(group) {
                kept[g] = try channels(group, keeping: counts[g])
            }
        }
        var errors = [[ConsumerErrors]](repeating: [], count: ranked.count)
        var durations = [Double](repeating: 0, count: ranked.count)
        let cut = ranked.indices.filter { counts[$0] < ranked[$0].count }
        let sites = try Site.sites(
            of: cut.map { ($0, ranked[$0].weights) }, in: network, statistics: description.statistics,
            followers: description.isMeasured)
        var (exact, approximate) = (try ActivationFrontier(inputs, of: network), try ActivationFrontier(inputs, of: network))
        for (index, site) in sites.enumerated() {
            let start = ContinuousClock.now
            try chosen(index)
            let node = site.consumer.layer.node
            try exact.advance(to: node, in: network, statistics: description.statistics)
            try approximate.advance(to: node, in: refit.network, statistics: refit.statistics)
            let problem = try accumulate(site, index: index, exact, approximate, refit: refit, description, ridge: ridge)
            do throws(FactorizationError) {
                for g in site.groups where kept[g] == nil {
                    let removed = removedOutputs(of: site.consumer) { kept[$0] }
                    kept[g] = try select(site.choice(problem, of: g, removed: removed) { kept[$0] }, keeping: counts[g])
                }
                let error = try replaceWeights(problem, site, kept: site.patches.blocks { kept[$0] }, refit: &refit)
                for g in site.groups { errors[g].append(error) }
            } catch {
                throw .factorization(layer: site.consumer.name, error)
            }
            for g in site.groups { durations[g] += (ContinuousClock.now - start).seconds / Double(site.groups.count) }
        }
        return ranked.indices.map { g in
            let stay = kept[g] ?? []
            var layer = LayerOutcome(name: ranked[g].name, before: ranked[g].count, after: stay.count, method: "", seconds: durations[g])
            record(guaranteeOf: stay, ranked[g], in: &layer)
            layer.method = Pruner.method(settings.selection, .sequential, description, stay.count == ranked[g].count)
            if stay.count == ranked[g].count { layer.relativeErrorModel = 0 }
            return GroupOutcome(kept: stay, layer: layer, errors: errors[g])
        }
    }

    /// Whether the choice waits for the moments of the consumer in the network pruned so far.
    func isChosenInPlace(_ group: RankedGroup) -> Bool {
        group.weights.consumers.count == 1 && settings.selection.usesMoments
    }

    /// Streams both networks past one consumer.
    func accumulate(
        _ site: Site, index: Int, _ exact: ActivationFrontier, _ approximate: ActivationFrontier, refit: Refit,
        _ description: InputSource.Description, ridge: Double
    ) throws(PruningError) -> SiteProblem {
        let (patches, path, layer) = (site.patches, site.path, site.consumer.layer)
        var accumulators = [MomentAccumulator](
            repeating: MomentAccumulator(channels: patches.count, targets: patches.outputs), count: patches.shares)
        var spread = OutputSpread(count: patches.outputs * patches.shares)
        let inverse = path.inverseScale
        var generator = SeededGenerator(seed: settings.seed).stream(.site(index))
        let summand = path.operand.map { [$0] } ?? []
        // What the original network computes at the places, held until the pruned one has passed the same inputs.
        var targets: [(places: [SampledPlace], shape: [Int], z: [Matrix], r: [Matrix])] = []
        try exact.forEachBatch(in: network, statistics: description.statistics, observing: [layer.output] + summand) { _, seen in
            guard let z = seen[layer.output] else { return }
            let places = SampledPlace.draw(
                samples: z.batchCount, places: patches.placeCount(outputShape: z.shape), limit: Pruner.placesPerInput, using: &generator)
            let shares = 0..<patches.shares
            targets.append(
                (
                    places, z.shape, shares.map { patches.values(of: z, at: places, share: $0) },
                    path.operand.flatMap { seen[$0] }.map { r in shares.map { patches.values(of: r, at: places, share: $0) } } ?? []
                ))
        }
        let batches = targets.map(\.shape[0])
        try approximate.forEachBatch(
            in: refit.network, statistics: refit.statistics, observing: [layer.input] + summand, batches: batches
        ) { batch, seen in
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
                accumulators[share].add(patches.regressors(of: h, at: places, outputShape: shape, share: share), targets: target)
                spread.add(y, from: share * patches.outputs)
            }
            targets[batch].z = []
            targets[batch].r = []
        }
        return SiteProblem(
            shares: accumulators.map { $0.reconstruction(relativeRidge: ridge, hasIntercept: site.consumer.hasConstant) },
            spread: spread.variances)
    }

    /// Outputs of a consumer that the choices made so far remove: nobody will read them.
    private func removedOutputs(of consumer: Consumer, kept: (_ group: Int) -> [Int]?) -> Set<Int> {
        var removed: Set<Int> = []
        for (g, group) in groups.enumerated() {
            guard let stay = kept(g), stay.count < group.count else { continue }
            for slice in group.slices
            where slice.role == .producer && slice.parameter == consumer.layer.weight && slice.axis == consumer.outputAxis {
                for c in Set(0..<group.count).subtracting(stay) { removed.formUnion(slice.map.positions(of: c)) }
            }
        }
        return removed
    }

    /// Greedy or backward choice of whole channels.
    private func select(_ problems: [BlockSelection.Problem], keeping m: Int) throws(FactorizationError) -> [Int] {
        let n = problems.first?.blocks.count ?? m
        if settings.selection == .backward {
            let removed = Set(try BlockSelection.backward(problems, remaining: m).order)
            return (0..<n).filter { !removed.contains($0) }
        }
        return try BlockSelection.forward(problems, count: m).order.sorted()
    }

    /// Fits the consumer on the kept blocks and puts the result in place.
    func replaceWeights(
        _ problem: SiteProblem, _ site: Site, kept: [Int], refit: inout Refit
    ) throws(FactorizationError) -> ConsumerErrors {
        let (patches, path, layer) = (site.patches, site.path, site.consumer.layer)
        let regressors = patches.regressors(ofBlocks: kept)
        var offsets: [Double] = []
        var errors: [Double] = []
        guard var weight = refit.network.parameters[layer.weight] else {
            return ConsumerErrors(consumer: site.consumer, errors: [], energies: [])
        }
        for (share, reconstruction) in problem.shares.enumerated() {
            let original = patches.weights(network.parameters[layer.weight]?.values ?? weight.values, share: share)
            let prior =
                kept.count == patches.blocks ? original : try reconstruction.oneShot(original, taps: patches.taps, kept: kept)
            let fit = try reconstruction.fit(regressors, prior: prior)
            patches.scatter(fit.weights, kept: kept, share: share, into: &weight.values)
            offsets += fit.offset
            errors += fit.errors
        }
        refit.replace(layer.weight, weight)
        refit.shift(site.consumer, constants: offsets)
        return ConsumerErrors(
            consumer: site.consumer, errors: zip(errors, path.scale).map { $0 * $1 * $1 }, energies: problem.spread)
    }
}

/// Variance of every output over a stream of samples, about the first one.
private struct OutputSpread {
    private var origins: [Double]
    private var sums: [Double]
    private var squares: [Double]
    private var counts: [Double]

    init(count: Int) {
        origins = [Double](repeating: 0, count: count)
        (sums, squares, counts) = (origins, origins, origins)
    }

    /// Adds samples as columns; row 0 is output `first`.
    mutating func add(_ block: Matrix, from first: Int) {
        for j in 0..<block.columns {
            for o in 0..<block.rows {
                let value = block.elements[j * block.rows + o]
                if counts[first + o] == 0 { origins[first + o] = value }
                let difference = value - origins[first + o]
                sums[first + o] += difference
                squares[first + o] += difference * difference
                counts[first + o] += 1
            }
        }
    }

    var variances: [Double] {
        counts.indices.map { k in
            let n = Swift.max(1, counts[k])
            return Swift.max(0, squares[k] / n - (sums[k] / n) * (sums[k] / n))
        }
    }
}
