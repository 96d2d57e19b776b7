// Moments of samples in folds, for judging a fit on samples that it has not seen.
//
// Samples of one image (its places) depend on each other: they share a fold, or held-out samples would be no stranger to the fit
// than its own. The sums of a fold are taken away from those of all, so that every fold costs one subtraction.

import LinearAlgebra

/// Moment sums of several folds about common centers.
package struct FoldedMoments: Sendable {
    /// Folds into which the images are dealt in turn.
    package static let foldCount = 5
    /// Regressors up to which every fold has sums of its own; beyond, one fold is held out and the others are one, which takes two
    /// matrices of their number squared in place of five.
    package static let fullCount = 1536

    private var parts: [MomentAccumulator]
    /// Images, by fold, that are few by themselves.
    private var waiting: (grid: WindowGrid, images: [[WindowImage]])?

    package init(channels: Int, targets: Int) {
        let count = channels > FoldedMoments.fullCount ? 2 : FoldedMoments.foldCount
        parts = [MomentAccumulator](repeating: MomentAccumulator(channels: channels, targets: targets), count: count)
    }

    /// Number of regressors and of targets.
    package var channels: Int { parts[0].channels }
    package var targets: Int { parts[0].targets }
    /// Samples.
    package var count: Int { parts.reduce(0) { $0 + $1.count } }
    /// Whether a fold can be held out and the others still have samples.
    package var isDivided: Bool { parts.count { $0.count > 0 } > 1 }
    /// Folds to hold out, one at a time.
    package var heldOutFolds: [Int] { parts.indices.filter { parts[$0].count > 0 && (parts.count == FoldedMoments.foldCount || $0 == 0) } }

    /// Puts all samples into one part, where no fold will be held out any more.
    mutating func join() {
        let taken = parts.filter { $0.count > 0 }
        guard taken.count > 1 else { return }
        var sum = taken[0]
        for other in taken.dropFirst() { sum.combine(other, sign: 1) }
        parts = [sum]
    }

    /// Adds samples as columns.
    ///
    /// - Parameters:
    ///   - h: regressors, n×N.
    ///   - z: targets, q×N.
    ///   - sources: the image of every column.
    package mutating func add(_ h: Matrix, targets z: Matrix, images sources: [Int]) {
        precondition(sources.count == h.columns && z.columns == h.columns, "one image per sample")
        let runs = runs(of: sources)
        if count == 0 { setCenters(h, z) }
        add(runs) { (h.selectingColumns(runs[$0].columns), z.selectingColumns(runs[$0].columns)) }
    }

    /// How samples are handed over, whose images these are.
    func runs(of sources: [Int]) -> [SampleRun] { SampleRun.runs(of: sources, rows: channels, folds: parts.count, fold: fold) }

    /// Adds samples run by run.
    ///
    /// - Parameter samples: makes those of a run; called by several threads at once. Sums are taken about those of the first run.
    mutating func add(_ runs: [SampleRun], _ samples: (Int) -> MomentAccumulator.Samples) {
        guard !runs.isEmpty else { return }
        if !parts[0].hasCenters {
            let (h, z) = samples(0)
            setCenters(h, z)
        }
        MomentAccumulator.add(runs, to: &parts, samples)
    }

    /// Adds all places of images under 3×3 windows, to be asked for after `finish()`; regressor 9·c + t is plane c at tap t.
    package mutating func add(_ images: [WindowImage], on grid: WindowGrid, sources: [Int]) {
        guard let first = images.first else { return }
        if !parts[0].hasCenters {
            setCenters(
                channels: first.means(on: grid).flatMap { [Double](repeating: $0, count: WindowGrid.taps.count) },
                targets: MomentAccumulator.rowMeans(first.targets))
        }
        if waiting == nil { waiting = (grid, [[WindowImage]](repeating: [], count: parts.count)) }
        for (image, source) in zip(images, sources) {
            let fold = fold(of: source)
            waiting?.images[fold].append(image)
        }
        addWindows(atLeast: FoldedMoments.imagesOfTile(grid))
    }

    /// Adds what waits to be added with others.
    package mutating func finish() {
        addWindows(atLeast: 1)
        waiting = nil
    }

    /// Adds images of folds that have so many.
    private mutating func addWindows(atLeast least: Int) {
        guard let (grid, images) = waiting else { return }
        let most = FoldedMoments.imagesOfTile(grid)
        for f in images.indices {
            var left = images[f][...]
            while left.count >= least {
                parts[f].add(WindowTile(grid, Array(left.prefix(most)), centers: parts[f]))
                left = left.dropFirst(most)
            }
            waiting?.images[f] = Array(left)
        }
    }

    /// Images whose products are made at once: of 2048 windows, few enough for single precision and many beside what sums cost to visit.
    private static func imagesOfTile(_ grid: WindowGrid) -> Int { Swift.max(1, 2048 / grid.count) }

    private mutating func setCenters(_ h: Matrix, _ z: Matrix?) {
        guard h.columns > 0 else { return }
        setCenters(channels: MomentAccumulator.rowMeans(h), targets: z.map(MomentAccumulator.rowMeans) ?? [])
    }

    private mutating func setCenters(channels: [Double], targets: [Double]) {
        for f in parts.indices { parts[f].setCenters(channels: channels, targets: targets) }
    }

    private func fold(of image: Int) -> Int { Swift.min(image % FoldedMoments.foldCount, parts.count - 1) }

    /// The problem of one fold's samples alone.
    package func heldOut(_ fold: Int, hasIntercept: Bool) -> Reconstruction {
        parts[fold].reconstruction(relativeRidge: 0, hasIntercept: hasIntercept)
    }

    /// The problem of all samples but one fold's; of all with `nil`.
    package func training(without fold: Int?, hasIntercept: Bool) -> Reconstruction {
        let taken = parts.indices.filter { $0 != fold && parts[$0].count > 0 }
        var sum = taken.first.map { parts[$0] } ?? MomentAccumulator(channels: channels, targets: targets)
        for f in taken.dropFirst() { sum.combine(parts[f], sign: 1) }
        return (consume sum).reconstruction(relativeRidge: 0, hasIntercept: hasIntercept)
    }

    /// Var z per target of all samples (E z² without intercept).
    package func targetEnergies(hasIntercept: Bool) -> [Double] {
        var sums = MomentAccumulator(channels: 0, targets: targets)
        for part in parts { sums.addTargets(of: part) }
        return hasIntercept ? sums.targetEnergies : zip(sums.targetEnergies, sums.targetMean).map { $0 + $1 * $1 }
    }

    /// Share of the samples in a fold among those that are held out.
    package func share(of fold: Int) -> Double {
        Double(parts[fold].count) / Double(Swift.max(1, heldOutFolds.reduce(0) { $0 + parts[$1].count }))
    }

    /// The same samples with some of the regressors only.
    package func selecting(_ regressors: [Int]) -> FoldedMoments {
        var result = self
        result.parts = parts.map { $0.selecting(regressors) }
        return result
    }
}
