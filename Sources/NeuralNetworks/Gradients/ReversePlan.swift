// An evaluation plan that can be run backwards: every value keeps a buffer of its own on the way forward, gradients share
// buffers by their lifetimes on the way back.
//
// Batch normalizations are folded into the layers before them where only gradients of trained tensors are asked for.
// The gradient of a value lives from the last step that reads the value (run first) to the step that makes it.

import LinearAlgebra

struct ReversePlan: Sendable {
    let plan: EvaluationPlan
    private let backward: [BackwardStep]
    /// Buffer of each storage's gradient; `nil` where none is asked for.
    private let buffers: [Int?]
    /// Values per sample of each buffer.
    private let bufferSizes: [Int]
    /// Storages whose gradient begins with zeros before a step, and before all of them.
    private let cleared: [[Int]]
    private let seeded: [Int]
    /// Layers that take up a normalization: what they add to the flat gradient is not yet that of the tensors.
    private let folded: [FoldedNormalization]
    /// Entries of the flat gradient while it is added up.
    let tensorCount: Int
    private let slotCount: Int
    /// Inputs that no step reads: their gradient is zero.
    private let unread: [Int]

    /// - Parameters:
    ///   - network: with shapes inferred.
    ///   - taps: values whose gradients are given.
    ///   - slots: trained tensors whose gradients are asked for.
    ///   - wantsInput: whether those of the inputs are.
    /// - Throws: `unsupported` naming the node that cannot be differentiated, and what an ``Evaluator`` throws.
    init(
        _ network: Network, observing taps: [Network.ValueID], slots: ParameterSlots,
        wantsInput: Bool
    ) throws(NetworkError) {
        let candidates = wantsInput ? [:] : FoldedNormalization.candidates(in: network, slots: slots)
        let plan = try PlanBuilder.plan(
            for: network, from: network.inputs,
            observing: network.observedForGradients(of: taps).filter { candidates[$0] == nil || taps.contains($0) },
            foldsBatchNormalization: !candidates.isEmpty, keepsObserved: false
        ).keepingEverything()
        folded = try FoldedNormalization.all(of: Array(candidates.values), in: plan, of: network, slots: slots)
        slotCount = slots.count
        tensorCount = slots.count + folded.reduce(0) { $0 + $1.ownCount }
        var wanted = [Bool](repeating: false, count: plan.storages.count)
        if wantsInput { for source in plan.sources { wanted[source.storage] = true } }
        var backward: [BackwardStep] = []
        for step in plan.steps {
            let reverse = try BackwardStep(step, in: network, slots: slots, folded: folded.first { $0.layer == step.node }, wanted: wanted)
            if reverse.isNeeded { for storage in step.outputs { wanted[storage] = true } }
            backward.append(reverse)
        }
        self.plan = plan
        self.backward = backward

        var buffers = [Int?](repeating: nil, count: plan.storages.count)
        var (sizes, free): ([Int], [Int]) = ([], [])
        func begin(_ storage: Int) -> Bool {
            guard wanted[storage], buffers[storage] == nil else { return false }
            let size = plan.storages[storage].size
            if let fit = free.filter({ sizes[$0] >= size }).min(by: { sizes[$0] < sizes[$1] }) ?? free.max(by: { sizes[$0] < sizes[$1] }) {
                free.removeAll { $0 == fit }
                sizes[fit] = max(sizes[fit], size)
                buffers[storage] = fit
            } else {
                buffers[storage] = sizes.count
                sizes.append(size)
            }
            return true
        }
        let given = Set(taps)
        let ends = plan.taps.filter { given.contains($0.value) }.map(\.storage)
        // Whoever observes a value writes its gradient, wanted or not.
        for storage in ends { wanted[storage] = true }
        seeded = ends.filter(begin)
        // The gradients of the inputs are read at the end.
        let kept = Set(plan.sources.map(\.storage))
        var cleared = [[Int]](repeating: [], count: plan.steps.count)
        for (index, step) in plan.steps.enumerated().reversed() where backward[index].isNeeded {
            cleared[index] = (step.outputs + step.inputs).filter(begin)
            for storage in step.outputs where !kept.contains(storage) { if let buffer = buffers[storage] { free.append(buffer) } }
        }
        unread = plan.sources.map(\.storage).filter(begin)
        self.cleared = cleared
        self.buffers = buffers
        bufferSizes = sizes
    }

