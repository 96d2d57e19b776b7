// Slopes of layers that take up the normalization behind them, against those where what lies between is looked at, which keeps them apart.

import NeuralNetworks
import TestSupport
import Testing

@Suite struct FoldedNormalizationTests {
    /// Slopes of ⟨y, v⟩ in some tensors, with everything between layers and normalizations observed or not.
    private func slopes(_ network: Network, _ x: ActivationTensor, _ names: [String], apart: Bool) throws -> [Float] {
        let between = network.nodes.compactMap { node in
            if case .batchNormalization = node.layer { node.inputs[0] } else { nil }
        }
        let taps = network.outputs + (apart ? Array(Set(between)).sorted() : [])
        return try WeightGradient(network, observing: taps, parameters: names).gradient(at: [x], threads: 2) { _, values, slopes in
            for i in values[0].indices { slopes[0][i] = 1 / Float(1 + i) }
            return 0
        }.gradient
    }

    private func agree(_ network: Network, _ x: ActivationTensor, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let all = network.parameters.keys.filter { !$0.hasSuffix("running_var") }.sorted()
        // All tensors, each alone, and all but each.
        let selections = [all] + all.map { [$0] } + all.map { name in all.filter { $0 != name } }
        for names in selections {
            let (folded, apart) = (try slopes(network, x, names, apart: false), try slopes(network, x, names, apart: true))
            #expect(folded.count == apart.count, sourceLocation: sourceLocation)
            #expect(relativeDifference(folded, apart) <= 2e-5, "\(names)", sourceLocation: sourceLocation)
        }
    }

    @Test func convolutionsAndLinearLayers() throws {
        var random = RandomNetwork(seed: 77)
        let x = random.input([3, 9, 8])
        var h = try random.convolution("c1", x, 6, stride: 2, bias: true)
        h = try random.relu("r1", try random.batchNormalization("b1", h))
        var side = try random.convolution("c2", h, 6, bias: false)
        side = try random.batchNormalization("b2", side)
        h = try random.relu("r2", try random.apply("sum", .add, side, h))
        h = try random.convolution("dw", h, 6, groups: 6)
        h = try random.batchNormalization("b3", h)
        h = try random.apply("swish", .activation(.silu), h)
        h = try random.apply("flat", .flatten(axis: 1), h)
        h = try random.relu("r4", try random.batchNormalization("b4", try random.linear("l1", h, 7)))
        h = try random.batchNormalization("b5", try random.linear("l2", h, 5, isTransposed: true))
        try agree(try random.network(outputs: h), random.batch(5, [3, 9, 8]))
    }

    /// A weight that two layers read has no place for the slopes of each; a value that somebody else reads is not folded.
    @Test func sharedWeightsAndSharedValues() throws {
        var random = RandomNetwork(seed: 78)
        let x = random.input([4, 6, 6])
        let first = try random.convolution("c", x, 4)
        let one = try random.batchNormalization("b1", first)
        let again = try random.apply(
            "again",
            .convolution(
                Convolution(weight: "c.weight", bias: nil, strides: [1, 1], padding: [1, 1, 1, 1], dilations: [1, 1], groups: 1)),
            one)
        let two = try random.batchNormalization("b2", again)
        let both = try random.convolution("d", two, 4)
        let three = try random.batchNormalization("b3", both)
        let sum = try random.apply("sum", .add, three, both)
        try agree(try random.network(outputs: sum), random.batch(3, [4, 6, 6]))
    }

    /// Scales of zero and none at all, no shift.
    @Test func scalesOfZeroAndMissingTensors() throws {
        var random = RandomNetwork(seed: 79)
        let x = random.input([3, 5, 5])
        let h = try random.batchNormalization("b1", try random.convolution("c1", x, 4))
        let y = try random.batchNormalization("b2", try random.convolution("c2", h, 4))
        var network = try random.network(outputs: y)
        network.parameters["b1.weight"]?.values[1] = 0
        for index in network.nodes.indices {
            guard network.nodes[index].name == "b2", case .batchNormalization(var layer) = network.nodes[index].layer else { continue }
            (layer.scale, layer.shift) = (nil, nil)
            network.nodes[index].layer = .batchNormalization(layer)
        }
        network.parameters["b2.weight"] = nil
        network.parameters["b2.bias"] = nil
        try agree(network, random.batch(4, [3, 5, 5]))
    }
}
