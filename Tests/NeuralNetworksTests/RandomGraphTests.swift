// Random graphs of all layers, cut at random: sliced equals masked, and evaluation does not depend on how it is done.

import NeuralNetworks
import TestSupport
import Testing

/// Grows a convolutional graph by random steps, joining earlier values by addition, product or concatenation.
private func randomGraph(seed: UInt64) throws -> (Network, RandomNetwork) {
    var net = RandomNetwork(seed: seed)
    func pick<T>(_ choices: [T]) -> T { choices[Int(net.generator.uniform() * Double(choices.count))] }
    let channels = [2, 3, 4, 6, 8, 12]
    var pool = [net.input([pick([1, 3, 4]), 6, 6])]
    for step in 0..<(4 + Int(net.generator.uniform() * 12)) {
        let value = pick(Array(pool.suffix(4)))
        let shape = net.shapes[value]!
        let name = "n\(step)"
        var made: [Int] = []
        switch Int(net.generator.uniform() * 13) {
        case 0, 1, 2:
            made = [
                try net.convolution(name, value, pick(channels), kernel: pick([[1, 1], [3, 3], [3, 1]]), bias: pick([true, false]))
            ]
        case 3:
            let groups = pick([2, 3, 4].filter { shape[0] % $0 == 0 } + [1])
            made = [try net.convolution(name, value, groups * pick([1, 2, 3]), groups: groups)]
        case 4:
            made = [try net.convolution(name, value, shape[0] * pick([1, 2]), groups: shape[0], bias: pick([true, false]))]
        case 5:
            made = [try net.batchNormalization(name, value)]
        case 6, 7:
            made = [
                try net.apply(
                    name, .activation(pick([.relu, .leakyReLU(slope: 0.1), .tanh, .sigmoid, .clippedReLU(maximum: 1), .silu])), value)
            ]
        case 8, 9:
            let partners = pool.filter { net.shapes[$0] == shape }
            made = [try net.apply(name, pick([.add, .add, .multiply]), value, pick(partners))]
        case 10:
            let partners = pool.filter { net.shapes[$0]![0] + shape[0] <= 24 } + [value]
            made = [try net.apply(name, .concatenation(axis: 1), value, pick(partners))]
        case 11 where shape[0] > 1:
            let cut = 1 + Int(net.generator.uniform() * Double(shape[0] - 1))
            made = try net.split(name, axis: 1, sizes: [cut, shape[0] - cut], value)
        default:
            let pad = pick([0, 1, 2])
            made = [try net.apply(name, .padding(before: [0, pad, 0, 0], after: [0, 1, 0, 0], value: pick([0, 0.5])), value)]
        }
        pool.append(contentsOf: made)
    }
    var value = pool[pool.count - 1]
    if net.generator.uniform() < 0.5 {
        value = try net.apply("flatten", .flatten(axis: 1), value)
    } else {
        value = try net.apply("global", .globalAveragePooling(keepsSpatialAxes: false), value)
    }
    value = try net.linear("head", value, 4)
    return (try net.network(outputs: value), net)
}

@Suite struct RandomGraphTests {
    @Test(arguments: 0..<250) func slicedEqualsMasked(seed: Int) throws {
        var (network, net) = try randomGraph(seed: UInt64(seed) + 1000)
        for storesAttributes in [true, false] {
            network.storesAttributes = storesAttributes
            let groups = try expectSlicedEqualsMasked(network, &net)
            for group in groups where group.barrier == nil {
                let incoming = try network.incomingMatrix(group)
                #expect(incoming.columns == group.count && incoming.isFinite)
                #expect(try network.outgoingMatrix(group).columns == group.count)
            }
        }
    }

    @Test(arguments: 0..<60) func fusionAndBufferReuseChangeNothing(seed: Int) throws {
        var (network, net) = try randomGraph(seed: UInt64(seed) + 5000)
        let shape = try #require(network.values[network.inputs[0]].shape)
        let batch = net.batch(5, shape)
        // Observing every value forbids fusion and buffer sharing.
        let all = network.values.indices.filter { network.values[$0].shape != nil }
        let unfused = try Evaluator(network, observing: all).forward(batch)
        let fused = try Evaluator(network).forward(batch)
        let expected = try #require(unfused[network.outputs[0]])
        #expect(relativeDifference(expected.values, fused.observed[0].values) <= 4096 * Float.ulpOfOne)

        // Continuing from any value gives the same as starting at the input.
        let middle = network.nodes[network.nodes.count / 2].outputs[0]
        if let tensor = unfused[middle], let resumed = try? Evaluator(network, from: [middle]) {
            #expect(relativeDifference(expected.values, try resumed.forward(tensor).observed[0].values) <= 4096 * Float.ulpOfOne)
        }
        // One thread or three, one sample or five.
        let threaded = try Evaluator(network).forward(batch, threads: 3)
        #expect(relativeDifference(expected.values, threaded.observed[0].values) <= 4096 * Float.ulpOfOne)
        let single = try Evaluator(network).forward(batch.samples(4..<5)).observed[0]
        #expect(relativeDifference(Array(expected.values.suffix(4)), single.values) <= 4096 * Float.ulpOfOne)
    }
}
