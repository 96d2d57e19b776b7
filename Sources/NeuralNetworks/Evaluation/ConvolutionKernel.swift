// Convolution of one image through sgemm.
//
// The output rows r₀ ..< r₀ + R of one block are   Y = Σ_{ky} A_ky · W_kyᵀ,   with A_ky of shape (R·outWidth) × (inputs·kw):
// column (ic, kx) holds input channel ic shifted by kx. The columns of all ky are row-offset views of one buffer that
// stays in cache, because shifting by whole rows is pointer arithmetic; so the input is copied kw times, not kh·kw times,
// at the price of kh products instead of one. With few input columns a full im2col (kh·kw copies, one product) wins.
// Rows are kept apart by their phase modulo the vertical stride, so that strides change nothing in the products.
// 1×1 convolutions read the image as it lies; depthwise ones are direct loops.

import LinearAlgebra

struct ConvolutionKernel: Sendable {
    struct Extents: Sendable {
        var inputs, height, width: Int
        var outputs, outHeight, outWidth: Int
        var kernelHeight, kernelWidth: Int
        var strideY, strideX: Int
        var dilationY, dilationX: Int
        var top, left: Int
        var groups: Int

        /// Visits every weight: its place among filters as stored (out, in/g, kh, kw), and by rows of taps (groups, kh, out/g, in/g, kw).
        @inline(__always)
        func forEachTap(_ body: (_ stored: Int, _ byRows: Int) -> Void) {
            let (inputs, outputs) = (inputs / groups, outputs / groups)
            for group in 0..<groups {
                for output in 0..<outputs {
                    for input in 0..<inputs {
                        for ky in 0..<kernelHeight {
                            let stored = (((group * outputs + output) * inputs + input) * kernelHeight + ky) * kernelWidth
                            let byRows = (((group * kernelHeight + ky) * outputs + output) * inputs + input) * kernelWidth
                            for kx in 0..<kernelWidth { body(stored + kx, byRows + kx) }
                        }
                    }
                }
            }
        }
    }

    enum Strategy: Sendable { case pointwise, depthwise, rows, full }

    let extents: Extents
    let strategy: Strategy
    /// Pointwise and full: (out, in/groups · taps). Rows: (groups, ky, out/groups, in/groups · kw). Depthwise: (out, taps).
    let weight: [Float]
    let epilogue: Epilogue
    /// Output rows per block (positions per block when pointwise).
    let block: Int
    /// Per vertical phase in use: rows beyond the block, and where the phase starts in units of columns.
    private let phases: [Phase]
    /// Floats of scratch memory.
    let workspaceSize: Int

    private struct Phase: Sendable {
        var phase: Int
        var extraRows: Int
        var offset: Int
    }

    /// Floats of one block's buffer: a quarter of a typical level-2 cache, which also holds the output block and sgemm's panels.
    private static let blockFloats = 1 << 16

    init(extents e: Extents, weight source: [Float], epilogue: Epilogue) {
        extents = e
        self.epilogue = epilogue
        let inputsPerGroup = e.inputs / e.groups
        let outputsPerGroup = e.outputs / e.groups
        let taps = e.kernelHeight * e.kernelWidth
        let isPointwise =
            taps == 1 && e.strideX == 1 && e.strideY == 1 && e.top == 0 && e.left == 0 && e.outHeight == e.height
            && e.outWidth == e.width
        if isPointwise {
            strategy = .pointwise
        } else if inputsPerGroup == 1 && outputsPerGroup <= 4 {
            strategy = .depthwise
        } else if e.kernelHeight == 1 || inputsPerGroup * e.kernelWidth < 24 {
            strategy = .full
        } else {
            strategy = .rows
        }
        switch strategy {
        case .pointwise:
            weight = source
            phases = []
            let positions = e.height * e.width
            block = max(64, min(positions, Self.blockFloats / max(1, inputsPerGroup + outputsPerGroup)))
            workspaceSize = 0
        case .depthwise:
            weight = source
            phases = []
            block = e.outHeight
            workspaceSize = 0
        case .full:
            weight = source
            phases = []
            let columns = inputsPerGroup * taps
            block = max(1, min(e.outHeight, Self.blockFloats / max(1, columns * e.outWidth)))
            workspaceSize = columns * block * e.outWidth
        case .rows:
            let columns = inputsPerGroup * e.kernelWidth
            var extra: [Int: Int] = [:]
            for ky in 0..<e.kernelHeight {
                let offset = ky * e.dilationY
                extra[offset % e.strideY] = max(extra[offset % e.strideY] ?? 0, offset / e.strideY)
            }
            let extraRows = extra.values.reduce(0, +)
            let fit = Self.blockFloats / max(1, columns * e.outWidth) - extraRows
            block = max(1, min(e.outHeight, max(fit / extra.count, 4)))
            var offset = 0
            var list: [Phase] = []
            for (phase, rows) in extra.sorted(by: { $0.key < $1.key }) {
                list.append(Phase(phase: phase, extraRows: rows, offset: offset))
                offset += columns * (block + rows) * e.outWidth
            }
            phases = list
            workspaceSize = offset
            weight = Self.rowMajorTaps(source, extents: e)
        }
    }

