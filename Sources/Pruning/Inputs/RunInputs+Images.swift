// Images drawn for a network: the kind that it recognizes best, moved towards what it remembers of its data.
//
// A network with batch normalizations remembers statistics: images are moved until they have them (MatchedImages). One without
// tells by its answers which images it knows: photographs serve as they are, a field climbs towards the network's classes.

import NeuralNetworks
import RandomNumbers

extension RunInputs {
    /// Images of the kind that the network recognizes, matched to its batch normalizations where it has any that can be followed back.
    static func images(chain: DenseChain?, for run: PruningRun) throws(PruningError) -> RunInputs {
        if let turned = run.takingChannelsFirst { return try images(chain: chain, for: turned).withChannelsLast }
        guard let shape = run.inputShape, shape.count >= 2, shape.allSatisfy({ $0 > 0 }) else {
            throw .unsupported(.inputModel, value: InputModel.synthetic.rawValue, needs: .imageShape)
        }
        let (prior, warnings) = run.prior
        let drawing = ImageDrawing(run, field: try PixelField(prior, shape: shape, for: run), shape: shape)
        let choice = ImageChoice(run, drawing, prior: prior, priorWarnings: warnings)
        return run.network.nodes.contains(where: \.layer.isBatchNormalization)
            ? try choice.matched(chain: chain) : try choice.recognized(chain: chain)
    }

    /// Whether exporters may have folded batch normalizations away: convolutions with biases on a picture, and no other normalization.
    fileprivate static func mayHaveBeenFolded(_ network: Network, shape: [Int]) -> Bool {
        var hasBias = false
        for node in network.nodes {
            switch node.layer {
            case .convolution(let layer): hasBias = hasBias || layer.bias != nil
            case .normalization: return false
            default: break
            }
        }
        return shape.count == 3 && hasBias
    }
}

/// Which images are drawn, how many, and what is done with them.
private struct ImageChoice {
    /// Rows that a refit is given per regressor, by as many images as it takes within these limits.
    private static let rowsPerRegressor = 8
    private static let imageCounts = (least: 96, usual: 256, most: 1024)
    /// Multiply–adds that matching may spend at the default effort, counted as one forward pass per round (three and a pass back are
    /// made): half a minute to two of one processor. Rounds: ResNet-20 gained three to nine points at keep 0.3 from 20 to 50; EfficientNet-Lite0 has what
    /// there is after 20.
    private static let matchingWork = 8e11
    private static let matchingRounds = (least: 4, most: 50)
    private static let usualRounds = 20.0
    /// Rounds behind which images hardly move any more: work for more of them serves more images. ResNet-20 at keep 0.3 without learning
    /// (three seeds, 1012 images): 57.7 % with 256 images in 35 rounds, 60.6 % with 490 in 38, 59.5 % with 975 in 20.
    private static let fullRounds = 40.0
    /// The same for images that climb towards classes, at the default effort too, and how many are drawn when nothing else is set, as far as that allows: fully
    /// connected layers see one place per image.
    private static let climbingWork = 4e11
    private static let climbingSteps = 4
    private static let fieldCount = 1024
    private static let fewestFieldImages = 256
    /// Images that learning takes in, those of the fit included.
    private static let mostLearned = 1024
    /// Images that the fit does not see: matched ones that tell how large its errors are, others that bound how often answers change.
    /// Matched ones cost as much as those of the fit: an eighth as many, but no fewer than this.
    private static let fewestHeldOut = 24
    private static func heldOutCount(besides count: Int) -> Int { Swift.max(fewestHeldOut, count / 8) }
    private static let otherKindCounts = 12...256
    /// Photographs whose crops judge and are not fitted: crops of a photograph that the fit has seen, matched or not, say too much.
    /// EfficientNet-Lite0 kept at 0.7 is off by 0.81 of its outputs' deviation on data; on other crops of what was fitted by 0.69, on crops of
    /// other photographs by 0.89. The fit does not miss them: 60.3 % of answers stay either way.
    private static let judgingPhotographs = 5
    /// Images of each kind that tell kinds apart, by statistics and by answers, and the share of the work that this may take.
    private static let comparedCounts = (statistics: 8...32, answers: 8...128)
    private static let comparedShare = 0.125
    /// Images whose pixels' scale is told by the first convolution: their places are many.
    private static let scaledCount = 8

    private let run: PruningRun
    private let drawing: ImageDrawing
    private let prior: InputPrior
    private let priorWarnings: [PruningWarning]
    private let photographs: (fitted: ArraySlice<Photograph>, judging: ArraySlice<Photograph>)

