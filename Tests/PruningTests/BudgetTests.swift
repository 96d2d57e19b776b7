// Counts and allocation.

import NeuralNetworks
import Pruning
import Testing

@Suite struct BudgetTests {
    @Test(arguments: [
        (300, 0.5, 1, 150), (300, 0.1, 1, 30), (5, 0.1, 1, 1), (5, 1e-9, 1, 1), (16, 0.3, 1, 5), (10, 0.25, 1, 3), (16, 1, 1, 16),
        (100, 0.3, 8, 32), (6, 0.5, 8, 6), (64, 0.01, 8, 8),
    ])
    func keptCounts(_ n: Int, _ ratio: Double, _ multiple: Int, _ expected: Int) {
        #expect(Budget.count(of: n, ratio: ratio, multiple: multiple) == expected)
    }

    private func plan(_ budget: Budget, _ change: (inout PruningSettings) -> Void = { _ in }) throws -> (PruningPlan, Network) {
        let network = Network.perceptron([30, 40, 50, 20, 6])
        var settings = PruningSettings(budget: budget)
        settings.sampleCount = 200
        settings.inputPrior = InputPrior(mean: [0], deviation: [1])
        change(&settings)
        // Multiply–adds are known only where shapes are.
        return (try Pruner(network: network, settings: settings).plan(), try network.inferringShapes())
    }

    @Test(arguments: [0.9, 0.5, 0.2])
    func targetsAreMetToOneChannel(_ fraction: Double) throws {
        for budget in [Budget.neurons(fraction), .parameters(fraction), .multiplyAdds(fraction)] {
            let (plan, network) = try plan(budget)
            let pruned = try plan.apply(to: network)
            func size(_ network: Network, _ counts: [Int]) -> Double {
                switch budget {
                case .keep, .neurons: Double(counts.reduce(0, +))
                case .parameters: Double(network.cost.parameters)
                case .multiplyAdds: Double(network.cost.multiplyAdds ?? 0)
                }
            }
            let counts = plan.groups.map(\.kept.count)
            let target = fraction * size(network, plan.groups.map(\.channels))
            #expect(size(pruned, counts) <= target + 0.5, "\(budget)")
            // One more channel anywhere would be too many.
            for g in counts.indices where counts[g] < plan.groups[g].channels {
                var raised = plan.groups
                raised[g].kept = Array(0..<counts[g] + 1)
                let larger = try network.keeping(Dictionary(uniqueKeysWithValues: raised.map { ($0.name, Array(0..<$0.kept.count)) }))
                #expect(size(larger, raised.map(\.kept.count)) > target, "\(budget) group \(g)")
            }
        }
    }

