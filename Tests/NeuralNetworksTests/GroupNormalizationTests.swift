// Channels that share statistics: whole groups of them are cut, so that no other channel's answer changes.

import NeuralNetworks
import TensorFiles
import TestSupport
import Testing

@Suite struct GroupNormalizationTests {
    @Test func wholeGroupsAreCut() throws {
        var net = RandomNetwork(seed: 61)
        var value = try net.convolution("a", net.input([3, 5, 4]), 12)
        value = try net.normalization("n", value, kind: .group(4), axis: 1, count: 12)
        value = try net.convolution("b", try net.relu("relu", value), 5)
        let network = try net.network(outputs: value)
        let found = try expectSlicedEqualsMasked(network, &net)
        #expect(found.map(\.count) == [4, 5] && found.map(\.width) == [3, 1])
        #expect(found[0].barrier == nil)
        let cut = try network.keeping([found[0].id: [1, 3]])
        guard case .normalization(let layer) = cut.nodes[1].layer else {
            Issue.record("expected a normalization, found \(cut.nodes[1].layer)")
            return
        }
        #expect(layer.kind == .group(2))
    }

    /// Where all channels share statistics, what stays is normalized without what goes: sliced and masked network agree on that.
    @Test(arguments: [Normalization.Kind.group(1), .layer, .rms]) func statisticsAreThoseOfWhatStays(_ kind: Normalization.Kind) throws {
        var net = RandomNetwork(seed: 62)
        var value: Int
        if kind == .group(1) {
            value = try net.convolution("a", net.input([3, 5, 4]), 12)
            value = try net.normalization("n", value, kind: kind, axis: 1, count: 12)
            value = try net.convolution("b", value, 5)
        } else {
            value = try net.linear("a", net.input([6, 5]), 12)
            value = try net.normalization("n", value, kind: kind, axis: -1, count: 12)
            value = try net.linear("b", try net.relu("relu", value), 5)
        }
        let network = try net.network(outputs: value)
        let found = try expectSlicedEqualsMasked(network, &net)
        #expect(found[0].barrier == nil && found[0].statistics == [1] && found[1].statistics.isEmpty)
        let masked = try network.masking([found[0].id: [1, 4, 5, 9]])
        // A cut of what is masked is the cut of the whole.
        let input = net.batch(2, try #require(network.values[network.inputs[0]].shape))
        let sliced = try network.keeping([found[0].id: [1, 4, 5, 9]])
        #expect(try relativeError(masked.keeping([found[0].id: [1, 4, 5, 9]]).output(input), sliced.output(input)) < 1e-6)
        // Without the statistics of what stays another function would come of it.
        var unmasked = masked
        unmasked.nodes[1].layer = network.nodes[1].layer
        #expect(try relativeError(unmasked.output(input), sliced.output(input)) > 1e-3)
    }

    enum Spelling: String, CaseIterable, Sendable { case native, statedShape, copiedShape, inferredChannels, openSizes }

    /// As exporters write it: one node, or channels gathered into groups, normalized one by one, and put back.
    @Test(arguments: Spelling.allCases) func filesAreCutWithIt(_ spelling: Spelling) throws {
        var random = RandomNetwork(seed: 63)
        func numbers(_ shape: [Int]) -> [Float] { random.random(shape, scale: 0.3).values }
        var graph = WireGraph(opset: spelling == .native ? 21 : 17)
        let isOpen = spelling == .openSizes
        graph.input("x", [nil, 3, isOpen ? nil : 6, isOpen ? nil : 5])
        graph.tensor("a", [8, 3, 3, 3], numbers([8, 3, 3, 3]))
        graph.tensor("c", [4, 8, 3, 3], numbers([4, 8, 3, 3]))
        graph.node("Conv", ["x", "a"], ["wide"], lists: ["pads": [1, 1, 1, 1]])
        if spelling == .native {
            graph.tensor("scale", [8], numbers([8]))
            graph.tensor("shift", [8], numbers([8]))
            graph.node("GroupNormalization", ["wide", "scale", "shift"], ["shifted"], integers: ["num_groups": 4])
        } else {
            graph.tensor("one", [4], [1, 1, 1, 1])
            graph.tensor("zero", [4], [0, 0, 0, 0])
            graph.tensor("scale", [8, 1, 1], numbers([8]))
            graph.tensor("shift", [8, 1, 1], numbers([8]))
            graph.integers("grouped", [0, 4, -1])
            graph.node("Reshape", ["wide", "grouped"], ["groups"])
            graph.node("InstanceNormalization", ["groups", "one", "zero"], ["normalized"])
            switch spelling {
            case .copiedShape, .openSizes: graph.node("Shape", ["wide"], ["back"])
            case .inferredChannels: graph.integers("back", [0, -1, 6, 5])
            default: graph.integers("back", [0, 8, 6, 5])
            }
            graph.node("Reshape", ["normalized", "back"], ["flat"])
            graph.node("Mul", ["flat", "scale"], ["scaled"])
            graph.node("Add", ["scaled", "shift"], ["shifted"])
        }
        graph.node("Relu", ["shifted"], ["open"])
        graph.node("Conv", ["open", "c"], ["y"], lists: ["pads": [1, 1, 1, 1]])
        graph.output("y", [nil, 4, isOpen ? nil : 6, isOpen ? nil : 5])
        let source = try graph.source()
        #expect(source.warnings.isEmpty, "\(source.warnings)")
        let groups = try source.network.channelGroups()
        #expect(groups[0].isPrunable && groups[0].count == 4 && groups[0].width == 2)
        let cut = try source.network.keeping([groups[0].id: [0, 2, 3]])
        let model = try source.model(for: cut)
        let again = try ONNXNetwork(ONNX.decode(ONNX.encode(model), modelPath: "model.onnx"))
        #expect(try again.network.channelGroups()[0].count == 3)
        let shape = try #require(source.network.values[source.network.inputs[0]].shape)
        let input = random.batch(2, shape)
        let masked = try source.network.masking([groups[0].id: [0, 2, 3]])
        #expect(try relativeError(again.network.output(input), cut.output(input)) < 1e-6)
        #expect(try relativeError(cut.output(input), masked.output(input)) < 1e-5)
    }
}