    init(_ run: PruningRun, _ drawing: ImageDrawing, prior: InputPrior, priorWarnings: [PruningWarning]) {
        (self.run, self.drawing, self.prior, self.priorWarnings) = (run, drawing, prior, priorWarnings)
        var generator = SeededGenerator(seed: run.settings.seed).stream(.agreement)
        let shuffled = Photograph.shipped.shuffled(using: &generator)
        photographs = (shuffled.dropFirst(ImageChoice.judgingPhotographs), shuffled.prefix(ImageChoice.judgingPhotographs))
    }

    private var network: Network { run.network }
    private var settings: PruningSettings { run.settings }
    private var generator: SeededGenerator { SeededGenerator(seed: settings.seed).stream(.images) }
    /// Work that the effort allows, in units of the default's.
    private var effort: Double { settings.effort.passes / Effort.default.passes }
    private var multiplyAdds: Double { Swift.max(1, Double(network.cost.multiplyAdds ?? 1)) }
    /// The same as passes make them.
    private var passMultiplyAdds: Double { Swift.max(1, network.passMultiplyAdds) }

    /// What is said about a kind: photographs do not follow the prior, and their scale may be a guess.
    ///
    /// - Parameter isTold: whether answers or statistics of the network speak for the kind.
    private func warnings(_ kind: ImageDrawing.Kind, isTold: Bool = true) -> [PruningWarning] {
        guard kind.process == .photographs else { return priorWarnings }
        if kind.convention == .declared { return [] }
        return [isTold ? .assumedConvention(kind.convention) : .guessedConvention(kind.convention)]
    }

    /// The kind whose statistics are closest to those that the batch normalizations store, moved towards them.
    func matched(chain: DenseChain?) throws(PruningError) -> RunInputs {
        let count = settings.sampleCount ?? matchedCount
        let heldOut = ImageChoice.heldOutCount(besides: count)
        var generator = self.generator
        var kind = drawing.kinds.first ?? .init(process: .deadLeaves)
        var images: ActivationTensor?
        var matching: InputProvenance.Matching?
        var warnings: [PruningWarning] = []
        do {
            kind = try closest(count: comparedCount(ImageChoice.comparedCounts.statistics))
            let start = startingImages(kind, count: count, heldOut: heldOut, using: &generator)
            let range = drawing.range(kind)
            var climb = MatchedImages.Settings()
            climb.rounds = matchingRounds(count)
            let matched = try MatchedImages(
                start, network: network, low: range.low, high: range.high, settings: climb, using: &generator)
            images = matched.images
            // Three passes forward and one back a step, two for the mismatch before and behind.
            run.meter.add(multiplyAdds * Double(start.batchCount * (4 * matched.course.count + 2)))
            matching = .init(
                steps: matched.course.count, before: matched.mismatch.start, after: matched.mismatch.end, isUsed: matched.isMoved)
            if !matched.isMoved { warnings.append(.mismatchRose(from: matched.mismatch.start, to: matched.mismatch.end)) }
        } catch {
            warnings.append(.unmatchedImages(cause: "\(error)"))
        }
        let drawn = images ?? startingImages(kind, count: count, heldOut: heldOut, using: &generator)
        let samples = drawn.samples(0..<count)
        return RunInputs(
            .samples(samples),
            .matchedImages(images: count, process: kind.process, convention: kind.convention, prior: prior, matching: matching),
            chain: chain, warnings: self.warnings(kind) + warnings,
            unseen: judge(kind, matching, matched: drawn.samples(count..<count + heldOut)),
            others: others(kind, of: photographs.fitted, beside: count))
    }

    /// Images that are fitted, then those that judge.
    private func startingImages(
        _ kind: ImageDrawing.Kind, count: Int, heldOut: Int, using generator: inout SeededGenerator
    ) -> ActivationTensor {
        drawing.images(kind, count: count, of: photographs.fitted, using: &generator)
            .followed(by: drawing.images(kind, count: heldOut, of: photographs.judging, using: &generator))
    }

    /// Matched images vouch for data where they look like data to the network; else images of another kind bound what is to be expected.
    private func judge(
        _ kind: ImageDrawing.Kind, _ matching: InputProvenance.Matching?, matched: ActivationTensor
    ) -> RunInputs.Judge {
        guard let matching else { return .none }
        let isRecognized = Swift.min(matching.before, matching.after) <= NormalizationMismatch.mostOfData
        if isRecognized, arePictures { return .recognized(matched) }
        let other: InputProvenance.ImageProcess = kind.process != .deadLeaves ? .deadLeaves : arePictures ? .photographs : .field
        return otherKind(.init(process: other, convention: kind.convention))
    }

