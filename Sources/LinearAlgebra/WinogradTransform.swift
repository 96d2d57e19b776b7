// The transforms of Winograd's convolution F(4×4, 3×3), in Swift types.

internal import CKernels

/// Y = Aᵀ[(G·g·Gᵀ) ∘ (Bᵀ·d·B)]A for tiles of 4 × 4 results of a convolution by 3 × 3 filters without strides.
///
/// The adjoint with respect to the filters is dg = Gᵀ[(A·dY·Aᵀ) ∘ (Bᵀ·d·B)]G. Rows of tiles are counted through the images of a
/// batch. Source: Lavin and Gray, arXiv 1509.09308, section 4.3.
package struct WinogradTransform: Sendable {
    /// C's numbers and nothing else.
    private let geometry: ck_winograd

    /// Values of a transformed tile or filter, and the taps of a filter.
    package static let valueCount = 36
    package static let tapCount = 9

    /// - Parameter accumulates: results are added to what the output holds.
    package init(
        height: Int, width: Int, outHeight: Int, outWidth: Int, top: Int, left: Int, accumulates: Bool, activation: StoredActivation
    ) {
        let (kind, low, high) = activation.parameters
        geometry = ck_winograd(
            height: height, width: width, out_height: outHeight, out_width: outWidth, top: top, left: left, adds: accumulates ? 1 : 0,
            activation: kind, low: low, high: high)
    }

    package var tilesAcross: Int { (geometry.out_width + 3) / 4 }
    package var tilesDown: Int { (geometry.out_height + 3) / 4 }

    /// Floats from one value of `tiles` tiles to the next: whole vectors, and an odd number of cache lines.
    package static func stride(tiles: Int) -> Int { (tiles + 15) / 16 * 16 | 16 }

    /// Floats of scratch memory for `tiles` tiles.
    package static func scratchSize(tiles: Int) -> Int { ck_winograd_scratch(tiles) }

    /// Value after value of `count` filters of nine taps.
    package static func filters(_ filters: UnsafePointer<Float>, count: Int, into out: UnsafeMutablePointer<Float>) {
        ck_winograd_filters(filters, count, out)
    }

    /// Transforms some rows of tiles of one channel, whose planes lie `imageStride` apart: values lie `stride` apart.
    package func transformInputs(
        _ x: UnsafePointer<Float>, imageStride: Int, rows: Range<Int>, into out: UnsafeMutablePointer<Float>, stride: Int,
        scratch: UnsafeMutablePointer<Float>
    ) {
        withUnsafePointer(to: geometry) {
            ck_winograd_inputs($0, x, imageStride, rows.lowerBound, rows.count, out, stride, scratch)
        }
    }

    /// Transforms the same rows of tiles of one channel of slopes of the results.
    package func transformSlopes(
        _ dy: UnsafePointer<Float>, imageStride: Int, rows: Range<Int>, into out: UnsafeMutablePointer<Float>, stride: Int,
        scratch: UnsafeMutablePointer<Float>
    ) {
        withUnsafePointer(to: geometry) {
            ck_winograd_slopes($0, dy, imageStride, rows.lowerBound, rows.count, out, stride, scratch)
        }
    }

    /// Adds the slopes of `count` filters of nine taps, from the sums over tiles, value after value.
    package static func addFilterSlopes(_ sums: UnsafePointer<Float>, count: Int, to slopes: UnsafeMutablePointer<Float>) {
        ck_winograd_filter_slopes(sums, count, slopes)
    }

    /// The results of some rows of tiles of one filter; the residual lies like them.
    package func transformOutputs(
        _ products: UnsafePointer<Float>, stride: Int, rows: Range<Int>, bias: Float, residual: UnsafePointer<Float>?,
        into y: UnsafeMutablePointer<Float>, imageStride: Int, scratch: UnsafeMutablePointer<Float>
    ) {
        withUnsafePointer(to: geometry) {
            ck_winograd_outputs($0, products, stride, rows.lowerBound, rows.count, bias, residual, y, imageStride, scratch)
        }
    }
}
