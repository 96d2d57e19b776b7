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
    private var shares: [ShareMeasurement]
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
        shares = [ShareMeasurement](
            repeating: ShareMeasurement(regressors: patches.count, outputs: patches.outputs), count: patches.shares)
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
            let reading = SiteReading(
                site: site, map: map, original: z, pruned: h,
                branches: path.operand.flatMap { value in exact[value].flatMap { r in approximate[value].map { (r, $0) } } })
            guard !places.isEmpty else { return }
            let images = places.map { first + $0.sample }
            // The first inputs tell how many there should be.
            if count == 0 { correlation.add(shares[0].add(reading, places, images, limit: limit, share: 0, measuresCorrelation: true)) }
            add(reading, places, images, shares: count == 0 ? 1..<shares.count : 0..<shares.count)
        }
        count = streams.reached
    }

    /// Adds samples of several shares. Many are small: then threads take whole ones.
    private mutating func add(_ reading: SiteReading, _ places: [SampledPlace], _ images: [Int], shares range: Range<Int>) {
        let limit = limit
        shares.withUnsafeMutableBufferPointer { shares in
            // Every share is one thread's.
            nonisolated(unsafe) let shares = shares
            func add(_ share: Int) { shares[share].add(reading, places, images, limit: limit, share: share) }
            if range.count >= SiteMeasurement.manyShares {
                BLASConfiguration.share(range.count) { add(range.lowerBound + $0) }
            } else {
                for share in range { add(share) }
            }
        }
    }

    /// Shares that are worth being handed out as wholes.
    private static let manyShares = 8

    private mutating func problem(_ original: MaskedNetwork, strengths: PullStrengths) -> SiteProblem {
        for share in shares.indices { shares[share].finish() }
        let patches = site.patches
        let weight = original.network.parameters[site.consumer.layer.weight]?.values ?? []
        return SiteProblem(
            shares: shares.enumerated().map { share, measured in
                PulledReconstruction.Share(
                    samples: measured.moments, prior: patches.weights(weight, share: share),
                    scale: Array(site.path.scale[share * patches.outputs..<(share + 1) * patches.outputs]))
            }, hasIntercept: site.consumer.hasConstant, strengths: strengths, spread: shares.flatMap(\.spread.variances))
    }
}

/// Sums over the samples of one share of a site.
private struct ShareMeasurement: Sendable {
    private(set) var moments: FoldedMoments
    private(set) var spread: OutputSpread

    init(regressors: Int, outputs: Int) {
        moments = FoldedMoments(channels: regressors, targets: outputs)
        spread = OutputSpread(count: outputs)
    }

    /// Adds a batch's samples.
    ///
    /// - Returns: how alike places of one image are, by parts, where that is asked for.
    @discardableResult mutating func add(
        _ reading: SiteReading, _ places: [SampledPlace], _ images: [Int], limit: Int, share: Int, measuresCorrelation: Bool = false
    ) -> [PlaceCorrelation.Sums] {
        if let windows = reading.windows(share: share, placesPerInput: limit) {
            return add(windows, reading, images, share: share, measuresCorrelation: measuresCorrelation)
        }
        let runs = moments.runs(of: images)
        var spreads = [OutputSpread.Sums](repeating: OutputSpread.Sums(), count: runs.count)
        var correlations = [PlaceCorrelation.Sums](repeating: PlaceCorrelation.Sums(), count: measuresCorrelation ? runs.count : 0)
        let origins = spread.origins ?? reading.samples(at: [places[0]], share: share).y.elements
        spreads.withUnsafeMutableBufferPointer { spreads in
            correlations.withUnsafeMutableBufferPointer { correlations in
                // Every run writes to its own place.
                nonisolated(unsafe) let (spreads, correlations) = (spreads, correlations)
                moments.add(runs) { run in
                    let columns = runs[run].columns
                    let (h, z, y) = reading.samples(at: columns.map { places[$0] }, share: share)
                    spreads[run] = OutputSpread.Sums(y, about: origins)
                    if measuresCorrelation { correlations[run] = PlaceCorrelation.Sums(h, images: columns.map { images[$0] }) }
                    return (h, z)
                }
            }
        }
        spread.add(spreads, about: origins)
        return correlations
    }

    /// Adds a batch's samples where windows read all places of its images.
    private mutating func add(
        _ windows: WindowPlanes, _ reading: SiteReading, _ images: [Int], share: Int, measuresCorrelation: Bool
    ) -> [PlaceCorrelation.Sums] {
        let sources = stride(from: 0, to: images.count, by: windows.grid.count).map { images[$0] }
        let origins = spread.origins ?? reading.targets(at: [SampledPlace(sample: 0, place: 0)], share: share).y.elements
        let read = BLASConfiguration.map(sources.count) { image in
            let (read, y) = reading.sample(windows, image: image, share: share)
            return (
                read, OutputSpread.Sums(y, about: origins),
                measuresCorrelation ? PlaceCorrelation.Sums(read, on: windows.grid, image: sources[image]) : nil
            )
        }
        moments.add(read.map(\.0), on: windows.grid, sources: sources)
        spread.add(read.map(\.1), about: origins)
        return read.compactMap(\.2)
    }

    /// Adds what was kept to be added with others.
    mutating func finish() { moments.finish() }
}