    /// Whether what is drawn may look like the network's data: inputs of other channels than pictures have are boards, stacks of features
    /// or spectra. A player of Reversi, whose images had all statistics of its boards to 1.4 %, was expected to move alike on 79 ± 6 %
    /// of them, and did on 47 %.
    private var arePictures: Bool { drawing.arePictures }

    /// Images that learning sees beside those of the fit, so that it finds less to learn by heart: as many as it takes in, and memory
    /// holds.
    private func others(
        _ kind: ImageDrawing.Kind, of photographs: ArraySlice<Photograph>, beside count: Int
    ) -> (@Sendable () -> ActivationTensor?)? {
        guard let learning = settings.learning else { return nil }
        // One pass of the original, three of the smaller network.
        let seen = Int(Swift.min(learning.work / (4 * passMultiplyAdds), Double(ImageChoice.mostLearned)))
        let number = Swift.min(seen, run.workBudget.inputs(ofSize: drawing.shape.reduce(1, *))) - count
        guard number > 0 else { return nil }
        return { [drawing, seed = settings.seed] in
            var generator = SeededGenerator(seed: seed).stream(.learnedImages)
            return drawing.images(kind, count: number, of: photographs, using: &generator)
        }
    }

    private func comparedCount(_ limits: ClosedRange<Int>) -> Int {
        run.workBudget.inputs(limits, passes: Double(drawing.kinds.count), share: ImageChoice.comparedShare)
    }

    private func closest(count: Int) throws(NetworkError) -> ImageDrawing.Kind {
        var best: (kind: ImageDrawing.Kind, value: Double)?
        for kind in drawing.kinds {
            var generator = self.generator
            let value = try ImageRecognition.statistics(network, drawing.images(kind, count: count, using: &generator))
            run.meter.add(multiplyAdds * Double(count))
            if value > best?.value ?? -.infinity { best = (kind, value) }
        }
        return best?.kind ?? .init(process: .deadLeaves)
    }

    /// Images that give the widest convolution its rows, as far as the work allows; more where it lasts for more that move all the way.
    private var matchedCount: Int {
        let wanted = network.nodes.reduce(0) { wanted, node in
            guard case .convolution(let layer) = node.layer, let weight = network.parameters[layer.weight]?.shape,
                let places = network.values[node.outputs[0]].shape?.dropFirst().reduce(1, *), places > 0
            else { return wanted }
            return Swift.max(wanted, ImageChoice.rowsPerRegressor * weight.dropFirst().reduce(1, *) / places)
        }
        func affordable(_ rounds: Double) -> Int {
            Int(Swift.min(effort * ImageChoice.matchingWork / (passMultiplyAdds * rounds), Double(ImageChoice.imageCounts.most)))
        }
        let usual = Swift.min(Swift.max(wanted, ImageChoice.imageCounts.usual), affordable(ImageChoice.usualRounds))
        return Swift.max(ImageChoice.imageCounts.least, usual, affordable(ImageChoice.fullRounds))
    }

    private func matchingRounds(_ count: Int) -> Int {
        let affordable = effort * ImageChoice.matchingWork / (passMultiplyAdds * Double(Swift.max(1, count)))
        return Swift.max(ImageChoice.matchingRounds.least, Int(Swift.min(affordable, Double(ImageChoice.matchingRounds.most))))
    }

    /// Photographs as they are, or a field that climbs towards the classes: what the network's answers tell it knows. Networks whose
    /// answers are not classes get photographs.
    func recognized(chain: DenseChain?) throws(PruningError) -> RunInputs {
        let count = comparedCount(ImageChoice.comparedCounts.answers)
        var best: (kind: ImageDrawing.Kind, value: Double)?
        // Dead leaves are the field's second moments with edges; without statistics to match, the field climbs and they do not.
        for kind in drawing.kinds where kind.process != .deadLeaves {
            var generator = self.generator
            let images = drawing.images(kind, count: count, using: &generator)
            run.meter.add(multiplyAdds * Double(count))
            guard let value = try ImageRecognition.information(network, images) else { continue }
            if value > best?.value ?? -.infinity { best = (kind, value) }
        }
        var kind = best?.kind ?? drawing.kinds.first { $0.process != .deadLeaves } ?? .init(process: .field)
        guard kind.process == .photographs else { return fieldImages(chain: chain) }
        if best == nil, kind.convention == .unit, drawing.kinds.contains(.init(process: .photographs, convention: .bytes)) {
            var generator = self.generator
            let images = drawing.images(kind, count: ImageChoice.scaledCount, using: &generator)
            if try PixelScale.isOfBytes(network, images) { kind.convention = .bytes }
        }
        let images = settings.sampleCount ?? photographCount
        var generator = self.generator
        return RunInputs(
            .samples(drawing.images(kind, count: images, using: &generator)),
            .photographs(images: images, convention: kind.convention), chain: chain, warnings: folded + warnings(kind, isTold: best != nil),
            unseen: otherKind(.init(process: .deadLeaves, convention: kind.convention)),
            others: others(kind, of: Photograph.shipped[...], beside: images))
    }

