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
        /// A buffer of the samples that pass through a segment together, reused when its value is no longer needed.
        case scratch(Int)
        /// The same for values that later segments read, for all samples of a block.
        case carried(Int)
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
    /// Values per sample of each whole-batch buffer.
    var resultSizes: [Int] = []
    var segments: [Segment] = []
    /// The buffers of `scratch` and `carried`.
    var scratch: [Buffer] = []

    var workspaceSize: Int { steps.map(\.kernel.workspaceSize).max() ?? 0 }

    /// Floats of the buffers for a block of so many samples, and of the workspace behind them.
    func bufferSizes(_ block: Int) -> [Int] { scratch.map { $0.floats(block) } + [workspaceSize] }
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
