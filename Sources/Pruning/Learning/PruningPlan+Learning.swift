// A plan whose weights have learned from the original network.

import NeuralNetworks

extension PruningPlan {
    /// The plan with all remaining weights moved together, as far as held-out inputs allow.
    ///
    /// - Parameters:
    ///   - network: the network that the plan was made for.
    ///   - inputs: one tensor per input of the network; unlabelled.
    ///   - statistics: of batch normalizations on these inputs, by node, where it is not what the network stores: they serve the
    ///     learning and are not kept.
    /// - Returns: the plan, its replacements those of the learned weights, and an account of the learning.
    /// - Throws: as ``apply(to:)`` and ``Distillation``.
    public func learning(
        from network: Network, inputs: [ActivationTensor], settings: LearningSettings, statistics: [Int: ChannelStatistics] = [:],
        observer: LearningObserver? = nil
    ) throws(PruningError) -> (plan: PruningPlan, report: LearningReport) {
        let student = try apply(to: network)
        let own = try cutStatistics(statistics, of: network, in: student)
        let (better, report) = try Distillation(
            teacher: network, student: student, inputs: inputs, settings: settings, teacherStatistics: statistics, studentStatistics: own
        ).run(observer: observer)
        var plan = self
        for name in better.parameters.keys.sorted() {
            guard let tensor = better.parameters[name], tensor != student.parameters[name] else { continue }
            let replacement = Replacement(parameter: name, tensor)
            if let index = plan.replacements.firstIndex(where: { $0.parameter == name }) {
                plan.replacements[index] = replacement
            } else {
                plan.replacements.append(replacement)
            }
        }
        plan.replacements.sort { $0.parameter < $1.parameter }
        return (plan, report)
    }

    /// Statistics of the kept channels. Refits that lowered a running mean lower the mean of these inputs by as much.
    private func cutStatistics(
        _ statistics: [Int: ChannelStatistics], of network: Network, in student: Network
    ) throws(PruningError) -> [Int: ChannelStatistics] {
        guard !statistics.isEmpty else { return [:] }
        let found: [ChannelGroup]
        do { found = try network.channelGroups() } catch { throw .malformedNetwork("\(error)") }
        let positions = network.keptPositions(groups, of: found)
        var result: [Int: ChannelStatistics] = [:]
        for (index, own) in statistics {
            guard network.nodes.indices.contains(index), student.nodes.indices.contains(index),
                case .batchNormalization(let layer) = network.nodes[index].layer, student.nodes[index].name == network.nodes[index].name,
                let before = network.parameters[layer.mean]?.values, let after = student.parameters[layer.mean]?.values
            else { continue }
            let kept = positions[layer.mean]?[0] ?? Array(before.indices)
            guard kept.count == after.count, own.mean.count == before.count else { continue }
            result[index] = ChannelStatistics(
                mean: kept.indices.map { own.mean[kept[$0]] + (after[$0] - before[kept[$0]]) }, variance: kept.map { own.variance[$0] })
        }
        return result
    }
}
