// Adjoints of a convolution with respect to its input and its filters.
//
//     dW[k] += Σ_i dY[i]·X[s·i + k·d − p]ᵀ          dX[s·i + k·d − p] += W[k]ᵀ·dY[i]                                  (1)
//
// Filters: FilterGradient, or by transformed tiles where the convolution runs so (WinogradFilterGradient). Input: without strides the
// adjoint is itself a convolution and runs on the forward kernel; with strides the patches' gradients dY·W are formed and added back
// (col2im), so that nothing is multiplied with the zeros between strides. Those of single planes have adjoints of their own. Cost: two
// products of the forward pass's size.

import LinearAlgebra

struct ConvolutionGradient: Sendable {
    private enum InputStrategy: Sendable {
        case transposed(TransposedConvolution)
        case columns
    }

    private enum FilterStrategy: Sendable {
        case pixels(FilterGradient)
        case tiles(WinogradFilterGradient)

        init(_ e: ConvolutionKernel.Extents) {
            self = WinogradConvolution.pays(e) ? .tiles(WinogradFilterGradient(e)) : .pixels(FilterGradient(e))
        }

        var workspaceSize: Int {
            switch self {
            case .pixels(let gradient): gradient.workspaceSize
            case .tiles(let gradient): gradient.workspaceSize
            }
        }
    }

    private let extents: ConvolutionKernel.Extents
    /// Both adjoints of single planes; `nil` elsewhere.
    private let planes: PlaneConvolutionGradient?
    private let input: InputStrategy?
    private let filter: FilterStrategy?
    /// (out, in/groups, kh, kw).
    private let filters: [Float]
    /// Output rows whose patches' gradients are in memory at a time.
    private let block: Int
    let workspaceSize: Int

    /// Floats of a block of patches, a quarter of a typical level-2 cache.
    private static let blockFloats = 1 << 16

    init(of kernel: ConvolutionKernel, wantsInput: Bool, wantsWeight: Bool) {
        let e = kernel.extents
        extents = e
        filters = wantsInput ? kernel.sourceWeight() : []
        block = max(1, min(e.outHeight, Self.blockFloats / max(1, e.depth * e.outWidth)))
        if e.inputsPerGroup == 1, e.outputsPerGroup <= 4, !e.isPointwise, let planes = PlaneConvolutionGradient(e, filters: filters) {
            self.planes = planes
            (input, filter) = (nil, nil)
            workspaceSize = planes.workspaceSize
            return
        }
        planes = nil
        let filter = wantsWeight ? FilterStrategy(e) : nil
        self.filter = filter
        let filterSize = filter?.workspaceSize ?? 0
        if wantsInput && e.strideX == 1 && e.strideY == 1 {
            let transposed = TransposedConvolution(of: e, filters: filters)
            input = .transposed(transposed)
            workspaceSize = max(transposed.workspaceSize, filterSize)
        } else {
            input = wantsInput ? .columns : nil
            workspaceSize = max(wantsInput ? e.depth * block * e.outWidth : 0, filterSize)
        }
    }

    /// Adds to dx and dw, where they are given.
    func run(
        count: Int, x: UnsafePointer<Float>, dy: UnsafePointer<Float>, dx: UnsafeMutablePointer<Float>?,
        dw: UnsafeMutablePointer<Float>?, workspace: UnsafeMutablePointer<Float>
    ) {
        if let planes { return planes.run(count: count, x: x, dy: dy, dx: dx, dw: dw, workspace: workspace) }
        if let dw {
            switch filter {
            case .pixels(let gradient): gradient.run(count: count, x: x, dy: dy, dw: dw, workspace: workspace)
            case .tiles(let gradient): gradient.run(count: count, x: x, dy: dy, dw: dw, workspace: workspace)
            case nil: break
            }
        }
        guard let dx else { return }
        switch input {
        case .transposed(let transposed): transposed.run(count: count, dy: dy, dx: dx, workspace: workspace)
        case .columns: columns(count, dy, dx, workspace)
        case nil: break
        }
    }

    private func columns(
        _ count: Int, _ dy: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>, _ buffer: UnsafeMutablePointer<Float>
    ) {
        let e = extents
        for image in 0..<count {
            for first in stride(from: 0, to: e.outHeight, by: block) {
                let rows = min(block, e.outHeight - first)
                let places = rows * e.outWidth
                for group in 0..<e.groups {
                    let slope = dy + (image * e.outputs + group * e.outputsPerGroup) * e.outPlane + first * e.outWidth
                    let filter = group * e.outputsPerGroup * e.depth
                    filters.withUnsafeBufferPointer { w in
                        BLAS.gemm(
                            .normal, .transposed, places, e.depth, e.outputsPerGroup, 1, slope, e.outPlane, w.baseAddress! + filter,
                            e.depth, 0, buffer, places)
                    }
                    let target = dx + (image * e.inputs + group * e.inputsPerGroup) * e.plane
                    e.forEachPatchRow(inputs: e.inputsPerGroup, firstRow: first, rows: rows) { column, row, source, low, high in
                        guard low < high else { return }
                        let from = buffer + column * places + row * e.outWidth
                        let to = target + source
                        if e.strideX == 1 {
                            for i in low..<high { to[i] += from[i] }
                        } else {
                            for i in low..<high { to[i * e.strideX] += from[i] }
                        }
                    }
                }
            }
        }
    }
}

extension ConvolutionKernel.Extents {
    /// Visits the patches of output rows `firstRow ..< firstRow + rows`: one call per column (input, ky, kx) and row.
    ///
    /// `source + i·strideX` is where output column i of `low ..< high` reads within the planes of the group's inputs; the other
    /// columns lie in the padding.
    @inline(__always)
    func forEachPatchRow(
        inputs: Int, firstRow: Int, rows: Int, _ body: (_ column: Int, _ row: Int, _ source: Int, _ low: Int, _ high: Int) -> Void
    ) {
        var column = 0
        for input in 0..<inputs {
            for ky in 0..<kernelHeight {
                for kx in 0..<kernelWidth {
                    let shift = kx * dilationX - left
                    let low = shift >= 0 ? 0 : min(outWidth, (-shift + strideX - 1) / strideX)
                    let room = width - 1 - shift
                    let high = room < 0 ? 0 : min(outWidth, room / strideX + 1)
                    for row in 0..<rows {
                        let sourceRow = (firstRow + row) * strideY + ky * dilationY - top
                        let isInside = sourceRow >= 0 && sourceRow < height
                        body(column, row, (input * height + sourceRow) * width + shift, low, isInside ? high : low)
                    }
                    column += 1
                }
            }
        }
    }
}