    @Test func aTargetOutOfReachIsAnErrorThatSaysHowFarOneGetsBeforeAnythingIsMeasured() throws {
        let pruner = try Pruner(network: .perceptron([30, 40, 50, 20, 6]), settings: PruningSettings(budget: .parameters(1e-3)))
        do throws(PruningError) {
            // An observer that ends the run at its first step.
            _ = try pruner.plan { _ in false }
            Issue.record("expected an error")
        } catch {
            if case .unreachableTarget(_, let least) = error { #expect(least > 1e-3 && least < 0.1) } else { Issue.record("\(error)") }
        }
    }

    @Test func singleLayersOverrideTheBudgetAndRoundingHolds() throws {
        let (overridden, _) = try plan(.neurons(0.5)) { $0.layerRatios = ["fc2": 0.9] }
        #expect(overridden.groups[1].kept.count == 45)
        #expect(overridden.groups.reduce(0) { $0 + $1.kept.count } == 55)
        let (rounded, _) = try plan(.parameters(0.5)) { $0.roundTo = 8 }
        #expect(rounded.groups.allSatisfy { $0.kept.count % 8 == 0 || $0.kept.count == $0.channels })
    }

    /// A budget counts every weight that the report counts, tables and recurrent layers among them.
    @Test func budgetsCountWhatTheNetworkCosts() throws {
        func parameter(_ shape: [Int]) -> Parameter { Parameter(shape: shape, values: .init(repeating: 0.5, count: shape.reduce(1, *))) }
        let network = try Network(
            nodes: [
                .init(name: "table", layer: .embedding(weight: "table"), inputs: [0], outputs: [1]),
                .init(
                    name: "cell",
                    layer: .recurrent(Recurrent(kind: .elman, direction: .forward, hidden: 4, weight: "w", recurrence: "r")),
                    inputs: [1], outputs: [2]),
                .init(name: "flat", layer: .reshape(shape: [0, 3, 4]), inputs: [2], outputs: [3]),
                .init(name: "a", layer: .linear(Linear(weight: "a", bias: "b")), inputs: [3], outputs: [4]),
                .init(name: "relu", layer: .activation(.relu), inputs: [4], outputs: [5]),
                .init(name: "c", layer: .linear(Linear(weight: "c", bias: nil)), inputs: [5], outputs: [6]),
            ],
            values: [.init(name: "ids", shape: [3])] + (1...6).map { .init(name: "v\($0)") }, inputs: [0], outputs: [6],
            parameters: [
                "table": parameter([7, 5]), "w": parameter([1, 4, 5]), "r": parameter([1, 4, 4]), "a": parameter([6, 4]),
                "b": parameter([6]), "c": parameter([2, 6]),
            ]
        ).inferringShapes()
        let groups = try network.channelGroups()
        let counts = groups.map(\.count)
        #expect(groups.contains { $0.id == "a" })
        #expect(network.cost == NetworkCost(parameters: 35 + 20 + 16 + 24 + 6 + 12, multiplyAdds: 3 * (20 + 16 + 24 + 12)))
        #expect(CostModel(network, groups: groups, budget: .parameters(1)).cost(counts) == Double(network.cost.parameters))
        #expect(CostModel(network, groups: groups, budget: .multiplyAdds(1)).cost(counts) == network.cost.multiplyAdds.map(Double.init))
    }

    @Test func theRedundantLayerGivesWay() throws {
        // Every neuron of fc2 four times over.
        var network = Network.perceptron([20, 30, 32, 30, 6])
        let weight = try #require(network.parameters["fc2.weight"]), bias = try #require(network.parameters["fc2.bias"])
        for i in 8..<32 {
            for j in 0..<30 { network.parameters["fc2.weight"]?.values[i * 30 + j] = weight.values[(i % 8) * 30 + j] }
            network.parameters["fc2.bias"]?.values[i] = bias.values[i % 8]
        }
        // Random weights leave some neurons of fc3 that never fire and rightly go before anything else: center them all.
        let inputs = ActivationTensor.random([2000, 20], seed: 3)
        let z = try #require(try Evaluator(network, observing: [5]).forward(inputs)[5])
        for i in 0..<30 { network.parameters["fc3.bias"]?.values[i] -= (0..<2000).reduce(0) { $0 + z.values[$1 * 30 + i] } / 2000 }
        var settings = PruningSettings(budget: .neurons(Double(92 - 24) / 92))
        settings.sampleCount = 400
        settings.ridge = 1e-6
        settings.inputPrior = InputPrior(mean: [0], deviation: [1])
        let plan = try Pruner(network: network, settings: settings).plan()
        #expect(plan.groups.map(\.kept.count) == [30, 8, 30])
    }

    @Test func theReportHoldsTheCurvesThatCountsWereAllocatedBy() throws {
        let (plan, _) = try plan(.multiplyAdds(0.5))
        for layer in plan.layers {
            let curve = try #require(layer.errorCurve)
            #expect(curve.map(\.kept) == Array(0...layer.before))
            #expect(zip(curve, curve.dropFirst()).allSatisfy { $0.error >= $1.error && $1.error >= 0 })
            #expect(curve[layer.after].error < curve[0].error)
        }
        let (uniform, _) = try self.plan(.keep(0.5))
        #expect(uniform.layers.allSatisfy { $0.errorCurve == nil })
    }

    @Test func theLowerHullIsConvexBelowTheCurveAndTouchesItAtBothEnds() {
        let curve = [1.0, 0.9, 0.2, 0.19, 0.18, 0.05, 0.05, 0]
        let hull = BudgetAllocation.lowerHull(curve)
        #expect(hull.first == curve.first && hull.last == curve.last)
        for k in curve.indices { #expect(hull[k] <= curve[k] + 1e-15) }
        for k in 1..<curve.count - 1 { #expect(hull[k - 1] + hull[k + 1] - 2 * hull[k] >= -1e-15) }
    }
}
