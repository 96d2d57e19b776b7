// Networks that read (height, width, channels).

import NeuralNetworks
import TestSupport
import Testing

import Pruning

@Suite struct ChannelsLastTests {
    private static func network(input: [Int]) throws -> Network {
        var generator = TestGenerator(seed: 3)
        func tensor(_ shape: [Int], _ scale: Float) -> Parameter {
            Parameter(shape: shape, values: generator.normals(shape.reduce(1, *)).map { scale * Float($0) })
        }
        func convolution(_ name: String) -> Layer {
            .convolution(
                Convolution(
                    weight: "\(name).weight", bias: nil, strides: [1, 1], padding: [1, 1, 1, 1], dilations: [1, 1], groups: 1))
        }
        return try Network(
            nodes: [
                Network.Node(name: "t", layer: .transpose(permutation: [0, 3, 1, 2]), inputs: [0], outputs: [1]),
                Network.Node(name: "a", layer: convolution("a"), inputs: [1], outputs: [2]),
                Network.Node(name: "a.relu", layer: .activation(.relu), inputs: [2], outputs: [3]),
                Network.Node(name: "b", layer: convolution("b"), inputs: [3], outputs: [4]),
                Network.Node(name: "b.relu", layer: .activation(.relu), inputs: [4], outputs: [5]),
                Network.Node(name: "m", layer: .globalAveragePooling(keepsSpatialAxes: false), inputs: [5], outputs: [6]),
                Network.Node(name: "fc", layer: .linear(Linear(weight: "fc.weight", bias: nil)), inputs: [6], outputs: [7]),
            ],
            values: (0..<8).map { Network.Value(name: "v\($0)", shape: $0 == 0 ? input : nil) }, inputs: [0], outputs: [7],
            parameters: [
                "a.weight": tensor([8, input[2], 3, 3], 0.4), "b.weight": tensor([8, 8, 3, 3], 0.2), "fc.weight": tensor([4, 8], 1),
            ]
        ).inferringShapes()
    }

    @Test func meansAndDeviationsAreThoseOfTheLastAxis() throws {
        let network = try Self.network(input: [24, 20, 3])
        var settings = PruningSettings(budget: .keep(0.5))
        settings.inputShift = [0.5, 0.4, 0.3]
        settings.inputScale = [0.2, 0.2, 0.25]
        settings.sampleCount = 64
        let plan = try Pruner(network: network, settings: settings).plan()
        #expect(plan.inputs.model == .synthetic)
        #expect(try plan.apply(to: network).parameters["a.weight"]?.shape == [4, 3, 3, 3])
        settings.inputShift = [0.5, 0.4]
        #expect(throws: PruningError.self) { try Pruner(network: network, settings: settings).plan() }
    }

    /// Three spectrograms side by side are no picture, unless pixels are declared.
    @Test func onlySquareOrDeclaredPicturesAreTakenForPhotographs() throws {
        // A map beside the classes: no answers tell what is recognized, and photographs come first.
        var network = try Self.network(input: [24, 20, 3])
        network.outputs.append(5)
        var settings = PruningSettings(budget: .keep(0.5))
        settings.sampleCount = 64
        func isOfPhotographs(_ settings: PruningSettings) throws -> Bool {
            if case .photographs = try Pruner(network: network, settings: settings).plan().inputs { true } else { false }
        }
        #expect(try !isOfPhotographs(settings))
        settings.inputScale = [0.25]
        #expect(try isOfPhotographs(settings))
    }

    /// The same network with its channels first is pruned on the same images, turned.
    @Test func theOrderOfTheAxesChangesNothing() throws {
        let last = try Self.network(input: [24, 24, 3])
        var first = last
        first.nodes.removeFirst()
        first.inputs = [1]
        first.values[1].shape = [3, 24, 24]
        var settings = PruningSettings(budget: .keep(0.5))
        settings.sampleCount = 64
        let plans = try [last, try first.inferringShapes()].map { try Pruner(network: $0, settings: settings).plan() }
        #expect(plans[0].inputs == plans[1].inputs)
        #expect(plans[0].groups.map(\.kept) == plans[1].groups.map(\.kept))
    }
}
