// Images drawn for a network: dead leaves or a correlated field, moved towards what the network remembers of its data.

import LinearAlgebra
import NeuralNetworks
import RandomNumbers

extension RunInputs {
    /// Images of the declared pixel statistics, matched to the batch normalizations where the network has any that can be
    /// followed back; without batch normalization, images that climbed towards the network's classes.
    static func images(chain: DenseChain?, for run: PruningRun) throws(PruningError) -> RunInputs {
        guard let shape = run.inputShape, shape.count >= 2, shape.allSatisfy({ $0 > 0 }) else {
            throw .unsupported(.inputModel, value: InputModel.synthetic.rawValue, needs: .imageShape)
        }
        let (prior, warnings) = run.prior
        let drawing = ImageDrawing(run, field: try PixelField(prior, shape: shape, for: run), shape: shape, prior: prior)
        return run.network.nodes.contains(where: \.layer.isBatchNormalization)
            ? try drawing.matched(chain: chain, warnings: warnings) : drawing.fieldImages(chain: chain, warnings: warnings)
    }
}

/// What images are drawn from and for.
private struct ImageDrawing {
    /// Rows that a refit is given per regressor, by as many images as it takes within these limits.
    private static let rowsPerRegressor = 8
    private static let imageCounts = (least: 128, most: 1024)
    /// Images that are drawn however large the network, when its refits are wide.
    private static let imageCount = 256
    /// Multiply–adds that matching may spend, counted as one forward pass per step, and its steps: the first twenty do most and
    /// may spend twice as much; small networks afford many more, which are worth a point or two.
    private static let matchingWork = 1.6e11
    private static let matchingSteps = (least: 4, worthTwice: 20, most: 160)
    /// The same for images that climb towards classes, and how many are drawn when nothing else is set, as far as that allows: fully
    /// connected layers see one place per image.
    private static let climbingWork = 4e11
    private static let fieldCount = 1024
    /// A field of images is taken in place of dead leaves when it brings the batch normalizations this much closer to what they
    /// remember: edges and the spectrum of photographs are worth something beyond first and second moments.
    private static let fieldAdvantage = 0.6
    /// Images of each kind that tell the two apart.
    private static let comparedCount = 32

    private let network: Network
    private let settings: PruningSettings
    private let field: PixelField
    private let shape: [Int]
    private let prior: InputPrior

    init(_ run: PruningRun, field: PixelField, shape: [Int], prior: InputPrior) {
        (network, settings) = (run.network, run.settings)
        (self.field, self.shape, self.prior) = (field, shape, prior)
    }

    private var generator: SeededGenerator { SeededGenerator(seed: settings.seed).stream(.images) }
    private var multiplyAdds: Double { Swift.max(1, Double(network.cost.multiplyAdds ?? 1)) }

    /// Dead leaves, or a field if the batch normalizations find that much closer, moved towards their statistics.
    func matched(chain: DenseChain?, warnings: [PruningWarning]) throws(PruningError) -> RunInputs {
        let count = settings.sampleCount ?? matchedCount
        var generator = self.generator
        var images = field.images(DeadLeaves.latent(count: count, shape: shape, using: &generator))
        var process = InputProvenance.ImageProcess.deadLeaves
        var matching: InputProvenance.Matching?
        var warnings = warnings
        var climb = MatchedImages.Settings()
        climb.steps = matchingSteps(count)
        do {
            let few = Swift.min(count, ImageDrawing.comparedCount)
            var ahead = generator
            let distances = try MatchedImages.mismatches(
                of: [images.samples(0..<few), field.images(field.draw(count: few, using: &ahead))], network: network)
            if distances[1] < ImageDrawing.fieldAdvantage * distances[0] {
                images = field.images(field.draw(count: count, using: &generator))
                process = .field
            }
            let matched = try MatchedImages(images, network: network, low: field.low, high: field.high, settings: climb)
            images = matched.images
            matching = .init(steps: climb.steps, before: matched.mismatches.first ?? 0, after: matched.mismatches.last ?? 0)
        } catch {
            warnings.append(.unmatchedImages(cause: "\(error)"))
        }
        let statistics: [Int: ChannelStatistics]
        do { statistics = try network.recordingBatchStatistics([images]) } catch { throw .evaluation(error) }
        return RunInputs(
            .samples(images), .matchedImages(images: count, process: process, prior: prior, matching: matching), chain: chain,
            statistics: statistics, warnings: warnings)
    }

    /// Images that give the widest convolution its rows, as far as the work allows.
    private var matchedCount: Int {
        let wanted = network.nodes.reduce(0) { wanted, node in
            guard case .convolution(let layer) = node.layer, let weight = network.parameters[layer.weight]?.shape,
                let places = network.values[node.outputs[0]].shape?.dropFirst().reduce(1, *), places > 0
            else { return wanted }
            return Swift.max(wanted, ImageDrawing.rowsPerRegressor * weight.dropFirst().reduce(1, *) / places)
        }
        let work = multiplyAdds * Double(ImageDrawing.matchingSteps.worthTwice)
        let affordable = Int(Swift.min(ImageDrawing.matchingWork / work, Double(ImageDrawing.imageCounts.most)))
        return Swift.max(ImageDrawing.imageCounts.least, Swift.min(wanted, Swift.max(affordable, ImageDrawing.imageCount)))
    }

    private func matchingSteps(_ count: Int) -> Int {
        let affordable = ImageDrawing.matchingWork / Swift.max(1, multiplyAdds * Double(count))
        let first = Swift.min(2 * affordable, Double(ImageDrawing.matchingSteps.worthTwice))
        return Swift.max(
            ImageDrawing.matchingSteps.least, Int(Swift.max(first, Swift.min(affordable, Double(ImageDrawing.matchingSteps.most)))))
    }

    /// Images of the declared pixel statistics; a classifier's climb towards its classes.
    func fieldImages(chain: DenseChain?, warnings: [PruningWarning]) -> RunInputs {
        var warnings = warnings
        let passes = ImageDrawing.climbingWork / multiplyAdds
        var climb = AscendedImages.Settings()
        let affordable = Int(Swift.min(passes / Double(climb.steps), Double(ImageDrawing.fieldCount)))
        let count = settings.sampleCount ?? Swift.max(ImageDrawing.imageCount, affordable)
        climb.steps = Swift.min(climb.steps, Int(passes / Double(count)))
        var images: ActivationTensor?
        if settings.refitsClassifier, let classes = DenseTail(network).classCount, climb.steps >= ImageDrawing.matchingSteps.least {
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
            .fieldImages(images: count, prior: prior, isAscended: images != nil), chain: chain, warnings: warnings)
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