    private var folded: [PruningWarning] {
        RunInputs.mayHaveBeenFolded(network, shape: drawing.shape) ? [.noNormalizationLeft] : []
    }

    /// Images that the fit is not made for.
    private func otherKind(_ kind: ImageDrawing.Kind) -> RunInputs.Judge {
        var generator = SeededGenerator(seed: settings.seed).stream(.agreement)
        let count = run.workBudget.inputs(ImageChoice.otherKindCounts, passes: 2, share: ImageChoice.comparedShare)
        return .otherKind(drawing.images(kind, count: count, using: &generator), boundsAgreement: arePictures)
    }

    /// As many as the effort pays for and memory holds.
    private var photographCount: Int {
        let budget = run.workBudget
        return Swift.min(
            budget.affordableInputs, budget.inputs(ofSize: drawing.shape.reduce(1, *)), ImageChoice.fieldCount)
    }

    /// Images of the declared pixel statistics; a classifier's climb towards its classes.
    private func fieldImages(chain: DenseChain?) -> RunInputs {
        var warnings = folded + priorWarnings
        let field = drawing.field
        let passes = effort * ImageChoice.climbingWork / multiplyAdds
        var climb = AscendedImages.Settings()
        let affordable = Int(Swift.min(passes / Double(climb.steps), Double(ImageChoice.fieldCount)))
        let fewest = Swift.min(ImageChoice.fewestFieldImages, run.workBudget.affordableInputs)
        let count = settings.sampleCount ?? Swift.max(fewest, affordable)
        climb.steps = Swift.min(climb.steps, Int(passes / Double(count)))
        var images: ActivationTensor?
        if settings.refitsClassifier, network.outputs.count == 1, let classes = DenseTail(network).classCount,
            climb.steps >= ImageChoice.climbingSteps
        {
            do {
                var generator = self.generator
                let climbed = try AscendedImages(
                    network, field: field, count: count, classCount: classes, settings: climb, using: &generator
                ).images
                if climbed.values.allSatisfy(\.isFinite) { images = climbed } else { warnings.append(.unascendedImages(cause: nil)) }
            } catch {
                warnings.append(.unascendedImages(cause: "\(error)"))
            }
        }
        var generator = self.generator
        return RunInputs(
            .samples(images ?? field.images(field.draw(count: count, using: &generator))),
            .fieldImages(images: count, prior: prior, isAscended: images != nil), chain: chain, warnings: warnings,
            // Images that climbed are judged on ones that did not; a field as it is, on dead leaves.
            unseen: otherKind(.init(process: images == nil ? .deadLeaves : .field)))
    }
}

extension PixelField {
    /// Images with the pixel statistics that are declared, behind the network's own normalization.
    fileprivate init(_ prior: InputPrior, shape: [Int], for run: PruningRun) throws(PruningError) {
        guard prior.correlation >= 0, prior.correlation < 1 else {
            throw .invalidSetting(.inputCorrelation, expected: "in 0 ..< 1", found: "\(prior.correlation)")
        }
        let settings = run.settings
        self.init(
            shape: shape, mean: try PixelField.perChannel(prior.mean, shape[0], 0, .inputMean),
            deviation: try PixelField.perChannel(prior.deviation, shape[0], 1, .inputDeviation, isPositive: true),
            correlation: prior.correlation, shift: try PixelField.perChannel(settings.inputShift, shape[0], 0, .inputShift),
            scale: try PixelField.perChannel(settings.inputScale, shape[0], 1, .inputScale, isPositive: true))
    }

    /// One finite value per channel.
    private static func perChannel(
        _ values: [Double], _ channels: Int, _ fallback: Double, _ setting: Setting, isPositive: Bool = false
    ) throws(PruningError) -> [Double] {
        guard values.count <= 1 || values.count == channels else {
            throw .invalidSetting(setting, expected: "one value or \(channels), one per channel", found: "\(values.count) values")
        }
        guard values.allSatisfy({ $0.isFinite && (!isPositive || $0 > 0) }) else {
            throw .invalidSetting(setting, expected: isPositive ? "positive and finite" : "finite", found: "\(values)")
        }
        return (0..<channels).map { values.isEmpty ? fallback : values[values.count == 1 ? 0 : $0] }
    }
}
