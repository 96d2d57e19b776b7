extension ConvolutionKernel {
    /// The sizes of a convolution of images; a padding beyond right and bottom is implied by the output's size.
    struct Extents: Sendable {
        var inputs, height, width: Int
        var outputs, outHeight, outWidth: Int
        var kernelHeight, kernelWidth: Int
        var strideY, strideX: Int
        var dilationY, dilationX: Int
        var top, left: Int
        var groups: Int

        var inputsPerGroup: Int { inputs / groups }
        var outputsPerGroup: Int { outputs / groups }
        var taps: Int { kernelHeight * kernelWidth }
        var plane: Int { height * width }
        var outPlane: Int { outHeight * outWidth }
        /// Terms of every sum.
        var depth: Int { inputsPerGroup * taps }

        /// Whether every output is a combination of the inputs at its own place.
        var isPointwise: Bool {
            taps == 1 && strideX == 1 && strideY == 1 && top == 0 && left == 0 && outHeight == height && outWidth == width
        }

        /// Output columns whose tap kx falls inside the image.
        @inline(__always)
        func validColumns(_ kx: Int) -> (low: Int, high: Int) {
            let shift = kx * dilationX - left
            let low = shift >= 0 ? 0 : (-shift + strideX - 1) / strideX
            let room = width - 1 - shift
            let high = room < 0 ? 0 : min(outWidth, room / strideX + 1)
            return (min(low, outWidth), high)
        }
    }
}
