// Images matched to batch-normalization statistics, and the mismatch they descend on.

import RandomNumbers
import NeuralNetworks
import TestSupport
import Testing

import Pruning

@Suite struct MatchedImagesTests {
    private static func seeds(
        _ images: ActivationTensor, _ network: Network
    ) throws -> (Double, [Int: InputGradient.NormalizationSeed], InputGradient) {
        let gradient = try InputGradient(network)
        let (value, seeds) = NormalizationMismatch.value(
            of: try gradient.normalizationStatistics(of: images), network: network,
            values: gradient.valuesPerSample.mapValues { $0 * images.batchCount })
        return (value, seeds, gradient)
    }

    @Test func theGradientOfTheMismatchIsItsDifferenceQuotient() throws {
        let network = try Network.residual().inferringShapes()
        var images = ActivationTensor.random([5, 2, 7, 7], seed: 6)
        let (_, seeds, gradient) = try Self.seeds(images, network)
        let slope = try gradient.gradient(at: images, normalizationSeeds: seeds)
        var generator = TestGenerator(seed: 2)
        for _ in 0..<4 {
            let direction = generator.normals(images.values.count).map(Float.init)
            let start = images.values
            let width: Float = 1e-3
            images.values = zip(start, direction).map { $0 + width * $1 }
            let above = try NormalizationMismatch.value(of: images, network: network)
            images.values = zip(start, direction).map { $0 - width * $1 }
            let below = try NormalizationMismatch.value(of: images, network: network)
            images.values = start
            let expected = (above - below) / Double(2 * width)
            let found = zip(slope.values, direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            #expect(abs(found - expected) <= 1e-3 * (1 + abs(expected)))
        }
    }

    /// Statistics are of what is inside, whatever reads it.
    @Test func aSecondOutputChangesNoStatistic() throws {
        let network = try Network.residual().inferringShapes()
        var heads = network
        heads.outputs.append(network.nodes[network.nodes.count - 2].outputs[0])
        let images = ActivationTensor.random([3, 2, 7, 7], seed: 6)
        let (one, two) = (try InputGradient(network), try InputGradient(heads))
        #expect(try one.normalizationStatistics(of: images) == two.normalizationStatistics(of: images))
    }

    /// Inputs of two channels are no pictures: photographs have no part in judging them, and nothing vouches for an agreement.
    @Test func inputsThatAreNoPicturesVouchForNoAgreement() throws {
        let network = try Network.residual().inferringShapes()
        var settings = PruningSettings(budget: .multiplyAdds(0.7), seed: 1)
        settings.sampleCount = 32
        settings.learning = nil
        let plan = try Pruner(network: network, settings: settings).plan()
        #expect(plan.prediction.basis != .statistics && plan.prediction.agreement == nil)
    }

    @Test func oneChannelThatTrainingTurnedOffDoesNotOutweighTheOthers() throws {
        var network = try Network.residual().inferringShapes()
        let images = ActivationTensor.random([16, 2, 7, 7], seed: 6)
        let before = try NormalizationMismatch.value(of: images, network: network)
        network.parameters["a.bn.var"]?.values[3] = 1e-12
        network.parameters["a.bn.weight"]?.values[3] = 1e-9
        #expect(try abs(NormalizationMismatch.value(of: images, network: network) - before) < 1)
        // With its scale as trained it is a mismatch, in proportion to the distance.
        network.parameters["a.bn.weight"]?.values[3] = 1
        let off = try NormalizationMismatch.value(of: images, network: network)
        #expect(off > before + 1 && off.isFinite)
    }

    @Test func statisticsThatAgreeHaveNoMismatch() throws {
        let network = try Network.residual().inferringShapes()
        var own: [Int: ChannelStatistics] = [:]
        for (index, node) in network.nodes.enumerated() {
            guard case .batchNormalization(let layer) = node.layer, let mean = network.parameters[layer.mean]?.values,
                let variance = network.parameters[layer.variance]?.values
            else { continue }
            own[index] = ChannelStatistics(mean: mean, variance: variance)
        }
        let (value, seeds) = NormalizationMismatch.value(of: own, network: network, values: own.mapValues { _ in 10 })
        #expect(value == 0 && seeds.count == own.count)
        #expect(seeds.values.allSatisfy { $0.offset.allSatisfy { $0 == 0 } && $0.slope.allSatisfy { $0 == 0 } })
    }

    @Test func imagesOfAnotherSizeAreMatchedToo() throws {
        let network = try Network.residual().inferringShapes()
        var generator = SeededGenerator(seed: 3)
        let images = DeadLeaves.images(count: 40, shape: [2, 5, 9], using: &generator)
        var settings = MatchedImages.Settings()
        settings.groupSize = 16
        let matched = try MatchedImages(images, network: network, low: [0, 0], high: [1, 1], settings: settings, using: &generator)
        #expect(matched.isMoved && matched.mismatch.end < matched.mismatch.start)
        #expect(matched.images.shape == images.shape)
    }

    @Test func imagesWhoseMismatchRisesAreGivenBackAsTheyWere() throws {
        let network = try Network.residual().inferringShapes()
        var generator = SeededGenerator(seed: 3)
        var settings = MatchedImages.Settings()
        let start = try MatchedImages(
            ActivationTensor.random([24, 2, 7, 7], seed: 4), network: network, low: [-3, -3], high: [3, 3], settings: settings,
            using: &generator
        ).images
        // Steps of the whole range throw pixels from one end to the other.
        settings.step = 4
        settings.rounds = 3
        settings.shift = 0
        let matched = try MatchedImages(
            start, network: network, low: [-3, -3], high: [3, 3], settings: settings, using: &generator)
        #expect(!matched.isMoved && matched.images == start)
        #expect(matched.mismatch.end > matched.mismatch.start)
    }
}
