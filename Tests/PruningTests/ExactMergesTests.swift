import NeuralNetworks
import TestSupport
import Testing

import Pruning

/// Largest difference of two networks' outputs on random inputs, relative to the largest output.
private func difference(_ a: Network, _ b: Network, shape: [Int], scale: Float = 1) throws -> Double {
    var inputs = ActivationTensor.random([12] + shape, seed: 99)
    inputs.values = inputs.values.map { $0 * scale }
    let (x, y) = (try a.forward(inputs).observed[0].values, try b.forward(inputs).observed[0].values)
    let largest = x.reduce(0) { max($0, $1.magnitude) }
    return Double(zip(x, y).reduce(0) { max($0, ($1.0 - $1.1).magnitude) } / largest)
}

/// The network without the redundant channels.
private func cut(_ merges: ExactMerges, _ groups: [ChannelGroup]) throws -> Network {
    try merges.network.keeping(
        Dictionary(
            uniqueKeysWithValues: zip(groups, merges.redundant).map { group, gone in
                (group.id, (0..<group.count).filter { !gone.contains($0) })
            }))
}

private func merges(_ network: Network) throws -> (ExactMerges, [ChannelGroup], Network) {
    let inferred = try network.inferringShapes()
    let groups = try inferred.channelGroups().filter(\.isCuttable)
    return (try ExactMerges(inferred, groups: groups), groups, inferred)
}

@Suite struct ExactMergesTests {
    @Test func aNetworkWithoutRedundancyLosesNothing() throws {
        let (result, _, network) = try merges(.perceptron([7, 9, 8, 3]))
        #expect(result.redundant == [[], []])
        #expect(result.changed.isEmpty)
        #expect(result.network.parameters == network.parameters)
    }

    /// Duplicates, multiples, neurons without input or output, in both layers of a perceptron.
    @Test(arguments: [Activation.relu, .leakyReLU(slope: 0.1), .tanh, .sigmoid, .gelu(approximateTanh: false)])
    func deadAndDuplicateNeuronsGo(activation: Activation) throws {
        var network = Network.perceptron([5, 8, 8, 3], activation: activation)
        let isHomogeneous = activation.isPositivelyHomogeneous
        for layer in ["fc1", "fc2"] {
            var (weight, bias) = (network.parameters["\(layer).weight"]!, network.parameters["\(layer).bias"]!)
            let width = weight.shape[1]
            func set(_ row: Int, _ from: Int, _ factor: Float) {
                for j in 0..<width { weight.values[row * width + j] = factor * weight.values[from * width + j] }
                bias.values[row] = factor * bias.values[from]
            }
            set(3, 1, isHomogeneous ? 0.37 : 1)
            set(5, 1, isHomogeneous ? 3.1 : 1)
            set(6, 0, 0)
            bias.values[6] = 0.7
            network.parameters["\(layer).weight"] = weight
            network.parameters["\(layer).bias"] = bias
        }
        for o in 0..<3 { network.parameters["fc3.weight"]!.values[o * 8 + 2] = 0 }
        let (result, groups, original) = try merges(network)
        // Three of layer 1; of layer 2 also the neuron that nobody reads.
        #expect(result.redundant.map(\.count) == [3, 4])
        #expect(result.redundant[1].contains(2))
        #expect(try difference(original, try cut(result, groups), shape: [5]) < 1e-5)
        #expect(try difference(original, try cut(result, groups), shape: [5], scale: 1e3) < 1e-5)
    }

    /// A neuron that only an unread neuron reads is unread.
    @Test func unreadnessRunsBackwards() throws {
        var network = Network.perceptron([5, 6, 6, 3])
        for o in 0..<3 { network.parameters["fc3.weight"]!.values[o * 6 + 4] = 0 }
        for o in 0..<6 where o != 4 { network.parameters["fc2.weight"]!.values[o * 6 + 1] = 0 }
        let (result, groups, original) = try merges(network)
        #expect(result.redundant == [[1], [4]])
        #expect(try difference(original, try cut(result, groups), shape: [5]) < 1e-6)
    }

    /// Behind a ReLU inputs are at least 0: nonpositive weights and bias never switch on, nonnegative ones never off.
    @Test func boundsShowWhatIsAlwaysOff() throws {
        var network = Network.perceptron([5, 6, 6, 3])
        for j in 0..<6 { network.parameters["fc2.weight"]!.values[2 * 6 + j] = -0.1 * Float(j) }
        network.parameters["fc2.bias"]!.values[2] = -0.01
        let (result, groups, original) = try merges(network)
        #expect(result.redundant == [[], [2]])
        #expect(try difference(original, try cut(result, groups), shape: [5]) < 1e-6)
        network.parameters["fc2.bias"]!.values[2] = 0.01
        #expect(try merges(network).0.redundant == [[], []])
    }

