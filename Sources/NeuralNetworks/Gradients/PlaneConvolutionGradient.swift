// The adjoints of a convolution of single planes, which are convolutions of single planes again.
//
// With strides s an input row s·m + a, a < s, is read by every s-th tap only, k₀, k₀ + s, …, k₀ = (a + top) mod s:
//
//     dX[s·m + a] = Σ_j W[k₀ + s·j]·dY[m + c − j],   c = (a + top − k₀)/s                                             (1)
//
// and so are columns: s_y·s_x convolutions without strides by parts of the filter, one for each phase of the input. Nothing is
// multiplied with the zeros between strides. Source of (1): Dumoulin & Visin, arXiv 1603.07285, in formulas of our own.

import LinearAlgebra

struct PlaneConvolutionGradient: Sendable {
    /// One phase of the input: its first row and column, its size, and the part of every filter that reads it.
    private struct Phase: Sendable {
        var (row, column): (Int, Int)
        var (height, width): (Int, Int)
        var convolution: PlaneConvolution
        /// Indices of the filter's taps in the order of the part's.
        var taps: [Int]
    }

    private let extents: ConvolutionKernel.Extents
    private let filters: [Float]
    private let plane: PlaneConvolution
    private let phases: [Phase]
    let workspaceSize: Int

    /// - Parameter filters: (out, 1, kh, kw), of which the adjoint with respect to the input is made.
    /// - Returns: `nil` unless every output has one input, and strides or dilations are 1.
    init?(_ e: ConvolutionKernel.Extents, filters: [Float]) {
        guard e.inputs == e.groups, (e.strideY == 1 || e.dilationY == 1) && (e.strideX == 1 || e.dilationX == 1) else { return nil }
        extents = e
        self.filters = filters
        plane = PlaneConvolution(
            height: e.height, width: e.width, outHeight: e.outHeight, outWidth: e.outWidth, kernelHeight: e.kernelHeight,
            kernelWidth: e.kernelWidth, strideY: e.strideY, strideX: e.strideX, dilationY: e.dilationY, dilationX: e.dilationX,
            top: e.top, left: e.left, activation: .none)
        var phases: [Phase] = []
        for row in 0..<min(e.strideY, e.height) {
            for column in 0..<min(e.strideX, e.width) {
                let (y, rows) = Self.part(row, e.strideY, e.dilationY, e.top, taps: e.kernelHeight)
                let (x, columns) = Self.part(column, e.strideX, e.dilationX, e.left, taps: e.kernelWidth)
                guard !rows.isEmpty, !columns.isEmpty else { continue }
                let height = (e.height - row + e.strideY - 1) / e.strideY
                let width = (e.width - column + e.strideX - 1) / e.strideX
                let convolution = PlaneConvolution(
                    height: e.outHeight, width: e.outWidth, outHeight: height, outWidth: width, kernelHeight: rows.count,
                    kernelWidth: columns.count, strideY: 1, strideX: 1, dilationY: e.dilationY, dilationX: e.dilationX, top: y, left: x,
                    activation: .none)
                let taps = rows.flatMap { row in columns.map { row * e.kernelWidth + $0 } }
                phases.append(.init(row: row, column: column, height: height, width: width, convolution: convolution, taps: taps))
            }
        }
        self.phases = phases
        let scratch = phases.map { $0.taps.count + $0.height * $0.width + $0.convolution.workspaceSize }.max() ?? 0
        workspaceSize = max(plane.workspaceSize, scratch)
    }

    /// Padding of the convolution that gives phase `a` of an axis, and the taps that it sums over, last first.
    private static func part(_ a: Int, _ stride: Int, _ dilation: Int, _ padding: Int, taps: Int) -> (padding: Int, taps: [Int]) {
        let first = ((a + padding) % stride + stride) % stride
        let own = stride == 1 ? Array(0..<taps) : Array(Swift.stride(from: first, to: taps, by: stride))
        return ((own.count - 1) * dilation - (stride == 1 ? padding : (a + padding - first) / stride), own.reversed())
    }

    /// Adds to dx and dw, where they are given.
    func run(
        count: Int, x: UnsafePointer<Float>, dy: UnsafePointer<Float>, dx: UnsafeMutablePointer<Float>?,
        dw: UnsafeMutablePointer<Float>?, workspace: UnsafeMutablePointer<Float>
    ) {
        let e = extents
        let perGroup = e.outputs / e.groups
        let taps = e.kernelHeight * e.kernelWidth
        for image in 0..<count {
            for output in 0..<e.outputs {
                let slope = dy + (image * e.outputs + output) * e.outHeight * e.outWidth
                let input = (image * e.inputs + output / perGroup) * e.height * e.width
                if let dw { plane.addFilterSlopes(x + input, slope, to: dw + output * taps, workspace: workspace) }
                if let dx { filters.withUnsafeBufferPointer { add($0.baseAddress! + output * taps, slope, to: dx + input, workspace) } }
            }
        }
    }

    private func add(
        _ filter: UnsafePointer<Float>, _ slope: UnsafePointer<Float>, to dx: UnsafeMutablePointer<Float>,
        _ workspace: UnsafeMutablePointer<Float>
    ) {
        for phase in phases {
            let result = workspace + phase.taps.count
            for (t, tap) in phase.taps.enumerated() { workspace[t] = filter[tap] }
            phase.convolution.run(
                slope, filter: workspace, bias: 0, residual: nil, into: result, workspace: result + phase.height * phase.width)
            for row in 0..<phase.height {
                let from = result + row * phase.width
                let to = dx + (phase.row + row * extents.strideY) * extents.width + phase.column
                if extents.strideX == 1 {
                    for i in 0..<phase.width { to[i] += from[i] }
                } else {
                    for i in 0..<phase.width { to[i * extents.strideX] += from[i] }
                }
            }
        }
    }
}
