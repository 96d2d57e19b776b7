// The rows that a convolution multiplies its filters with, for a block of output rows of one image.
//
// Column (input, kx) holds the input channel shifted by kx, one value per output column, for all input rows that the block
// reads; the taps ky of a column are that column shifted by whole rows, which is pointer arithmetic. So an input is copied kw
// times, not kh·kw times. Input rows are kept apart by their phase modulo the vertical stride, so that strides change nothing.

import LinearAlgebra

struct PatchRows: Sendable {
    /// Output rows of a block, and of the inputs of a group how many are copied at a time.
    let block: Int
    let inputs: Int
    /// Where the rows of the terms (input, ky, kx) begin, in the order of the filters as stored.
    let offsets: [Int]
    /// Floats of the buffer.
    let size: Int
    private let extents: ConvolutionKernel.Extents
    private let phases: [Phase]

    private struct Phase: Sendable {
        var phase: Int
        /// Rows beyond those of the block.
        var extraRows: Int
        /// Where the phase starts, and from one column to the next.
        var offset: Int
        var stride: Int
    }

    /// Floats of the buffer at most: 384 kB, which the second level of most caches holds beside the filters.
    private static let most = 3 << 15
    /// Positions of a block: enough tiles to make the margin of a block small, few enough to leave room for channels.
    private static let positions = 768

    init(_ e: ConvolutionKernel.Extents) {
        extents = e
        var extra: [Int: Int] = [:]
        for ky in 0..<e.kernelHeight {
            let offset = ky * e.dilationY
            extra[offset % e.strideY] = max(extra[offset % e.strideY] ?? 0, offset / e.strideY)
        }
        block = Self.rows(e)
        var phases: [Phase] = []
        for (phase, rows) in extra.sorted(by: { $0.key < $1.key }) {
            // An odd number of cache lines: columns then do not fold onto few sets of the cache.
            let stride = ((block + rows) * e.outWidth + 15) / 16 * 16 | 16
            phases.append(Phase(phase: phase, extraRows: rows, offset: 0, stride: stride))
        }
        let perInput = e.kernelWidth * phases.reduce(0) { $0 + $1.stride }
        inputs = max(
            1, min(e.inputsPerGroup, Self.most / max(perInput, 1), max(1, TiledProduct.depthOfPart(rows: e.outputsPerGroup) / e.taps)))
        var size = 0
        for index in phases.indices {
            phases[index].offset = size
            size += inputs * e.kernelWidth * phases[index].stride
        }
        self.phases = phases
        self.size = size
        var offsets: [Int] = []
        offsets.reserveCapacity(inputs * e.taps)
        for input in 0..<inputs {
            for ky in 0..<e.kernelHeight {
                let shift = ky * e.dilationY
                guard let phase = phases.first(where: { $0.phase == shift % e.strideY }) else { continue }
                for kx in 0..<e.kernelWidth {
                    offsets.append(phase.offset + (input * e.kernelWidth + kx) * phase.stride + shift / e.strideY * e.outWidth)
                }
            }
        }
        self.offsets = offsets
    }

    /// Output rows per block: of about `positions` those with the fewest empty lanes in their last vector.
    private static func rows(_ e: ConvolutionKernel.Extents) -> Int {
        let most = max(1, min(e.outHeight, positions / max(e.outWidth, 1)))
        var (best, bestWaste) = (most, Double.infinity)
        for rows in stride(from: most, through: max(1, most / 2), by: -1) {
            let blocks = (e.outHeight + rows - 1) / rows
            let last = e.outHeight - (blocks - 1) * rows
            func vectors(_ rows: Int) -> Int { (rows * e.outWidth + 15) / 16 }
            let work = Double((blocks - 1) * vectors(rows) + vectors(last))
            if work < bestWaste * 0.98 { (best, bestWaste) = (rows, work) }
        }
        return best
    }

    /// Copies the columns of `count` inputs, of which the first lies at `x`, for output rows `first` ..< first + rows.
    func fill(
        _ buffer: UnsafeMutablePointer<Float>, from x: UnsafePointer<Float>, count: Int, firstRow first: Int, rows: Int
    ) {
        let e = extents
        for phase in phases {
            var column = buffer + phase.offset
            for input in 0..<count {
                let source = x + input * e.plane
                for kx in 0..<e.kernelWidth {
                    e.fillRows(
                        column, from: source, firstRow: first * e.strideY + phase.phase - e.top, rows: rows + phase.extraRows, kx: kx)
                    column += phase.stride
                }
            }
        }
    }
}
