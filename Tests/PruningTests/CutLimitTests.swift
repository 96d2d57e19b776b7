// What may not be cut, and plans of several sizes from one preparation.

import NeuralNetworks
import Pruning
import TensorFiles
import Testing

@Suite struct CutLimitTests {
    @Test(arguments: [
        ("conv1", "conv1", true), ("conv1", "conv10", false), ("conv*", "conv10", true), ("*", "", true), ("*1", "layer1.1", true),
        ("layer?.conv1", "layer1.conv1", true), ("layer?.conv1", "layer12.conv1", false), ("a*b*c", "aXbXbYc", true),
        ("a*b*c", "aXbXbY", false),
        ("**", "x", true), ("?", "", false), ("", "", true), ("", "x", false),
        // Many stars: linear in the name for each, not exponential.
        (String(repeating: "a*", count: 40) + "b", String(repeating: "a", count: 400), false),
    ])
    func starsAndQuestionMarks(_ pattern: String, _ name: String, _ fits: Bool) {
        #expect(NamePattern(pattern).matches(name) == fits)
    }

    private func settings(_ change: (inout PruningSettings) -> Void) -> PruningSettings {
        var settings = PruningSettings(budget: .keep(0.25))
        settings.sampleCount = 200
        settings.inputPrior = InputPrior(mean: [0], deviation: [1])
        change(&settings)
        return settings
    }

