// Plans end to end on small networks: sizes, replay, masks, errors, budgets, refusals.

import Foundation
import LinearAlgebra
import NeuralNetworks
import Pruning
import TestSupport
import Testing

private func settings(_ budget: Budget = .keep(0.5), _ change: (inout PruningSettings) -> Void = { _ in }) -> PruningSettings {
    var settings = PruningSettings(recipe: .best, budget: budget, seed: 5)
    settings.sampleCount = 300
    settings.inputPrior = InputPrior(mean: [0.1], deviation: [1])
    change(&settings)
    return settings
}

/// Largest difference of two tensors relative to the largest entry.
private func distance(_ a: ActivationTensor, _ b: ActivationTensor) -> Float {
    let scale = a.values.map(\.magnitude).max() ?? 1
    return (zip(a.values, b.values).map { ($0 - $1).magnitude }.max() ?? 0) / max(scale, 1)
}

@Suite struct PrunerTests {
    static let network = Network.perceptron([9, 24, 16, 5])

    @Test(arguments: Selection.allCases, Reweighting.allCases)
    func everySelectionAndReweightingGivesThePromisedSizesAndSlicedEqualsMasked(
        _ selection: Selection, _ reweighting: Reweighting
    ) throws {
        let chosen = settings(.keep(0.4)) {
            $0.selection = selection
            $0.reweighting = reweighting
        }
        guard reweighting != .coreset || selection == .sensitivity else {
            #expect(throws: PruningError.self) { try chosen.validate() }
            return
        }
        let network = Self.network
        let plan = try Pruner(network: network, settings: chosen).plan()
        #expect(plan.groups.map(\.kept.count) == [10, 6])
        for group in plan.groups {
            #expect(group.kept == group.kept.sorted() && Set(group.kept).count == group.kept.count)
            #expect(group.kept.allSatisfy { (0..<group.channels).contains($0) })
        }
        let pruned = try plan.apply(to: network)
        #expect(pruned.parameters["fc1.weight"]?.shape == [10, 9])
        #expect(pruned.parameters["fc2.weight"]?.shape == [6, 10])
        #expect(pruned.parameters["fc3.weight"]?.shape == [5, 6])
        let inputs = ActivationTensor.random([40, 9], seed: 2)
        let sliced = try pruned.forward(inputs).observed[0]
        let masked = try plan.masked(network).forward(inputs).observed[0]
        // Sums of at most 24 products in Float32, twice over.
        #expect(distance(sliced, masked) <= 64 * 24 * Float.ulpOfOne)
    }

    @Test func aPlanSurvivesItsFileAndReplaysToTheSameBits() throws {
        let network = Self.network
        let plan = try Pruner(network: network, settings: settings()).plan()
        let text = try JSONEncoder().encode(plan)
        let read = try JSONDecoder().decode(PruningPlan.self, from: text)
        #expect(read == plan)
        let (first, second) = (try plan.apply(to: network), try read.apply(to: network))
        #expect(first.parameters == second.parameters)
        let again = try Pruner(network: network, settings: settings()).plan()
        #expect(again.groups == plan.groups && again.replacements == plan.replacements)
    }

    @Test func aPlanRefusesAnotherNetworkAndDamagedText() throws {
        let network = Self.network
        var plan = try Pruner(network: network, settings: settings()).plan()
        var other = network
        other.parameters["fc1.bias"]?.values[3] += 1e-3
        #expect(throws: PruningError.self) { try plan.apply(to: other) }
        plan.replacements[0].values = "not base64"
        #expect(throws: PruningError.self) { try plan.apply(to: network) }
        var newer = try Pruner(network: network, settings: settings()).plan()
        newer.version = 99
        #expect(throws: PruningError.self) { try newer.apply(to: network) }
        var impossible = try Pruner(network: network, settings: settings()).plan()
        impossible.groups[0].kept = [0, 99]
        #expect(throws: PruningError.self) { try impossible.apply(to: network) }
    }

