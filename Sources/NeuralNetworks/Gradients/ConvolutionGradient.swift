// Adjoints of a convolution with respect to its input and its filters.
//
//     dW[k] += Σ_i dY[i]·X[s·i + k·d − p]ᵀ          dX[s·i + k·d − p] += W[k]ᵀ·dY[i]                                  (1)
//
// Filters: the patches of a block of output rows are laid out as columns (im2col) and multiplied by dY. Input: without strides
// the adjoint is itself a convolution and runs on the forward kernel; with strides the patches' gradients dY·W are formed and
// added back (col2im), so that nothing is multiplied with the zeros between strides. 1×1 filters need no copies; those of single
// planes have adjoints of their own. Cost: two products of the forward pass's size.

import LinearAlgebra

struct ConvolutionGradient: Sendable {
    private enum Strategy: Sendable {
        case pointwise
        case planes(PlaneConvolutionGradient)
        case transposed(TransposedConvolution)
        case columns
    }

    private let extents: ConvolutionKernel.Extents
    private let strategy: Strategy
    /// (out, in/groups, kh, kw).
    private let filters: [Float]
    /// Output rows whose patches are in memory at a time.
    private let block: Int
    private let columnSize: Int
    let workspaceSize: Int

    /// Floats of a block of patches, a quarter of a typical level-2 cache.
    private static let blockFloats = 1 << 16

    init(of kernel: ConvolutionKernel, wantsInput: Bool, wantsWeight: Bool) {
        let e = kernel.extents
        extents = e
        let (inputs, outputs) = (e.inputs / e.groups, e.outputs / e.groups)
        filters = wantsInput ? kernel.sourceWeight() : []
        columnSize = inputs * e.kernelHeight * e.kernelWidth
        block = max(1, min(e.outHeight, Self.blockFloats / max(1, columnSize * e.outWidth)))
        let columns = columnSize * block * e.outWidth
        let isPointwise =
            e.kernelHeight == 1 && e.kernelWidth == 1 && e.strideX == 1 && e.strideY == 1 && e.top == 0 && e.left == 0
            && e.outHeight == e.height && e.outWidth == e.width
        if isPointwise {
            strategy = .pointwise
            workspaceSize = 0
        } else if inputs == 1 && outputs <= 4, let planes = PlaneConvolutionGradient(e, filters: filters) {
            strategy = .planes(planes)
            workspaceSize = planes.workspaceSize
        } else if wantsInput && e.strideX == 1 && e.strideY == 1 {
            let transposed = TransposedConvolution(of: e, filters: filters)
            strategy = .transposed(transposed)
            workspaceSize = max(transposed.workspaceSize, wantsWeight ? columns : 0)
        } else {
            strategy = .columns
            workspaceSize = columns
        }
    }

    /// Adds to dx and dw, where they are given.
    func run(
        count: Int, x: UnsafePointer<Float>, dy: UnsafePointer<Float>, dx: UnsafeMutablePointer<Float>?,
        dw: UnsafeMutablePointer<Float>?, workspace: UnsafeMutablePointer<Float>
    ) {
        switch strategy {
        case .pointwise: pointwise(count, x, dy, dx, dw)
        case .planes(let planes): planes.run(count: count, x: x, dy: dy, dx: dx, dw: dw, workspace: workspace)
        case .transposed(let transposed):
            if let dx { transposed.run(count: count, dy: dy, dx: dx, workspace: workspace) }
            if let dw { columns(count, x, dy, nil, dw, workspace) }
        case .columns: columns(count, x, dy, dx, dw, workspace)
        }
    }

    private func pointwise(
        _ count: Int, _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>?,
        _ dw: UnsafeMutablePointer<Float>?
    ) {
        let e = extents
        let (inputs, outputs, plane) = (e.inputs / e.groups, e.outputs / e.groups, e.height * e.width)
        for image in 0..<count {
            for group in 0..<e.groups {
                let input = (image * e.inputs + group * inputs) * plane
                let output = (image * e.outputs + group * outputs) * plane
                let filter = group * outputs * inputs
                if let dw {
                    BLAS.gemm(.transposed, .normal, inputs, outputs, plane, 1, x + input, plane, dy + output, plane, 1, dw + filter, inputs)
                }
                guard let dx else { continue }
                filters.withUnsafeBufferPointer { w in
                    BLAS.gemm(
                        .normal, .transposed, plane, inputs, outputs, 1, dy + output, plane, w.baseAddress! + filter, inputs, 1,
                        dx + input, plane)
                }
            }
        }
    }

    private func columns(
        _ count: Int, _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>?,
        _ dw: UnsafeMutablePointer<Float>?, _ buffer: UnsafeMutablePointer<Float>
    ) {
        let e = extents
        let (inputs, outputs) = (e.inputs / e.groups, e.outputs / e.groups)
        let (plane, outPlane) = (e.height * e.width, e.outHeight * e.outWidth)
        for image in 0..<count {
            for first in stride(from: 0, to: e.outHeight, by: block) {
                let rows = min(block, e.outHeight - first)
                let places = rows * e.outWidth
                for group in 0..<e.groups {
                    let input = (image * e.inputs + group * inputs) * plane
                    let slope = dy + (image * e.outputs + group * outputs) * outPlane + first * e.outWidth
                    let filter = group * outputs * columnSize
                    if let dw {
                        var column = buffer
                        for channel in 0..<inputs {
                            for ky in 0..<e.kernelHeight {
                                for kx in 0..<e.kernelWidth {
                                    e.fillRows(
                                        column, from: x + (input + channel * plane),
                                        firstRow: first * e.strideY + ky * e.dilationY - e.top, rows: rows, kx: kx)
                                    column += places
                                }
                            }
                        }
                        BLAS.gemm(
                            .transposed, .normal, columnSize, outputs, places, 1, buffer, places, slope, outPlane, 1, dw + filter,
                            columnSize)
                    }
                    guard let dx else { continue }
                    filters.withUnsafeBufferPointer { w in
                        BLAS.gemm(
                            .normal, .transposed, places, columnSize, outputs, 1, slope, outPlane, w.baseAddress! + filter, columnSize,
                            0, buffer, places)
                    }
                    e.forEachPatchRow(inputs: inputs, firstRow: first, rows: rows) { column, row, source, low, high in
                        guard low < high else { return }
                        let from = buffer + column * places + row * e.outWidth
                        let to = dx + (input + source)
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
