import LinearAlgebra

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

        /// Every strideY-th row of one input channel from `firstRow` on, shifted by kx, zero outside the image.
        func fillRows(_ target: UnsafeMutablePointer<Float>, from plane: UnsafePointer<Float>, firstRow: Int, rows: Int, kx: Int) {
            let (low, high) = validColumns(kx)
            let above = min(rows, firstRow >= 0 ? 0 : (-firstRow + strideY - 1) / strideY)
            let within = firstRow >= height ? 0 : max(0, min(rows, (height - 1 - firstRow) / strideY + 1) - above)
            if above > 0 { target.update(repeating: 0, count: above * outWidth) }
            if within > 0 {
                RowKernels.shift(
                    plane + ((firstRow + above * strideY) * width + kx * dilationX - left), rowStride: strideY * width, stride: strideX,
                    rows: within, valid: low..<max(low, high), width: outWidth, into: target + above * outWidth)
            }
            if above + within < rows {
                (target + (above + within) * outWidth).update(repeating: 0, count: (rows - above - within) * outWidth)
            }
        }
    }
}