    @Test func keepingEverythingIsTheIdentity() throws {
        let network = Self.network
        let plan = try Pruner(network: network, settings: settings(.keep(1))).plan()
        #expect(try plan.apply(to: network).parameters == network.parameters)
        #expect(plan.layers.allSatisfy { $0.treatment == .whole && $0.relativeError == 0 && $0.guarantee.factor == .factor(1) })
    }

    @Test func oneChannelPerLayerIsTheLeast() throws {
        let network = Self.network
        for selection in Selection.allCases {
            let plan = try Pruner(
                network: network,
                settings: settings(.keep(1e-6)) {
                    $0.selection = selection
                    $0.reweighting = .leastSquares
                }
            ).plan()
            #expect(plan.groups.map(\.kept.count) == [1, 1])
            #expect(try plan.apply(to: network).forward(.random([3, 9], seed: 1)).observed[0].values.allSatisfy(\.isFinite))
        }
    }

    @Test func duplicatedNeuronsGoWithoutATrace() throws {
        // Neurons 12…23 repeat 0…11: half of the layer is redundant, whatever the inputs are.
        var network = Self.network
        let weight = try #require(network.parameters["fc1.weight"]), bias = try #require(network.parameters["fc1.bias"])
        for i in 12..<24 {
            for j in 0..<9 { network.parameters["fc1.weight"]?.values[i * 9 + j] = weight.values[(i - 12) * 9 + j] }
            network.parameters["fc1.bias"]?.values[i] = bias.values[i - 12]
        }
        for model in [InputModel.gaussian, .ascended] {
            for selection in [Selection.greedy, .backward] {
                let chosen = settings(.keep(1)) {
                    $0.layerRatios = ["fc1": 0.5]
                    $0.selection = selection
                    $0.inputModel = model
                    $0.ridge = 1e-9
                }
                let plan = try Pruner(network: network, settings: chosen).plan()
                #expect(Set(plan.groups[0].kept.map { $0 % 12 }).count == 12, "\(model) \(selection)")
                let inputs = ActivationTensor.random([50, 9], seed: 3)
                let difference = distance(
                    try network.forward(inputs).observed[0], try plan.apply(to: network).forward(inputs).observed[0])
                #expect(difference <= 1e-4, "\(model) \(selection)")
            }
        }
    }

    @Test func thePredictedErrorIsTheMeasuredOneOnTheSamplesItWasFittedTo() throws {
        let network = Self.network
        let calibration = ActivationTensor.random([200, 9], seed: 4)
        // Without mixtures: those would be fitted too.
        let chosen = settings(.keep(0.5)) { ($0.reweighting, $0.sampleCount) = (.sequential, 184) }
        let plan = try Pruner(network: network, settings: chosen).plan(calibration: calibration)
        let report = try PruningReport(
            plan: plan, original: network, pruned: try plan.apply(to: network), calibration: calibration.samples(0..<184))
        // The last 16 are held out of the fit.
        for layer in report.layers {
            let predicted = try #require(layer.relativeErrorModel)
            let measured = try #require(layer.relativeErrorMeasured)
            #expect((predicted - measured).magnitude <= 1e-4 * max(predicted, 1e-2))
            #expect(predicted > 0)
        }
        #expect(report.accuracyBefore == nil && report.accuracyAfter == nil)
        #expect(report.parametersBefore == 9 * 24 + 24 + 24 * 16 + 16 + 16 * 5 + 5)
        #expect(report.parametersAfter == 9 * 12 + 12 + 12 * 8 + 8 + 8 * 5 + 5)
        #expect(report.macsAfter == 9 * 12 + 12 * 8 + 8 * 5)
        #expect(report.neuronsBefore == 40 && report.neuronsAfter == 20)
    }

    @Test func theClosedFormErrorAgreesWithSamplesOfTheSameGaussian() throws {
        let network = Network.perceptron([9, 24, 5])
        let chosen = settings(.keep(0.5)) {
            $0.inputModel = .gaussian
            $0.reweighting = .leastSquares
            $0.inputPrior = InputPrior(mean: [0], deviation: [1], correlation: 0, scalesByColumnNorms: false)
            $0.inputShape = [9, 1, 1]
        }
        let plan = try Pruner(network: network, settings: chosen).plan()
        let inputs = ActivationTensor.random([20_000, 9], seed: 8)
        let report = try PruningReport(plan: plan, original: network, pruned: try plan.apply(to: network), calibration: inputs)
        let predicted = try #require(report.layers[0].relativeErrorModel)
        let measured = try #require(report.layers[0].relativeErrorMeasured)
        // 20000 draws of a squared error: five standard errors are below 5 %.
        #expect((predicted - measured).magnitude <= 0.05 * predicted)
    }

