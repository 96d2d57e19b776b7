// Convolution by 3×3 filters without strides with a quarter of the multiply–adds: Winograd's F(4×4, 3×3).
//
// For every value k of 36, of all tiles t of a block and all inputs c and filters f,
//
//     M[k][f, t] = Σ_c U[k][f, c]·V[k][c, t]                                                                    (1)
//
// is a product of matrices; U holds the transformed filters, V the transformed inputs of the block, and the results are the transforms
// of M. Filters pass in slices whose products stay in the cache. Rows of tiles are counted through all images, so that small planes
// fill vectors together. Rounding errors are about twice those of direct sums, but relative to the largest values that a tile of 4 × 4
// results reads and not to those that each of them reads; what is not finite, or beyond 1e36, spreads over the tile. Results do not
// depend on how work is cut.

import LinearAlgebra

struct WinogradConvolution: Sendable {
    let workspaceSize: Int
    private let extents: ConvolutionKernel.Extents
    private let transform: WinogradTransform
    /// Rows of tiles of a block at most.
    let rowsPerBlock: Int
    /// U of (1), group after group, value after value, packed for products.
    private let filters: [Float]
    /// Where the inputs of V begin.
    private let offsets: [Int]
    /// Floats from an input or filter of V and M to the next.
    private let stride: Int
    /// Filters of a slice.
    private let slice: Int

    /// Floats of V and of M: what the third and the second level of a cache hold beside other things.
    private static let inputFloats = 1 << 20
    private static let productFloats = 1 << 16
    /// Tiles of a block at most.
    private static let mostTiles = 192

    /// Whether it pays: the transforms are shared by enough filters and inputs, tiles lie within the plane for the most part, and the
    /// transformed filters, which every block reads, are at most some fifty times as many as results of an image.
    static func pays(_ e: ConvolutionKernel.Extents) -> Bool {
        guard e.kernelHeight == 3, e.kernelWidth == 3, e.strideX == 1, e.strideY == 1, e.dilationX == 1, e.dilationY == 1 else {
            return false
        }
        let tiles = tileCount(e)
        return min(e.inputsPerGroup, e.outputsPerGroup) >= 8 && tiles >= 9 && e.outPlane >= 10 * tiles
            && 2 * e.inputsPerGroup <= 3 * e.outPlane
    }

    private static func tileCount(_ e: ConvolutionKernel.Extents) -> Int { (e.outHeight + 3) / 4 * ((e.outWidth + 3) / 4) }

    /// Multiply–adds for one image.
    static func multiplyAdds(_ e: ConvolutionKernel.Extents) -> Double {
        Double(e.groups * multiplyAdds(tiles: tileCount(e), inputs: e.inputsPerGroup, filters: e.outputsPerGroup))
    }

    /// Multiply–adds for some tiles of a group: the products of (1), and some 12·10 for the transform of an input's tile and 10·9 for a
    /// filter's.
    static func multiplyAdds(tiles: Int, inputs: Int, filters: Int) -> Int {
        tiles * (WinogradTransform.valueCount * inputs * filters + 120 * inputs + 90 * filters)
    }

    /// - Parameter weight: (out, in/groups, 3, 3).
    init(_ e: ConvolutionKernel.Extents, weight: [Float], accumulates: Bool, activation: StoredActivation) {
        extents = e
        let transform = WinogradTransform(
            height: e.height, width: e.width, outHeight: e.outHeight, outWidth: e.outWidth, top: e.top, left: e.left,
            accumulates: accumulates, activation: activation)
        self.transform = transform
        rowsPerBlock = Self.rowsPerBlock(channels: e.inputsPerGroup, transform)
        let tiles = rowsPerBlock * transform.tilesAcross
        let stride = WinogradTransform.stride(tiles: tiles)
        self.stride = stride
        let values = WinogradTransform.valueCount
        slice = max(1, Self.productFloats / (values * stride) / TiledProduct.tileRows) * TiledProduct.tileRows
        offsets = (0..<e.inputsPerGroup).map { $0 * stride }
        workspaceSize =
            values * stride * (e.inputsPerGroup + min(slice, e.outputsPerGroup)) + WinogradTransform.scratchSize(tiles: tiles)
        filters = Self.packed(weight, e)
    }

