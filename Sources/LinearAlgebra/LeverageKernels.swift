// The loops of leverage passes that BLAS has no routine for, in Swift types.

internal import CKernels

package enum LeverageKernels {
    /// Points of at most this many coordinates, with images no longer, are read by `leverages`.
    package static let shortestProduct = 8 * Int(CK_LEVERAGE_VECTORS)

    /// outᵢ ← constant + ‖W·(xᵢ − o) − w‖²; `matrix` has columns of 8·vectors entries, zero beyond the rank.
    @inline(__always)
    package static func leverages(
        _ points: UnsafePointer<Double>, dimension: Int, count: Int, origin: UnsafePointer<Double>, matrix: UnsafePointer<Double>,
        vectors: Int, offset: UnsafePointer<Double>, isLower: Bool, constant: Double, into out: UnsafeMutablePointer<Double>
    ) {
        ck_leverages_f64(points, dimension, count, origin, matrix, vectors, offset, isLower ? 1 : 0, constant, out)
    }

    /// The same for points in single precision; arithmetic is in double.
    @inline(__always)
    package static func leverages(
        _ points: UnsafePointer<Float>, dimension: Int, count: Int, origin: UnsafePointer<Double>, matrix: UnsafePointer<Double>,
        vectors: Int, offset: UnsafePointer<Double>, isLower: Bool, constant: Double, into out: UnsafeMutablePointer<Double>
    ) {
        ck_leverages_f32(points, dimension, count, origin, matrix, vectors, offset, isLower ? 1 : 0, constant, out)
    }

    /// Lengths of the points that `triangularLeverages` reads.
    package static let triangularLengths = 4...Int(CK_TRIANGULAR_LONGEST)

    /// outᵢ ← constant + ‖W·(xᵢ − o) − w‖², W lower triangular and packed by `packTriangle`; `offset` is padded to a multiple of 4.
    @inline(__always)
    package static func triangularLeverages(
        _ points: UnsafePointer<Double>, dimension: Int, count: Int, origin: UnsafePointer<Double>, matrix: UnsafePointer<Double>,
        offset: UnsafePointer<Double>, constant: Double, into out: UnsafeMutablePointer<Double>
    ) {
        ck_triangular_leverages_f64(points, dimension, count, origin, matrix, offset, constant, out)
    }

    /// The same for points in single precision; arithmetic is in double.
    @inline(__always)
    package static func triangularLeverages(
        _ points: UnsafePointer<Float>, dimension: Int, count: Int, origin: UnsafePointer<Double>, matrix: UnsafePointer<Double>,
        offset: UnsafePointer<Double>, constant: Double, into out: UnsafeMutablePointer<Double>
    ) {
        ck_triangular_leverages_f32(points, dimension, count, origin, matrix, offset, constant, out)
    }

    /// A lower triangular matrix of the given order (by columns), in groups of four rows: of each column up to the group's
    /// last row four entries.
    package static func packTriangle(_ matrix: [Double], order: Int) -> [Double] {
        var packed: [Double] = []
        packed.reserveCapacity(order * (order + 8) / 2)
        for row in stride(from: 0, to: order, by: 4) {
            for k in 0..<Swift.min(row + 4, order) {
                for i in row..<row + 4 { packed.append(i < order && i >= k ? matrix[i + k * order] : 0) }
            }
        }
        return packed
    }

    /// outⱼ ← base + ‖zⱼ − offset‖² for the columns of a rows×count matrix.
    @inline(__always)
    package static func columnNorms(
        _ z: UnsafePointer<Double>, rows: Int, count: Int, offset: UnsafePointer<Double>? = nil, base: Double = 0,
        into out: UnsafeMutablePointer<Double>
    ) {
        ck_column_norms(z, rows, count, offset, base, out)
    }

    /// Squares what is on and below the diagonal of the first columns of a lower triangle.
    @inline(__always)
    package static func squareStrip(_ a: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int) {
        ck_square_strip_f32(a, rows, columns, stride)
    }

    /// The same in double precision.
    @inline(__always)
    package static func squareStrip(_ a: UnsafeMutablePointer<Double>, rows: Int, columns: Int, stride: Int) {
        ck_square_strip_f64(a, rows, columns, stride)
    }

    /// y ← y + H·x from the first columns of a lower triangle alone: each entry below the diagonal counts for its mirror image.
    @inline(__always)
    package static func addStripProduct(
        _ a: UnsafePointer<Float>, rows: Int, columns: Int, stride: Int, _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>
    ) {
        ck_strip_product_f32(a, rows, columns, stride, x, y)
    }

    /// Column j of `out` ← scaleⱼ · column j of `a`.
    @inline(__always)
    package static func scaleColumns(
        _ a: UnsafePointer<Double>, rows: Int, count: Int, by scale: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>
    ) {
        ck_scale_columns(a, rows, count, scale, out)
    }

    /// outⱼ ← xⱼ − origin.
    @inline(__always)
    package static func shift(
        _ points: UnsafePointer<Double>, dimension: Int, count: Int, origin: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>
    ) {
        ck_shift_f64(points, dimension, count, origin, out)
    }

    /// outⱼ ← xⱼ − origin, single-precision points.
    @inline(__always)
    package static func shift(
        _ points: UnsafePointer<Float>, dimension: Int, count: Int, origin: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>
    ) {
        ck_shift_f32(points, dimension, count, origin, out)
    }

    /// The largest entry and the sum of all; the sum is not finite when an entry is not.
    @inline(__always)
    package static func largest(_ x: UnsafePointer<Double>, count: Int) -> (largest: Double, sum: Double) {
        var sum = 0.0
        let largest = ck_largest(x, count, &sum)
        return (largest, sum)
    }
}
