// A network prepared for evaluation: steps over storages, everything decided that does not depend on the batch.

struct EvaluationPlan: Sendable {
    /// Where the values of a storage live while a chunk of samples is evaluated.
    enum Location: Sendable, Equatable {
        /// The caller's batch.
        case source(Int)
        /// The same for every sample.
        case constant(Int)
        /// A whole-batch buffer that becomes an observed tensor.
        case result(Int)
        /// A buffer of the chunk, reused when its value is no longer needed.
        case scratch(Int)
    }

    struct Storage: Sendable {
        /// Values per sample.
        var size: Int
        var location: Location
    }

    struct Step: Sendable {
        /// Node whose kernel this is (the first one when several are fused).
        var node: Int
        var kernel: Kernel
        /// Storages; with a residual in the epilogue the second input is the residual.
        var inputs: [Int]
        var outputs: [Int]
    }

    enum Kernel: Sendable {
        case convolution(ConvolutionKernel)
        case dense(DenseKernel)
        case channelAffine(ChannelAffineKernel)
        case normalization(NormalizationKernel)
        case activation(Activation, size: Int)
        case pooling(PoolingKernel)
        case globalAverage(GlobalAverageKernel)
        case broadcast(BroadcastKernel)
        case copy(CopyKernel)
        case softmax(SoftmaxKernel)
        case attention(AttentionKernel)
        case general(any SampleKernel)

        var workspaceSize: Int {
            switch self {
            case .convolution(let kernel): kernel.workspaceSize
            case .dense(let kernel): kernel.workspaceSize
            case .attention(let kernel): kernel.workspaceSize
            case .general(let kernel): kernel.workspaceSize
            default: 0
            }
        }
    }

    struct Port: Sendable {
        var value: Network.ValueID
        /// Shape without the batch axis.
        var shape: [Int]
        var storage: Int
    }

    var storages: [Storage] = []
    var steps: [Step] = []
    var constants: [[Float]] = []
    var sources: [Port] = []
    var taps: [Port] = []
    /// Values per sample of each whole-batch and each scratch buffer.
    var resultSizes: [Int] = []
    var scratchSizes: [Int] = []

    var workspaceSize: Int { steps.map(\.kernel.workspaceSize).max() ?? 0 }

    /// Samples per chunk: activations of a chunk should stay in the cache, but a dense layer reads its weights once for every chunk:
    /// so many samples that they hold twice as many activations. EfficientNet-Lite0 takes two threads 168 ms for 32 images by twos and
    /// 224 by eights, whose activations go to main memory and back (ResNet-50 1195 by twos, 1313 by sixes, MiniLM 512, 656 by sixteens).
    func chunkSize(batch: Int, threads: Int) -> Int {
        let scratch = max(1, scratchSizes.reduce(0, +))
        var heavyWeights = 0
        for step in steps { if case .dense(let kernel) = step.kernel { heavyWeights = max(heavyWeights, kernel.weight.count) } }
        var size = max(1, (1 << 18) / scratch)
        if heavyWeights > 1 << 14 { size = max(size, min(64, (2 * heavyWeights + scratch - 1) / scratch, max(1, (1 << 24) / scratch))) }
        size = min(size, 256)
        return max(1, min(size, (batch + threads - 1) / max(threads, 1)))
    }
}

extension EvaluationPlan.Step {
    /// Computes this step for `count` samples. `pointers` hold every storage's first value of these samples.
    func run(count: Int, pointers: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>) {
        let x = UnsafePointer(pointers[inputs[0]])
        let y = pointers[outputs[0]]
        switch kernel {
        case .convolution(let kernel):
            let residual = kernel.epilogue.addsResidual ? UnsafePointer(pointers[inputs[1]]) : nil
            kernel.run(count: count, input: x, output: y, residual: residual, workspace: workspace)
        case .dense(let kernel):
            let residual = kernel.epilogue.addsResidual ? UnsafePointer(pointers[inputs[1]]) : nil
            kernel.run(count: count, input: x, output: y, residual: residual, workspace: workspace)
        case .channelAffine(let kernel):
            kernel.run(count: count, input: x, output: y)
        case .normalization(let kernel):
            kernel.run(count: count, input: x, output: y)
        case .activation(let activation, let size):
            y.update(from: x, count: count * size)
            activation.apply(y, count: count * size)
        case .pooling(let kernel):
            kernel.run(count: count, input: x, output: y)
        case .globalAverage(let kernel):
            kernel.run(count: count, input: x, output: y)
        case .broadcast(let kernel):
            kernel.run(count: count, inputs: inputs.map { UnsafePointer(pointers[$0]) }, output: y)
        case .copy(let kernel):
            kernel.run(count: count, inputs: inputs.map { UnsafePointer(pointers[$0]) }, outputs: outputs.map { pointers[$0] })
        case .softmax(let kernel):
            kernel.run(count: count, input: x, output: y)
        case .general(let kernel):
            kernel.run(
                count: count, inputs: inputs.map { UnsafePointer(pointers[$0]) }, outputs: outputs.map { pointers[$0] },
                workspace: workspace)
        case .attention(let kernel):
            kernel.run(
                count: count, q: x, k: UnsafePointer(pointers[inputs[1]]), v: UnsafePointer(pointers[inputs[2]]), output: y,
                workspace: workspace)
        }
    }
}
