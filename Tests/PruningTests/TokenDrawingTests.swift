// Networks on tokens: fitted on sequences that are drawn for them.

import NeuralNetworks
import TestSupport
import Testing

import Pruning

@Suite struct TokenDrawingTests {
    /// Two inputs, tokens and a mask: table rows, weighed, through two linear layers to four classes.
    private static func network(rows: Int = 40) throws -> Network {
        var generator = TestGenerator(seed: 9)
        func tensor(_ shape: [Int]) -> Parameter {
            Parameter(shape: shape, values: generator.normals(shape.reduce(1, *)).map { Float($0) / 3 })
        }
        let names = ["tokens", "mask", "rows", "weighed", "wide", "active", "scores", "mean"]
        return try Network(
            nodes: [
                Network.Node(name: "table", layer: .embedding(weight: "table"), inputs: [0], outputs: [2]),
                Network.Node(name: "weigh", layer: .multiply, inputs: [2, 1], outputs: [3]),
                Network.Node(name: "wide", layer: .linear(Linear(weight: "wide.weight", bias: nil)), inputs: [3], outputs: [4]),
                Network.Node(name: "relu", layer: .activation(.relu), inputs: [4], outputs: [5]),
                Network.Node(name: "head", layer: .linear(Linear(weight: "head.weight", bias: nil)), inputs: [5], outputs: [6]),
                Network.Node(
                    name: "mean", layer: .reduction(Reduction(kind: .mean, axes: [1], keepsAxes: false)), inputs: [6], outputs: [7]),
            ],
            values: names.enumerated().map { Network.Value(name: $1, shape: $0 == 0 ? [6] : $0 == 1 ? [6, 1] : nil) },
            inputs: [0, 1], outputs: [7],
            parameters: ["table": tensor([rows, 8]), "wide.weight": tensor([24, 8]), "head.weight": tensor([4, 24])]
        ).inferringShapes()
    }

    @Test func anEmbeddingSaysWhatItsInputsAreAndSequencesOfThemFitBetterThanWeightsAlone() throws {
        let network = try Self.network()
        let packed = try network.packingInputs(shapes: [[6], [6, 1]])
        let plan = try Pruner(network: packed, settings: PruningSettings(budget: .keep(0.5))).plan()
        #expect(plan.inputs == .tokens(sequences: 256))
        #expect(plan.prediction.basis == .unchecked)
        var settings = PruningSettings(budget: .keep(0.5))
        settings.selection = .top
        settings.reweighting = .none
        let unfitted = try Pruner(network: packed, settings: settings).plan()
        // Tokens that neither has seen, mask of ones.
        var generator = TestGenerator(seed: 4)
        let values = (0..<100).flatMap { _ in
            (0..<6).map { _ in Float(Int((generator.uniform() * 40).rounded(.down))) } + [1, 1, 1, 1, 1, 1]
        }
        let inputs = ActivationTensor(shape: [100, 12], values: values)
        let exact = try packed.forward(inputs).observed[0].values
        func error(_ plan: PruningPlan) throws -> Double {
            let answers = try plan.apply(to: packed).forward(inputs).observed[0].values
            return zip(answers, exact).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
        }
        #expect(try error(plan) < 0.5 * error(unfitted))
        // The plan is one for the network as it was.
        #expect(try plan.apply(to: network).inputs.count == 2)
    }

    @Test func nothingIsLearnedFromDrawnTokensUnlessStepsAreAskedFor() throws {
        let packed = try Self.network().packingInputs(shapes: [[6], [6, 1]])
        var settings = PruningSettings(budget: .keep(0.5))
        settings.learning = LearningSettings()
        let plan = try Pruner(network: packed, settings: settings).plan()
        #expect(plan.learned == nil)
        #expect(plan.warnings.contains { if case .notLearned = $0 { true } else { false } })
        settings.learning = LearningSettings(steps: 3)
        let asked = try Pruner(network: packed, settings: settings).plan()
        #expect(asked.learned?.steps == 3)
    }

    @Test func aTableOfSegmentsAloneIsNoTableOfTokens() throws {
        let packed = try Self.network(rows: 3).packingInputs(shapes: [[6], [6, 1]])
        let plan = try Pruner(network: packed, settings: PruningSettings(budget: .keep(0.5))).plan()
        if case .tokens = plan.inputs { Issue.record("drew tokens from three segments") }
    }

