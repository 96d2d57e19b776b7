// Readers that begin with a linear map, inputs that are vectors, outputs that cannot be computed.

import NeuralNetworks
import TestSupport
import Testing

import Pruning

@Suite struct ProjectionTests {
    private struct Builder {
        var generator = TestGenerator(seed: 31)
        var nodes: [Network.Node] = []
        var values: [Network.Value]
        var parameters: [String: Parameter] = [:]
        let input = 0

        init(_ shape: [Int]) { values = [Network.Value(name: "input", shape: shape)] }

        mutating func tensor(_ name: String, _ shape: [Int], scale: Double) {
            parameters[name] = Parameter(shape: shape, values: generator.normals(shape.reduce(1, *)).map { Float(scale * $0) })
        }

        mutating func apply(_ name: String, _ layer: Layer, _ inputs: Int...) -> Int {
            values.append(Network.Value(name: name))
            nodes.append(Network.Node(name: name, layer: layer, inputs: inputs, outputs: [values.count - 1]))
            return values.count - 1
        }

        mutating func linear(_ name: String, _ input: Int, _ inputs: Int, _ outputs: Int) -> Int {
            tensor(name + ".weight", [outputs, inputs], scale: (2 / Double(inputs)).squareRoot())
            tensor(name + ".bias", [outputs], scale: 0.3)
            return apply(name, .linear(Linear(weight: name + ".weight", bias: name + ".bias")), input)
        }

        func network(_ outputs: Int...) throws -> Network {
            try Network(nodes: nodes, values: values, inputs: [0], outputs: outputs, parameters: parameters).inferringShapes()
        }

        mutating func samples(_ count: Int) -> ActivationTensor {
            let shape = values[0].shape ?? []
            return ActivationTensor(shape: [count] + shape, values: generator.normals(count * shape.reduce(1, *)).map { Float($0) })
        }
    }

    private func error(_ plan: PruningPlan, _ network: Network, _ inputs: ActivationTensor) throws -> Double {
        let exact = try network.forward(inputs).observed[0].values
        let found = try plan.apply(to: network).forward(inputs).observed[0].values
        return zip(found, exact).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
    }

    private func weightsAlone(_ network: Network) throws -> PruningPlan {
        var settings = PruningSettings(budget: .keep(0.5))
        settings.selection = .top
        settings.reweighting = .none
        return try Pruner(network: network, settings: settings).plan()
    }

    /// Rank 5 before a nonlinearity: twelve of 24 channels say nearly all.
    private func check(_ network: Network, _ builder: inout Builder) throws {
        var settings = PruningSettings(budget: .keep(0.5))
        settings.learning = nil
        let plan = try Pruner(network: network, settings: settings).plan(calibration: builder.samples(200))
        #expect(!plan.warnings.contains { if case .unmeasured = $0 { true } else { false } })
        #expect(plan.layers[0].relativeError ?? 1 < 0.2)
        let unseen = builder.samples(100)
        #expect(try error(plan, network, unseen) < 0.5 * error(weightsAlone(network), network, unseen))
        // What is sliced computes what is masked.
        let (sliced, masked) = (try plan.apply(to: network), try plan.masked(network))
        let (a, b) = (try sliced.forward(unseen).observed[0].values, try masked.forward(unseen).observed[0].values)
        #expect(zip(a, b).allSatisfy { ($0 - $1).magnitude < 1e-4 })
    }

    @Test(arguments: [Recurrent.Kind.lstm, .gru(resetsAfterProduct: true)]) func whatARecurrentLayerReadsIsFitted(
        _ kind: Recurrent.Kind
    ) throws {
        var builder = Builder([6, 5])
        let wide = builder.linear("embed", builder.input, 5, 24)
        let active = builder.apply("relu", .activation(.relu), wide)
        builder.tensor("w", [2, kind.gates * 4, 24], scale: 0.2)
        builder.tensor("r", [2, kind.gates * 4, 4], scale: 0.2)
        builder.tensor("b", [2, 2 * kind.gates * 4], scale: 0.2)
        let cell = builder.apply(
            "cell", .recurrent(Recurrent(kind: kind, direction: .both, hidden: 4, weight: "w", recurrence: "r", bias: "b")), active)
        try check(builder.network(cell), &builder)
    }

