import Coresets
import Foundation
import LinearAlgebra
import NeuralNetworks
import Pruning
import TestSupport
import Testing

/// What a plan says about its run is stored as values; words are made from them.
@Suite struct PlanValuesTests {
    private static let prior = InputPrior(mean: [0.5], deviation: [0.25])
    private static let provenances: [InputProvenance] = [
        .calibration(images: 12, mixtures: 3), .gaussian(prior: prior), .gaussianSamples(samples: 4, prior: prior),
        .ascended(samples: 5, prior: prior), .normalized(prior: prior),
        .matchedImages(
            images: 4, process: .field, convention: .declared, prior: prior,
            matching: .init(steps: 2, before: 3, after: 1, isUsed: true)),
        .matchedImages(
            images: 4, process: .photographs, convention: .bytes, prior: prior,
            matching: .init(steps: 2, before: 1, after: 3, isUsed: false)),
        .photographs(images: 3, convention: .standardized),
        .matchedImages(images: 4, process: .deadLeaves, convention: .declared, prior: prior, matching: nil),
        .fieldImages(images: 7, prior: prior, isAscended: true), .none(.notEvaluable), .none(.noModelFits), .none(.notNeeded),
    ]
    private static let warnings: [PruningWarning] = [
        .noInputs(.notEvaluable), .noInputs(.noModelFits), .noInputs(.notNeeded),
        .settingsWithoutInputs(selection: .top, points: .product, reweighting: .none), .assumedPrior, .assumedStandard, .assumedBytes,
        .unmatchedImages(cause: "cause"),
        .mismatchRose(from: 1, to: 2), .noNormalizationLeft, .assumedConvention(.symmetric), .guessedConvention(.bytes),
        .unascendedImages(cause: "cause"), .unascendedImages(cause: nil), .wholeStream(group: "a", reason: nil),
        .wholeStreams(agreementCut: 0.5, agreementWhole: 0.75),
        .comparedBefore(node: "a", operation: "b"),
    ]

    @Test func provenanceAndWarningsSurviveTheFileAndNoTwoReadAlike() throws {
        func again<Value: Codable>(_ value: Value) throws -> Value {
            try JSONDecoder().decode(Value.self, from: JSONEncoder().encode(value))
        }
        #expect(try again(Self.provenances) == Self.provenances && again(Self.warnings) == Self.warnings)
        #expect(Set(Self.provenances.map(\.description)).count == Self.provenances.count)
        #expect(Set(Self.warnings.map { $0.message() }).count == Self.warnings.count)
        #expect(Self.warnings.allSatisfy { !$0.message().contains { $0.isNewline } })
    }

    @Test func aPlanSurvivesItsFile() throws {
        for recipe in Recipe.allCases {
            var settings = PruningSettings(recipe: recipe, budget: .parameters(0.5), seed: 3)
            settings.sampleCount = 60
            let plan = try Pruner(network: PrunerTests.network, settings: settings).plan()
            #expect(try JSONDecoder().decode(PruningPlan.self, from: JSONEncoder().encode(plan)) == plan)
        }
    }

    @Test func aPredictionSaysWhatItWasCountedOn() throws {
        let network = PrunerTests.network
        var settings = PruningSettings(budget: .keep(0.5), seed: 3)
        settings.sampleCount = 60
        let chosen = settings
        func prediction(_ calibration: ActivationTensor?) throws -> (InputProvenance, OutputPrediction, PruningReport) {
            let plan = try Pruner(network: network, settings: chosen).plan(calibration: calibration)
            return (plan.inputs, plan.prediction, try PruningReport(plan: plan, original: network, pruned: try plan.apply(to: network)))
        }
        // Too few to spare any.
        let (few, unchecked, silent) = try prediction(.random([20, 9], seed: 4))
        guard case .calibration(images: 20, mixtures: let mixtures) = few else {
            Issue.record("expected 20 calibration images, found \(few)")
            return
        }
        #expect(mixtures > 0 && unchecked.basis == .unchecked && unchecked.agreement == nil)
        #expect(silent.predictionPhrase?.contains("not checked") == true)
        let (many, heldOut, told) = try prediction(.random([80, 9], seed: 4))
        guard case .calibration(images: 64, mixtures: _) = many else {
            Issue.record("expected 64 calibration images, found \(many)")
            return
        }
        #expect(heldOut.basis == .heldOut && (heldOut.agreement ?? -1) >= 0 && (heldOut.agreement ?? 2) <= 1)
        #expect(told.predictionPhrase?.contains("about") == true && told.predictedAgreementError == heldOut.agreementError)
        let (_, other, bound) = try prediction(nil)
        #expect(other.basis == .otherKind && other.agreement != nil && bound.predictionPhrase?.contains("at least") == true)
    }