    /// Buffers that `run` needs for `count` samples: those of the gradients and one for work.
    func makeBuffers(count: Int) -> BufferSet {
        BufferSet(sizes: bufferSizes.map { max($0, 1) * count } + [backward.map(\.workspaceSize).max() ?? 0])
    }

    /// The gradient of the tensors from what the steps have added up.
    func finish(_ gradient: consuming [Float]) -> [Float] {
        for layer in folded { layer.unfold(&gradient) }
        gradient.removeLast(tensorCount - slotCount)
        return gradient
    }

    /// Values and gradients per sample, in Floats.
    var sampleSize: Int { plan.scratch.reduce(0) { $0 + $1.floats(1) } + bufferSizes.reduce(0, +) }

    /// Runs all steps backwards.
    ///
    /// - Parameters:
    ///   - values: of all storages, as the steps left them; gradients overwrite none of them.
    ///   - tensors: the flat gradient of the trained tensors, added to; may be of size 1 when there are none.
    ///   - seed: given the gradients of all storages, which are zero where they were asked for, adds those of the observed values.
    ///   - after: called behind every step.
    /// - Returns: the gradients of all storages; valid for the inputs.
    @discardableResult
    func run(
        count: Int, values: [UnsafeMutablePointer<Float>], buffers set: BufferSet, tensors: UnsafeMutablePointer<Float>,
        seed: ([UnsafeMutablePointer<Float>]) -> Void, after: (EvaluationPlan.Step, [UnsafeMutablePointer<Float>]) -> Void = { _, _ in }
    ) -> [UnsafeMutablePointer<Float>] {
        let workspace = set[bufferSizes.count]
        let gradients = buffers.map { $0.map { set[$0] } ?? workspace }
        func clear(_ storages: [Int]) {
            for storage in storages { gradients[storage].update(repeating: 0, count: plan.storages[storage].size * count) }
        }
        clear(seeded)
        clear(unread)
        seed(gradients)
        for index in plan.steps.indices.reversed() where backward[index].isNeeded {
            clear(cleared[index])
            backward[index].run(
                plan.steps[index], count: count, values: values, gradients: gradients, tensors: tensors, workspace: workspace)
            after(plan.steps[index], gradients)
        }
        return gradients
    }
}

extension EvaluationPlan {
    /// The plan with a buffer of its own for every value: what is needed backwards must not be overwritten.
    fileprivate func keepingEverything() -> EvaluationPlan {
        var plan = self
        plan.scratch = []
        for index in plan.storages.indices {
            guard case .scratch = plan.storages[index].location else { continue }
            plan.storages[index].location = .scratch(plan.scratch.count)
            plan.scratch.append(Buffer(size: plan.storages[index].size))
        }
        return plan
    }
}

extension Network {
    /// `values` and what else must not be fused away on the way to them: what batch normalizations read, and what activations
    /// read whose derivative does not follow from their output.
    fileprivate func observedForGradients(of values: [ValueID]) -> [ValueID] {
        var taps: [ValueID] = []
        for index in ancestors(of: values) {
            switch nodes[index].layer {
            case .batchNormalization: taps.append(nodes[index].inputs[0])
            case .activation(let activation) where !activation.hasDerivativeFromOutput: taps.append(nodes[index].inputs[0])
            default: break
            }
        }
        let constants = constantValues
        var seen: Set<ValueID> = []
        return (taps.filter { !constants.contains($0) } + values).filter { seen.insert($0).inserted }
    }

    /// Indices of the nodes that some of `values` depend on, in topological order.
    private func ancestors(of values: [ValueID]) -> [Int] {
        var makers: [ValueID: Int] = [:]
        for (index, node) in nodes.enumerated() { for value in node.outputs { makers[value] = index } }
        var found: Set<Int> = []
        var stack = values
        while let value = stack.popLast() {
            guard let index = makers[value], found.insert(index).inserted else { continue }
            stack.append(contentsOf: nodes[index].inputs)
        }
        return found.sorted()
    }
}