    @Test func leastSquaresBeatsKeepingTheWeightsAndGreedyBeatsARandomChoice() throws {
        let network = Self.network
        let calibration = ActivationTensor.random([400, 9], seed: 6)
        func error(_ selection: Selection, _ reweighting: Reweighting) throws -> Double {
            let chosen = settings(.keep(0.4)) {
                $0.selection = selection
                $0.reweighting = reweighting
            }
            let plan = try Pruner(network: network, settings: chosen).plan(calibration: calibration)
            return try #require(plan.layers[0].relativeError)
        }
        #expect(try error(.l2, .leastSquares) < error(.l2, .none))
        #expect(try error(.greedy, .leastSquares) < error(.uniform, .leastSquares))
    }

    @Test func aConsumerWithoutBiasIsFittedWithoutAConstant() throws {
        let network = Network.perceptron([9, 20, 5], hasBias: false)
        let plan = try Pruner(network: network, settings: settings(.keep(0.5))).plan()
        #expect(plan.replacements.map(\.parameter) == ["fc2.weight"])
        #expect(try plan.apply(to: network).parameters.keys.sorted() == ["fc1.weight", "fc2.weight"])
    }

    @Test(arguments: [Activation.gelu(approximateTanh: false), .tanh, .sigmoid, .leakyReLU(slope: 0.1), .identity])
    func otherActivations(_ activation: Activation) throws {
        let network = Network.perceptron([9, 24, 16, 5], activation: activation, inputShape: [3, 3])
        for model in [InputModel.gaussian, .ascended] {
            let plan = try Pruner(network: network, settings: settings(.keep(0.5)) { $0.inputModel = model }).plan()
            let error = try #require(plan.layers[0].relativeError)
            #expect(error >= 0)
            #expect(error < 0.5)
        }
    }

    @Test func theObserverSeesEveryStepAndMayStopTheRun() throws {
        let pruner = try Pruner(network: Self.network, settings: settings())
        let steps = Recorder()
        _ = try pruner.plan { step in
            steps.add(step)
            return true
        }
        #expect(steps.all.first?.completed == 0)
        #expect(steps.all.last.map { $0.completed == $0.total } == true)
        // Shares of the time rise from nothing to all; refits are counted.
        let fractions = steps.all.map(\.fraction)
        #expect(fractions.first == 0 && fractions.last == 1 && fractions == fractions.sorted())
        let refits = steps.all.compactMap { if case .refit(let index, let count) = $0.phase { [index, count] } else { nil } }
        #expect(!refits.isEmpty && refits.enumerated().allSatisfy { $1[0] == $0 && $1[1] == refits.count })
        #expect(throws: PruningError.cancelled) { try pruner.plan { $0.completed < 2 } }
    }