    @Test func whatATransposedConvolutionReadsIsFitted() throws {
        var builder = Builder([3, 5, 5])
        builder.tensor("a.weight", [24, 3, 1, 1], scale: 0.8)
        builder.tensor("a.bias", [24], scale: 0.2)
        let wide = builder.apply(
            "a",
            .convolution(
                Convolution(weight: "a.weight", bias: "a.bias", strides: [1, 1], padding: [0, 0, 0, 0], dilations: [1, 1], groups: 1)),
            builder.input)
        let active = builder.apply("relu", .activation(.relu), wide)
        builder.tensor("up.weight", [24, 2, 4, 4], scale: 0.2)
        builder.tensor("up.bias", [2], scale: 0.2)
        let up = builder.apply(
            "up",
            .convolutionTranspose(
                ConvolutionTranspose(
                    weight: "up.weight", bias: "up.bias", strides: [2, 2], padding: [1, 1, 1, 1], outputPadding: [0, 0], dilations: [1, 1])),
            active)
        try check(builder.network(up), &builder)
    }

    /// Statistics are those of what stays, and the fit knows it: rank 5 in 24 channels that are normalized together.
    @Test(arguments: [Normalization.Kind.layer, .rms]) func whatIsNormalizedTogetherIsCutAndFitted(_ kind: Normalization.Kind) throws {
        var builder = Builder([5])
        let wide = builder.linear("wide", builder.input, 5, 24)
        builder.tensor("scale", [24], scale: 1)
        builder.tensor("shift", [24], scale: 0.3)
        let layer = Normalization(kind: kind, axis: -1, scale: "scale", shift: "shift", epsilon: 1e-5)
        let active = builder.apply("relu", .activation(.relu), builder.apply("norm", .normalization(layer), wide))
        let narrow = builder.linear("narrow", active, 24, 3)
        let network = try builder.network(narrow)
        var settings = PruningSettings(budget: .keep(0.5))
        settings.learning = nil
        let samples = builder.samples(400)
        let plan = try Pruner(network: network, settings: settings).plan(calibration: samples)
        #expect(plan.groups.map(\.kept.count) == [12])
        let unseen = builder.samples(200)
        #expect(try error(plan, network, unseen) < 0.5 * error(weightsAlone(network), network, unseen))
        let (sliced, masked) = (try plan.apply(to: network), try plan.masked(network))
        let (a, b) = (try sliced.forward(unseen).observed[0].values, try masked.forward(unseen).observed[0].values)
        #expect(zip(a, b).allSatisfy { ($0 - $1).magnitude < 1e-4 })
        // Nothing is proven where all others change.
        #expect(plan.layers.allSatisfy { if case .none = $0.guarantee.factor { true } else { false } })
        // Budgets that are allocated go the same way.
        settings.budget = .parameters(0.6)
        #expect(try Pruner(network: network, settings: settings).plan(calibration: samples).groups[0].kept.count < 24)
    }

    /// What an operation that nobody knows reads is learned where the outputs behind it cannot be computed.
    @Test func whatCannotBeComputedIsComparedBefore() throws {
        var builder = Builder([6])
        let wide = builder.apply("relu", .activation(.relu), builder.linear("wide", builder.input, 6, 24))
        let scores = builder.linear("scores", wide, 24, 4)
        let strange = builder.apply("strange", .barrier(operation: "Custom.Op"), scores)
        let network = Network(
            nodes: builder.nodes, values: builder.values, inputs: [0], outputs: [strange], parameters: builder.parameters)
        var settings = PruningSettings(budget: .keep(0.5))
        settings.learning = LearningSettings()
        settings.learning?.steps = 50
        let plan = try Pruner(network: network, settings: settings).plan(calibration: builder.samples(200))
        #expect(plan.warnings.contains(.comparedBefore(node: "strange", operation: "Custom.Op")))
        #expect(plan.learned != nil, "\(plan.warnings)")
        #expect(plan.prediction.outputs.map(\.name) == ["scores"])
        #expect(try plan.apply(to: network).outputs == [strange])
    }

