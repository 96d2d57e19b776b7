// The samples of a site, measured in both networks at once, of as many inputs as the fit needs.
//
//   targets     z* of OutputPath: what the original network computes there, plus what the pruned one owes on the other branch
//   regressors  everything the consumer reads at all taps, in the network pruned so far
// at places drawn once per input. Both networks pass the same inputs batch by batch; moments are accumulated in Double.
// The first inputs tell how alike the places of one image are (PlaceCorrelation), and with it how many images are worth the
// samples that the regressors want: few where a layer is rich in places, all behind pooling.

import LinearAlgebra
import NeuralNetworks
import RandomNumbers

/// Sums over the samples of a site so far.
struct SiteMeasurement {
    /// Places per input that a refit looks at: enough of them for the rows that it wants, within these bounds. More places of one
    /// image tell little that its others do not.
    private static let placesPerInput = 64...300
    /// Inputs that tell how many there should be: a variance between images to a fifth, and enough of them to differ.
    private static let firstInputs = 48

    private let site: Site
    private let rows: Int
    private let limit: Int
    private let readsAll: Bool
    private var generator: SeededGenerator
    private var accumulators: [FoldedMoments]
    private var spread: OutputSpread
    private var correlation: PlaceCorrelation
    /// Inputs that have been measured.
    private var count = 0

    private init(_ site: Site, available: Int, _ inputs: RunInputs, _ run: PruningRun, using generator: SeededGenerator) {
        let patches = site.patches
        self.site = site
        self.generator = generator
        rows = run.settings.effort.rowsPerRegressor * patches.count
        limit = Swift.min(
            Swift.max(rows / Swift.max(1, available), SiteMeasurement.placesPerInput.lowerBound), SiteMeasurement.placesPerInput.upperBound)
        readsAll = inputs.areSingleRows
        accumulators = [FoldedMoments](
            repeating: FoldedMoments(channels: patches.count, targets: patches.outputs), count: patches.shares)
        spread = OutputSpread(count: patches.outputs * patches.shares)
        correlation = PlaceCorrelation(regressors: patches.count)
    }

    /// Moves the cut to a site's consumer and streams past it as many inputs as its fit needs.
    ///
    /// - Parameters:
    ///   - original, masked: the networks behind both sides of the cut.
    ///   - generator: draws the places.
    static func problem(
        of site: Site, _ streams: inout PairedFrontier, in original: MaskedNetwork, _ masked: MaskedNetwork, _ inputs: RunInputs,
        _ run: PruningRun, using generator: SeededGenerator
    ) throws(PruningError) -> SiteProblem {
        let node = site.consumer.layer.node
        // What a projection is fitted to follows from what it reads.
        let isAhead = site.consumer.projection == nil
        var measurement = SiteMeasurement(site, available: streams.batchCount, inputs, run, using: generator)
        try streams.advance(
            to: node, in: original, masked, inputs: measurement.readsAll ? streams.batchCount : SiteMeasurement.firstInputs,
            isAhead: isAhead)
        try measurement.add(streams, original, masked)
        let wanted = measurement.correlation.images(worth: measurement.rows)
        if wanted > streams.reached, streams.reached < streams.batchCount {
            try streams.advance(to: node, in: original, masked, inputs: wanted, isAhead: isAhead)
            try measurement.add(streams, original, masked)
        }
        return measurement.problem(original, strengths: .init(inputs, run.settings))
    }

    /// Adds the samples of the inputs that the cut holds and that have not been measured.
    private mutating func add(_ streams: PairedFrontier, _ original: MaskedNetwork, _ masked: MaskedNetwork) throws(PruningError) {
        let (patches, path, layer) = (site.patches, site.path, site.consumer.layer)
        let inverse = path.inverseScale
        let summand = path.operand.map { [$0] } ?? []
        // The values of a projection's map are no values of the network: they are computed from what it reads.
        let map =
            site.consumer.projection == nil
            ? nil : patches.weights(original.network.parameters[layer.weight]?.values ?? [], share: 0)
        let source = map == nil ? layer.output : layer.input
        try streams.forEachBatch(
            of: count..<streams.reached, in: original, observing: [source] + summand, masked, observing: [layer.input] + summand
        ) { first, exact, approximate in
            guard let z = exact[source], let h = approximate[layer.input] else { return }
            let places = SampledPlace.draw(
                samples: z.batchCount, places: patches.placeCount(outputShape: z.shape), limit: limit, using: &generator)
            let others = path.operand.flatMap { value in exact[value].flatMap { r in approximate[value].map { (r, $0) } } }
            for (places, share) in parts(of: places).flatMap({ part in (0..<patches.shares).map { (part, $0) } }) {
                let images = places.map { first + $0.sample }
                var target =
                    map.map { patches.products(of: patches.regressors(of: z, at: places, outputShape: z.shape, share: share), weights: $0) }
                    ?? patches.values(of: z, at: places, share: share)
                var y = target
                for k in y.elements.indices { y.elements[k] *= path.scale[share * patches.outputs + k % patches.outputs] }
                if let (before, after) = others {
                    let r = patches.values(of: before, at: places, share: share)
                    let drift = r - patches.values(of: after, at: places, share: share)
                    for k in target.elements.indices {
                        target.elements[k] += drift.elements[k] * inverse[share * patches.outputs + k % patches.outputs]
                        y.elements[k] += r.elements[k]
                    }
                }
                let regressors = patches.regressors(of: h, at: places, outputShape: z.shape, share: share)
                // The first inputs tell how many there should be.
                if share == 0, count == 0 { correlation.add(regressors, images: images) }
                accumulators[share].add(regressors, targets: target, images: images)
                spread.add(y, from: share * patches.outputs)
            }
        }
        count = streams.reached
    }

    /// Values of regressors that are made at a time, 64 MB.
    private static let valuesAtOnce = 1 << 23

    /// Places in parts whose regressors take little memory, those of one image in one part.
    private func parts(of places: [SampledPlace]) -> [[SampledPlace]] {
        let most = SiteMeasurement.valuesAtOnce / Swift.max(1, site.patches.count)
        var parts: [[SampledPlace]] = []
        for place in places {
            if let last = parts.last, last.count < most || last[last.count - 1].sample == place.sample {
                parts[parts.count - 1].append(place)
            } else {
                parts.append([place])
            }
        }
        return parts
    }

    private func problem(_ original: MaskedNetwork, strengths: PullStrengths) -> SiteProblem {
        let patches = site.patches
        let weight = original.network.parameters[site.consumer.layer.weight]?.values ?? []
        return SiteProblem(
            shares: accumulators.enumerated().map { share, samples in
                PulledReconstruction.Share(
                    samples: samples, prior: patches.weights(weight, share: share),
                    scale: Array(site.path.scale[share * patches.outputs..<(share + 1) * patches.outputs]))
            }, hasIntercept: site.consumer.hasConstant, strengths: strengths, spread: spread.variances)
    }
}