    /// (out, in/g, kh, kw) → (groups, kh, out/g, in/g·kw).
    private static func rowMajorTaps(_ source: [Float], extents: Extents) -> [Float] {
        var result = [Float](repeating: 0, count: source.count)
        extents.forEachTap { from, to in result[to] = source[from] }
        return result
    }

    /// The filters as (out, in/groups, kh, kw), whatever order this kernel keeps them in.
    func sourceWeight() -> [Float] {
        guard strategy == .rows else { return weight }
        var result = [Float](repeating: 0, count: weight.count)
        extents.forEachTap { to, from in result[to] = weight[from] }
        return result
    }

    /// Convolves `count` images.
    func run(
        count: Int, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>, residual: UnsafePointer<Float>?,
        workspace: UnsafeMutablePointer<Float>
    ) {
        let e = extents
        let inputSize = e.inputs * e.height * e.width
        let outputSize = e.outputs * e.outHeight * e.outWidth
        weight.withUnsafeBufferPointer { weight in
            let w = weight.baseAddress!
            for image in 0..<count {
                let x = input + image * inputSize
                let y = output + image * outputSize
                let r = residual.map { $0 + image * outputSize }
                switch strategy {
                case .pointwise: pointwise(x, w, y, r)
                case .depthwise: depthwise(x, w, y, r)
                case .full: full(x, w, y, r, workspace)
                case .rows: rows(x, w, y, r, workspace)
                }
            }
        }
    }

    // MARK: Strategies

    private func pointwise(
        _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ r: UnsafePointer<Float>?
    ) {
        let e = extents
        let positions = e.height * e.width
        let inputs = e.inputs / e.groups
        let outputs = e.outputs / e.groups
        for start in stride(from: 0, to: positions, by: block) {
            let count = min(block, positions - start)
            for group in 0..<e.groups {
                BLAS.gemm(
                    .normal, .normal, count, outputs, inputs, 1, x + group * inputs * positions + start, positions,
                    w + group * outputs * inputs, inputs, 0, y + group * outputs * positions + start, positions)
            }
            finish(y, r, start: start, count: count)
        }
    }

    private func full(
        _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ r: UnsafePointer<Float>?,
        _ buffer: UnsafeMutablePointer<Float>
    ) {
        let e = extents
        let inputs = e.inputs / e.groups
        let outputs = e.outputs / e.groups
        let columns = inputs * e.kernelHeight * e.kernelWidth
        let plane = e.height * e.width
        let outPlane = e.outHeight * e.outWidth
        for first in stride(from: 0, to: e.outHeight, by: block) {
            let rowCount = min(block, e.outHeight - first)
            let count = rowCount * e.outWidth
            for group in 0..<e.groups {
                var column = buffer
                for input in 0..<inputs {
                    let source = x + (group * inputs + input) * plane
                    for ky in 0..<e.kernelHeight {
                        for kx in 0..<e.kernelWidth {
                            fill(column, source, firstRow: first * e.strideY + ky * e.dilationY - e.top, rows: rowCount, kx: kx)
                            column += count
                        }
                    }
                }
                BLAS.gemm(
                    .normal, .normal, count, outputs, columns, 1, buffer, count, w + group * outputs * columns, columns, 0,
                    y + group * outputs * outPlane + first * e.outWidth, outPlane)
            }
            finish(y, r, start: first * e.outWidth, count: count)
        }
    }

    private func rows(
        _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ r: UnsafePointer<Float>?,
        _ buffer: UnsafeMutablePointer<Float>
    ) {
        let e = extents
        let inputs = e.inputs / e.groups
        let outputs = e.outputs / e.groups
        let columns = inputs * e.kernelWidth
        let plane = e.height * e.width
        let outPlane = e.outHeight * e.outWidth
        for first in stride(from: 0, to: e.outHeight, by: block) {
            let rowCount = min(block, e.outHeight - first)
            let count = rowCount * e.outWidth
            for group in 0..<e.groups {
                for phase in phases {
                    let height = rowCount + phase.extraRows
                    var column = buffer + phase.offset
                    for input in 0..<inputs {
                        let source = x + (group * inputs + input) * plane
                        for kx in 0..<e.kernelWidth {
                            fill(column, source, firstRow: first * e.strideY + phase.phase - e.top, rows: height, kx: kx)
                            column += height * e.outWidth
                        }
                    }
                }
                for ky in 0..<e.kernelHeight {
                    let offset = ky * e.dilationY
                    guard let phase = phases.first(where: { $0.phase == offset % e.strideY }) else { continue }
                    let height = (rowCount + phase.extraRows) * e.outWidth
                    BLAS.gemm(
                        .normal, .normal, count, outputs, columns, 1, buffer + phase.offset + offset / e.strideY * e.outWidth,
                        height, w + (group * e.kernelHeight + ky) * outputs * columns, columns, ky == 0 ? 0 : 1,
                        y + group * outputs * outPlane + first * e.outWidth, outPlane)
                }
            }
            finish(y, r, start: first * e.outWidth, count: count)
        }
    }

