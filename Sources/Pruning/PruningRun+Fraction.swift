// How much of a run's time has passed when a phase begins.

extension PruningRun {
    // Shares of a run without learning, measured on LeNet-300-100 and ResNet-20 with default and quick effort: inputs 0.6 where they are
    // drawn for small networks and 0.1 for larger ones, next to nothing where they are given; moments 0.04; ranking below 0.01; error curves
    // 0.4 where a budget is allocated; refits what remains. A phase that may take longer has its due at least.
    private static let drawing = 0.3
    private static let moments = 0.04
    private static let ranking = 0.02
    private static let curves = 0.35
    private static let refits = 0.5

    /// Share of the run's time that has passed when `phase` begins.
    func fraction(of phase: PruningProgress.Phase) -> Double {
        let inputs = isGivenInputs ? 0.01 : Self.drawing, curves = settings.budget.isUniform ? 0.01 : Self.curves
        let whole = inputs + Self.moments + Self.ranking + curves + Self.refits
        let share = planningShare / whole
        func within(_ part: Int, _ count: Int) -> Double { Double(part) / Double(Swift.max(1, count)) }
        return switch phase {
        case .inputs: 0
        case .moments: share * inputs
        case .ranking(let group):
            share * (inputs + Self.moments + Self.ranking * within(groups.firstIndex { $0.id == group } ?? 0, groups.count))
        case .errorCurves: share * (inputs + Self.moments + Self.ranking)
        case .refit(let consumer, let count): share * (whole - Self.refits + Self.refits * within(consumer, count))
        case .learning(let step, let steps): planningShare + (1 - planningShare) * within(step, steps)
        case .finished: 1
        }
    }

    /// What is done before learning, as a share of all: measured, it takes as long as 5·10¹¹ multiply–adds of learning and a thousand
    /// forward passes.
    private var planningShare: Double {
        guard let learning = settings.learning else { return 1 }
        let multiplyAdds = workBudget.multiplyAdds
        let size = network.inputs.first.flatMap { network.values[$0].shape?.reduce(1, *) } ?? 1
        let batch = learning.batch ?? LearningSettings.batch(ofInputSize: size)
        // Forward in both networks, back in one.
        let steps = (learning.steps.map(Double.init) ?? learning.mostSteps) * Double(batch) * 4 * multiplyAdds
        let planning = 5e11 + 1000 * multiplyAdds
        return planning / (planning + Swift.min(learning.steps == nil ? learning.work : .infinity, steps))
    }
}
