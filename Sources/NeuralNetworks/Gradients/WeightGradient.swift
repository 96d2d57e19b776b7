// Reverse-mode differentiation of a network with respect to its trained tensors.
//
//     L = Σ_samples ℓ(observed values of the sample)                                                          (1)
//
// Batch normalizations are frozen: samples are independent, and layers take them up (FoldedNormalization). The batch is cut into lanes
// whose number follows from the network and the batch alone; every lane walks through its samples in order and adds to a gradient of
// its own, lanes are added in their order. So the result is the same, bit by bit, for any number of threads.
// Cost: a forward pass and two of about its size backwards. Memory: a gradient and activations of a few samples per thread, and the sum.

import LinearAlgebra

/// A network prepared for gradients with respect to its trained tensors.
///
/// ```swift
/// let gradient = try WeightGradient(network, observing: [logits], parameters: ["fc.weight", "fc.bias"])
/// let (loss, slopes) = try gradient.gradient(at: images) { sample, values, slopes in
///     … // writes ∂ℓ/∂values to slopes, returns ℓ
/// }
/// let fc = slopes[gradient.ranges["fc.weight"]!]
/// ```
public struct WeightGradient: Sendable {
    /// ℓ of one sample: reads the observed values, adds ∂ℓ/∂values to zeros, returns ℓ. Called concurrently for different samples.
    public typealias SampleLoss =
        @Sendable (
            _ sample: Int, _ values: [UnsafeBufferPointer<Float>], _ slopes: [UnsafeMutableBufferPointer<Float>]
        ) -> Double

    private let taps: [Network.ValueID]
    private let slots: ParameterSlots
    private var network: Network
    /// `nil` only while another one is made: large networks' weights, packed both ways, are not held twice.
    private var prepared: ReversePlan?
    /// Multiply–adds of one sample forward.
    private let sampleWork: Int

    /// Where each tensor's gradient lies in the flat gradient.
    public var ranges: [String: Range<Int>] { slots.ranges }
    /// The tensors in the order of the flat gradient.
    public var parameters: [String] { slots.names }

    /// Multiply–adds forward that a lane is worth: some 20 µs, twenty times what it costs to hand it out.
    private static let laneWork = 1 << 20
    private static let laneCount = 8
    /// Multiply–adds forward for every entry of a lane's gradient, which is set to zero, added to and added up: dense layers do one for
    /// every input. LeNet-300-100's step of 32 inputs took 8 forward passes in eight lanes.
    private static let laneShare = 16
    /// Floats of all lanes' gradients together, a quarter of a gigabyte.
    private static let laneFloats = 1 << 26
    /// Floats of the activations and gradients of one thread, and the most samples that share the weights of a product.
    private static let chunkFloats = 1 << 23
    private static let chunkSamples = 256

    /// Prepares a network.
    ///
    /// - Parameters:
    ///   - taps: values that the loss reads, in its order; none may be a constant.
    ///   - parameters: trained tensors: weights and biases of affine layers, scales, shifts and running means of normalizations,
    ///     constants that are added, multiplied or concatenated.
    ///   - inputShapes: shapes of the inputs without the batch axis; the network's own by default.
    /// - Throws: `missingTensor`, `unsupported` naming the node that cannot be differentiated, and what an ``Evaluator`` throws.
    public init(
        _ network: Network, observing taps: [Network.ValueID], parameters: [String],
        inputShapes: [[Int]]? = nil
    ) throws(NetworkError) {
        try network.validateGraph()
        self.network = try network.inferringShapes(inputShapes: inputShapes)
        self.taps = taps
        sampleWork = max(1, self.network.cost.multiplyAdds ?? Self.laneWork)
        slots = try ParameterSlots(parameters, in: network)
        prepared = try ReversePlan(self.network, observing: taps, slots: slots, wantsInput: false)
    }

    private var reverse: ReversePlan {
        guard let prepared else { preconditionFailure("values that were refused, or whose plan was given back, have no slopes") }
        return prepared
    }

    /// Puts new values of trained tensors in place, in the layout of the flat gradient.
    ///
    /// Precondition: as many values as the gradient has.
    public mutating func set(_ values: [Float]) throws(NetworkError) {
        precondition(values.count == slots.count, "as many values as the gradient has")
        discardPlan()
        for name in slots.names {
            guard let range = slots.ranges[name], let shape = network.parameters[name]?.shape else { continue }
            network.parameters[name] = Parameter(shape: shape, values: Array(values[range]))
        }
        prepared = try ReversePlan(network, observing: taps, slots: slots, wantsInput: false)
    }

    /// Gives back what is prepared for passes, several times the weights, until ``set(_:)`` puts the next ones in place.
    public mutating func discardPlan() { prepared = nil }

    /// The trained tensors in the layout of the flat gradient.
    public var values: [Float] { slots.names.flatMap { network.parameters[$0]?.values ?? [] } }

