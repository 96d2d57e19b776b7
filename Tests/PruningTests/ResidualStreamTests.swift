// Groups that additions tie into residual streams: left alone unless asked for, then cut with all their members.

import Foundation
import NeuralNetworks
import Pruning
import TestSupport
import Testing

@Suite struct ResidualStreamTests {
    /// stem (3 × 3, 6 channels) + b; read by a and fc.
    private static let network: Network = { (try? Network.residual().inferringShapes()) ?? Network.residual() }()
    private static let inputs = ActivationTensor.random([24, 2, 7, 7], seed: 2)

    private static func plan(
        _ recipe: Recipe = .best, _ budget: Budget = .keep(0.5), _ change: (inout PruningSettings) -> Void
    ) throws -> PruningPlan {
        var settings = PruningSettings(recipe: recipe, budget: budget, seed: 7)
        settings.refitsClassifier = false
        change(&settings)
        return try Pruner(network: network, settings: settings).plan(calibration: inputs)
    }

    private static func expectSlicedIsMasked(_ plan: PruningPlan) throws {
        let pruned = try plan.apply(to: network)
        let outputs = try pruned.forward(inputs).observed[0].values, masked = try plan.masked(network).forward(inputs).observed[0].values
        let scale = masked.map(\.magnitude).max() ?? 0
        #expect(scale > 0)
        for (a, b) in zip(outputs, masked) { #expect((a - b).magnitude <= 1e-4 * scale) }
        let again = try JSONDecoder().decode(PruningPlan.self, from: JSONEncoder().encode(plan))
        #expect(try again.apply(to: network).parameters == pruned.parameters)
    }

    @Test func onlyInnerChannelsGoUnasked() throws {
        let plan = try Self.plan { _ in }
        #expect(plan.groups.map(\.name) == ["a"] && plan.warnings.isEmpty)
    }

    @Test(arguments: [Recipe.best, .paper]) func allMembersGoAtOnce(_ recipe: Recipe) throws {
        let plan = try Self.plan(recipe) { $0.cutsResidualStreams = true }
        #expect(plan.groups.map(\.name) == ["stem", "a"] && plan.groups.map(\.kept.count) == [3, 4])
        let pruned = try plan.apply(to: Self.network)
        for (name, shape) in ["stem": [3, 2, 3, 3], "a": [4, 3, 3, 3], "b": [3, 4, 3, 3], "fc": [4, 3]] {
            #expect(pruned.parameters[name + ".weight"]?.shape == shape)
        }
        #expect(pruned.parameters["b.bn.mean"]?.shape == [3])
        try Self.expectSlicedIsMasked(plan)
    }

    @Test func namingAStreamIsAskingForIt() throws {
        let plan = try Self.plan { $0.layerRatios = ["stem": 0.5] }
        #expect(plan.groups.map(\.kept.count) == [3, 4])
        try Self.expectSlicedIsMasked(plan)
    }

    @Test(arguments: [Budget.multiplyAdds(0.4), .parameters(0.4), .neurons(0.4)]) func budgetsCountStreams(_ budget: Budget) throws {
        let plan = try Self.plan(.best, budget) { $0.cutsResidualStreams = true }
        try Self.expectSlicedIsMasked(plan)
        let cost = CostModel(Self.network, groups: try Pruner(network: Self.network, settings: plan.settings).groups, budget: budget)
        let counts = plan.groups.map(\.kept.count), target = 0.4 * cost.cost([6, 8])
        #expect(cost.cost(counts) <= target + 0.5)
        // One channel more of either group is too many.
        for group in counts.indices where counts[group] < [6, 8][group] {
            var raised = counts
            raised[group] += 1
            #expect(cost.cost(raised) > target)
        }
        if case .multiplyAdds = budget {
            #expect(
                Double(try #require(try plan.apply(to: Self.network).cost.multiplyAdds)) <= 0.4
                    * Double(try #require(Self.network.cost.multiplyAdds)) + 0.5)
        }
    }

    @Test(arguments: [0.9, 0.7, 0.5]) func streamsAreCutOnlyWhenThatIsPredictedToDoBetter(_ share: Double) throws {
        let inner = try Self.plan(.best, .multiplyAdds(share)) { _ in }
        let plan = try Self.plan(.best, .multiplyAdds(share)) { $0.cutsResidualStreams = true }
        #expect(plan.groups.map(\.name) == ["stem", "a"])
        if plan.groups[0].kept.count == 6 {
            #expect(plan.groups[1] == inner.groups[0] && plan.prediction == inner.prediction)
        } else {
            #expect(!plan.warnings.contains { if case .wholeStreams = $0 { true } else { false } })
        }
        try Self.expectSlicedIsMasked(plan)
    }

    @Test func parameterFreeShortcutsRefuseByNameInAFileOfWeights() throws {
        let archive = try PublishedWeights.archive(of: "resnet20-cifar", divisor: 4, seed: 11)
        let network = try Network(archive: archive, architecture: KnownArchitecture(named: "resnet20-cifar"))
        var settings = PruningSettings(recipe: .paper, budget: .keep(0.5), seed: 3)
        (settings.selection, settings.reweighting, settings.cutsResidualStreams) = (.l2, .none, true)
        let plan = try Pruner(network: network, settings: settings).plan()
        #expect(plan.groups.count == 9 && plan.groups.allSatisfy { $0.name.hasSuffix("conv1") })
        let refusals = plan.warnings.map { $0.message() }.filter { $0.contains("residual stream") }
        #expect(refusals.contains { $0.contains("conv1 stays whole: the parameter-free shortcut") }, "\(plan.warnings)")
        settings.layerRatios = ["conv1": 0.5]
        let error = #expect(throws: PruningError.self) { try Pruner(network: network, settings: settings) }
        #expect(error?.description.contains("\"conv1\", which stays whole: the parameter-free shortcut") == true)

        // The same graph with a place for the amounts, as ONNX has one.
        var free = network
        free.storesAttributes = true
        settings.layerRatios = [:]
        let narrow = try Pruner(network: free, settings: settings).plan()
        #expect(narrow.groups.count > 9 && narrow.warnings.allSatisfy { !$0.message().contains("residual stream") })
        let images = ActivationTensor.random([2, 3, 32, 32], seed: 5)
        let outputs = try narrow.apply(to: free).forward(images).observed[0].values
        let masked = try narrow.masked(free).forward(images).observed[0].values
        let scale = masked.map(\.magnitude).max() ?? 0
        for (a, b) in zip(outputs, masked) { #expect((a - b).magnitude <= 1e-4 * scale) }
    }
}
