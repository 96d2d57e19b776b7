// Consumers that read channels of several groups: one refit over all of them.

import NeuralNetworks
import Pruning
import TestSupport
import Testing

@Suite struct JoinedChannelsTests {
    /// conv a (8) and conv b (4) of the input and conv o (3), which feeds the output as well, concatenated; read by c. In a and b
    /// the second half of the channels repeats the first.
    private static func network() throws -> Network {
        var generator = TestGenerator(seed: 5)
        var nodes: [Network.Node] = []
        var values = [Network.Value(name: "input", shape: [2, 7, 7])]
        var parameters: [String: Parameter] = [:]
        func append(_ name: String, _ layer: Layer, _ inputs: Network.ValueID...) -> Network.ValueID {
            values.append(Network.Value(name: name))
            nodes.append(Network.Node(name: name, layer: layer, inputs: inputs, outputs: [values.count - 1]))
            return values.count - 1
        }
        func convolution(_ name: String, _ input: Network.ValueID, _ outputs: Int, _ inputs: Int, repeats: Bool) -> Network.ValueID {
            let row = inputs * 9
            var weight = generator.normals(outputs * row).map { Float(0.4 * $0) }
            var bias = generator.normals(outputs).map { Float(0.2 * $0) }
            if repeats {
                for i in 0..<outputs / 2 * row { weight[outputs / 2 * row + i] = weight[i] }
                for i in 0..<outputs / 2 { bias[outputs / 2 + i] = bias[i] }
            }
            parameters["\(name).weight"] = Parameter(shape: [outputs, inputs, 3, 3], values: weight)
            parameters["\(name).bias"] = Parameter(shape: [outputs], values: bias)
            let layer = Convolution(
                weight: "\(name).weight", bias: "\(name).bias", strides: [1, 1], padding: [1, 1, 1, 1], dilations: [1, 1], groups: 1)
            return append(name, .convolution(layer), input)
        }
        let a = append("a.relu", .activation(.relu), convolution("a", 0, 8, 2, repeats: true))
        let b = append("b.relu", .activation(.relu), convolution("b", 0, 4, 2, repeats: true))
        let own = convolution("o", 0, 3, 2, repeats: false)
        let joined = append("join", .concatenation(axis: 1), a, own, b)
        let c = append("c.relu", .activation(.relu), convolution("c", joined, 5, 15, repeats: false))
        return try Network(nodes: nodes, values: values, inputs: [0], outputs: [c, own], parameters: parameters).inferringShapes()
    }

    @Test(arguments: [Selection.backward, .greedy]) func repeatedChannelsOfTwoGroupsGoWithoutATrace(_ selection: Selection) throws {
        let network = try Self.network()
        let inputs = ActivationTensor.random([24, 2, 7, 7], seed: 2)
        var settings = PruningSettings(recipe: .best, budget: .keep(1), seed: 7)
        settings.layerRatios = ["a": 0.5, "b": 0.5]
        (settings.selection, settings.ridge) = (selection, 1e-9)
        let plan = try Pruner(network: network, settings: settings).plan(calibration: inputs)
        #expect(plan.groups.map(\.kept.count).sorted() == [2, 4])
        let other = ActivationTensor.random([5, 2, 7, 7], seed: 9)
        let pruned = try plan.apply(to: network)
        #expect(pruned.parameters["c.weight"]?.shape == [5, 9, 3, 3])
        for (before, after) in zip(try network.forward(other).observed, try pruned.forward(other).observed) {
            let scale = before.values.map(\.magnitude).max() ?? 0
            for (x, y) in zip(before.values, after.values) { #expect((x - y).magnitude <= 1e-3 * scale) }
        }
    }

    @Test func thePredictedErrorOfAJointRefitIsTheMeasuredOne() throws {
        let network = try Self.network()
        let inputs = ActivationTensor.random([24, 2, 7, 7], seed: 2)
        var settings = PruningSettings(recipe: .best, budget: .keep(1), seed: 7)
        settings.layerRatios = ["a": 0.25, "b": 0.25]
        let plan = try Pruner(network: network, settings: settings).plan(calibration: inputs)
        let pruned = try plan.apply(to: network)
        let report = try PruningReport(plan: plan, original: network, pruned: pruned, calibration: inputs)
        for name in ["a", "b"] {
            let layer = try #require(report.layers.first { $0.name == name })
            let (predicted, measured) = (try #require(layer.relativeErrorModel), try #require(layer.relativeErrorMeasured))
            #expect(predicted > 0 && predicted < 1)
            #expect((predicted - measured).magnitude <= 1e-3 * predicted, "\(predicted) \(measured)")
        }
    }

    @Test func layersBehindRefittedOnesFollowOnRealInputsAndOnlyThere() throws {
        let network = try Network.residual().inferringShapes()
        let nodes = network.nodes.indices.filter { ["b", "fc"].contains(network.nodes[$0].name) }
        #expect(network.followers(of: [nodes[0]]) == [nodes[1]])
        var settings = PruningSettings(recipe: .best, budget: .keep(0.5), seed: 7)
        settings.refitsClassifier = false
        let pruner = try Pruner(network: network, settings: settings)
        #expect(try !pruner.plan().replacements.contains { $0.parameter == "fc.weight" })
        let inputs = ActivationTensor.random([64, 2, 7, 7], seed: 2)
        var plan = try pruner.plan(calibration: inputs)
        func error() throws -> Double {
            let (z, y) = (try network.forward(inputs).observed[0].values, try plan.masked(network).forward(inputs).observed[0].values)
            return zip(z, y).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
        }
        let followed = try error()
        let count = plan.replacements.count
        plan.replacements.removeAll { $0.parameter.hasPrefix("fc.") }
        #expect(plan.replacements.count == count - 2)
        #expect(try followed < error())
    }
}
