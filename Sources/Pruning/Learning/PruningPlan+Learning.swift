// A plan whose weights have learned from the original network.

import NeuralNetworks

extension PruningPlan {
    /// The plan with all remaining weights moved together, as far as held-out inputs allow.
    ///
    /// - Parameters:
    ///   - network: the network that the plan was made for.
    ///   - inputs: one tensor per input of the network; unlabelled.
    ///   - judges: the same of inputs that the plan was not fitted on; an eighth of `inputs` where there are none.
    /// - Returns: the plan, its replacements those of the learned weights, and an account of the learning.
    /// - Throws: as ``apply(to:)`` and ``Distillation``.
    public func learning(
        from network: Network, inputs: [ActivationTensor], judges: [ActivationTensor] = [], settings: LearningSettings,
        observer: LearningObserver? = nil
    ) throws(PruningError) -> (plan: PruningPlan, report: LearningReport) {
        let student = try apply(to: network)
        let (better, report) = try Distillation(
            teacher: network, student: student, inputs: inputs, judges: judges, settings: settings
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

    /// The plan as its run's settings let it learn, and judged anew; itself where nothing can be learned.
    ///
    /// - Throws: `cancelled`; what ``learning(from:inputs:settings:observer:)`` throws but for operations without a derivative, which
    ///   end as a warning.
    func learned(_ inputs: RunInputs, _ run: PruningRun) throws(PruningError) -> PruningPlan {
        guard var settings = run.settings.learning, run.settings.reweighting == .sequential, run.canCompareOutputs,
            groups.contains(where: { $0.kept.count < $0.channels }), let samples = inputs.learned
        else { return self }
        // Uniform tokens are no language: 400 steps on them take MiniLM's error on sentences from .575 to .604. Steps that were asked
        // for are made.
        if case .tokens = inputs.provenance, settings.steps == nil {
            return with([.notLearned(cause: "what is learned on drawn tokens hurts on real ones; inputs of the network's kind would serve")]
            )
        }
        settings.seed = run.settings.seed
        if !run.settings.refitsClassifier { settings.outputsAreLogits = false }
        var cancelled: PruningError?
        var result: PruningPlan
        do {
            let (plan, report) = try learning(from: run.original, inputs: [samples], judges: inputs.judges, settings: settings) {
                progress in
                do throws(PruningError) {
                    try run.begin(.learning(step: progress.step, of: progress.steps))
                } catch {
                    cancelled = error
                }
                return cancelled == nil
            }
            result = plan
            result.learned = report.steps > 0 ? report : nil
        } catch .evaluation(let cause) {
            return with([.notLearned(cause: "\(cause)")])
        }
        if let cancelled { throw cancelled }
        if result.replacements != replacements {
            result.prediction = try OutputPrediction(MaskedNetwork(result.masked(run.original)), inputs, run)
        }
        result.seconds = run.elapsed
        return result
    }
}
