// Forward evaluation in Float32 through sgemm.
//
// A block of samples runs through the whole network, segment by segment, so many at a time that activations stay in the cache or
// weights are read seldom (EvaluationPlan+Segments); blocks are spread over cores with one BLAS thread each. Batch normalization, residual additions and activations are fused into the layer before
// them unless somebody observes a value in between.

import LinearAlgebra

/// A network prepared for forward evaluation.
///
/// ```swift
/// let evaluator = try Evaluator(network)
/// let logits = try evaluator.forward(images).observed[0]
///
/// // Part of a network: from a value computed before, up to the inputs of two layers.
/// let prefix = try Evaluator(network, from: [stem], observing: [a, b])
/// ```
public struct Evaluator: Sendable {
    let plan: EvaluationPlan
    private let network: Network
    private let resources: EvaluationResources

    /// Prepares a network, or the part of it that leads from `sources` to `taps`.
    ///
    /// - Parameters:
    ///   - network: a validated network; its shapes are inferred again when `inputShapes` is given.
    ///   - sources: values that `forward` will be given; the network's inputs by default.
    ///   - taps: values to observe; the network's outputs by default. Any value of the network may be asked for.
    ///   - inputShapes: shapes of the network's inputs without the batch axis.
    /// - Throws: ``NetworkError`` naming the node that cannot be evaluated, or whose tensors are missing or misshapen.
    /// - Complexity: one copy of the weights, in the order that the kernels read them.
    public init(
        _ network: Network, from sources: [Network.ValueID]? = nil, observing taps: [Network.ValueID]? = nil, inputShapes: [[Int]]? = nil
    ) throws(NetworkError) {
        try network.validateGraph()
        self.network = try network.inferringShapes(inputShapes: inputShapes)
        plan = try PlanBuilder.plan(
            for: self.network, from: sources ?? network.inputs, observing: taps ?? network.outputs, foldsBatchNormalization: true,
            keepsObserved: true
        ).inSegments()
        resources = EvaluationResources(constants: plan.constants)
    }

    /// How many samples steps are given at a time, at most, segment by segment.
    package var samplesPerSegment: [Int] { plan.segments.map(\.samples) }

    /// Evaluates a batch of the only source.
    ///
    /// - Complexity: the network's multiply–adds for every sample.
    public func forward(_ input: ActivationTensor, threads: Int? = nil) throws(NetworkError) -> Activations {
        try forward([input], threads: threads)
    }

    /// Evaluates a batch, or part of one.
    ///
    /// - Parameters:
    ///   - inputs: one tensor per source, all with the same batch axis. Axes of extent 1 may be missing or added, and a
    ///     source of one axis takes any shape with as many values.
    ///   - samples: which samples of the inputs to evaluate, read in place; all of them by default.
    ///   - threads: cores to use; by default as many as BLAS may use (`BLASConfiguration.configuredThreads`).
    /// - Returns: the observed values.
    /// - Throws: `wrongInputShape`.
    public func forward(
        _ inputs: [ActivationTensor], samples: Range<Int>? = nil, threads: Int? = nil
    ) throws(NetworkError) -> Activations {
        let given = try checkedBatch(inputs)
        let range = samples ?? 0..<given
        precondition(range.lowerBound >= 0 && range.upperBound <= given, "samples must be among those of the inputs")
        let batch = range.count
        let workers = max(1, threads ?? BLASConfiguration.configuredThreads)
        let results = Evaluator.filled(counts: plan.resultSizes.map { $0 * batch }) { results in
            withSourcePointers(inputs, from: range.lowerBound) { sources in
                run(Pass(batch: batch, threads: workers, sources: sources, results: results))
            }
        }
        return collect(results, inputs: inputs, range)
    }

    /// Addresses of what a pass reads and of what it fills.
    private struct Pass {
        let batch: Int
        let threads: Int
        let sources: [UnsafePointer<Float>]
        let results: [UnsafeMutablePointer<Float>]
    }

