// A plan whose weights have learned from the original network.

import NeuralNetworks

extension PruningPlan {
    /// The plan with all remaining weights moved together, as far as held-out inputs allow.
    ///
    /// - Parameters:
    ///   - network: the network that the plan was made for.
    ///   - inputs: one tensor per input of the network; unlabelled.
    /// - Returns: the plan, its replacements those of the learned weights, and an account of the learning.
    /// - Throws: as ``apply(to:)`` and ``Distillation``.
    public func learning(
        from network: Network, inputs: [ActivationTensor], settings: LearningSettings,
        observer: LearningObserver? = nil
    ) throws(PruningError) -> (plan: PruningPlan, report: LearningReport) {
        let student = try apply(to: network)
        let (better, report) = try Distillation(
            teacher: network, student: student, inputs: inputs, settings: settings
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
}
