// Synthetic images as the inputs of a run (input model 3).

import Coresets
import LinearAlgebra
import NeuralNetworks
import RandomNumbers

extension Pruner {
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

    /// Synthetic images of the declared pixel statistics, matched to the batch normalizations where the network has any that can be
    /// followed back; without batch normalization, images that climbed towards the network's classes.
    func syntheticImages() throws(PruningError) -> (InputSource, InputSource.Description) {
        guard let shape = inputShape, shape.count >= 2, shape.allSatisfy({ $0 > 0 }) else {
            throw .unsupported(what: "--input-model synthetic", needs: "a network on images, or --input-shape c,h,w")
        }
        let (prior, warnings) = declaredPrior()
        let field = try pixelField(prior, shape)
        let look = "mean \(Pruner.short(prior.mean)), deviation \(Pruner.short(prior.deviation))"
        return network.nodes.contains(where: \.layer.isBatchNormalization)
            ? try matchedImages(field, shape, look, warnings)
            : try fieldImages(field, "images of \(look), correlation \(prior.correlation)^distance", warnings)
    }

    /// Dead leaves, or a field if the batch normalizations find that much closer, moved towards their statistics.
    private func matchedImages(
        _ field: PixelField, _ shape: [Int], _ look: String, _ warnings: [String]
    ) throws(PruningError) -> (InputSource, InputSource.Description) {
        let count = settings.sampleCount ?? matchedCount
        var generator = SeededGenerator(seed: settings.seed).stream(.images)
        var images = field.images(DeadLeaves.latent(count: count, shape: shape, using: &generator))
        var text = "dead-leaves images of \(look)"
        var warnings = warnings
        var climb = MatchedImages.Settings()
        climb.steps = matchingSteps(count)
        do {
            // A few of both kinds tell them apart.
            let few = Swift.min(count, 32)
            var ahead = generator
            let distances = try MatchedImages.mismatches(
                of: [images.samples(0..<few), field.images(field.draw(count: few, using: &ahead))], network: network)
            if distances[1] < Pruner.fieldAdvantage * distances[0] {
                images = field.images(field.draw(count: count, using: &generator))
                text = "images of \(look)"
            }
            let matched = try MatchedImages(images, network: network, low: field.low, high: field.high, settings: climb)
            images = matched.images
            text +=
                ", moved \(climb.steps) steps towards the batch-normalization statistics (mismatch \(PruningReport.fixed(matched.mismatches.first ?? 0, 2)) → \(PruningReport.fixed(matched.mismatches.last ?? 0, 2)))"
        } catch {
            warnings.append("the images were not matched to the batch-normalization statistics: \(error)")
        }
        let statistics: [Int: ChannelStatistics]
        do {
            statistics = try network.recordingBatchStatistics([images])
        } catch {
            throw .evaluation("\(error)")
        }
        return (
            .samples(images),
            .init(
                model: .synthetic,
                text: "\(count) synthetic \(text), batch normalizations fitted under the images' own statistics",
                isMeasured: false, warnings: warnings, statistics: statistics)
        )
    }

    /// Images that give the widest convolution its rows, as far as the work allows.
    private var matchedCount: Int {
        let wanted = network.nodes.reduce(0) { wanted, node in
            guard case .convolution(let layer) = node.layer, let weight = network.parameters[layer.weight]?.shape,
                let places = network.values[node.outputs[0]].shape?.dropFirst().reduce(1, *), places > 0
            else { return wanted }
            return Swift.max(wanted, Pruner.rowsPerRegressor * weight.dropFirst().reduce(1, *) / places)
        }
        let work = Double(network.cost.multiplyAdds ?? 1) * Double(Pruner.matchingSteps.worthTwice)
        let affordable = Int(Swift.min(Pruner.matchingWork / Swift.max(1, work), Double(Pruner.imageCounts.most)))
        return Swift.max(Pruner.imageCounts.least, Swift.min(wanted, Swift.max(affordable, Pruner.imageCount)))
    }

    private func matchingSteps(_ count: Int) -> Int {
        let affordable = Pruner.matchingWork / Swift.max(1, Double(network.cost.multiplyAdds ?? 1) * Double(count))
        let first = Swift.min(2 * affordable, Double(Pruner.matchingSteps.worthTwice))
        return Swift.max(Pruner.matchingSteps.least, Int(Swift.max(first, Swift.min(affordable, Double(Pruner.matchingSteps.most)))))
    }

    /// Images of the declared pixel statistics; a classifier's climb towards its classes.
    private func fieldImages(
        _ field: PixelField, _ look: String, _ warnings: [String]
    ) throws(PruningError) -> (InputSource, InputSource.Description) {
        var warnings = warnings
        let passes = Pruner.climbingWork / Swift.max(1, Double(network.cost.multiplyAdds ?? 1))
        var climb = AscendedImages.Settings()
        let affordable = Int(Swift.min(passes / Double(climb.steps), Double(Pruner.fieldCount)))
        let count = settings.sampleCount ?? Swift.max(Pruner.imageCount, affordable)
        climb.steps = Swift.min(climb.steps, Int(passes / Double(count)))
        var generator = SeededGenerator(seed: settings.seed).stream(.images)
        var images = field.images(field.draw(count: count, using: &generator))
        var text = look
        if settings.refitsClassifier, let classes = classCount, climb.steps >= Pruner.matchingSteps.least {
            do {
                generator = SeededGenerator(seed: settings.seed).stream(.images)
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

    /// Images with the pixel statistics that are declared, behind the network's own normalization.
    private func pixelField(_ prior: InputPrior, _ shape: [Int]) throws(PruningError) -> PixelField {
        guard prior.correlation >= 0, prior.correlation < 1 else {
            throw .invalidSetting(name: "--input-correlation", expected: "in 0 ..< 1", found: "\(prior.correlation)")
        }
        return PixelField(
            shape: shape, mean: try perChannel(prior.mean, shape[0], 0, "--input-mean"),
            deviation: try perChannel(prior.deviation, shape[0], 1, "--input-std", isPositive: true), correlation: prior.correlation,
            shift: try perChannel(settings.inputShift, shape[0], 0, "--mean"),
            scale: try perChannel(settings.inputScale, shape[0], 1, "--std", isPositive: true))
    }
}