    /// Constants of one layer make constants of the next.
    @Test func constantsPropagate() throws {
        var network = Network.perceptron([5, 6, 6, 3])
        for c in [1, 4] {
            for j in 0..<5 { network.parameters["fc1.weight"]!.values[c * 5 + j] = 0 }
            network.parameters["fc1.bias"]!.values[c] = 0.5
        }
        for j in 0..<6 where j != 1 && j != 4 { network.parameters["fc2.weight"]!.values[3 * 6 + j] = 0 }
        let (result, groups, original) = try merges(network)
        #expect(result.redundant[0] == [1, 4])
        // Others may be always off, as their inputs are bounded below.
        #expect(result.redundant[1].contains(3))
        #expect(try difference(original, try cut(result, groups), shape: [5]) < 1e-6)
    }

    /// Convolutions that pad: constants are none near the border, zeros are; multiples go through the batch normalization.
    @Test(arguments: [0, 1]) func channelsOfConvolutions(padding: Int) throws {
        var network = Network.residual(.init(padding: padding))
        let size = network.parameters["a.weight"]!.values.count / 8
        func copy(_ row: Int, _ from: Int, _ factor: Float) {
            for j in 0..<size {
                network.parameters["a.weight"]!.values[row * size + j] = factor * network.parameters["a.weight"]!.values[from * size + j]
            }
        }
        copy(3, 1, 0.5)
        // Equal but for a factor: z₃ = z₁/2, then mean/2, and γ twice as large makes both alike; β doubled, γ doubled again.
        network.parameters["a.bn.mean"]!.values[3] = network.parameters["a.bn.mean"]!.values[1] / 2
        network.parameters["a.bn.var"]!.values[3] = network.parameters["a.bn.var"]!.values[1]
        network.parameters["a.bn.weight"]!.values[3] = 4 * network.parameters["a.bn.weight"]!.values[1]
        network.parameters["a.bn.bias"]!.values[3] = 2 * network.parameters["a.bn.bias"]!.values[1]
        // γ = 0: the constant max(β, 0).
        for (c, shift) in [(5, Float(-0.4)), (6, 0.3)] {
            network.parameters["a.bn.weight"]!.values[c] = 0
            network.parameters["a.bn.bias"]!.values[c] = shift
        }
        let (result, groups, original) = try merges(network)
        let inner = try #require(groups.firstIndex { $0.id == "a" })
        #expect(result.redundant[inner].count == (padding == 0 ? 3 : 2))
        #expect(result.redundant[inner].contains(5) && result.redundant[inner].contains(6) == (padding == 0))
        #expect(try difference(original, try cut(result, groups), shape: [2, 7, 7]) < 1e-5)
    }

    /// Grouped readers see other channels through the same columns: merged only where every share agrees.
    @Test func groupedConvolutions() throws {
        var network = Network.residual(.init(padding: 1, groups: 2, hasNormalization: false, hasBias: true))
        let size = network.parameters["a.weight"]!.values.count / 8
        func copy(_ row: Int, _ from: Int, _ factor: Float) {
            for j in 0..<size {
                network.parameters["a.weight"]!.values[row * size + j] = factor * network.parameters["a.weight"]!.values[from * size + j]
            }
            network.parameters["a.bias"]!.values[row] = factor * network.parameters["a.bias"]!.values[from]
        }
        copy(2, 0, 0.5)
        #expect(try merges(network).0.redundant.flatMap { $0 }.isEmpty)
        copy(6, 4, 3)
        let (result, groups, original) = try merges(network)
        #expect(result.redundant.reduce(0) { $0 + $1.count } == 1)
        #expect(try difference(original, try cut(result, groups), shape: [2, 7, 7]) < 1e-5)
    }

    /// Something always stays.
    @Test func allDead() throws {
        var network = Network.perceptron([4, 5, 2])
        network.parameters["fc1.weight"]!.values = [Float](repeating: 0, count: 20)
        var (result, groups, original) = try merges(network)
        #expect(result.redundant[0].count == 4)
        #expect(try difference(original, try cut(result, groups), shape: [4]) < 1e-6)
        network.parameters["fc2.weight"]!.values = [Float](repeating: 0, count: 10)
        (result, groups, original) = try merges(network)
        #expect(result.redundant[0].count == 4)
        #expect(try difference(original, try cut(result, groups), shape: [4]) < 1e-6)
    }
}
