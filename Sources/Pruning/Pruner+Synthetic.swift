// Synthetic images as the inputs of a run (input model 3).

import Coresets
import LinearAlgebra
import NeuralNetworks

extension Pruner {
    /// Images drawn when nothing else is set: with 64 places each, twice the regressors of the widest refits.
    private static let imageCount = 256
    /// Multiply–adds of one forward pass per step that matching may spend, and the steps it takes at least and at most.
    private static let matchingWork = 4e11
    private static let matchingSteps = (least: 4, most: 160)
    /// Images drawn from declared pixel statistics when nothing else is set, as far as `matchingWork` allows: fully connected
    /// layers see one place per image.
    private static let fieldCount = 1024

    /// Dead-leaves images, matched to the batch normalizations where the network has any that can be followed back; without batch
    /// normalization, images of the declared pixel statistics that climbed towards the network's classes.
    func syntheticImages() throws(PruningError) -> (InputSource, InputSource.Description) {
        guard let shape = inputShape, shape.count >= 2, shape.allSatisfy({ $0 > 0 }) else {
            throw .unsupported(what: "--input-model synthetic", needs: "a network on images, or --input-shape c,h,w")
        }
        guard network.nodes.contains(where: \.layer.isBatchNormalization) else { return try fieldImages(shape) }
        let count = settings.sampleCount ?? Pruner.imageCount
        var generator = SeededGenerator(seed: settings.seed).stream(4)
        var images = DeadLeaves.images(count: count, shape: shape, using: &generator)
        let (low, high) = try normalize(&images)
        var text = "\(count) synthetic dead-leaves images"
        var warnings: [String] = []
        var statistics: [Int: ChannelStatistics] = [:]
        var climb = MatchedImages.Settings()
        let work = Double(network.cost.multiplyAdds ?? 1) * Double(count)
        climb.steps = Swift.min(
            Pruner.matchingSteps.most, Swift.max(Pruner.matchingSteps.least, Int(Pruner.matchingWork / Swift.max(1, work))))
        do {
            let matched = try MatchedImages(images, network: network, low: low, high: high, settings: climb)
            images = matched.images
            text += ", moved \(climb.steps) steps towards the batch-normalization statistics (mismatch \(PruningReport.fixed(matched.mismatches.first ?? 0, 2)) → \(PruningReport.fixed(matched.mismatches.last ?? 0, 2)))"
        } catch {
            warnings.append("the images were not matched to the batch-normalization statistics: \(error)")
        }
        do {
            statistics = try network.recordingBatchStatistics([images])
        } catch {
            throw .evaluation("\(error)")
        }
        text += ", batch normalizations fitted under the images' own statistics"
        return (
            .samples(images),
            .init(model: .synthetic, text: text, isMeasured: false, warnings: warnings, statistics: statistics)
        )
    }

    /// Images of the declared pixel statistics; a classifier's climb towards its classes.
    private func fieldImages(_ shape: [Int]) throws(PruningError) -> (InputSource, InputSource.Description) {
        var (prior, warnings) = declaredPrior()
        let means = try perChannel(prior.mean, shape[0], 0, "--input-mean")
        let deviations = try perChannel(prior.deviation, shape[0], 1, "--input-std", isPositive: true)
        guard prior.correlation >= 0, prior.correlation < 1 else {
            throw .invalidSetting(name: "--input-correlation", expected: "in 0 ..< 1", found: "\(prior.correlation)")
        }
        let field = PixelField(
            shape: shape, mean: means, deviation: deviations, correlation: prior.correlation,
            shift: try perChannel(settings.inputShift, shape[0], 0, "--mean"),
            scale: try perChannel(settings.inputScale, shape[0], 1, "--std", isPositive: true))
        let passes = Pruner.matchingWork / Swift.max(1, Double(network.cost.multiplyAdds ?? 1))
        var climb = AscendedImages.Settings()
        let affordable = Int(Swift.min(passes / Double(climb.steps), Double(Pruner.fieldCount)))
        let count = settings.sampleCount ?? Swift.max(Pruner.imageCount, affordable)
        climb.steps = Swift.min(climb.steps, Int(passes / Double(count)))
        var generator = SeededGenerator(seed: settings.seed).stream(4)
        var images = field.images(field.draw(count: count, using: &generator))
        var text =
            "images of mean \(Pruner.short(prior.mean)), deviation \(Pruner.short(prior.deviation)), correlation \(prior.correlation)^distance"
        if settings.refitsClassifier, let classes = classCount, climb.steps >= Pruner.matchingSteps.least {
            do {
                generator = SeededGenerator(seed: settings.seed).stream(4)
                let climbed = try AscendedImages(
                    network, field: field, count: count, classCount: classes, settings: climb, using: &generator
                ).images
                if climbed.values.allSatisfy(\.isFinite) {
                    images = climbed
                    text = "class-ascended " + text
                } else {
                    warnings.append("the images were not moved towards the network's classes: its gradients overflow")
                }
            } catch {
                warnings.append("the images were not moved towards the network's classes: \(error)")
            }
        }
        return (
            .samples(images),
            .init(model: .synthetic, text: "\(count) synthetic \(text)", isMeasured: false, warnings: warnings)
        )
    }

    /// Classes told apart by the network's only output, when it is the vector of a linear layer.
    private var classCount: Int? {
        guard let (_, layer) = outputLayer, let shape = network.parameters[layer.weight]?.shape else { return nil }
        return shape[layer.isTransposed ? 1 : 0]
    }

    /// One finite value per channel.
    private func perChannel(
        _ values: [Double], _ channels: Int, _ fallback: Double, _ name: String, isPositive: Bool = false
    ) throws(PruningError) -> [Double] {
        guard values.count <= 1 || values.count == channels else {
            throw .invalidSetting(name: name, expected: "one value or \(channels), one per channel", found: "\(values.count) values")
        }
        guard values.allSatisfy({ $0.isFinite && (!isPositive || $0 > 0) }) else {
            throw .invalidSetting(name: name, expected: isPositive ? "positive and finite" : "finite", found: "\(values)")
        }
        return (0..<channels).map { values.isEmpty ? fallback : values[values.count == 1 ? 0 : $0] }
    }

    /// Applies the network's input normalization to images in 0…1; returns the normalized range per channel.
    private func normalize(_ images: inout ActivationTensor) throws(PruningError) -> (low: [Float], high: [Float]) {
        let channels = images.shape[1]
        let shift = try perChannel(settings.inputShift, channels, 0, "--mean").map(Float.init)
        let scale = try perChannel(settings.inputScale, channels, 1, "--std", isPositive: true).map(Float.init)
        let area = images.sampleSize / channels
        for row in 0..<images.batchCount * channels {
            let c = row % channels
            for i in row * area..<(row + 1) * area { images.values[i] = (images.values[i] - shift[c]) / scale[c] }
        }
        return ((0..<channels).map { -shift[$0] / scale[$0] }, (0..<channels).map { (1 - shift[$0]) / scale[$0] })
    }
}
