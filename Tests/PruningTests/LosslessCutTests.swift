// What the default recipe does with channels that cost nothing, and with groups that have nothing to spare.

import NeuralNetworks
import TestSupport
import Testing

import Pruning

/// A perceptron whose second half of hidden neurons repeats the first, scaled.
private func doubled(_ half: Int, inputs: Int = 6, outputs: Int = 4) -> Network {
    var network = Network.perceptron([inputs, 2 * half, outputs])
    guard var weight = network.parameters["fc1.weight"], var bias = network.parameters["fc1.bias"] else { return network }
    for i in half..<2 * half {
        let factor = Float(i % 3) + 0.5
        for j in 0..<inputs { weight.values[i * inputs + j] = factor * weight.values[(i - half) * inputs + j] }
        bias.values[i] = factor * bias.values[i - half]
    }
    network.parameters["fc1.weight"] = weight
    network.parameters["fc1.bias"] = bias
    return network
}

private func relativeDifference(_ a: Network, _ b: Network, _ inputs: ActivationTensor) throws -> Float {
    let (x, y) = (try a.forward(inputs).observed[0].values, try b.forward(inputs).observed[0].values)
    return zip(x, y).reduce(0) { max($0, ($1.0 - $1.1).magnitude) } / x.reduce(0) { max($0, $1.magnitude) }
}

@Suite struct LosslessCutTests {
    /// With or without inputs, by a uniform ratio or by an allocated budget.
    @Test(arguments: [Budget.keep(0.5), .neurons(0.5)], [false, true])
    func redundantNeuronsCostNothing(budget: Budget, hasInputs: Bool) throws {
        let network = doubled(8)
        var settings = PruningSettings(budget: budget)
        settings.inputPrior = InputPrior(mean: [0], deviation: [1])
        settings.sampleCount = 200
        let calibration = hasInputs ? ActivationTensor.random([60, 6], seed: 5) : nil
        let plan = try Pruner(network: network, settings: settings).plan(calibration: calibration)
        #expect(plan.groups.map(\.kept.count) == [8])
        let pruned = try plan.apply(to: network)
        // Far outside of anything that was fitted.
        var inputs = ActivationTensor.random([50, 6], seed: 9)
        inputs.values = inputs.values.map { 30 * $0 - 7 }
        #expect(try relativeDifference(network, pruned, inputs) < 1e-5)
        #expect(try relativeDifference(try plan.masked(network), pruned, inputs) < 1e-5)
    }

    /// Beyond what is free, what is free has gone.
    @Test(arguments: [false, true]) func redundantNeuronsGoFirst(hasInputs: Bool) throws {
        let network = doubled(8)
        var settings = PruningSettings(budget: .keep(0.3))
        settings.inputPrior = InputPrior(mean: [0], deviation: [1])
        settings.sampleCount = 200
        let calibration = hasInputs ? ActivationTensor.random([60, 6], seed: 5) : nil
        let kept = try Pruner(network: network, settings: settings).plan(calibration: calibration).groups[0].kept
        #expect(kept.count == 5)
        #expect(Set(kept.map { $0 % 8 }).count == 5)
    }

    /// The published recipe and unweighted cuts stay what they are.
    @Test func otherRecipesDoNotMerge() throws {
        var settings = PruningSettings(recipe: .paper, budget: .keep(0.5))
        settings.inputPrior = InputPrior(mean: [0], deviation: [1])
        #expect(!settings.mergesRedundantChannels)
        settings = PruningSettings(budget: .keep(0.5))
        settings.selection = .l2
        settings.reweighting = .none
        settings.mergesRedundantChannels = false
        let network = doubled(8)
        let plan = try Pruner(network: network, settings: settings).plan()
        let pruned = try plan.apply(to: network)
        let kept = plan.groups[0].kept
        for (k, c) in kept.enumerated() {
            for o in 0..<4 {
                #expect(pruned.parameters["fc2.weight"]?.values[o * kept.count + k] == network.parameters["fc2.weight"]?.values[o * 16 + c])
            }
        }
    }

    @Test func uniformRatiosLeaveLinearBottlenecksWhole() throws {
        let network = Network.perceptron([10, 20, 4, 20, 6], activation: .identity)
        var settings = PruningSettings(budget: .keep(0.5))
        settings.inputPrior = InputPrior(mean: [0], deviation: [1])
        settings.sampleCount = 200
        #expect(try Pruner(network: network, settings: settings).plan().groups.map(\.kept.count) == [10, 4, 10])
        settings.layerRatios = ["fc2": 0.5]
        #expect(try Pruner(network: network, settings: settings).plan().groups.map(\.kept.count) == [10, 2, 10])
    }

    @Test(
        arguments: [(300, nil, 8), (64, nil, 8), (63, nil, 4), (16, nil, 4), (15, nil, 1), (300, 1, 1), (10, 3, 3)] as [(Int, Int?, Int)])
    func countsBecomeMultiples(n: Int, roundTo: Int?, expected: Int) {
        #expect(Budget.multiple(of: n, roundTo: roundTo) == expected)
    }

    /// Rows are counted where a channel stands for several: heads of 64, groups of 2 and 3.
    @Test(
        arguments: [(12, 64, nil, 1), (32, 2, nil, 4), (32, 3, nil, 8), (4, 4, nil, 1), (3, 4, nil, 1), (10, 6, 4, 2)]
            as [(Int, Int, Int?, Int)])
    func rowsBecomeMultiples(n: Int, width: Int, roundTo: Int?, expected: Int) {
        #expect(Budget.multiple(of: n, width: width, roundTo: roundTo) == expected)
    }

    /// Few inputs for many features: the last layer stays what it was but for its constants, whose fit no held-out input opposes.
    @Test func fewInputsDoNotRewriteTheLastLayer() throws {
        let network = Network.perceptron([12, 60, 40])
        var settings = PruningSettings(budget: .keep(0.9))
        settings.selection = .l2
        let calibration = ActivationTensor.random([20, 12], seed: 6)
        settings.sampleCount = 20
        let plan = try Pruner(network: network, settings: settings).plan(calibration: calibration)
        let pruned = try plan.apply(to: network)
        let others = ActivationTensor.random([400, 12], seed: 7)
        let plain = try network.keeping(["fc1": plan.groups[0].kept])
        func error(_ a: Network) throws -> Float {
            let (x, y) = (try network.forward(others).observed[0].values, try a.forward(others).observed[0].values)
            return zip(x, y).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        }
        let (found, before) = (try error(pruned), try error(plain))
        #expect(found < 1.02 * before)
    }
}
