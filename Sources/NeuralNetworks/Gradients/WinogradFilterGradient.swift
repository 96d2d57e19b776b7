// The adjoint of Winograd's convolution with respect to its filters, a quarter of the multiply–adds of the direct one:
//
//     S[k][f, c] = Σ_t D[k][f, t]·V[k][c, t],   dW[f, c] += Gᵀ·S[·][f, c]·G                                     (1)
//
// over the tiles t of all images, D and V their transformed slopes and inputs, k one of 36 values. See WinogradConvolution.

import LinearAlgebra

struct WinogradFilterGradient: Sendable {
    let workspaceSize: Int
    private let extents: ConvolutionKernel.Extents
    private let transform: WinogradTransform
    private let rowsPerBlock: Int
    /// Floats from one channel of D and V to the next.
    private let stride: Int
    /// Where the tiles of transposed inputs begin.
    private let offsets: [Int]

    init(_ e: ConvolutionKernel.Extents) {
        extents = e
        transform = WinogradTransform(
            height: e.height, width: e.width, outHeight: e.outHeight, outWidth: e.outWidth, top: e.top, left: e.left, accumulates: false,
            activation: .none)
        rowsPerBlock = WinogradConvolution.rowsPerBlock(channels: max(e.inputsPerGroup, e.outputsPerGroup), transform)
        let tiles = rowsPerBlock * transform.tilesAcross
        stride = WinogradTransform.stride(tiles: tiles)
        offsets = (0..<tiles).map { $0 * e.inputsPerGroup }
        let values = WinogradTransform.valueCount
        workspaceSize =
            values * (stride * (e.inputsPerGroup + e.outputsPerGroup) + e.outputsPerGroup * e.inputsPerGroup)
            + max(
                WinogradTransform.scratchSize(tiles: tiles),
                TiledProduct.packedCount(rows: e.outputsPerGroup, depth: tiles) + tiles * e.inputsPerGroup)
    }

    /// Adds (1) over `count` images to dw.
    func run(
        count: Int, x: UnsafePointer<Float>, dy: UnsafePointer<Float>, dw: UnsafeMutablePointer<Float>,
        workspace: UnsafeMutablePointer<Float>
    ) {
        let e = extents
        let values = WinogradTransform.valueCount
        let inputs = workspace
        let slopes = inputs + values * stride * e.inputsPerGroup
        let sums = slopes + values * stride * e.outputsPerGroup
        let filters = e.outputsPerGroup * e.inputsPerGroup
        let scratch = sums + values * filters
        let total = count * transform.tilesDown
        for group in 0..<e.groups {
            sums.update(repeating: 0, count: values * filters)
            for first in Swift.stride(from: 0, to: total, by: rowsPerBlock) {
                let rows = first..<min(first + rowsPerBlock, total)
                for channel in 0..<e.inputsPerGroup {
                    transform.transformInputs(
                        x + (group * e.inputsPerGroup + channel) * e.plane, imageStride: e.inputs * e.plane, rows: rows,
                        into: inputs + channel * stride, stride: e.inputsPerGroup * stride, scratch: scratch)
                }
                for filter in 0..<e.outputsPerGroup {
                    transform.transformSlopes(
                        dy + (group * e.outputsPerGroup + filter) * e.outPlane, imageStride: e.outputs * e.outPlane, rows: rows,
                        into: slopes + filter * stride, stride: e.outputsPerGroup * stride, scratch: scratch)
                }
                add(inputs, slopes, tiles: rows.count * transform.tilesAcross, to: sums, scratch: scratch)
            }
            WinogradTransform.addFilterSlopes(sums, count: filters, to: dw + group * filters * WinogradTransform.tapCount)
        }
    }

    /// Adds the products of a block to S, value after value.
    private func add(
        _ inputs: UnsafePointer<Float>, _ slopes: UnsafePointer<Float>, tiles: Int, to sums: UnsafeMutablePointer<Float>,
        scratch: UnsafeMutablePointer<Float>
    ) {
        let (filters, channels) = (extents.outputsPerGroup, extents.inputsPerGroup)
        let transposed = scratch + TiledProduct.packedCount(rows: filters, depth: tiles)
        offsets.withUnsafeBufferPointer { offsets in
            guard let offsets = offsets.baseAddress else { return }
            for k in 0..<WinogradTransform.valueCount {
                TiledProduct.packLeft(slopes + k * filters * stride, rowStride: stride, rows: filters, depth: tiles, into: scratch)
                TiledProduct.packRows(inputs + k * channels * stride, rowStride: stride, rows: channels, depth: tiles, into: transposed)
                var product = TiledProduct(
                    left: scratch, leftDepth: tiles, right: transposed, rightStride: TiledProduct.tileColumns, offsets: offsets,
                    depth: tiles, rows: filters, columns: channels, result: sums + k * filters * channels, resultStride: channels)
                product.accumulate()
                product.multiply()
            }
        }
    }
}
