// A choice by norms with weights as they are needs no moments: neither their memory nor their being finite.

import NeuralNetworks
import Pruning
import Testing

@Suite struct NormsOnlyTests {
    private static func settings(_ selection: Selection) -> PruningSettings {
        var settings = PruningSettings(recipe: .best, budget: .keep(0.5), seed: 1)
        (settings.selection, settings.reweighting, settings.sampleCount) = (selection, .none, 64)
        return settings
    }

    /// Sixty layers whose activations grow by two orders of magnitude each: finite weights, infinite activations.
    @Test(arguments: [Selection.l1, .l2, .uniform])
    func activationsMayOverflow(_ selection: Selection) throws {
        var network = Network.perceptron([Int](repeating: 6, count: 61))
        for name in network.parameters.keys where name.hasSuffix(".weight") {
            let grown = network.parameters[name]!.values.map { 100 * $0 }
            network.parameters[name]?.values = grown
        }
        let plan = try Pruner(network: network, settings: Self.settings(selection)).plan()
        #expect(plan.groups.count == 59 && plan.groups.allSatisfy { $0.kept.count == 3 })
        // Nothing is refitted; what exact merges replace is finite.
        let smaller = try plan.apply(to: network)
        #expect(smaller.parameters.values.allSatisfy { $0.values.allSatisfy(\.isFinite) })
        // A refit does depend on them, and says so in one line.
        var refitting = Self.settings(selection)
        refitting.reweighting = .sequential
        let error = #expect(throws: PruningError.self) { try Pruner(network: network, settings: refitting).plan() }
        #expect(error?.description.contains("finite") == true && error?.description.contains("\n") == false, "\(error?.description ?? "")")
    }

    /// 3000 channels between few inputs and outputs: their covariance would be a thousand times the network.
    @Test(arguments: [Selection.l1, .l2, .uniform])
    func wideGroupsCostTheirWeightsOnly(_ selection: Selection) throws {
        let network = Network.perceptron([3, 3000, 2])
        let plan = try Pruner(network: network, settings: Self.settings(selection)).plan()
        #expect(plan.groups[0].kept.count == 1500)
        #expect(plan.layers[0].relativeError == nil)
        if selection == .l2 {
            let weights = network.parameters["fc1.weight"]!.values, bias = network.parameters["fc1.bias"]!.values
            let norms: [Float] = (0..<3000).map { c in
                let row: ArraySlice<Float> = weights[3 * c..<3 * c + 3]
                return row.reduce(bias[c] * bias[c]) { $0 + $1 * $1 }
            }
            let threshold = norms.sorted(by: >)[1499]
            #expect(plan.groups[0].kept.allSatisfy { norms[$0] >= threshold })
        }
        // The predicted error of small groups stays in the account.
        let small = try Pruner(network: Network.perceptron([3, 30, 2]), settings: Self.settings(selection)).plan()
        #expect(small.layers[0].relativeError != nil)
    }
}