    /// Exporters let negative numbers count from a table's end.
    @Test func anEmbeddingMayMendItsNumbersOnTheWay() throws {
        func network(shift: Float) throws -> Network {
            var generator = TestGenerator(seed: 12)
            func tensor(_ shape: [Int]) -> Parameter {
                Parameter(shape: shape, values: generator.normals(shape.reduce(1, *)).map { Float($0) / 3 })
            }
            let names = ["tokens", "zero", "count", "isNegative", "fromEnd", "index", "rows", "wide", "active", "scores", "mean"]
            return try Network(
                nodes: [
                    Network.Node(name: "zero", layer: .constant(parameter: "zero"), inputs: [], outputs: [1]),
                    Network.Node(name: "count", layer: .constant(parameter: "count"), inputs: [], outputs: [2]),
                    Network.Node(name: "less", layer: .elementwise(.less), inputs: [0, 1], outputs: [3]),
                    Network.Node(name: "add", layer: .add, inputs: [0, 2], outputs: [4]),
                    Network.Node(name: "where", layer: .elementwise(.select), inputs: [3, 4, 0], outputs: [5]),
                    Network.Node(name: "table", layer: .embedding(weight: "table"), inputs: [5], outputs: [6]),
                    Network.Node(name: "wide", layer: .linear(Linear(weight: "wide.weight", bias: nil)), inputs: [6], outputs: [7]),
                    Network.Node(name: "relu", layer: .activation(.relu), inputs: [7], outputs: [8]),
                    Network.Node(name: "head", layer: .linear(Linear(weight: "head.weight", bias: nil)), inputs: [8], outputs: [9]),
                    Network.Node(
                        name: "mean", layer: .reduction(Reduction(kind: .mean, axes: [1], keepsAxes: false)), inputs: [9], outputs: [10]),
                ],
                values: names.enumerated().map { Network.Value(name: $1, shape: $0 == 0 ? [6] : nil) }, inputs: [0], outputs: [10],
                parameters: [
                    "zero": Parameter(shape: [1], values: [shift]), "count": Parameter(shape: [1], values: [40]), "table": tensor([40, 8]),
                    "wide.weight": tensor([24, 8]), "head.weight": tensor([4, 24]),
                ]
            ).inferringShapes()
        }
        var settings = PruningSettings(budget: .keep(0.5))
        settings.learning = nil
        let drawn = try Pruner(network: try network(shift: 0), settings: settings).drawnInputs()
        #expect(drawn.provenance == .tokens(sequences: 256))
        #expect(Set(drawn.inputs.values) == Set((0..<40).map(Float.init)))
        // Where small numbers become others, the input is not what the table is read by.
        let other = try? Pruner(network: try network(shift: 7), settings: settings).drawnInputs()
        #expect(other?.provenance != .tokens(sequences: 256))
    }

    /// A one-hot code written as an equation says which values the input takes.
    @Test func valuesThatAnInputIsComparedWithAreDrawn() throws {
        var generator = TestGenerator(seed: 10)
        func tensor(_ shape: [Int]) -> Parameter {
            Parameter(shape: shape, values: generator.normals(shape.reduce(1, *)).map { Float($0) / 3 })
        }
        let network = try Network(
            nodes: [
                Network.Node(name: "letters", layer: .constant(parameter: "letters"), inputs: [], outputs: [1]),
                Network.Node(name: "columns", layer: .reshape(shape: [0, 5, 1]), inputs: [0], outputs: [2]),
                Network.Node(name: "code", layer: .elementwise(.equal), inputs: [2, 1], outputs: [3]),
                Network.Node(name: "wide", layer: .linear(Linear(weight: "wide.weight", bias: nil)), inputs: [3], outputs: [4]),
                Network.Node(name: "relu", layer: .activation(.relu), inputs: [4], outputs: [5]),
                Network.Node(name: "head", layer: .linear(Linear(weight: "head.weight", bias: nil)), inputs: [5], outputs: [6]),
                Network.Node(
                    name: "mean", layer: .reduction(Reduction(kind: .mean, axes: [1], keepsAxes: false)), inputs: [6], outputs: [7]),
            ],
            values: ["bytes", "letters", "columns", "code", "wide", "active", "scores", "mean"].map {
                Network.Value(name: $0, shape: $0 == "bytes" ? [5] : nil)
            },
            inputs: [0], outputs: [7],
            parameters: [
                "letters": Parameter(shape: [1, 20], values: (0..<20).map { Float(3 * $0) }), "wide.weight": tensor([24, 20]),
                "head.weight": tensor([4, 24]),
            ]
        ).inferringShapes()
        var settings = PruningSettings(budget: .keep(0.5))
        settings.learning = nil
        let drawn = try Pruner(network: network, settings: settings).drawnInputs()
        #expect(drawn.provenance == .tokens(sequences: 256))
        #expect(Set(drawn.inputs.values) == Set((0..<20).map { Float(3 * $0) }))
    }

    /// Inputs on which nothing varies tell nothing, which is said; nothing is learned where nothing differs.
    @Test func inputsThatAreAnsweredAlikeAreNamed() throws {
        var network = Network.perceptron([4, 12, 3])
        network.parameters["fc1.bias"] = Parameter(shape: [12], values: [Float](repeating: -1e6, count: 12))
        let inputs = ActivationTensor.random([100, 4], seed: 3)
        func plan(_ network: Network) throws -> PruningPlan {
            try Pruner(network: network, settings: PruningSettings(budget: .keep(0.5))).plan(calibration: inputs)
        }
        let silent = try plan(network)
        #expect(silent.warnings.contains(.answeredAlike) && silent.learned == nil)
        #expect(try !plan(Network.perceptron([4, 12, 3])).warnings.contains(.answeredAlike))
    }

    /// Inputs that are given twice would be held out and fitted: repeats are left out, and said to be.
    @Test func repeatedInputsAreLeftOut() throws {
        let network = Network.perceptron([4, 12, 3])
        let few = ActivationTensor.random([20, 4], seed: 3)
        let many = ActivationTensor(shape: [200, 4], values: (0..<10).flatMap { _ in few.values })
        func plan(_ inputs: ActivationTensor) throws -> PruningPlan {
            try Pruner(network: network, settings: PruningSettings(budget: .keep(0.5))).plan(calibration: inputs)
        }
        let (once, often) = (try plan(few), try plan(many))
        #expect(often.warnings.contains(.inputsRepeated(distinct: 20, given: 200)))
        #expect(often.prediction == once.prediction && often.replacements == once.replacements)
        #expect(throws: PruningError.tooFewInputs(expected: 2, found: 1)) {
            _ = try plan(ActivationTensor(shape: [30, 4], values: [Float](repeating: 0.5, count: 120)))
        }
    }
}
