// The adjoint of a convolution without strides is a convolution:
//
//     dX[i] = Σ_k W[k]ᵀ·dY[i + top − k·dilation]                                                             (1)
//
// is a correlation with the flipped, transposed filters and padding (k − 1)·dilation − top. It runs on the same kernel, which adds to what is there (but for single planes).

struct TransposedConvolution: Sendable {
    private let kernel: ConvolutionKernel
    private let inputSize: Int
    private let outputSize: Int

    /// - Parameter filters: (out, in/groups, kh, kw). Precondition: strides are 1.
    init(of e: ConvolutionKernel.Extents, filters: [Float]) {
        precondition(e.strideX == 1 && e.strideY == 1, "strided convolutions have another adjoint")
        inputSize = e.inputs * e.height * e.width
        outputSize = e.outputs * e.outHeight * e.outWidth
        let (inputs, outputs) = (e.inputs / e.groups, e.outputs / e.groups)
        let taps = e.kernelHeight * e.kernelWidth
        let weight = [Float](unsafeUninitializedCapacity: filters.count) { weight, count in
            for group in 0..<e.groups {
                for output in 0..<outputs {
                    for input in 0..<inputs {
                        let from = ((group * outputs + output) * inputs + input) * taps
                        let to = ((group * inputs + input) * outputs + output) * taps
                        for tap in 0..<taps { weight[to + taps - 1 - tap] = filters[from + tap] }
                    }
                }
            }
            count = filters.count
        }
        kernel = ConvolutionKernel(
            extents: .init(
                inputs: e.outputs, height: e.outHeight, width: e.outWidth, outputs: e.inputs, outHeight: e.height, outWidth: e.width,
                kernelHeight: e.kernelHeight, kernelWidth: e.kernelWidth, strideY: 1, strideX: 1, dilationY: e.dilationY,
                dilationX: e.dilationX, top: (e.kernelHeight - 1) * e.dilationY - e.top,
                left: (e.kernelWidth - 1) * e.dilationX - e.left, groups: e.groups),
            weight: weight, epilogue: Epilogue(), accumulates: true)
    }

    var workspaceSize: Int { kernel.workspaceSize + (kernel.accumulates ? 0 : inputSize) }

    /// dx += adjoint applied to dy.
    func run(count: Int, dy: UnsafePointer<Float>, dx: UnsafeMutablePointer<Float>, workspace: UnsafeMutablePointer<Float>) {
        guard !kernel.accumulates else { return kernel.run(count: count, input: dy, output: dx, residual: nil, workspace: workspace) }
        for image in 0..<count {
            kernel.run(count: 1, input: dy + image * outputSize, output: workspace, residual: nil, workspace: workspace + inputSize)
            let x = dx + image * inputSize
            for i in 0..<inputSize { x[i] += workspace[i] }
        }
    }
}
