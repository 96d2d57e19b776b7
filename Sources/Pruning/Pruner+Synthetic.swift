// Synthetic images as the inputs of a run (input model 3).

import Coresets
import LinearAlgebra
import NeuralNetworks

extension Pruner {
    /// Images drawn when nothing else is set: with 64 places each, twice the regressors of the widest refits.
    private static let imageCount = 256
    /// Multiply–adds of one forward pass per step that matching may spend, and the steps it takes at least and at most.
    private static let matchingWork = 4e11
    private static let matchingSteps = (least: 4, most: 40)

    /// Dead-leaves images, matched to the batch normalizations where the network has any that can be followed back.
    func syntheticImages() throws(PruningError) -> (InputSource, InputSource.Description) {
        guard let shape = inputShape, shape.count >= 2, shape.allSatisfy({ $0 > 0 }) else {
            throw .unsupported(what: "--input-model synthetic", needs: "a network on images, or --input-shape c,h,w")
        }
        let count = settings.sampleCount ?? Pruner.imageCount
        var generator = SeededGenerator(seed: settings.seed).stream(4)
        var images = DeadLeaves.images(count: count, shape: shape, using: &generator)
        let (low, high) = try normalize(&images)
        var text = "\(count) synthetic dead-leaves images"
        var warnings: [String] = []
        var statistics: [Int: ChannelStatistics] = [:]
        if network.nodes.contains(where: \.layer.isBatchNormalization) {
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
        } else {
            warnings.append(
                "the network has no batch normalization to tell what its data looked like: --calibration images would make the fit better")
        }
        return (
            .samples(images),
            .init(model: .synthetic, text: text, isMeasured: false, warnings: warnings, statistics: statistics)
        )
    }

    /// Applies the network's input normalization to images in 0…1; returns the normalized range per channel.
    private func normalize(_ images: inout ActivationTensor) throws(PruningError) -> (low: [Float], high: [Float]) {
        let channels = images.shape[1]
        func perChannel(_ values: [Double], _ fallback: Double, _ name: String) throws(PruningError) -> [Float] {
            guard values.count <= 1 || values.count == channels else {
                throw .invalidSetting(name: name, expected: "one value or \(channels), one per channel", found: "\(values.count) values")
            }
            return (0..<channels).map { Float(values.isEmpty ? fallback : values[values.count == 1 ? 0 : $0]) }
        }
        let shift = try perChannel(settings.inputShift, 0, "--mean")
        let scale = try perChannel(settings.inputScale, 1, "--std")
        guard scale.allSatisfy({ $0 > 0 && $0.isFinite }), shift.allSatisfy(\.isFinite) else {
            throw .invalidSetting(name: "--std", expected: "positive and finite", found: "\(settings.inputScale)")
        }
        let area = images.sampleSize / channels
        for row in 0..<images.batchCount * channels {
            let c = row % channels
            for i in row * area..<(row + 1) * area { images.values[i] = (images.values[i] - shift[c]) / scale[c] }
        }
        return ((0..<channels).map { -shift[$0] / scale[$0] }, (0..<channels).map { (1 - shift[$0]) / scale[$0] })
    }
}