    private static func packed(_ weight: [Float], _ e: ConvolutionKernel.Extents) -> [Float] {
        let (rows, depth) = (e.outputsPerGroup, e.inputsPerGroup)
        let size = TiledProduct.packedCount(rows: rows, depth: depth)
        let values = WinogradTransform.valueCount
        return [Float](unsafeUninitializedCapacity: e.groups * values * size) { packed, count in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: values * rows * depth) { transformed in
                guard let out = packed.baseAddress, let value = transformed.baseAddress else { return }
                for group in 0..<e.groups {
                    weight.withUnsafeBufferPointer {
                        guard let filter = $0.baseAddress else { return }
                        WinogradTransform.filters(
                            filter + group * rows * depth * WinogradTransform.tapCount, count: rows * depth, into: value)
                    }
                    for k in 0..<values {
                        TiledProduct.packLeft(
                            value + k * rows * depth, rowStride: depth, rows: rows, depth: depth, into: out + (group * values + k) * size)
                    }
                }
            }
            count = e.groups * values * size
        }
    }

    /// Rows of tiles per block for planes of so many channels: those with the fewest empty lanes in their last vector, of as many tiles
    /// as the caches hold.
    static func rowsPerBlock(channels: Int, _ transform: WinogradTransform) -> Int {
        let most = min(mostTiles, max(TiledProduct.tileColumns, inputFloats / (WinogradTransform.valueCount * channels)))
        let limit = max(1, most / transform.tilesAcross)
        var (best, bestWaste) = (limit, Double.infinity)
        for rows in Swift.stride(from: limit, through: max(1, limit / 2), by: -1) {
            let tiles = rows * transform.tilesAcross
            let waste = Double((tiles + 15) / 16 * 16) / Double(tiles)
            if waste < bestWaste * 0.98 { (best, bestWaste) = (rows, waste) }
        }
        return best
    }

    /// Values of the transformed filters.
    var weightCount: Int { filters.count }

    var tilesAcross: Int { transform.tilesAcross }
    var tilesDown: Int { transform.tilesDown }

    /// The rows of tiles of a block, counted through all images.
    func rows(ofBlock block: Int, ofRows rows: Int, images: Int) -> Range<Int> {
        block * rows..<min((block + 1) * rows, images * transform.tilesDown)
    }

    /// Where the results of some rows of tiles lie: in which image, from which place of its planes on, and how many.
    func forEachRun(of rows: Range<Int>, _ body: (_ image: Int, _ start: Int, _ length: Int) -> Void) {
        var row = rows.lowerBound
        while row < rows.upperBound {
            let (image, first) = row.quotientAndRemainder(dividingBy: transform.tilesDown)
            let last = min(first + rows.upperBound - row, transform.tilesDown)
            let lines = 4 * first..<min(4 * last, extents.outHeight)
            body(image, lines.lowerBound * extents.outWidth, lines.count * extents.outWidth)
            row += last - first
        }
    }

    /// Some filters of a group for some rows of tiles; pointers are those of the group's first input and filter in the first image.
    func run(
        rows: Range<Int>, group: Int, filters chosen: Range<Int>, input: UnsafePointer<Float>,
        output: UnsafeMutablePointer<Float>, residual: UnsafePointer<Float>?, bias: [Float], workspace: UnsafeMutablePointer<Float>
    ) {
        let e = extents
        let inputs = workspace
        let products = inputs + WinogradTransform.valueCount * stride * e.inputsPerGroup
        let scratch = products + WinogradTransform.valueCount * stride * min(slice, e.outputsPerGroup)
        for channel in 0..<e.inputsPerGroup {
            transform.transformInputs(
                input + channel * e.plane, imageStride: e.inputs * e.plane, rows: rows, into: inputs + channel * stride,
                stride: e.inputsPerGroup * stride, scratch: scratch)
        }
        for first in Swift.stride(from: chosen.lowerBound, to: chosen.upperBound, by: slice) {
            let some = first..<min(first + slice, chosen.upperBound)
            multiply(group: group, some, inputs, columns: rows.count * transform.tilesAcross, into: products)
            for filter in some {
                transform.transformOutputs(
                    products + (filter - first) * stride, stride: some.count * stride, rows: rows,
                    bias: bias.isEmpty ? 0 : bias[group * e.outputsPerGroup + filter], residual: residual.map { $0 + filter * e.outPlane },
                    into: output + filter * e.outPlane, imageStride: e.outputs * e.outPlane, scratch: scratch)
            }
        }
    }

    /// (1) for some filters.
    private func multiply(
        group: Int, _ some: Range<Int>, _ inputs: UnsafePointer<Float>, columns: Int, into products: UnsafeMutablePointer<Float>
    ) {
        let depth = extents.inputsPerGroup
        let size = TiledProduct.packedCount(rows: extents.outputsPerGroup, depth: depth)
        filters.withUnsafeBufferPointer { filters in
            offsets.withUnsafeBufferPointer { offsets in
                guard let base = filters.baseAddress, let offsets = offsets.baseAddress else { return }
                for k in 0..<WinogradTransform.valueCount {
                    let product = TiledProduct(
                        left: base + (group * WinogradTransform.valueCount + k) * size + some.lowerBound * depth, leftDepth: depth,
                        right: inputs + k * depth * stride, rightStride: TiledProduct.tileColumns, offsets: offsets, depth: depth,
                        rows: some.count, columns: columns, result: products + k * some.count * stride, resultStride: stride,
                        depthOfPart: TiledProduct.depthOfPart(rows: extents.outputsPerGroup))
                    product.multiply()
                }
            }
        }
    }
}
