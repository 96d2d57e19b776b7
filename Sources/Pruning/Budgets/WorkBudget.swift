// How many inputs a run can pay for, in work and in memory.
//
// A run passes every input of its fit through the original network and through the pruned one, and once more where a budget is
// allocated. With K such passes, W the work of the effort that is set and F multiply–adds for one input, half of W pays for
//   N = W/(2·K·F)                                                                                        (1)
// inputs. The other half is for telling kinds of images apart, for moments, and for judging on others.

import NeuralNetworks

/// Limits to the inputs of a run.
struct WorkBudget: Sendable {
    /// Fewer inputs than this say too little about how images differ, whatever they cost.
    static let leastInputs = 48
    /// Share of the memory that inputs may take, drawn ones with what is kept beside them.
    private static let inputShare = 4

    /// Multiply–adds in all.
    let total: Double
    /// Multiply–adds of one input, at least 1.
    let multiplyAdds: Double
    /// (1), at least `leastInputs`.
    let affordableInputs: Int
    private let memory: Int

    init(_ run: PruningRun) {
        let settings = run.settings
        multiplyAdds = Swift.max(1, Double(run.network.cost.multiplyAdds ?? 1))
        total = settings.effort.work(multiplyAdds: multiplyAdds)
        memory = settings.memory
        let passes = (settings.reweighting == .sequential ? 2.0 : 1) + (settings.budget.isUniform ? 0 : 1)
        affordableInputs = Swift.max(WorkBudget.leastInputs, Int(Swift.min(total / (2 * passes * multiplyAdds), 1e6)))
    }

    /// Inputs that a share of the work pays for, so many passes each, between limits.
    func inputs(_ limits: ClosedRange<Int>, passes: Double, share: Double) -> Int {
        let affordable = Int(Swift.min(share * total / (passes * multiplyAdds), 1e6))
        return Swift.min(Swift.max(affordable, limits.lowerBound), limits.upperBound)
    }

    /// Inputs of so many values that memory affords.
    func inputs(ofSize size: Int) -> Int {
        Swift.max(WorkBudget.leastInputs, memory / WorkBudget.inputShare / (MemoryLayout<Float>.size * Swift.max(1, size)))
    }
}

extension PruningRun {
    /// Limits to the inputs of this run.
    var workBudget: WorkBudget { WorkBudget(self) }

    /// Regressors that a consumer may have to be fitted on all of them: memory holds five normal matrices of theirs, the samples' sums
    /// in two parts, those of all, and what a fit makes of them.
    var mostRegressors: Int { Int((Double(settings.memory) / Double(5 * MemoryLayout<Double>.size)).squareRoot()) }

    /// Memory with which so many regressors are fitted.
    static func memory(forRegressors count: Int) -> Double { Double(5 * MemoryLayout<Double>.size) * Double(count) * Double(count) }

    /// Bytes for the activations that one frontier holds: two networks are passed at once, a quarter is for batches and what moves.
    ///
    /// - Parameters:
    ///   - inputs: what is in memory already.
    ///   - regressors: of the fit at the cut.
    func frontierBytes(_ inputs: ActivationTensor, regressors: Int = 0) -> Int {
        let held = 2 * MemoryLayout<Float>.size * inputs.values.count + Int(PruningRun.memory(forRegressors: regressors))
        return Swift.max(settings.memory / 10, (settings.memory - held) / 8 * 3)
    }
}