    @Test func markdownNamesEveryLayerAndShowsADashForWhatWasNotComputed() throws {
        let network = Self.network
        let plan = try Pruner(network: network, settings: settings()).plan()
        let report = try PruningReport(plan: plan, original: network, pruned: try plan.apply(to: network))
        let text = report.markdown
        for name in ["fc1", "fc2", "Guarantees", "parameters"] { #expect(text.contains(name)) }
        #expect(text.contains("| – |"))
        #expect(report.layers.allSatisfy { $0.relativeErrorMeasured == nil })
        // Names end no cell.
        var barred = report
        barred.layers[0].name = "fc|1"
        let row = try #require(barred.markdown(further: [("a|b", "1", "2", "3")]).split(separator: "\n").first { $0.contains("fc\\|1 |") })
        #expect(row.replacing("\\|", with: "").count { $0 == "|" } == 9)
        #expect(barred.markdown(further: [("a|b", "1", "2", "3")]).contains("| a\\|b | 1 |"))
    }
}

/// Collects steps from a callback that may come from anywhere.
private final class Recorder: @unchecked Sendable {
    private let lock = NSLock()
    private var steps: [PruningProgress] = []
    func add(_ step: PruningProgress) { lock.withLock { steps.append(step) } }
    var all: [PruningProgress] { lock.withLock { steps } }
}

@Suite struct PruningRefusalTests {
    @Test(arguments: [0, -1, 2, Double.nan, .infinity])
    func ratiosOutside01(_ ratio: Double) {
        for budget in [Budget.keep(ratio), .neurons(ratio), .parameters(ratio), .multiplyAdds(ratio)] {
            #expect(throws: PruningError.self) { try Pruner(network: PrunerTests.network, settings: settings(budget)) }
        }
        #expect(throws: PruningError.self) {
            try Pruner(network: PrunerTests.network, settings: settings { $0.layerRatios = ["fc1": ratio] })
        }
    }

    @Test func unknownLayersWeightsThatAreNotFiniteNetworksWithNothingToCut() {
        #expect(throws: PruningError.unknownLayer(name: "fc9", available: ["fc1", "fc2"])) {
            try Pruner(network: PrunerTests.network, settings: settings { $0.layerRatios = ["fc9": 0.5] })
        }
        var broken = PrunerTests.network
        broken.parameters["fc2.weight"]?.values[7] = .nan
        #expect(throws: PruningError.nonFiniteParameter(name: "fc2.weight", index: 7)) {
            try Pruner(network: broken, settings: settings())
        }
        #expect(throws: PruningError.self) { try Pruner(network: .perceptron([4, 3]), settings: settings()) }
    }

    @Test func calibrationThatDoesNotFit() throws {
        let pruner = try Pruner(network: PrunerTests.network, settings: settings())
        #expect(throws: PruningError.self) { try pruner.plan(calibration: .random([10, 8], seed: 1)) }
        #expect(throws: PruningError.self) { try pruner.plan(calibration: .random([1, 9], seed: 1)) }
        var inputs = ActivationTensor.random([10, 9], seed: 1)
        inputs.values[4] = .infinity
        #expect(throws: PruningError.nonFiniteData(index: 4)) { try pruner.plan(calibration: inputs) }
    }

    @Test func modelsThatTheNetworkDoesNotSupport() throws {
        for model in [InputModel.calibration, .batchNorm] {
            #expect(throws: PruningError.self) {
                try Pruner(network: PrunerTests.network, settings: settings { $0.inputModel = model }).plan()
            }
        }
        for prior in [
            InputPrior(mean: [0], deviation: [0]), InputPrior(mean: [0], deviation: [-1]), InputPrior(mean: [.nan], deviation: [1]),
            InputPrior(mean: [0], deviation: [1], correlation: 1), InputPrior(mean: [0, 1], deviation: [1]),
        ] {
            #expect(throws: PruningError.self) {
                try Pruner(network: PrunerTests.network, settings: settings { $0.inputPrior = prior }).plan()
            }
        }
    }

    @Test func nobodyIsSentToAModelThatCannotRun() throws {
        var network = PrunerTests.network
        let output = try #require(network.outputs.first)
        network.values.append(Network.Value(name: "mystery"))
        network.nodes.append(
            Network.Node(name: "mystery", layer: .barrier(operation: "Mystery"), inputs: [output], outputs: [network.values.count - 1]))
        network.outputs = [network.values.count - 1]
        for recipe in [Recipe.best, .paper] {
            let plan = try Pruner(network: network, settings: PruningSettings(recipe: recipe, budget: .keep(0.5))).plan()
            let model = Setting.fieldName(.inputModel)
            for warning in plan.warnings { #expect(!warning.message().contains(model)) }
        }
    }

    @Test func undeclaredInputsAreNamedInAWarning() throws {
        let plan = try Pruner(network: PrunerTests.network, settings: settings { $0.inputPrior = nil }).plan()
        #expect(plan.warnings == [.assumedPrior] && plan.warnings[0].message { "<\($0)>" }.contains("<inputMean>"))
    }
}