    private func depthwise(
        _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ r: UnsafePointer<Float>?
    ) {
        let e = extents
        let perGroup = e.outputs / e.groups
        let plane = e.height * e.width
        let outPlane = e.outHeight * e.outWidth
        let taps = e.kernelHeight * e.kernelWidth
        for output in 0..<e.outputs {
            let source = x + output / perGroup * plane
            let target = y + output * outPlane
            target.update(repeating: 0, count: outPlane)
            for ky in 0..<e.kernelHeight {
                for kx in 0..<e.kernelWidth {
                    let factor = w[output * taps + ky * e.kernelWidth + kx]
                    let (low, high) = validColumns(kx)
                    guard low < high else { continue }
                    let shift = kx * e.dilationX - e.left
                    for row in 0..<e.outHeight {
                        let sourceRow = row * e.strideY + ky * e.dilationY - e.top
                        guard sourceRow >= 0, sourceRow < e.height else { continue }
                        let from = source + sourceRow * e.width + shift
                        let to = target + row * e.outWidth
                        if e.strideX == 1 {
                            for column in low..<high { to[column] += factor * from[column] }
                        } else {
                            for column in low..<high { to[column] += factor * from[column * e.strideX] }
                        }
                    }
                }
            }
        }
        finish(y, r, start: 0, count: outPlane)
    }

    // MARK: Pieces

    /// Output columns whose tap kx falls inside the image.
    @inline(__always)
    private func validColumns(_ kx: Int) -> (low: Int, high: Int) {
        let e = extents
        let shift = kx * e.dilationX - e.left
        let low = shift >= 0 ? 0 : (-shift + e.strideX - 1) / e.strideX
        let room = e.width - 1 - shift
        let high = room < 0 ? 0 : min(e.outWidth, room / e.strideX + 1)
        return (min(low, e.outWidth), high)
    }

    /// One column of A: `rows` output rows of one input channel, shifted by kx, zero outside the image.
    @inline(__always)
    private func fill(_ target: UnsafeMutablePointer<Float>, _ plane: UnsafePointer<Float>, firstRow: Int, rows: Int, kx: Int) {
        let e = extents
        let width = e.outWidth
        let (low, high) = validColumns(kx)
        let shift = kx * e.dilationX - e.left
        if e.strideX == 1 && e.strideY == 1 && width == e.width {
            // Rows lie back to back in both: one shifted copy, then zeros where it wrapped around.
            let firstValid = min(max(0, -firstRow), rows)
            let lastValid = max(firstValid, min(rows, e.height - firstRow))
            if firstValid > 0 { target.update(repeating: 0, count: firstValid * width) }
            if lastValid < rows { (target + lastValid * width).update(repeating: 0, count: (rows - lastValid) * width) }
            guard lastValid > firstValid, low < high else {
                (target + firstValid * width).update(repeating: 0, count: (lastValid - firstValid) * width)
                return
            }
            let start = firstValid * width + low
            let end = (lastValid - 1) * width + high
            (target + start).update(from: plane + (firstRow * width + start + shift), count: end - start)
            if low > 0 {
                for row in firstValid..<lastValid { for column in 0..<low { target[row * width + column] = 0 } }
            }
            if high < width {
                for row in firstValid..<lastValid { for column in high..<width { target[row * width + column] = 0 } }
            }
            return
        }
        for row in 0..<rows {
            let sourceRow = firstRow + row * e.strideY
            let to = target + row * width
            guard sourceRow >= 0, sourceRow < e.height, low < high else {
                to.update(repeating: 0, count: width)
                continue
            }
            let from = plane + (sourceRow * e.width + shift)
            for column in 0..<low { to[column] = 0 }
            if e.strideX == 1 {
                (to + low).update(from: from + low, count: high - low)
            } else {
                for column in low..<high { to[column] = from[column * e.strideX] }
            }
            for column in high..<width { to[column] = 0 }
        }
    }

    private func finish(_ y: UnsafeMutablePointer<Float>, _ r: UnsafePointer<Float>?, start: Int, count: Int) {
        guard !epilogue.isIdentity else { return }
        let outPlane = extents.outHeight * extents.outWidth
        for output in 0..<extents.outputs {
            let offset = output * outPlane + start
            epilogue.apply(
                y + offset, count: count, bias: epilogue.bias.isEmpty ? 0 : epilogue.bias[output], residual: r.map { $0 + offset })
        }
    }
}
