// Which inputs stand behind the moments: chosen once per run, named in the report.

import Coresets
import LinearAlgebra
import NeuralNetworks
import RandomNumbers

/// Inputs of a run: a Gaussian in closed form, or samples to be fed through the network.
enum InputSource: Sendable {
    /// Moments of the network's input; activations follow by formula.
    case gaussian(ActivationMoments)
    /// Moments of the input's channels and the correlation of neighboring pixels; marginals behind them from batch normalizations.
    case normalized(ActivationMoments, correlation: Double)
    /// Inputs, batch axis first.
    case samples(ActivationTensor)
    /// No statement about activations can be made.
    case nothing

    /// Whether the moments come from real data.
    struct Description: Sendable {
        var model: InputModel
        var text: String
        var isMeasured: Bool
        var warnings: [String]
        /// Statistics that batch normalizations use on these inputs, by node, where they are not the stored ones.
        var statistics: [Int: ChannelStatistics] = [:]
        /// How many samples, the first ones, are the user's own.
        var given: Int?
    }
}

extension Pruner {
    /// Class-ascended inputs drawn, or given inputs with their mixtures, when nothing else is set, as far as `ascentWork` allows: with
    /// the least, the choice of neurons still follows the draw, and the accuracy of small nets spreads twice as far over seeds as
    /// with the most.
    private static let ascendedCounts = (least: 4096, most: 16_384)
    /// Multiply–adds of all steps uphill together.
    private static let ascentWork = 4e11
    /// Values of all given inputs and their mixtures, a quarter of a gigabyte.
    private static let mixedValues = 1 << 26

    /// Chooses and draws the inputs.
    func inputSource(_ calibration: ActivationTensor?) throws(PruningError) -> (InputSource, InputSource.Description) {
        let model = try resolvedModel(hasCalibration: calibration != nil)
        switch model {
        case .calibration:
            guard let calibration else { throw .unsupported(what: "--input-model calibration", needs: "--calibration images") }
            if let index = calibration.values.firstIndex(where: { !$0.isFinite }) { throw .nonFiniteData(index: index) }
            guard calibration.batchCount >= 2 else {
                throw .inputShape(expected: "at least 2 calibration images", found: "\(calibration.batchCount)")
            }
            var inputs = calibration
            var text = "\(calibration.batchCount) calibration images"
            if let chain, settings.reweighting == .sequential {
                var generator = SeededGenerator(seed: settings.seed).stream(.mixtures)
                let affordable = Swift.min(Pruner.ascendedCount(chain), Pruner.mixedValues / Swift.max(1, calibration.sampleSize))
                inputs = calibration.mixed(upTo: settings.sampleCount ?? affordable, using: &generator)
                if inputs.batchCount > calibration.batchCount {
                    text += " and \(inputs.batchCount - calibration.batchCount) mixtures of two"
                }
            }
            return (
                .samples(inputs),
                .init(model: model, text: text, isMeasured: true, warnings: [], given: calibration.batchCount)
            )
        case .gaussian, .ascended:
            let (prior, text, warnings) = try gaussianPrior()
            if model == .gaussian {
                return (.gaussian(prior), .init(model: model, text: "Gaussian inputs, \(text)", isMeasured: false, warnings: warnings))
            }
            guard let chain else {
                throw .unsupported(what: "--input-model ascended", needs: "a chain of linear layers with several outputs")
            }
            var generator = SeededGenerator(seed: settings.seed)
            let count = settings.sampleCount ?? Pruner.ascendedCount(chain)
            let drawn = try sampledInputs(
                chain, prior, count: count, strength: AscendedSamples.Settings().strength, using: &generator)
            return (
                .samples(drawn),
                .init(
                    model: model, text: "\(count) class-ascended samples of Gaussian inputs, \(text)", isMeasured: false,
                    warnings: warnings)
            )
        case .synthetic: return try syntheticImages()
        case .batchNorm: return try normalizedChannels()
        case .auto:
            let (text, remedy): (String, String)
            if (try? Evaluator(network)) == nil {
                (text, remedy) = ("some of this network's operations cannot be evaluated", "")
            } else if needsInputs {
                (text, remedy) = ("no input model fits this network", "; --calibration images would help")
            } else {
                (text, remedy) = ("nothing here is chosen by inputs, none are drawn", "; --input-model synthetic would")
            }
            return (
                .nothing,
                .init(model: model, text: text, isMeasured: false, warnings: ["\(text): errors are not predicted\(remedy)"])
            )
        }
    }

    /// What `auto` stands for; `auto` itself when nothing fits.
    private func resolvedModel(hasCalibration: Bool) throws(PruningError) -> InputModel {
        guard settings.inputModel == .auto else { return settings.inputModel }
        if hasCalibration { return .calibration }
        guard let chain else {
            // Operations that cannot be evaluated leave only the weights to judge by. Images for a prediction alone would cost
            // minutes on networks for large ones: they are drawn when asked for.
            return needsInputs && (inputShape?.count ?? 0) >= 2 && (try? Evaluator(network)) != nil ? .synthetic : .auto
        }
        return settings.reweighting == .sequential && chain.classCount > 1 ? .ascended : .gaussian
    }

