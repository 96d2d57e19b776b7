// A declared Gaussian distribution of the inputs of a chain of dense layers.

import LinearAlgebra
import NeuralNetworks
import RandomNumbers

extension DenseChain {
    /// Class-ascended inputs drawn, or given inputs with their mixtures, when nothing else is set, as far as `ascentWork` allows: with
    /// the least, the choice of neurons still follows the draw, and the accuracy of small nets spreads twice as far over seeds as
    /// with the most.
    private static let sampleCounts = (least: 4096, most: 16_384)
    /// Multiply–adds of all steps uphill together.
    private static let ascentWork = 4e11

    /// Inputs to draw: a step costs a product with the first layer's kernel and one pass forward and back behind it.
    var affordableSamples: Int {
        let first = Double(stages[0].outputs)
        let behind = stages.dropFirst().reduce(0.0) { $0 + 2 * Double($1.weight.count) }
        let affordable = DenseChain.ascentWork / (Double(AscendedSamples.Settings().steps) * (first * first + behind))
        return Int(Swift.min(Double(DenseChain.sampleCounts.most), Swift.max(Double(DenseChain.sampleCounts.least), affordable)))
    }
}

extension RunInputs {
    /// Moments of the input by declaration.
    static func gaussian(chain: DenseChain?, for run: PruningRun) throws(PruningError) -> RunInputs {
        guard let chain else { throw .unsupported(.inputModel, value: InputModel.gaussian.rawValue, needs: .linearLayers) }
        let (prior, warnings) = run.prior
        return RunInputs(.gaussian(try chain.moments(of: prior, for: run)), .gaussian(prior: prior), chain: chain, warnings: warnings)
    }

    /// Draws from the same distribution that climbed towards the classes of the network.
    static func ascended(chain: DenseChain?, for run: PruningRun) throws(PruningError) -> RunInputs {
        guard let chain else { throw .unsupported(.inputModel, value: InputModel.ascended.rawValue, needs: .linearClassifier) }
        let (prior, warnings) = run.prior
        var generator = SeededGenerator(seed: run.settings.seed)
        let count = run.settings.sampleCount ?? chain.affordableSamples
        let drawn = try chain.samples(
            of: try chain.moments(of: prior, for: run), count: count, strength: AscendedSamples.Settings().strength, for: run,
            using: &generator)
        return RunInputs(.samples(drawn), .ascended(samples: count, prior: prior), chain: chain, warnings: warnings)
    }
}

extension DenseChain {
    /// Moments of the network's input under a prior.
    func moments(of prior: InputPrior, for run: PruningRun) throws(PruningError) -> ActivationMoments {
        let shape = run.inputShape ?? [inputCount]
        guard shape.reduce(1, *) == inputCount else { throw .inputShape(expected: "\(inputCount) values", found: "\(shape)") }
        let weight = firstWeight
        return try prior.moments(
            shape: shape, columnNorms: (0..<weight.columns).map { weight.columnNorm($0) }, shift: run.settings.inputShift,
            scale: run.settings.inputScale)
    }

    /// Draws from the prior, climbed with the given strength.
    func samples(
        of prior: ActivationMoments, count: Int, strength: Double, for run: PruningRun, using generator: inout SeededGenerator
    ) throws(PruningError) -> ActivationTensor {
        var climb = AscendedSamples.Settings()
        climb.strength = strength
        let drawn: AscendedSamples
        do {
            drawn = try AscendedSamples(self, prior: prior, count: count, settings: climb, using: &generator)
        } catch {
            throw .factorization(error, layer: "the input prior")
        }
        guard drawn.inputs.allSatisfy(\.isFinite) else { throw .nonFiniteDraws }
        return ActivationTensor(shape: [drawn.count] + (run.inputShape ?? [inputCount]), values: drawn.inputs)
    }
}
