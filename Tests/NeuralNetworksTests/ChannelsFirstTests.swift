import NeuralNetworks
import TestSupport
import Testing

@Suite struct ChannelsFirstTests {
    /// (height, width, 3) → convolution over channels → mean → 2.
    private static func network() throws -> Network {
        var generator = TestGenerator(seed: 3)
        func tensor(_ shape: [Int]) -> Parameter {
            Parameter(shape: shape, values: generator.normals(shape.reduce(1, *)).map { Float($0) })
        }
        let convolution = Convolution(
            weight: "c.weight", bias: nil, strides: [1, 1], padding: [1, 1, 1, 1], dilations: [1, 1], groups: 1)
        return try Network(
            nodes: [
                Network.Node(name: "t", layer: .transpose(permutation: [0, 3, 1, 2]), inputs: [0], outputs: [1]),
                Network.Node(name: "c", layer: .convolution(convolution), inputs: [1], outputs: [2]),
                Network.Node(name: "r", layer: .activation(.relu), inputs: [2], outputs: [3]),
                Network.Node(name: "m", layer: .globalAveragePooling(keepsSpatialAxes: false), inputs: [3], outputs: [4]),
                Network.Node(name: "fc", layer: .linear(Linear(weight: "fc.weight", bias: nil)), inputs: [4], outputs: [5]),
            ],
            values: (0..<6).map { Network.Value(name: "v\($0)", shape: $0 == 0 ? [8, 10, 3] : nil) }, inputs: [0], outputs: [5],
            parameters: ["c.weight": tensor([6, 3, 3, 3]), "fc.weight": tensor([2, 6])]
        ).inferringShapes()
    }

    @Test func theFunctionOfTurnedImagesIsTheSame() throws {
        let network = try Self.network()
        let turned = try #require(network.takingChannelsFirst())
        try turned.validate()
        var generator = TestGenerator(seed: 4)
        let images = ActivationTensor(shape: [2, 3, 8, 10], values: generator.normals(480).map(Float.init))
        let last = images.withChannelsLast
        #expect(last.shape == [2, 8, 10, 3] && last.values[1] == images.values[80] && last.values[3] == images.values[1])
        #expect(try turned.forward(images).observed == network.forward(last).observed)
        #expect(try turned.channelGroups().map(\.id) == network.channelGroups().map(\.id))
    }

    @Test(arguments: [
        ([3, 8, 10], false), ([8, 10, 3], true), ([28, 28, 1], true), ([1, 28, 28], false), ([8, 10, 4], false), ([8], false),
    ])
    func channelsAreLastWhereOneOrThreeAre(_ shape: [Int], _ isLast: Bool) {
        #expect(InputScaling.isChannelsLast(shape) == isLast)
    }
}