    /// Inputs to draw for a chain: a step costs a product with the first layer's kernel and one pass forward and back behind it.
    private static func ascendedCount(_ chain: DenseChain) -> Int {
        let first = Double(chain.stages[0].outputs)
        let behind = chain.stages.dropFirst().reduce(0.0) { $0 + 2 * Double($1.weight.count) }
        let affordable = ascentWork / (Double(AscendedSamples.Settings().steps) * (first * first + behind))
        return Int(Swift.min(Double(ascendedCounts.most), Swift.max(Double(ascendedCounts.least), affordable)))
    }

    /// Whether the choice of channels or the refit reads activations.
    private var needsInputs: Bool { needsErrorCurve || settings.withoutMoments != nil }

    /// Draws from the prior, climbed with the given strength.
    func sampledInputs(
        _ chain: DenseChain, _ prior: ActivationMoments, count: Int, strength: Double, using generator: inout SeededGenerator
    ) throws(PruningError) -> ActivationTensor {
        var climb = AscendedSamples.Settings()
        climb.strength = strength
        do throws(FactorizationError) {
            let drawn = try AscendedSamples(chain, prior: prior, count: count, settings: climb, using: &generator)
            if drawn.inputs.allSatisfy(\.isFinite) {
                return ActivationTensor(shape: [drawn.count] + (inputShape ?? [chain.inputCount]), values: drawn.inputs)
            }
        } catch {
            throw .factorization(layer: "the input prior", error)
        }
        throw .evaluation(
            "expected finite inputs from the prior, found weights so large that single precision overflows; --calibration images avoid it")
    }

    /// Input moments under the declared prior, or under the documented default.
    func gaussianPrior() throws(PruningError) -> (moments: ActivationMoments, text: String, warnings: [String]) {
        guard let chain else {
            throw .unsupported(what: "--input-model \(settings.inputModel.rawValue)", needs: "a chain of linear layers")
        }
        let shape = inputShape ?? [chain.inputCount]
        guard shape.reduce(1, *) == chain.inputCount else {
            throw .inputShape(expected: "\(chain.inputCount) values", found: "--input-shape \(shape)")
        }
        let (prior, warnings) = declaredPrior()
        let weight = chain.firstWeight
        let norms = (0..<weight.columns).map { NeuronPoints.norm(weight, $0) }
        let moments = try prior.moments(
            shape: shape, columnNorms: norms, shift: settings.inputShift, scale: settings.inputScale)
        let text =
            "mean \(Pruner.short(prior.mean)), deviation \(Pruner.short(prior.deviation)), correlation \(prior.correlation)^distance"
            + (prior.scalesByColumnNorms ? ", scaled by the first layer's column norms" : "")
        return (moments, text, warnings)
    }

    /// Gaussian channels with the marginals that the batch normalizations store (input model 2).
    private func normalizedChannels() throws(PruningError) -> (InputSource, InputSource.Description) {
        guard network.nodes.contains(where: \.layer.isBatchNormalization), let shape = inputShape, let channels = shape.first else {
            throw .unsupported(what: "--input-model \(InputModel.batchNorm.rawValue)", needs: "a network with batch normalization")
        }
        let (prior, warnings) = declaredPrior()
        // An image's channels are alike at every place; features are channels of their own.
        let moments = try prior.moments(
            shape: shape.count > 1 && chain == nil ? [channels, 1, 1] : shape, columnNorms: nil, shift: settings.inputShift,
            scale: settings.inputScale)
        return (
            .normalized(moments, correlation: prior.correlation),
            .init(
                model: .batchNorm,
                text:
                    "Gaussian channels with the means and deviations that batch normalizations store, pixels of mean \(Pruner.short(prior.mean)), deviation \(Pruner.short(prior.deviation))",
                isMeasured: false, warnings: warnings)
        )
    }

    /// The declared statistics of the inputs, or what stands in for them, with a warning where it is a guess.
    func declaredPrior() -> (prior: InputPrior, warnings: [String]) {
        if let declared = settings.inputPrior { return (declared, []) }
        if !settings.inputShift.isEmpty || !settings.inputScale.isEmpty {
            // After the network's own normalization a data set has mean 0 and deviation 1 by construction.
            let prior = InputPrior(
                mean: settings.inputShift.isEmpty ? [0] : settings.inputShift,
                deviation: settings.inputScale.isEmpty ? [1] : settings.inputScale)
            return (prior, [])
        }
        // Uniform on [0, 1]: what unnormalized pixels without any declaration look like from outside.
        return (
            InputPrior(mean: [0.5], deviation: [(1.0 / 12).squareRoot()]),
            [
                "input statistics were not declared: mean 1/2 and variance 1/12 are assumed; --input-mean and --input-std of the data set would make the fit better"
            ]
        )
    }

    /// Numbers with at most four decimals.
    static func short(_ values: [Double]) -> String {
        values.map { value in
            let rounded = (value * 1e4).rounded() / 1e4
            return "\(value.magnitude < 1e9 && (rounded != 0 || value == 0) ? rounded : value)"
        }.joined(separator: ", ")
    }
}
