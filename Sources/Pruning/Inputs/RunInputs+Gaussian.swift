// A declared Gaussian distribution of the inputs of a chain of dense layers.

import LinearAlgebra
import NeuralNetworks
import RandomNumbers

extension DenseChain {
    /// Class-ascended inputs drawn, or given inputs with their mixtures, when nothing else is set, as far as `ascentWork` allows: so many
    /// per regressor of the widest refit, within limits. With the least, the choice of neurons still follows the draw, and the accuracy
    /// of small nets spreads twice as far over seeds as with the most. LeNet-300-100 at 0.3 with 55, 40 and 30 rows per regressor, six
    /// seeds: MNIST 96.5, 96.2, 96.5 %, Fashion 87.9, 87.9, 87.1 %, each ± 0.2.
    private static let sampleCounts = (least: 4096, most: 16_384)
    private static let rowsPerRegressor = 40
    /// The same where none climb: with fewer rows than regressors a fit of half of them explains all, and layers so wide take long.
    private static let rowsOfWideLayers = 2
    /// Multiply–adds of all steps uphill together.
    private static let ascentWork = 4e11
    /// The most that the least number of inputs may take, a minute or two: no classifier is as wide as the layers of language models.
    private static let mostAscentWork = 10 * ascentWork

    /// Multiply–adds of one input's way uphill: a step costs a product with the first layer's kernel and one pass forward and back
    /// behind it.
    private var ascentPerInput: Double {
        let first = Double(stages[0].outputs)
        let behind = stages.dropFirst().reduce(0.0) { $0 + 2 * Double($1.weight.count) }
        return Double(AscendedSamples.Settings().steps) * (first * first + behind)
    }

    /// Whether inputs can climb towards classes in reasonable time.
    var affordsAscent: Bool { Double(DenseChain.sampleCounts.least) * ascentPerInput <= DenseChain.mostAscentWork }

    /// Inputs to draw.
    var affordableSamples: Int {
        let affordable = affordsAscent ? DenseChain.ascentWork / ascentPerInput : .infinity
        let widest = stages.dropFirst().map(\.inputs).max() ?? 0
        let wanted = (affordsAscent ? DenseChain.rowsPerRegressor : DenseChain.rowsOfWideLayers) * widest
        let most = Swift.min(Swift.max(wanted, DenseChain.sampleCounts.least), DenseChain.sampleCounts.most)
        return Int(Swift.min(Double(most), Swift.max(Double(DenseChain.sampleCounts.least), affordable)))
    }
}

extension RunInputs {
    /// Moments of the input by declaration.
    static func gaussian(chain: DenseChain?, for run: PruningRun) throws(PruningError) -> RunInputs {
        guard let chain else { throw .unsupported(.inputModel, value: InputModel.gaussian.rawValue, needs: .linearLayers) }
        let (prior, warnings) = chain.prior(for: run)
        return RunInputs(.gaussian(try chain.moments(of: prior, for: run)), .gaussian(prior: prior), chain: chain, warnings: warnings)
    }

    /// Draws from the same distribution that climbed towards the classes of the network.
    static func ascended(chain: DenseChain?, for run: PruningRun) throws(PruningError) -> RunInputs {
        guard let chain else { throw .unsupported(.inputModel, value: InputModel.ascended.rawValue, needs: .linearClassifier) }
        return try samples(of: chain, strength: AscendedSamples.Settings().strength, for: run) { .ascended(samples: $0, prior: $1) }
    }

    /// Draws from the same distribution as they are, for networks whose outputs are not classes.
    static func gaussianSamples(chain: DenseChain, for run: PruningRun) throws(PruningError) -> RunInputs {
        try samples(of: chain, strength: 0, for: run) { .gaussianSamples(samples: $0, prior: $1) }
    }

    /// Draws that learning sees beside those of the fit: as many as it takes steps for, and memory holds. Climbing ones cost too much.
    private static func others(of chain: DenseChain, beside count: Int, for run: PruningRun) -> (@Sendable () -> ActivationTensor?)? {
        guard run.settings.learning != nil else { return nil }
        let number = LearningSettings.mostInputs(ofSize: chain.inputCount, run) - count
        guard number > 0 else { return nil }
        return {
            var generator = SeededGenerator(seed: run.settings.seed).stream(.learnedImages)
            guard let prior = try? chain.moments(of: chain.prior(for: run).prior, for: run) else { return nil }
            return try? chain.samples(of: prior, count: number, strength: 0, for: run, using: &generator)
        }
    }

    private static func samples(
        of chain: DenseChain, strength: Double, for run: PruningRun, provenance: (Int, InputPrior) -> InputProvenance
    ) throws(PruningError) -> RunInputs {
        let (prior, warnings) = chain.prior(for: run)
        var generator = SeededGenerator(seed: run.settings.seed)
        let count = run.settings.sampleCount ?? chain.affordableSamples
        let drawn = try chain.samples(
            of: try chain.moments(of: prior, for: run), count: count, strength: strength, for: run, using: &generator)
        return RunInputs(
            .samples(drawn), provenance(count, prior), chain: chain, warnings: warnings,
            others: strength == 0 ? others(of: chain, beside: count, for: run) : nil)
    }
}

extension DenseChain {
    /// The declared statistics; without any, and with a normalizer of its own, those that the network normalizes away.
    func prior(for run: PruningRun) -> (prior: InputPrior, warnings: [PruningWarning]) {
        var (prior, warnings) = statesInputs(of: run) ? (InputPrior.standard, []) : run.prior
        if let declared = run.settings.inputPrior { prior.correlation = declared.correlation }
        // Features have no neighbors.
        if (0..<1).contains(prior.correlation), !PixelGrid(shape: run.inputShape ?? [inputCount]).isImage { prior.correlation = 0 }
        return (prior, warnings)
    }

    /// Whether the network itself says what its inputs look like.
    private func statesInputs(of run: PruningRun) -> Bool {
        normalizer?.scale.allSatisfy { $0 != 0 && $0.isFinite } == true && run.settings.inputPrior?.hasNoMarginals ?? true
            && run.settings.inputShift.isEmpty && run.settings.inputScale.isEmpty
    }

    /// Moments of the network's input under a prior.
    func moments(of prior: InputPrior, for run: PruningRun) throws(PruningError) -> ActivationMoments {
        if statesInputs(of: run), let normalizer {
            // Of mean 0 and deviation 1 behind x' = a·x + b.
            let count = normalizer.scale.count
            let grid = PixelGrid(shape: run.inputShape ?? [inputCount])
            return ActivationMoments(
                mean: zip(normalizer.scale, normalizer.shift).map { -Double($1) / Double($0) },
                covariance: Matrix(rows: count, columns: count) { p, q in
                    grid.correlation(p, q, neighbor: prior.correlation) / (Double(normalizer.scale[p]) * Double(normalizer.scale[q]))
                })
        }
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