    @Test(arguments: [
        (["fc1"], ["fc2", "fc3"]), (["fc?"], []), (["*2"], ["fc1", "fc3"]), (["fc1.activation"], ["fc2", "fc3"]),
        (["fc4"], ["fc1", "fc2", "fc3"]), (["fc1", "fc*3"], ["fc2"]), ([], ["fc1", "fc2", "fc3"]),
    ])
    func namedGroupsLayersAndWhatPassesTheirChannelsOnStayWhole(_ names: [String], _ cut: [String]) throws {
        let network = Network.perceptron([30, 40, 50, 20, 6])
        let settings = settings { $0.excludedNames = names }
        guard !cut.isEmpty else {
            #expect(throws: PruningError.nothingToPrune(reason: "all that may be cut is excluded")) {
                try Pruner(network: network, settings: settings)
            }
            return
        }
        #expect(try Pruner(network: network, settings: settings).groups.map(\.id) == cut)
    }

    @Test func namesThatFitNothingAreRefusedAndARatioForWhatIsExcluded() {
        let network = Network.perceptron([30, 40, 50, 20, 6])
        #expect(throws: PruningError.unknownName(.excludedNames, name: "fc11", suggestion: "fc1")) {
            try Pruner(network: network, settings: settings { $0.excludedNames = ["fc11"] })
        }
        #expect(throws: PruningError.unknownName(.excludedNames, name: "conv*", suggestion: nil)) {
            try Pruner(network: network, settings: settings { $0.excludedNames = ["fc1", "conv*"] })
        }
        #expect(throws: PruningError.wholeLayer(name: "fc1", reason: "it is excluded")) {
            try Pruner(network: network, settings: settings { ($0.excludedNames, $0.layerRatios) = (["fc1"], ["fc1": 0.5]) })
        }
    }

    @Test func whereOnlyAResidualStreamCouldBeCutTheSettingThatCutsItIsNamed() throws {
        let description = try NetworkDescription(
            json: Array(
                """
                {"input": [1, 4, 4], "layers": [{"type": "convolution", "name": "c1", "padding": 1, "activation": "relu"},
                {"type": "activation", "name": "a", "function": "relu"}, {"type": "convolution", "name": "c2", "padding": 1},
                {"type": "add", "name": "sum", "from": ["a", "c2"]}, {"type": "global-average-pool"}, {"type": "flatten"},
                {"type": "linear", "name": "fc"}]}
                """.utf8))
        func ramp(_ shape: [Int]) throws -> Tensor {
            try .float32((0..<shape.reduce(1, *)).map { Float($0 % 7) - 2.5 }, shape: shape)
        }
        let weights: TensorArchive = [
            "c1.weight": try ramp([8, 1, 3, 3]), "c2.weight": try ramp([8, 8, 3, 3]), "fc.weight": try ramp([3, 8]),
        ]
        let network = try Network(archive: weights, description: description)
        let error = #expect(throws: PruningError.self) { try Pruner(network: network, settings: settings { _ in }) }
        let stream = try Pruner(network: network, settings: settings { $0.cutsResidualStreams = true }).groups.map(\.id)
        #expect(error == .onlyResidualStreams(groups: stream) && !stream.isEmpty)
        #expect(error?.message { "<\($0.rawValue)>" }.contains("<\(Setting.cutsResidualStreams.rawValue)>") == true)
    }

    @Test func anAdditionsNodeNamesTheResidualStream() throws {
        let network = Network.residual()
        let all = try Pruner(network: network, settings: settings { $0.cutsResidualStreams = true }).groups
        let addition = try #require(network.nodes.first { if case .add = $0.layer { true } else { false } }).name
        let rest = try Pruner(
            network: network,
            settings: settings {
                $0.cutsResidualStreams = true
                $0.excludedNames = [addition]
            }
        ).groups
        #expect(all.contains { !$0.isInner } && rest.allSatisfy(\.isInner) && rest.count == all.count { $0.isInner })
    }

    @Test(arguments: [Budget.keep(0.1), .neurons(0.45), .parameters(0.4), .multiplyAdds(0.4)], [1, 8])
    func noGroupLosesMoreThanItsFloorAllows(_ budget: Budget, _ multiple: Int) throws {
        let network = Network.perceptron([30, 40, 50, 20, 6])
        let plan = try Pruner(
            network: network,
            settings: settings { ($0.budget, $0.leastChannels, $0.roundTo, $0.layerRatios) = (budget, 15, multiple, ["fc2": 0.02]) }
        ).plan()
        let least = multiple == 1 ? 15 : 16
        #expect(plan.groups.allSatisfy { $0.kept.count >= min(least, $0.channels) }, "\(plan.groups.map(\.kept.count))")
        #expect(plan.groups[1].kept.count == least)
        #expect(throws: PruningError.self) { try settings { $0.leastChannels = 0 }.validate() }
    }

    @Test(arguments: [Budget.keep(1), .parameters(1), .multiplyAdds(1)])
    func plansFromOnePreparationAreThoseOfSingleRuns(_ kind: Budget) throws {
        let network = Network.perceptron([30, 40, 50, 20, 6])
        let prepared = try Pruner(network: network, settings: settings { $0.budget = kind }).prepare()
        for share in [0.7, 0.4, 0.7] {
            let budget: Budget =
                switch kind {
                case .keep: .keep(share)
                case .neurons: .neurons(share)
                case .parameters: .parameters(share)
                case .multiplyAdds: .multiplyAdds(share)
                }
            let (own, alone) = (
                try prepared.plan(budget: budget), try Pruner(network: network, settings: settings { $0.budget = budget }).plan()
            )
            #expect(own.groups == alone.groups && own.replacements == alone.replacements && own.settings == alone.settings)
            #expect(try prepared.counts(budget: budget) == own.groups.map(\.kept.count))
        }
    }

    @Test(arguments: [0.9, 0.5, 0.31, 0.02, 0.0])
    func bisectionEndsCloseAboveTheSmallestShareThatFits(_ threshold: Double) {
        var tried: [Double] = []
        let search = BudgetSearch { share in
            tried.append(share)
            return share >= threshold ? .fits : .misses
        }
        let found = search.smallest ?? 2
        #expect(tried.contains(found) && found >= threshold && found - threshold <= max(0.01, 0.04 * found) && tried.count <= 8)
        #expect(BudgetSearch { _ in .misses }.smallest == nil)
    }
}
