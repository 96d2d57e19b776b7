// Sliced equals masked, topology by topology.

import NeuralNetworks
import TestSupport
import Testing

/// Rounding of sums of some hundreds of products through some tens of layers.
private let tolerance = 4096 * Float.ulpOfOne

/// Cuts every group that may be cut and compares with masking. Returns the groups.
@discardableResult
func expectSlicedEqualsMasked(_ network: Network, _ random: inout RandomNetwork, sourceLocation: SourceLocation = #_sourceLocation) throws
    -> [ChannelGroup]
{
    let groups = try network.channelGroups()
    #expect(Set(groups.map(\.id)).count == groups.count, sourceLocation: sourceLocation)
    var kept: [ChannelGroup.ID: [Int]] = [:]
    for group in groups where group.barrier == nil {
        var channels = (0..<group.count).filter { _ in random.generator.uniform() < 0.6 }
        if channels.isEmpty { channels = [group.count - 1] }
        kept[group.id] = channels
    }
    let sliced = try network.keeping(kept)
    let masked = try network.masking(kept)
    try sliced.validate()
    let inputs = network.inputs.map { random.batch(3, network.values[$0].shape!) }
    let a = try Evaluator(masked).forward(inputs).observed
    let b = try Evaluator(sliced).forward(inputs).observed
    for (x, y) in zip(a, b) {
        #expect(x.shape == y.shape, sourceLocation: sourceLocation)
        #expect(relativeDifference(x.values, y.values) <= tolerance, sourceLocation: sourceLocation)
        #expect(x.values.contains { $0 != 0 }, sourceLocation: sourceLocation)
    }
    for (id, channels) in kept {
        let group = try #require(groups.first { $0.id == id })
        guard channels.count < group.count else { continue }
        #expect(sliced.cost.parameters < network.cost.parameters, sourceLocation: sourceLocation)
    }
    return groups
}

@Suite struct SurgeryTests {
    @Test func linearChain() throws {
        var net = RandomNetwork(seed: 1)
        var value = net.input([12])
        value = try net.linear("fc1", value, 20)
        value = try net.relu("relu1", value)
        value = try net.linear("fc2", value, 15, bias: false, isTransposed: true)
        value = try net.apply("tanh", .activation(.tanh), value)
        value = try net.linear("fc3", value, 4)
        let network = try net.network(outputs: value)
        let groups = try expectSlicedEqualsMasked(network, &net)
        #expect(groups.map(\.id) == ["fc1", "fc2", "fc3"])
        #expect(groups.map(\.count) == [20, 15, 4])
        #expect(groups.map { $0.barrier == nil } == [true, true, false])
        #expect(groups[2].barrier == "its channels leave the network as output fc3")
        #expect(groups.allSatisfy { $0.isInner })
        #expect(network.cost == NetworkCost(parameters: 12 * 20 + 20 + 20 * 15 + 15 * 4 + 4, multiplyAdds: 12 * 20 + 20 * 15 + 15 * 4))
        #expect(try network.activations(of: groups[0]) == [.relu])
        #expect(try network.activations(of: groups[1]) == [.tanh])
    }

    @Test func sigmoidKeepsItsConstantOut() throws {
        var net = RandomNetwork(seed: 2)
        var value = net.input([6])
        value = try net.linear("a", value, 9)
        value = try net.apply("act", .activation(.sigmoid), value)
        value = try net.linear("b", value, 3)
        try expectSlicedEqualsMasked(net.network(outputs: value), &net)
    }

    @Test func convolutionsPoolingAndFlatten() throws {
        var net = RandomNetwork(seed: 3)
        var value = net.input([3, 12, 12])
        value = try net.convolution("conv1", value, 8, bias: false)
        value = try net.batchNormalization("bn1", value)
        value = try net.relu("relu1", value)
        value = try net.apply("pool", .pooling(Pooling(kind: .maximum, window: [2, 2], strides: [2, 2], padding: [0, 0, 0, 0])), value)
        value = try net.convolution("conv2", value, 10, stride: 2)
        value = try net.relu("relu2", value)
        value = try net.apply("flatten", .flatten(axis: 1), value)
        value = try net.linear("fc", value, 5)
        let network = try net.network(outputs: value)
        let groups = try expectSlicedEqualsMasked(network, &net)
        #expect(groups.map(\.id) == ["conv1", "conv2", "fc"])
        // One channel of conv2 is a run of 3·3 columns of fc.
        let consumer = try #require(groups[1].slices.first { $0.role == .consumer })
        #expect(consumer.map == IndexMap(offsets: [0], run: 9))
        #expect(groups[0].slices.filter { $0.role == .normalization }.count == 4)
    }

    @Test func residualBlockTiesItsStream() throws {
        var net = RandomNetwork(seed: 4)
        var value = net.input([3, 8, 8])
        value = try net.relu("stem.relu", try net.convolution("stem", value, 8))
        for block in 0..<2 {
            let input = value
            value = try net.relu(
                "b\(block).relu",
                try net.batchNormalization("b\(block).bn1", try net.convolution("b\(block).conv1", value, 12, bias: false)))
            value = try net.batchNormalization("b\(block).bn2", try net.convolution("b\(block).conv2", value, 8, bias: false))
            value = try net.relu("b\(block).out", try net.apply("b\(block).add", .add, value, input))
        }
        value = try net.apply("pool", .globalAveragePooling(keepsSpatialAxes: false), value)
        value = try net.linear("fc", value, 4)
        let groups = try expectSlicedEqualsMasked(net.network(outputs: value), &net)
        let stream = try #require(groups.first { $0.id == "stem" })
        #expect(stream.producers.count == 3 && stream.consumers.count == 3 && !stream.isInner && stream.barrier == nil)
        #expect(groups.filter(\.isInner).map(\.id) == ["b0.conv1", "b1.conv1", "fc"])
    }

    /// A few bytes of attributes must not become gigabytes of channels.
    @Test func absurdPaddingIsABarrier() throws {
        var net = RandomNetwork(seed: 5)
        var value = try net.convolution("conv", net.input([3, 4, 4]), 8)
        value = try net.apply("pad", .padding(before: [0, 1 << 31, 0, 0], after: [0, 0, 0, 0], value: 0), value)
        let groups = try net.network(outputs: value).channelGroups()
        #expect(groups.count == 1 && groups[0].barrier?.contains("pad pads channels by more than") == true)
    }

    @Test func paddedShortcutOffsetsTheStream() throws {
        var net = RandomNetwork(seed: 5)
        var value = net.input([3, 8, 8])
        value = try net.relu("stem.relu", try net.convolution("stem", value, 6))
        var shortcut = try net.apply("slice", .slice([SliceRange(), SliceRange(), SliceRange(step: 2), SliceRange(step: 2)]), value)
        shortcut = try net.apply("pad", .padding(before: [0, 3, 0, 0], after: [0, 3, 0, 0], value: 0), shortcut)
        value = try net.relu("relu1", try net.convolution("conv1", value, 7, stride: 2))
        value = try net.convolution("conv2", value, 12)
        value = try net.relu("out", try net.apply("add", .add, value, shortcut))
        value = try net.linear("fc", try net.apply("pool", .globalAveragePooling(keepsSpatialAxes: false), value), 4)
        var network = try net.network(outputs: value)
        let groups = try expectSlicedEqualsMasked(network, &net)
        #expect(groups.map(\.id) == ["stem", "conv1", "conv2[0..<3]", "conv2[9..<12]", "fc"])
        let offset = try #require(groups[0].slices.first { $0.parameter == "conv2.weight" && $0.role == .producer })
        #expect(offset.map == IndexMap(offsets: [3]))

        // A file of weights cannot store the new amounts of padding.
        network.storesAttributes = false
        let refused = try network.channelGroups()
        #expect(refused.filter { $0.barrier == nil }.map(\.id) == ["conv1"])
        #expect(
            refused[0].barrier == "the parameter-free shortcut pad pads channels by fixed amounts, which a file of weights cannot change")
        #expect(throws: NetworkError.self) { try network.keeping(["stem": [0, 1]]) }
    }

    @Test func concatenationOffsetsColumns() throws {
        var net = RandomNetwork(seed: 6)
        let input = net.input([3, 6, 6])
        let a = try net.relu("a.relu", try net.convolution("a", input, 5))
        let b = try net.relu("b.relu", try net.convolution("b", input, 7, kernel: [1, 1]))
        var value = try net.apply("concat", .concatenation(axis: 1), a, b, input)
        value = try net.relu("c.relu", try net.batchNormalization("bn", try net.convolution("c", value, 6)))
        value = try net.linear("fc", try net.apply("flatten", .flatten(axis: 1), value), 3)
        let groups = try expectSlicedEqualsMasked(net.network(outputs: value), &net)
        let second = try #require(groups.first { $0.id == "b" }?.slices.first { $0.role == .consumer })
        #expect(second.map == IndexMap(offsets: [5]) && second.parameter == "c.weight")
    }

    @Test func depthwiseFollowsItsProducer() throws {
        var net = RandomNetwork(seed: 7)
        var value = net.input([3, 8, 8])
        value = try net.relu(
            "r1", try net.batchNormalization("bn1", try net.convolution("expand", value, 10, kernel: [1, 1], bias: false)))
        value = try net.relu(
            "r2", try net.batchNormalization("bn2", try net.convolution("depth", value, 10, stride: 2, groups: 10, bias: false)))
        value = try net.convolution("project", value, 6, kernel: [1, 1])
        // Two filters per channel.
        value = try net.relu("r3", try net.convolution("multiplied", value, 12, groups: 6))
        value = try net.linear("fc", try net.apply("pool", .globalAveragePooling(keepsSpatialAxes: false), value), 4)
        let network = try net.network(outputs: value)
        let groups = try expectSlicedEqualsMasked(network, &net)
        #expect(groups.map(\.id) == ["expand", "project", "fc"])
        #expect(groups[1].slices.first { $0.role == .consumer }?.map == IndexMap(run: 2))
        let smaller = try network.keeping(["expand": [0, 4, 9]])
        guard case .convolution(let layer) = smaller.nodes[3].layer else { return #expect(Bool(false)) }
        #expect(layer.groups == 3)
    }

    @Test func groupedConvolutionsKeepEqualShares() throws {
        var net = RandomNetwork(seed: 8)
        var value = net.input([4, 6, 6])
        value = try net.relu("r1", try net.convolution("a", value, 12))
        value = try net.relu("r2", try net.convolution("b", value, 9, groups: 3))
        value = try net.linear("fc", try net.apply("flatten", .flatten(axis: 1), value), 4)
        let groups = try expectSlicedEqualsMasked(net.network(outputs: value), &net)
        #expect(groups.map(\.count) == [4, 3, 4])
        #expect(groups[0].slices[0].map == IndexMap(offsets: [0, 4, 8]))
    }

    @Test func gatesTieChannels() throws {
        var net = RandomNetwork(seed: 9)
        var value = net.input([3, 6, 6])
        value = try net.relu("r1", try net.convolution("a", value, 8))
        var gate = try net.apply("squeeze", .globalAveragePooling(keepsSpatialAxes: true), value)
        gate = try net.relu("gate.relu", try net.convolution("gate.reduce", gate, 4, kernel: [1, 1]))
        gate = try net.apply("gate.sigmoid", .activation(.sigmoid), try net.convolution("gate.expand", gate, 8, kernel: [1, 1]))
        value = try net.apply("scale", .multiply, value, gate)
        // A spatial gate of one channel ties nothing.
        let spatial = try net.apply("s.sigmoid", .activation(.sigmoid), try net.convolution("spatial", value, 1))
        value = try net.apply("scale2", .multiply, value, spatial)
        value = try net.linear("fc", try net.apply("pool", .globalAveragePooling(keepsSpatialAxes: false), value), 4)
        let groups = try expectSlicedEqualsMasked(net.network(outputs: value), &net)
        #expect(groups.map(\.id) == ["a", "gate.reduce", "spatial", "fc"])
        #expect(groups[0].producers.count == 2 && groups[0].isInner)
    }

    @Test func splitsAndSlicesMoveTheirBounds() throws {
        var net = RandomNetwork(seed: 10)
        var value = net.input([3, 5, 5])
        value = try net.relu("r1", try net.convolution("a", value, 12))
        let parts = try net.split("split", axis: 1, sizes: [4, 8], value)
        let left = try net.relu("r2", try net.convolution("b", parts[0], 5))
        let right = try net.apply("slice", .slice([SliceRange(), SliceRange(start: 2, end: -1)]), parts[1])
        value = try net.apply("concat", .concatenation(axis: 1), left, right)
        value = try net.linear("fc", try net.apply("flatten", .flatten(axis: 1), value), 4)
        var network = try net.network(outputs: value)
        let groups = try expectSlicedEqualsMasked(network, &net)
        #expect(groups.map(\.id) == ["a[0..<4]", "a[4..<6]", "a[6..<11]", "a[11..<12]", "b", "fc"])
        network.storesAttributes = false
        #expect(try network.channelGroups().filter { $0.barrier == nil }.map(\.id) == ["b"])
    }

    @Test func channelShuffleKeepsEqualShares() throws {
        var net = RandomNetwork(seed: 11)
        var value = net.input([3, 4, 4])
        value = try net.relu("r1", try net.convolution("a", value, 12))
        value = try net.apply("spread", .reshape(shape: [-1, 3, 4, 4, 4]), value)
        value = try net.apply("shuffle", .transpose(permutation: [0, 2, 1, 3, 4]), value)
        value = try net.apply("gather", .reshape(shape: [0, 12, 4, 4]), value)
        value = try net.relu("r2", try net.convolution("b", value, 6, groups: 1))
        value = try net.linear("fc", try net.apply("flatten", .flatten(axis: 1), value), 4)
        let groups = try expectSlicedEqualsMasked(net.network(outputs: value), &net)
        #expect(groups[0].count == 4)
        #expect(groups[0].slices.first { $0.parameter == "b.weight" && $0.role == .consumer }?.map == IndexMap(run: 3))
    }

    @Test func reshapedAndTransposedFeatures() throws {
        var net = RandomNetwork(seed: 12)
        var value = net.input([3, 4, 4])
        value = try net.relu("r1", try net.convolution("a", value, 8))
        value = try net.apply("tokens", .reshape(shape: [0, 8, 16]), value)
        value = try net.apply("swap", .transpose(permutation: [0, 2, 1]), value)
        value = try net.apply("gelu", .activation(.gelu(approximateTanh: false)), try net.linear("fc1", value, 10))
        value = try net.linear("fc2", value, 6)
        value = try net.apply("flat", .reshape(shape: [-1, 96]), value)
        value = try net.linear("head", value, 3)
        let groups = try expectSlicedEqualsMasked(net.network(outputs: value), &net)
        #expect(groups.map(\.id) == ["a", "fc1", "fc2", "head"])
        // Tokens outside, channels inside: a channel is one column of every token.
        #expect(
            groups[2].slices.first { $0.parameter == "head.weight" }?.map == IndexMap(offsets: (0..<16).map { $0 * 6 }, run: 1, stride: 1))
    }

    @Test func attentionCutsWholeHeads() throws {
        var net = RandomNetwork(seed: 13)
        var value = net.input([7, 12])
        let position = net.constant("position", shape: [1, 7, 12])
        value = try net.apply("embed", .add, try net.linear("patch", value, 12), position)
        let normed = try net.normalization("ln1", value, kind: .layer, axis: -1, count: 12)
        let q = try net.linear("q", normed, 12)
        let k = try net.linear("k", normed, 12)
        let v = try net.linear("v", normed, 12)
        var inner = try net.apply("attention", .attention(heads: 4, scale: 0.57), q, k, v)
        inner = try net.linear("out", inner, 12)
        value = try net.apply("add1", .add, value, inner)
        inner = try net.normalization("ln2", value, kind: .layer, axis: -1, count: 12)
        inner = try net.linear(
            "mlp2", try net.apply("gelu", .activation(.gelu(approximateTanh: true)), try net.linear("mlp1", inner, 20)), 12)
        value = try net.apply("add2", .add, value, inner)
        value = try net.apply("slice", .slice([SliceRange(), SliceRange(start: 0, end: 1)]), value)
        value = try net.linear("head", try net.apply("flat", .flatten(axis: 1), value), 3)
        let network = try net.network(outputs: value)
        let groups = try expectSlicedEqualsMasked(network, &net)
        let heads = try #require(groups.first { $0.id == "q" })
        #expect(heads.count == 4 && heads.barrier == nil && heads.producers.count == 3 && heads.isInner)
        #expect(heads.slices.allSatisfy { $0.map == IndexMap(run: 3) })
        #expect(groups.first { $0.id == "mlp1" }?.barrier == nil)
        let stream = try #require(groups.first { $0.id == "patch" })
        #expect(stream.barrier == nil && !stream.isInner && stream.statistics.count == 2)
    }

    @Test func fusedProjectionAndGatedUnit() throws {
        var net = RandomNetwork(seed: 14)
        var value = net.input([5, 8])
        let parts = try net.split("qkv.split", axis: -1, sizes: [8, 8, 8], try net.linear("qkv", value, 24))
        value = try net.linear("out", try net.apply("attention", .attention(heads: 2, scale: 0.5), parts[0], parts[1], parts[2]), 8)
        let gate = try net.apply("silu", .activation(.silu), try net.linear("gate", value, 14))
        value = try net.linear("down", try net.apply("product", .multiply, gate, try net.linear("up", value, 14)), 6)
        value = try net.linear("head", try net.apply("flat", .flatten(axis: 1), value), 3)
        let groups = try expectSlicedEqualsMasked(net.network(outputs: value), &net)
        #expect(groups.map(\.id) == ["qkv", "out", "gate", "down", "head"])
        #expect(groups[0].slices.first?.map == IndexMap(offsets: [0, 8, 16], run: 4))
        #expect(groups[2].producers.count == 2 && groups[2].isInner)
    }

    @Test func unknownOperationsAndSoftmaxAreBarriers() throws {
        var net = RandomNetwork(seed: 15)
        var value = net.input([6])
        value = try net.linear("a", value, 8)
        let strange = net.builder.append("strange", .barrier(operation: "Custom.Op"), value)
        let soft = try net.apply("soft", .softmax(axis: 1), try net.linear("b", value, 5))
        let end = try net.linear("c", soft, 3)
        let network = try net.network(outputs: end, strange)
        let groups = try network.channelGroups()
        #expect(
            groups.map(\.barrier) == [
                "node strange (Custom.Op) is not understood", "softmax soft runs over its channels",
                "its channels leave the network as output c",
            ])
        #expect(network.unknownOperations == ["strange (Custom.Op)"])
        #expect(throws: NetworkError.unsupported(node: "strange", operation: "Custom.Op")) { try Evaluator(network) }
        #expect(
            throws: NetworkError.cannotCut(
                group: "a", reason: "expected a group that may be cut, but node strange (Custom.Op) is not understood")
        ) {
            try network.keeping(["a": [0]])
        }
    }

    @Test func sharedTensorsAreCutOnce() throws {
        var net = RandomNetwork(seed: 16)
        var value = net.input([6])
        value = try net.relu("r0", try net.linear("in", value, 6))
        value = try net.relu("r1", try net.linear("shared", value, 6))
        value = try net.relu("r2", try net.apply("again", .linear(Linear(weight: "shared.weight", bias: "shared.bias")), value))
        value = try net.linear("head", value, 3)
        let groups = try expectSlicedEqualsMasked(net.network(outputs: value), &net)
        #expect(groups.map(\.id) == ["in", "head"])

        // The same tensor where it must stay whole.
        var other = RandomNetwork(seed: 17)
        let input = other.input([6])
        let first = try other.relu("r1", try other.linear("shared", input, 6))
        let second = try other.apply("again", .linear(Linear(weight: "shared.weight", bias: "shared.bias")), first)
        let refused = try other.network(outputs: second).channelGroups()
        #expect(refused.allSatisfy { $0.barrier != nil })
    }

    @Test func constantsAlongChannelsAreCut() throws {
        var net = RandomNetwork(seed: 18)
        var value = net.input([3, 4, 4])
        value = try net.convolution("a", value, 6, bias: false)
        value = try net.apply("bias", .add, value, net.constant("bias.constant", shape: [1, 6, 1, 1]))
        value = try net.apply("scale", .multiply, value, net.constant("scale.constant", shape: [6, 1, 1]))
        value = try net.apply("shift", .add, value, net.constant("shift.constant", shape: [4]))
        value = try net.linear("fc", try net.apply("flatten", .flatten(axis: 1), try net.relu("r", value)), 3)
        let groups = try expectSlicedEqualsMasked(net.network(outputs: value), &net)
        #expect(groups[0].slices.filter { $0.role == .coupled }.map(\.parameter) == ["bias.constant", "scale.constant"])
        #expect(groups[0].isInner)
    }

    @Test func oneDimensionalConvolutions() throws {
        var net = RandomNetwork(seed: 19)
        var value = net.input([4, 20])
        value = try net.relu("r1", try net.batchNormalization("bn", try net.convolution("a", value, 8, kernel: [5], stride: 2)))
        value = try net.apply(
            "pool", .pooling(Pooling(kind: .average(countsPadding: false), window: [2], strides: [2], padding: [0, 0])), value)
        value = try net.apply(
            "in", .activation(.elu(alpha: 1)),
            try net.normalization("norm", try net.convolution("b", value, 6, kernel: [3], dilation: 2), kind: .instance, axis: 1, count: 6))
        value = try net.linear("fc", try net.apply("flatten", .flatten(axis: 1), value), 3)
        let groups = try expectSlicedEqualsMasked(net.network(outputs: value), &net)
        #expect(groups.map { $0.barrier == nil } == [true, true, false])
    }

    /// Damaged files: a tensor with fewer, or other, positions than its layer's channels is refused, or its channels must all stay; a cut
    /// reads and writes nothing beyond a tensor.
    @Test(arguments: [[5], [1, 1], [2, 2], []]) func channelsThatATensorDoesNotHaveStay(shape: [Int]) throws {
        var net = RandomNetwork(seed: 6)
        let whole = try WeightGradientTests.everything(&net)
        var found = 0
        for name in whole.parameters.keys.sorted() where whole.parameters[name]?.shape != shape {
            var network = whole
            network.parameters[name] = Parameter(shape: shape, values: [Float](repeating: 1, count: shape.reduce(1, *)))
            guard let groups = try? network.channelGroups() else { continue }
            found += 1
            for group in groups where group.barrier == nil && group.count > 1 {
                for slice in group.slices where slice.parameter == name {
                    let positions = (0..<group.count).flatMap { slice.map.positions(of: $0) }
                    #expect(shape.indices.contains(slice.axis) && positions.allSatisfy { $0 < shape[slice.axis] }, "\(name)")
                }
                let masked = try? network.masking([group.id: [0]])
                let kept = try? network.keeping([group.id: [0]])
                for parameter in [masked?.parameters[name], kept?.parameters[name]].compactMap({ $0 }) {
                    #expect(parameter.values.count == parameter.shape.reduce(1, *))
                }
            }
        }
        #expect(found > 0)
    }

    @Test func refusesNonsense() throws {
        var net = RandomNetwork(seed: 20)
        let value = net.input([4])
        let end = try net.linear("b", try net.linear("a", value, 5), 3)
        let network = try net.network(outputs: end)
        for kept in [["a": []], ["a": [0, 0]], ["a": [5]], ["a": [-1]], ["a": [2, 1]], ["nowhere": [0]], ["b": [0]]] {
            #expect(throws: NetworkError.self) { try network.keeping(kept) }
            #expect(throws: NetworkError.self) { try network.masking(kept) }
        }
        #expect(try network.keeping(["b": [0, 1, 2]]).parameters == network.parameters)
    }
}
