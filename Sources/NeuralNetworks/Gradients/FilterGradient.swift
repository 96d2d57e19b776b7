// The adjoint of a convolution with respect to its filters, as products of tiles:
//
//     dW[o, c, ky, kx] = Σ_{y, x} dY[o, y, x]·X[c, s·y + d·ky − top, s·x + d·kx − left]                          (1)
//
// X is laid out pixel by pixel with the channels of a pixel side by side, zeros around it. What all taps of a filter's row read at a
// place then lies in one piece, which is a row of a product's right factor where it lies; dY is packed as the left one. Every pixel
// is copied once, and not once for every tap (im2col). Slopes are added up as (out, ky, kx, in) and put in order in the end.
// Cost: one product of the forward pass's size.

import LinearAlgebra

struct FilterGradient: Sendable {
    private let extents: ConvolutionKernel.Extents
    /// Output rows whose pixels and slopes are in memory at a time.
    private let block: Int
    /// Pixels of a line and lines of a block, padding included.
    private let width, height: Int
    /// Where the pixel of the first tap lies, by place of a block.
    private let offsets: [Int]
    /// Taps whose pixels lie side by side, and the distance of such pieces: filters' rows without dilation.
    private let tapsOfPiece: Int
    let workspaceSize: Int

    /// Floats of a block of pixels and of a block of slopes: half of the second level of a cache together.
    private static let blockFloats = 1 << 16

    init(_ e: ConvolutionKernel.Extents) {
        extents = e
        let reach = (e.kernelWidth - 1) * e.dilationX
        width = max(e.left + e.width, (e.outWidth - 1) * e.strideX + reach + 1)
        let perRow = max(e.strideY * width * e.inputsPerGroup, e.outWidth * e.outputsPerGroup, 1)
        block = max(1, min(e.outHeight, Self.blockFloats / perRow))
        height = (block - 1) * e.strideY + (e.kernelHeight - 1) * e.dilationY + 1
        let (line, channels) = (width * e.inputsPerGroup, e.inputsPerGroup)
        offsets = (0..<block * e.outWidth).map { $0 / e.outWidth * e.strideY * line + $0 % e.outWidth * e.strideX * channels }
        tapsOfPiece = e.dilationX == 1 ? e.kernelWidth : 1
        let slopes = TiledProduct.packedCount(rows: e.outputsPerGroup, depth: block * e.outWidth)
        workspaceSize = height * line + slopes + (e.taps > 1 ? e.outputs * e.depth : 0)
    }

    /// Adds (1) over `count` images to dw.
    func run(
        count: Int, x: UnsafePointer<Float>, dy: UnsafePointer<Float>, dw: UnsafeMutablePointer<Float>,
        workspace: UnsafeMutablePointer<Float>
    ) {
        let e = extents
        let pixels = workspace
        let slopes = pixels + height * width * e.inputsPerGroup
        let sums = e.taps > 1 ? slopes + TiledProduct.packedCount(rows: e.outputsPerGroup, depth: block * e.outWidth) : dw
        if e.taps > 1 { sums.update(repeating: 0, count: e.outputs * e.depth) }
        // Left and right of the image, for all blocks.
        pixels.update(repeating: 0, count: height * width * e.inputsPerGroup)
        for image in 0..<count {
            for group in 0..<e.groups {
                let input = x + (image * e.inputs + group * e.inputsPerGroup) * e.plane
                let output = dy + (image * e.outputs + group * e.outputsPerGroup) * e.outPlane
                for first in stride(from: 0, to: e.outHeight, by: block) {
                    let rows = min(block, e.outHeight - first)
                    layOut(input, firstRow: first * e.strideY - e.top, into: pixels)
                    TiledProduct.packLeft(
                        output + first * e.outWidth, rowStride: e.outPlane, rows: e.outputsPerGroup, depth: rows * e.outWidth, into: slopes)
                    add(pixels, slopes, places: rows * e.outWidth, to: sums + group * e.outputsPerGroup * e.depth)
                }
            }
        }
        if e.taps > 1 { put(sums, to: dw, filter: pixels) }
    }

    /// The lines of a block, from line `firstRow` of the image on; those outside of it are zero.
    private func layOut(_ input: UnsafePointer<Float>, firstRow: Int, into pixels: UnsafeMutablePointer<Float>) {
        let e = extents
        let channels = e.inputsPerGroup
        let low = min(height, max(0, -firstRow))
        let high = max(low, min(height, e.height - firstRow))
        pixels.update(repeating: 0, count: low * width * channels)
        if width == e.width {
            TiledProduct.packRows(
                input + (firstRow + low) * e.width, rowStride: e.plane, rows: channels, depth: (high - low) * width,
                into: pixels + low * width * channels)
        } else {
            for line in low..<high {
                TiledProduct.packRows(
                    input + (firstRow + line) * e.width, rowStride: e.plane, rows: channels, depth: e.width,
                    into: pixels + (line * width + e.left) * channels)
            }
        }
        (pixels + high * width * channels).update(repeating: 0, count: (height - high) * width * channels)
    }

    /// Adds slopes times what every row of taps reads at their places.
    private func add(
        _ pixels: UnsafePointer<Float>, _ slopes: UnsafePointer<Float>, places: Int, to sums: UnsafeMutablePointer<Float>
    ) {
        let e = extents
        let channels = e.inputsPerGroup
        offsets.withUnsafeBufferPointer { offsets in
            for tap in stride(from: 0, to: e.taps, by: tapsOfPiece) {
                let (ky, kx) = tap.quotientAndRemainder(dividingBy: e.kernelWidth)
                var product = TiledProduct(
                    left: slopes, leftDepth: places, right: pixels + (ky * e.dilationY * width + kx * e.dilationX) * channels,
                    rightStride: TiledProduct.tileColumns, offsets: offsets.baseAddress!, depth: places, rows: e.outputsPerGroup,
                    columns: tapsOfPiece * channels, result: sums + tap * channels, resultStride: e.depth,
                    depthOfPart: TiledProduct.depthOfPart(rows: e.outputsPerGroup))
                product.accumulate()
                product.multiply()
            }
        }
    }

    /// dw[o, c, tap] += sums[o, tap, c], by way of a filter in order, which takes no more than the smallest block of pixels.
    private func put(_ sums: UnsafePointer<Float>, to dw: UnsafeMutablePointer<Float>, filter: UnsafeMutablePointer<Float>) {
        for output in 0..<extents.outputs {
            let first = output * extents.depth
            TiledProduct.packRows(
                sums + first, rowStride: extents.inputsPerGroup, rows: extents.taps, depth: extents.inputsPerGroup, into: filter)
            for i in 0..<extents.depth { dw[first + i] += filter[i] }
        }
    }
}
