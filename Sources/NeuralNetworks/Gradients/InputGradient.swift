// Reverse-mode differentiation of a network with respect to its inputs.
//
//     L = g(statistics of what every batch normalization reads) + Σ_samples ℓ(outputs)                       (1)
//
// A batch normalization here is frozen: it normalizes by stored (or given) statistics, so that samples are independent and
// ∂L/∂x of what channel c of a normalization reads is  a_c + b_c·x  with a, b the same for the whole batch. A pass for the
// statistics and a pass for the gradient therefore both stream chunks of samples, and memory does not grow with the batch.
// The weights are constants. Cost of a gradient: a forward pass and one of about the same size backwards.

import LinearAlgebra

/// A network prepared for gradients with respect to its inputs.
///
/// ```swift
/// let gradient = try InputGradient(network)
/// let seen = try gradient.normalizationStatistics(of: images)            // per batch normalization
/// let slope = try gradient.gradient(at: images, normalizationSeeds: [node: .init(offset: a, slope: b)])
/// ```
public struct InputGradient: Sendable {
    /// ∂L/∂x = offset + slope·x for the values x that each channel of a batch normalization reads.
    public struct NormalizationSeed: Sendable {
        /// Constant part, one number per channel.
        public var offset: [Float]
        /// Factor of the value, one number per channel.
        public var slope: [Float]

        /// A seed of two lists with one number per channel.
        public init(offset: [Float], slope: [Float]) {
            self.offset = offset
            self.slope = slope
        }
    }

    /// ∂ℓ/∂z for the outputs z of one sample: reads the outputs, writes the gradient. The first argument is the sample's index.
    public typealias OutputSeed = @Sendable (Int, UnsafeBufferPointer<Float>, UnsafeMutableBufferPointer<Float>) -> Void

    private let reverse: ReversePlan
    private let network: Network
    let normalizations: NormalizationSums
    private let outputStorage: Int

    private var plan: EvaluationPlan { reverse.plan }

    /// Prepares a network with one input; the loss reads its first output.
    ///
    /// - Parameters:
    ///   - inputShape: shape of one input; the network's own by default.
    /// - Throws: `unsupported` naming the node that cannot be differentiated, and what an ``Evaluator`` throws.
    public init(
        _ network: Network, inputShape: [Int]? = nil
    ) throws(NetworkError) {
        guard network.inputs.count == 1, let output = network.outputs.first else {
            throw .invalidNetwork(reason: "expected one input and an output, found \(network.inputs.count) and \(network.outputs.count)")
        }
        try network.validateGraph()
        let shaped = try network.inferringShapes(inputShapes: inputShape.map { [$0] })
        self.network = shaped
        reverse = try ReversePlan(
            shaped, observing: shaped.outputs, slots: ParameterSlots(), wantsInput: true)
        let plan = reverse.plan
        normalizations = NormalizationSums(
            plan.steps.compactMap { step in
                guard case .channelAffine(let kernel) = step.kernel, case .batchNormalization(let layer) = shaped.nodes[step.node].layer
                else { return nil }
                return .init(
                    node: step.node, storage: step.inputs[0], channels: kernel.channels, positions: kernel.positions,
                    origin: shaped.parameters[layer.mean]?.values ?? [])
            })
        outputStorage = plan.taps.first { $0.value == output }?.storage ?? 0
    }

    /// ∂L/∂inputs for the seeds of (1).
    ///
    /// - Parameters:
    ///   - normalizationSeeds: by node index of the batch normalization.
    ///   - outputSeed: called for every sample, concurrently for different ones.
    /// - Returns: a tensor shaped like `inputs`.
    /// - Complexity: a pass forward and one back: three times the network's multiply–adds at most, for every sample.
    public func gradient(
        at inputs: ActivationTensor, normalizationSeeds: [Int: NormalizationSeed] = [:], outputSeed: OutputSeed? = nil,
        threads: Int? = nil
    ) throws(NetworkError) -> ActivationTensor {
        try pass(inputs, normalizationSeeds, outputSeed, threads: threads, observes: false).0
    }

