// Parameters and multiply–adds of a network as a function of how many channels each group keeps.
//
//   cost(k) = Σ_tensors w_t · Π_axes (fixed_a + Σ_{groups on a} positions·k_g)                                (1)
// with w_t = 1 for parameters (0 for running statistics, which are not trained) and w_t = number of places for multiply–adds of a
// weight (0 for vectors), as NetworkCost counts both. Removing a channel changes the cost of its neighbors' channels, which is why
// the allocation asks again after every step.

import NeuralNetworks

/// Counts what a choice of kept channels costs.
package struct CostModel: Sendable {
    private struct Term {
        var factor: Double
        /// Per axis: what stays whatever is cut, and the groups on the axis with positions per channel.
        var axes: [(fixed: Double, groups: [(group: Int, positions: Double)])]
    }

    private let terms: [Term]
    /// Indices of terms that depend on a group.
    private let touched: [[Int]]

    /// What the budget of a run counts.
    init(_ run: PruningRun) { self.init(run.network, groups: run.groups, budget: run.settings.budget) }

    /// - Parameter budget: which cost; `.keep` and `.neurons` count channels.
    package init(_ network: Network, groups: [ChannelGroup], budget: Budget) {
        var terms: [Term] = []
        switch budget {
        case .keep, .neurons:
            terms = groups.indices.map { Term(factor: 1, axes: [(0, [($0, 1)])]) }
        case .parameters, .multiplyAdds:
            var weightOf: [String: Double] = [:]
            for node in network.nodes {
                if case .parameters = budget {
                    for name in node.layer.trainedParameterNames { weightOf[name] = 1 }
                } else {
                    for use in network.weightUses(of: node) { weightOf[use.weight, default: 0] += Double(use.places ?? 1) }
                }
            }
            for name in weightOf.keys.sorted() {
                guard let parameter = network.parameters[name], let factor = weightOf[name] else { continue }
                var axes = parameter.shape.map { (fixed: Double($0), groups: [(group: Int, positions: Double)]()) }
                for (index, group) in groups.enumerated() {
                    for slice in group.slices where slice.parameter == name && slice.axis < axes.count {
                        let positions = Double(slice.map.offsets.count * slice.map.run)
                        axes[slice.axis].fixed -= positions * Double(group.count)
                        axes[slice.axis].groups.append((index, positions))
                    }
                }
                // What another tensor holds already costs nothing as long as neither is cut.
                if case .parameters = budget, network.copies[name] != nil, axes.allSatisfy(\.groups.isEmpty) { continue }
                terms.append(Term(factor: factor, axes: axes))
            }
        }
        self.terms = terms
        touched = groups.indices.map { group in
            terms.indices.filter { terms[$0].axes.contains { $0.groups.contains { $0.group == group } } }
        }
    }

    /// Cost when group g keeps counts[g] channels.
    package func cost(_ counts: [Int]) -> Double { terms.indices.reduce(0) { $0 + value($1, counts) } }

    /// Cost saved by lowering the count of one group.
    package func saving(_ counts: [Int], group: Int, by amount: Int) -> Double {
        var lowered = counts
        lowered[group] -= amount
        return touched[group].reduce(0) { $0 + value($1, counts) - value($1, lowered) }
    }

    private func value(_ term: Int, _ counts: [Int]) -> Double {
        terms[term].axes.reduce(terms[term].factor) { product, axis in
            product * axis.groups.reduce(axis.fixed) { $0 + $1.positions * Double(counts[$1.group]) }
        }
    }
}
