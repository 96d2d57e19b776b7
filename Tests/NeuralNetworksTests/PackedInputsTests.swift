import NeuralNetworks
import Testing

@Suite struct PackedInputsTests {
    /// y = A·a + B·flatten(b), two inputs of different shapes.
    private static let network = Network(
        nodes: [
            Network.Node(name: "first", layer: .linear(Linear(weight: "A", bias: nil)), inputs: [0], outputs: [2]),
            Network.Node(name: "flat", layer: .flatten(axis: 1), inputs: [1], outputs: [3]),
            Network.Node(name: "second", layer: .linear(Linear(weight: "B", bias: nil)), inputs: [3], outputs: [4]),
            Network.Node(name: "sum", layer: .add, inputs: [2, 4], outputs: [5]),
        ],
        values: [
            Network.Value(name: "a", shape: [3]), Network.Value(name: "b", shape: [2, 2]), Network.Value(name: "x"),
            Network.Value(name: "b.flat"), Network.Value(name: "y"), Network.Value(name: "z"),
        ],
        inputs: [0, 1], outputs: [5],
        parameters: [
            "A": Parameter(shape: [2, 3], values: [1, 2, 3, 4, 5, 6]),
            "B": Parameter(shape: [2, 4], values: [1, -1, 2, -2, 3, -3, 4, -4]),
        ])

    @Test func theFunctionIsTheSame() throws {
        let inputs = [
            ActivationTensor(shape: [2, 3], values: [1, 0, 2, -1, 3, 1]),
            ActivationTensor(shape: [2, 2, 2], values: [1, 2, 3, 4, 5, 6, 7, 8]),
        ]
        let data = try LabelledImages(inputs: inputs, labels: [0, 1])
        let packed = try Self.network.packingInputs(shapes: inputs.map(\.sampleShape))
        try packed.validate()
        let expected = try Evaluator(Self.network).logits(of: inputs)
        #expect(try Evaluator(packed).logits(of: data.packed.inputs) == expected)
        #expect(try data.packed.labels == [0, 1] && data.packed.images.shape == [2, 7])
        #expect(Set(packed.nodes.map(\.name)).count == packed.nodes.count && Set(packed.values.map(\.name)).count == packed.values.count)
        #expect(packed.parameters == Self.network.parameters)
    }

    @Test func shapesAreNeededForAllInputs() {
        #expect(throws: NetworkError.self) { try Self.network.packingInputs(shapes: [[3]]) }
        // Another number of values than the network takes would be read beyond the data.
        #expect(throws: NetworkError.self) { try Self.network.packingInputs(shapes: [[3], [2]]) }
        #expect(throws: NetworkError.self) {
            try LabelledImages(inputs: [ActivationTensor(shape: [2, 1], values: [1, 2]), ActivationTensor(shape: [1, 1], values: [1])])
        }
    }

    /// A model that fixes a batch of two takes samples in pairs.
    @Test func samplesAreJoinedAsTheNetworkTakesThem() throws {
        var network = Self.network
        network.values[0].shape = [2, 3]
        network.values[1].shape = [2, 2, 2]
        let inputs = [
            ActivationTensor(shape: [5, 3], values: (0..<15).map(Float.init)),
            ActivationTensor(shape: [5, 2, 2], values: (0..<20).map(Float.init)),
        ]
        let joined = try LabelledImages(inputs: inputs).grouped(for: network)
        #expect(joined.inputs.map(\.shape) == [[2, 2, 3], [2, 2, 2, 2]])
        #expect(joined.inputs[0].values == (0..<12).map(Float.init))
        #expect(try LabelledImages(inputs: inputs).grouped(for: Self.network).inputs == inputs)
        #expect(throws: NetworkError.self) { try LabelledImages(inputs: inputs, labels: [0, 1, 2, 3, 4]).grouped(for: network) }
        #expect(throws: NetworkError.self) { try LabelledImages(inputs: inputs.map { $0.samples(0..<1) }).grouped(for: network) }
    }

    @Test func numbersThatNameNoRowAreRefused() throws {
        let network = Network(
            nodes: [Network.Node(name: "table", layer: .embedding(weight: "T"), inputs: [0], outputs: [1])],
            values: [Network.Value(name: "ids", shape: [3]), Network.Value(name: "rows")], inputs: [0], outputs: [1],
            parameters: ["T": Parameter(shape: [4, 2], values: [Float](repeating: 1, count: 8))])
        func check(_ ids: [Float]) throws {
            try LabelledImages(images: ActivationTensor(shape: [1, 3], values: ids)).checkIndices(of: network)
        }
        try check([0, 3, -4])
        for (ids, found) in [([0, 4, 1], "4.0"), ([0, 1, -5], "-5.0"), ([0.5, 1, 1], "0.5")] as [([Float], String)] {
            #expect { try check(ids) } throws: { "\($0)".contains("below 4") && "\($0)".contains("found \(found)") }
        }
    }
}