    /// L and ∂L/∂tensors of (1).
    ///
    /// - Parameters:
    ///   - inputs: one tensor per network input, all with the same batch axis.
    ///   - threads: cores to use; the result does not depend on them.
    /// - Precondition: the plan was not given back by ``discardPlan()``, or ``set(_:)`` has made another one since.
    /// - Throws: `wrongInputShape`.
    /// - Complexity: a pass forward and two back: three times the network's multiply–adds for every sample.
    public func gradient(
        at inputs: [ActivationTensor], threads: Int? = nil, loss: SampleLoss
    ) throws(NetworkError) -> (loss: Double, gradient: [Float]) {
        let reverse = self.reverse
        let plan = reverse.plan
        let batch = inputs.first?.batchCount ?? 0
        guard inputs.count == plan.sources.count else {
            throw .invalidData(reason: "expected \(plan.sources.count) input tensors, found \(inputs.count)")
        }
        for (input, source) in zip(inputs, plan.sources)
        where input.sampleSize != plan.storages[source.storage].size || input.batchCount != batch {
            throw .wrongInputShape(
                node: network.values[source.value].name,
                expected: "\(batch) samples of shape \(NetworkError.text(source.shape))", found: input.shape)
        }
        let lanes = laneRanges(batch)
        guard !lanes.isEmpty else { return (0, [Float](repeating: 0, count: slots.count)) }
        let sum = OrderedSum()
        run(inputs, lanes: lanes, threads: threads ?? BLASConfiguration.configuredThreads, loss: loss) { lane, value, gradient in
            sum.add(lane, value, gradient)
        }
        let (value, gradient) = sum.take()
        return (value, reverse.finish(gradient))
    }

    private func laneRanges(_ batch: Int) -> [Range<Int>] {
        guard batch > 0 else { return [] }
        let work = batch * sampleWork
        let affordable = max(1, Self.laneFloats / max(1, slots.count))
        let lanes = max(1, min(batch, Self.laneCount, affordable, work / max(Self.laneWork, Self.laneShare * slots.count)))
        return (0..<lanes).map { batch * $0 / lanes..<batch * ($0 + 1) / lanes }
    }

    private func run(
        _ inputs: [ActivationTensor], lanes: [Range<Int>], threads: Int, loss: SampleLoss, finish: (Int, Double, consuming [Float]) -> Void
    ) {
        let reverse = self.reverse
        let plan = reverse.plan
        let chunk = max(1, min(Self.chunkSamples, lanes.map(\.count).max() ?? 1, Self.chunkFloats / max(1, reverse.sampleSize)))
        let constants = BufferSet(copying: plan.constants)
        defer { constants.deallocate() }
        let ends = taps.compactMap { tap in plan.taps.first { $0.value == tap }?.storage }
        withSources(inputs) { sources in
            ConcurrentChunks.run(
                count: lanes.count, threads: max(1, threads),
                makeWorkspace: {
                    (BufferSet(sizes: plan.bufferSizes(chunk)), reverse.makeBuffers(count: chunk))
                },
                release: {
                    $0.0.deallocate()
                    $0.1.deallocate()
                }
            ) { lane, buffers in
                var gradient = [Float](repeating: 0, count: max(1, reverse.tensorCount))
                var total = 0.0
                gradient.withUnsafeMutableBufferPointer { gradient in
                    for first in stride(from: lanes[lane].lowerBound, to: lanes[lane].upperBound, by: chunk) {
                        let count = min(chunk, lanes[lane].upperBound - first)
                        let pointers = plan.pointers(
                            first: first, sources: sources, constants: constants, scratch: buffers.0)
                        for step in plan.steps { step.run(count: count, pointers: pointers, workspace: buffers.0[plan.scratch.count]) }
                        reverse.run(
                            count: count, values: pointers, buffers: buffers.1, tensors: gradient.baseAddress!,
                            seed: { slopes in
                                for image in 0..<count {
                                    total += loss(
                                        first + image,
                                        ends.map {
                                            let size = plan.storages[$0].size
                                            return UnsafeBufferPointer(start: pointers[$0] + image * size, count: size)
                                        },
                                        ends.map {
                                            let size = plan.storages[$0].size
                                            return UnsafeMutableBufferPointer(start: slopes[$0] + image * size, count: size)
                                        })
                                }
                            })
                    }
                }
                finish(lane, total, gradient)
            }
        }
    }

    private func withSources(_ inputs: [ActivationTensor], _ body: ([UnsafePointer<Float>]) -> Void) {
        func descend(_ index: Int, _ pointers: [UnsafePointer<Float>]) {
            guard index < inputs.count else { return body(pointers) }
            inputs[index].values.withUnsafeBufferPointer {
                descend(index + 1, pointers + [$0.baseAddress ?? UnsafePointer(bitPattern: 16)!])
            }
        }
        descend(0, [])
    }
}