    private func pass(
        _ inputs: ActivationTensor, _ normalizationSeeds: [Int: NormalizationSeed], _ outputSeed: OutputSeed?, threads: Int?,
        observes: Bool
    ) throws(NetworkError) -> (ActivationTensor, [[Double]]) {
        var result = [Float](repeating: 0, count: inputs.values.count)
        let size = inputs.sampleSize
        let outputSize = plan.storages[outputStorage].size
        let source = plan.sources[0].storage
        let chunks = try self.chunks(inputs)
        var sums = [[Double]](repeating: [], count: chunks.count)
        try result.withUnsafeMutableBufferPointer { (result) throws(NetworkError) in
            guard let base = result.baseAddress else { return }
            try sums.withUnsafeMutableBufferPointer { (sums) throws(NetworkError) in
                // Samples and chunks write to their own places.
                nonisolated(unsafe) let (target, sums) = (base, sums)
                try forEachChunk(inputs, chunks[...], threads: threads, needsGradients: true) { index, pointers, buffers, count in
                    if observes { sums[index] = normalizations.sums(pointers, count: count) }
                    var nothing: Float = 0
                    let gradients = withUnsafeMutablePointer(to: &nothing) { nothing in
                        reverse.run(
                            count: count, values: pointers, buffers: buffers, tensors: nothing,
                            seed: { gradients in
                                guard let outputSeed else { return }
                                for image in 0..<count {
                                    outputSeed(
                                        chunks[index].lowerBound + image,
                                        UnsafeBufferPointer(start: pointers[outputStorage] + image * outputSize, count: outputSize),
                                        UnsafeMutableBufferPointer(start: gradients[outputStorage] + image * outputSize, count: outputSize))
                                }
                            },
                            after: { step, gradients in
                                guard let seed = normalizationSeeds[step.node], case .channelAffine(let kernel) = step.kernel else {
                                    return
                                }
                                kernel.addSeed(seed, count: count, x: pointers[step.inputs[0]], dx: gradients[step.inputs[0]])
                            })
                    }
                    (target + chunks[index].lowerBound * size).update(from: gradients[source], count: count * size)
                }
            }
        }
        return (ActivationTensor(shape: inputs.shape, values: result), sums)
    }

    // MARK: Chunks

    /// Ranges of samples whose activations and gradients are in memory at a time; they do not depend on the thread count.
    func chunks(_ inputs: ActivationTensor) throws(NetworkError) -> [Range<Int>] {
        let batch = inputs.batchCount
        guard inputs.sampleSize == plan.storages[plan.sources[0].storage].size else {
            throw .wrongInputShape(
                node: network.values[plan.sources[0].value].name,
                expected: "samples of shape \(NetworkError.text(plan.sources[0].shape))", found: inputs.sampleShape)
        }
        let floats = max(1, 2 * plan.storages.reduce(0) { $0 + $1.size })
        let size = max(1, min(64, (1 << 20) / floats))
        return stride(from: 0, to: batch, by: size).map { $0..<min(batch, $0 + size) }
    }

    /// Evaluates every chunk forward and hands over the values of all storages, and buffers for a run backwards.
    func forEachChunk(
        _ inputs: ActivationTensor, _ chunks: ArraySlice<Range<Int>>, threads: Int?, needsGradients: Bool,
        body: (Int, [UnsafeMutablePointer<Float>], BufferSet, Int) -> Void
    ) throws(NetworkError) {
        guard let largest = chunks.map(\.count).max() else { return }
        let constants = BufferSet(copying: plan.constants)
        defer { constants.deallocate() }
        let sizes = plan.bufferSizes(largest)
        inputs.values.withUnsafeBufferPointer { buffer in
            let source = buffer.baseAddress ?? UnsafePointer(bitPattern: 16)!
            ConcurrentChunks.run(
                count: chunks.count, threads: max(1, threads ?? BLASConfiguration.threads),
                makeWorkspace: {
                    (BufferSet(sizes: sizes), needsGradients ? reverse.makeBuffers(count: largest) : BufferSet(sizes: []))
                },
                release: {
                    $0.0.deallocate()
                    $0.1.deallocate()
                }
            ) { index, buffers in
                let range = chunks[chunks.startIndex + index]
                let pointers = plan.pointers(
                    first: range.lowerBound, sources: [source], constants: constants, scratch: buffers.0)
                for step in plan.steps {
                    step.run(count: range.count, pointers: pointers, workspace: buffers.0[plan.scratch.count])
                }
                body(index, pointers, buffers.1, range.count)
            }
        }
    }
}