    /// Two heads, and a normalizer in front when there is one.
    private func policy(hasNormalizer: Bool) throws -> (Network, Builder) {
        var builder = Builder([8])
        var value = builder.input
        if hasNormalizer {
            builder.parameters["mean"] = Parameter(shape: [8], values: (0..<8).map { -10 - Float($0) })
            builder.parameters["scale"] = Parameter(shape: [8], values: (0..<8).map { 0.5 + Float($0) })
            let mean = builder.apply("mean", .constant(parameter: "mean"))
            let scale = builder.apply("scale", .constant(parameter: "scale"))
            value = builder.apply("scaled", .multiply, builder.apply("shifted", .add, value, mean), scale)
        }
        value = builder.apply("tanh", .activation(.tanh), builder.linear("wide", value, 8, 32))
        let (action, worth) = (builder.linear("action", value, 32, 3), builder.linear("value", value, 32, 1))
        return (try builder.network(action, worth), builder)
    }

    @Test func policiesWithSeveralHeadsAreFittedOnDrawnObservations() throws {
        var (network, builder) = try policy(hasNormalizer: false)
        let settings = PruningSettings(budget: .keep(0.5))
        let plan = try Pruner(network: network, settings: settings).plan()
        guard case .gaussianSamples = plan.inputs else {
            Issue.record("expected drawn vectors, found \(plan.inputs)")
            return
        }
        #expect(plan.warnings.contains(.assumedStandard))
        let unseen = builder.samples(200)
        #expect(try error(plan, network, unseen) < 0.5 * error(weightsAlone(network), network, unseen))
    }

    @Test func aNormalizerSaysWhatObservationsLookLike() throws {
        let (network, _) = try policy(hasNormalizer: true)
        let plan = try Pruner(network: network, settings: PruningSettings(budget: .keep(0.5))).plan()
        #expect(!plan.warnings.contains(.assumedStandard))
        let normalizer = try #require(InputNormalizer(of: network.inputs[0], in: network))
        let (mean, deviation) = normalizer.statistics(at: 3)
        #expect((mean - 13).magnitude < 1e-6 && (deviation - 1 / 3.5).magnitude < 1e-6)
        #expect(!normalizer.isOfBytes)
    }

    @Test func pixelsThatTheNetworkDividesBy255AreBytes() throws {
        var builder = Builder([4, 6, 6])
        builder.parameters["byte"] = Parameter(shape: [], values: [1 / 255])
        let byte = builder.apply("byte", .constant(parameter: "byte"))
        let scaled = builder.apply("scaled", .multiply, builder.input, byte)
        builder.tensor("a.weight", [16, 4, 3, 3], scale: 0.3)
        let wide = builder.apply(
            "a",
            .convolution(
                Convolution(weight: "a.weight", bias: nil, strides: [1, 1], padding: [0, 0, 0, 0], dilations: [1, 1], groups: 1)),
            scaled)
        let flat = builder.apply("flat", .flatten(axis: 1), builder.apply("relu", .activation(.relu), wide))
        let head = builder.linear("head", flat, 256, 3)
        let network = try builder.network(head)
        let plan = try Pruner(network: network, settings: PruningSettings(budget: .keep(0.5))).plan()
        #expect(plan.warnings.contains(.assumedBytes))
    }

    @Test func anOutputThatCannotBeComputedStopsOnlyWhatDependsOnIt() throws {
        var builder = Builder([8])
        let wide = builder.apply("relu", .activation(.relu), builder.linear("wide", builder.input, 8, 24))
        let odd = builder.apply("odd", .barrier(operation: "Odd"), builder.input)
        let scores = builder.linear("head", builder.apply("tanh", .activation(.tanh), builder.linear("next", wide, 24, 24)), 24, 3)
        let network = try builder.network(scores, odd)
        #expect(network.comparableOutputs == [scores])
        let plan = try Pruner(network: network, settings: PruningSettings(budget: .keep(0.5))).plan(calibration: builder.samples(200))
        #expect(plan.layers.allSatisfy { $0.relativeError != nil })
        let report = try PruningReport(
            plan: plan, original: network, pruned: plan.apply(to: network), calibration: builder.samples(50))
        #expect(report.layers.allSatisfy { $0.relativeErrorMeasured != nil })
    }

    @Test func aNetworkIsTheSameWhateverSizesItWasReadWith() throws {
        var (network, _) = try policy(hasNormalizer: true)
        network.derivedParameters = ["mean"]
        let fingerprint = network.fingerprint
        network.parameters["mean"] = Parameter(shape: [3], values: [1, 2, 3])
        #expect(network.fingerprint == fingerprint)
        network.parameters["scale"]?.values[0] += 1
        #expect(network.fingerprint != fingerprint)
    }
}