    /// Sigmoids at many places answer for their places alone; a move or a position is chosen from many places, though.
    @Test func sigmoidsAtManyPlacesNameNoClasses() throws {
        func network(_ shape: [Int], _ outputs: Int, _ layers: [Layer]) throws -> Network {
            var builder = NetworkBuilder()
            let input = builder.input("x", shape: shape)
            var value = builder.append("fc", .linear(Linear(weight: "w", bias: nil)), input)
            for (index, layer) in layers.enumerated() { value = builder.append("l\(index)", layer, value) }
            let weight = Parameter(shape: [outputs, shape.last ?? 1], values: [Float](repeating: 1, count: outputs * (shape.last ?? 1)))
            return try builder.network(outputs: [value], parameters: ["w": weight]).inferringShapes()
        }
        #expect(try network([4], 6, []).namesClasses)
        #expect(try network([4], 6, [.activation(.sigmoid)]).namesClasses)
        #expect(try network([1, 4], 6, [.softmax(axis: -1), .reshape(shape: [0, 6])]).namesClasses)
        #expect(try !network([6, 4], 1, [.activation(.sigmoid), .reshape(shape: [0, 6])]).namesClasses)
        #expect(try network([6, 4], 1, [.reshape(shape: [0, 6])]).namesClasses)
        // SqueezeNet ends in a convolution, a ReLU and a mean over places.
        #expect(
            try network(
                [6, 4], 6, [.activation(.relu), .transpose(permutation: [0, 2, 1]), .globalAveragePooling(keepsSpatialAxes: false)]
            ).namesClasses)
        #expect(try !network([4], 6, [.activation(.relu)]).namesClasses)
        #expect(try !network([1, 4], 6, [.activation(.tanh), .reshape(shape: [0, 6])]).namesClasses)
    }

    @Test func changedSettingsShowAsDeparturesFromTheRecipe() throws {
        var settings = PruningSettings(recipe: .paper)
        #expect(settings.departures.isEmpty)
        settings.selection = .l2
        settings.reweighting = .none
        settings.ridge = 0.5
        #expect(settings.departures == [.selection, .reweighting])
        let network = PrunerTests.network
        let plan = try Pruner(network: network, settings: settings).plan()
        let report = try PruningReport(plan: plan, original: network, pruned: try plan.apply(to: network), naming: { "<\($0.rawValue)>" })
        #expect(report.recipe == "paper" && report.recipePhrase.contains("<selection>, <reweighting>"))
        #expect(report.markdown.contains(report.recipePhrase))
    }

    @Test func messagesNameSettingsAsTheCallerDoes() {
        let errors: [(PruningError, Setting)] = [
            (.invalidSetting(.inputScale, expected: "positive", found: "0"), .inputScale),
            (.unsupported(.points, value: "function", needs: .covariance), .points),
            (.unsupported(.inputModel, value: "calibration", needs: .calibrationImages), .calibration),
            (.unsupported(.reweighting, value: "coreset", needs: .sensitivitySampling), .selection),
            (.unsupported(.inputModel, value: "synthetic", needs: .imageShape), .inputShape),
            (.unreachableTarget(.multiplyAdds(0.1), least: 0.2), .multiplyAdds), (.tooFewInputs(expected: 2, found: 1), .calibration),
            (.nonFiniteDraws, .calibration),
        ]
        for (error, setting) in errors {
            #expect(error.message { "<\($0.rawValue)>" }.contains("<\(setting.rawValue)>"), "\(error)")
            #expect(error.description.contains(setting.rawValue) && !error.description.contains("--"))
        }
    }

    @Test func aFailedFactorizationCanBeToldFromAWeightThatIsNotFinite() {
        var broken = PrunerTests.network
        broken.parameters["fc1.weight"]?.values[0] = .infinity
        #expect(throws: PruningError.nonFiniteParameter(name: "fc1.weight", index: 0)) {
            try Pruner(network: broken, settings: PruningSettings())
        }
        let cause = FactorizationError.notPositiveDefinite(order: 2)
        let error = PruningError.factorization(cause, layer: "fc1")
        guard case .factorization(let kept, let layer) = error else {
            Issue.record("expected a factorization, found \(error)")
            return
        }
        #expect(kept == cause && layer == "fc1" && error.description.contains("fc1"))
    }
}