    /// Multiply–adds of a step that are worth sharing, 10 to 20 µs: ten times what it costs to share a loop. Tiles of few channels make half as
    /// many in a second as others.
    private static let shared = 1 << 19

    /// Blocks per thread at least, where there are as many samples: the last ones to be done keep nobody waiting for long.
    private static let blocksPerThread = 4

    /// Threads take blocks of samples; those that do not go round are left to steps that all threads share.
    private func run(_ pass: Pass) {
        let parts = pass.threads > 1 ? Self.blocksPerThread * pass.threads : 1
        let block = min(plan.block, max(1, (pass.batch + parts - 1) / parts))
        guard pass.threads > 1, pass.batch <= parts * block else {
            let starts = stride(from: 0, to: pass.batch, by: block)
            return run(pass, blocks: starts.map { $0..<min($0 + block, pass.batch) })
        }
        // As many samples for every thread, in rounds of one block each, the larger ones first.
        let each = pass.batch / pass.threads
        var blocks: [Range<Int>] = []
        for samples in Self.parts(of: each, size: block) {
            for _ in 0..<pass.threads {
                let first = blocks.last?.upperBound ?? 0
                blocks.append(first..<first + samples.count)
            }
        }
        run(pass, blocks: blocks)
        shareSteps(pass, each * pass.threads..<pass.batch)
    }

    private func run(_ pass: Pass, blocks: [Range<Int>]) {
        guard let longest = blocks.map(\.count).max() else { return }
        let sizes = plan.bufferSizes(longest)
        ConcurrentChunks.run(
            count: blocks.count, threads: pass.threads, makeWorkspace: { resources.take(sizes) }, release: { resources.giveBack($0) }
        ) { index, buffers in
            forEachStep(pass, blocks[index], buffers) { step, count, pointers in
                step.run(count: count, pointers: pointers, workspace: buffers[plan.scratch.count])
            }
        }
    }

    private func shareSteps(_ pass: Pass, _ samples: Range<Int>) {
        guard !samples.isEmpty else { return }
        let team = BLASConfiguration.team(pass.threads)
        let buffers = resources.take(plan.bufferSizes(min(plan.block, samples.count)))
        let workspaces = resources.take([Int](repeating: plan.workspaceSize, count: team.count))
        let sizes = plan.storages.map(\.size)
        BLASConfiguration.withSingleThread {
            for part in Self.parts(of: samples.count, size: plan.block) {
                let block = samples.lowerBound + part.lowerBound..<samples.lowerBound + part.upperBound
                forEachStep(pass, block, buffers) { step, count, pointers in
                    let units = step.work(count, sizes: sizes) < Self.shared ? nil : step.units(count, threads: team.count)
                    if let units, units.count > 1 {
                        team.share(units.count) { unit, thread in
                            step.run(
                                unit: unit, of: units, count: count, pointers: pointers, sizes: sizes, workspace: workspaces[thread])
                        }
                    } else {
                        step.run(count: count, pointers: pointers, workspace: workspaces[0])
                    }
                }
            }
        }
        resources.giveBack(workspaces)
        resources.giveBack(buffers)
    }

    /// Hands over the steps in order, segment by segment, each for some samples of a block and with the addresses of all storages.
    private func forEachStep(
        _ pass: Pass, _ block: Range<Int>, _ buffers: BufferSet,
        _ body: (EvaluationPlan.Step, _ count: Int, _ pointers: [UnsafeMutablePointer<Float>]) -> Void
    ) {
        for segment in plan.segments {
            for part in Self.parts(of: block.count, size: segment.samples) {
                let pointers = plan.pointers(
                    first: block.lowerBound + part.lowerBound, offset: part.lowerBound, sources: pass.sources,
                    constants: resources.constants, results: pass.results, scratch: buffers)
                for step in plan.steps[segment.steps] { body(step, part.count, pointers) }
            }
        }
    }

