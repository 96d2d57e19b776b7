// The adjoint of a convolution is a convolution: with the output gradient spread by the strides (zeros in between),
//
//     dX[i] = Σ_k W[k]ᵀ·dY°[i + top − k·dilation],   dY°[s·j] = dY[j]                                        (1)
//
// is a correlation with the flipped, transposed filters and padding (k − 1)·dilation − top. It runs on the same kernel.

struct TransposedConvolution: Sendable {
    private let kernel: ConvolutionKernel
    private let original: ConvolutionKernel.Extents
    private let spreadHeight: Int
    private let spreadWidth: Int

    init(of forward: ConvolutionKernel) {
        let e = forward.extents
        original = e
        spreadHeight = max(1, (e.outHeight - 1) * e.strideY + 1)
        spreadWidth = max(1, (e.outWidth - 1) * e.strideX + 1)
        let (inputs, outputs) = (e.inputs / e.groups, e.outputs / e.groups)
        let source = forward.sourceWeight()
        var weight = [Float](repeating: 0, count: source.count)
        for group in 0..<e.groups {
            for output in 0..<outputs {
                for input in 0..<inputs {
                    for ky in 0..<e.kernelHeight {
                        for kx in 0..<e.kernelWidth {
                            let from = (((group * outputs + output) * inputs + input) * e.kernelHeight + ky) * e.kernelWidth + kx
                            let to =
                                (((group * inputs + input) * outputs + output) * e.kernelHeight + e.kernelHeight - 1 - ky) * e.kernelWidth
                                + e.kernelWidth - 1 - kx
                            weight[to] = source[from]
                        }
                    }
                }
            }
        }
        kernel = ConvolutionKernel(
            extents: .init(
                inputs: e.outputs, height: spreadHeight, width: spreadWidth, outputs: e.inputs, outHeight: e.height, outWidth: e.width,
                kernelHeight: e.kernelHeight, kernelWidth: e.kernelWidth, strideY: 1, strideX: 1, dilationY: e.dilationY,
                dilationX: e.dilationX, top: (e.kernelHeight - 1) * e.dilationY - e.top,
                left: (e.kernelWidth - 1) * e.dilationX - e.left, groups: e.groups),
            weight: weight, epilogue: Epilogue())
    }

    private var isSpread: Bool { original.strideX > 1 || original.strideY > 1 }
    private var inputSize: Int { original.inputs * original.height * original.width }
    private var spreadSize: Int { original.outputs * spreadHeight * spreadWidth }

    /// Room for one image's spread gradient, one image's result and the kernel's own.
    var workspaceSize: Int { (isSpread ? spreadSize : 0) + inputSize + kernel.workspaceSize }

    /// dx += adjoint applied to dy.
    func run(count: Int, dy: UnsafePointer<Float>, dx: UnsafeMutablePointer<Float>, workspace: UnsafeMutablePointer<Float>) {
        let outPlane = original.outHeight * original.outWidth
        let result = workspace
        let spread = workspace + inputSize
        let own = spread + (isSpread ? spreadSize : 0)
        for image in 0..<count {
            var y = dy + image * original.outputs * outPlane
            if isSpread {
                spread.update(repeating: 0, count: spreadSize)
                for channel in 0..<original.outputs {
                    for row in 0..<original.outHeight {
                        let from = y + channel * outPlane + row * original.outWidth
                        let to = spread + (channel * spreadHeight + row * original.strideY) * spreadWidth
                        for column in 0..<original.outWidth { to[column * original.strideX] = from[column] }
                    }
                }
                y = UnsafePointer(spread)
            }
            kernel.run(count: 1, input: y, output: result, residual: nil, workspace: own)
            let x = dx + image * inputSize
            for i in 0..<inputSize { x[i] += result[i] }
        }
    }
}