    /// Ranges of at most so many, as even as can be, the larger ones first.
    private static func parts(of count: Int, size: Int) -> [Range<Int>] {
        let rounds = (count + size - 1) / size
        var first = 0
        return (0..<rounds).map { round in
            let length = (count - first + rounds - round - 1) / (rounds - round)
            defer { first += length }
            return first..<first + length
        }
    }

    // MARK: Batches

    private func checkedBatch(_ inputs: [ActivationTensor]) throws(NetworkError) -> Int {
        guard inputs.count == plan.sources.count, let batch = inputs.first?.batchCount else {
            throw .invalidData(reason: "expected \(plan.sources.count) input tensors, found \(inputs.count)")
        }
        for (input, source) in zip(inputs, plan.sources) {
            let found = input.sampleShape
            let fits =
                found == source.shape
                || input.sampleSize == source.shape.reduce(1, *)
                    && (source.shape.count == 1 || found.filter { $0 != 1 } == source.shape.filter { $0 != 1 })
            guard fits else {
                throw .wrongInputShape(
                    node: network.values[source.value].name, expected: "samples of shape \(NetworkError.text(source.shape))", found: found)
            }
            guard input.batchCount == batch else {
                throw .invalidData(reason: "expected \(batch) samples in every input, found \(input.batchCount)")
            }
        }
        return batch
    }

    /// Hands over the addresses of sample `first` of every input.
    private func withSourcePointers(_ inputs: [ActivationTensor], from first: Int, _ body: ([UnsafePointer<Float>]) -> Void) {
        func descend(_ index: Int, _ pointers: [UnsafePointer<Float>]) {
            guard index < inputs.count else { return body(pointers) }
            inputs[index].values.withUnsafeBufferPointer { buffer in
                // An empty batch has no address; nothing will be read.
                let base = buffer.baseAddress.map { $0 + first * inputs[index].sampleSize }
                descend(index + 1, pointers + [base ?? UnsafePointer(bitPattern: 16)!])
            }
        }
        descend(0, [])
    }

    /// Arrays that `body` fills through their addresses: what is observed is written once and copied never.
    private static func filled(counts: [Int], _ body: ([UnsafeMutablePointer<Float>]) -> Void) -> [[Float]] {
        func fill(_ index: Int, _ pointers: [UnsafeMutablePointer<Float>]) -> [[Float]] {
            guard index < counts.count else {
                body(pointers)
                return []
            }
            var rest: [[Float]] = []
            let own = [Float](unsafeUninitializedCapacity: counts[index]) { buffer, count in
                rest = fill(index + 1, pointers + [buffer.baseAddress ?? UnsafeMutablePointer(bitPattern: 16)!])
                count = counts[index]
            }
            return [own] + rest
        }
        return fill(0, [])
    }

    private func collect(_ results: [[Float]], inputs: [ActivationTensor], _ samples: Range<Int>) -> Activations {
        var tensors: [Network.ValueID: ActivationTensor] = [:]
        for tap in plan.taps {
            let shape = [samples.count] + tap.shape
            switch plan.storages[tap.storage].location {
            case .source(let index):
                let input = inputs[index]
                let values = samples.count == input.batchCount ? input.values : input.samples(samples).values
                tensors[tap.value] = ActivationTensor(shape: shape, values: values)
            case .result(let index): tensors[tap.value] = ActivationTensor(shape: shape, values: results[index])
            case .constant, .scratch, .carried: break
            }
        }
        return Activations(tensors: tensors, order: plan.taps.map(\.value))
    }
}

extension Network {
    /// Evaluates a batch and returns the values asked for (the outputs by default). Prepare an ``Evaluator`` for repeated use.
    public func forward(
        _ input: ActivationTensor, observing taps: [ValueID]? = nil, threads: Int? = nil
    ) throws(NetworkError) -> Activations {
        try Evaluator(self, observing: taps).forward(input, threads: threads)
    }
}

extension Layer {
    package var isBatchNormalization: Bool {
        if case .batchNormalization = self { true } else { false }
    }
}
