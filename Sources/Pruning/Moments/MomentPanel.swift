// Products of moments in panels that threads share.

import LinearAlgebra

/// A part of the products of one fold: rows and columns of its result.
struct MomentPanel {
    var fold: Int
    var rows, columns: Range<Int>
    /// Whether columns are targets, and not regressors.
    var isOfTargets: Bool

    /// Whether a square on the diagonal comes first.
    var isDiagonal: Bool { !isOfTargets && rows.lowerBound == columns.lowerBound }

    /// Rows and columns at most: few enough for products in Float to stay in the cache until they are added up.
    private static let size = (rows: 1024, columns: 192)

    /// Panels that hold the lower triangle of order n, longest first.
    static func lowerTriangle(of n: Int, fold: Int) -> [MomentPanel] {
        cut(0..<n, size.columns).flatMap { columns in
            cut(columns.lowerBound..<n, size.rows).map { MomentPanel(fold: fold, rows: $0, columns: columns, isOfTargets: false) }
        }
    }

    static func rectangle(_ m: Int, _ n: Int, fold: Int) -> [MomentPanel] {
        cut(0..<n, size.columns).flatMap { columns in
            cut(0..<m, size.rows).map { MomentPanel(fold: fold, rows: $0, columns: columns, isOfTargets: true) }
        }
    }

    private static func cut(_ range: Range<Int>, _ length: Int) -> [Range<Int>] {
        stride(from: range.lowerBound, to: range.upperBound, by: length).map { $0..<Swift.min($0 + length, range.upperBound) }
    }
}

/// What samples are centered in.
protocol PanelScalar: BinaryFloatingPoint & Sendable {
    /// deviations ← values − center; they are added to `sum`, and their squares to `squares`.
    static func center(
        _ values: UnsafePointer<Double>, by center: UnsafePointer<Double>, count: Int, into deviations: UnsafeMutablePointer<Self>,
        sum: UnsafeMutablePointer<Double>, squares: UnsafeMutablePointer<Double>?)

    /// Adds a panel of A·Bᵀ to a matrix of `stride` rows; a has m and b n rows.
    static func addProduct(
        _ panel: MomentPanel, _ a: UnsafePointer<Self>, _ m: Int, _ b: UnsafePointer<Self>, _ n: Int, _ samples: Int,
        to matrix: UnsafeMutablePointer<Double>, stride: Int)
}

extension Double: PanelScalar {
    static func center(
        _ values: UnsafePointer<Double>, by center: UnsafePointer<Double>, count: Int, into deviations: UnsafeMutablePointer<Double>,
        sum: UnsafeMutablePointer<Double>, squares: UnsafeMutablePointer<Double>?
    ) {
        VectorKernels.center(values, by: center, count: count, into: deviations, sum: sum, squares: squares)
    }

    static func addProduct(
        _ panel: MomentPanel, _ a: UnsafePointer<Double>, _ m: Int, _ b: UnsafePointer<Double>, _ n: Int, _ samples: Int,
        to matrix: UnsafeMutablePointer<Double>, stride: Int
    ) {
        var (rows, columns) = (panel.rows, panel.columns)
        if panel.isDiagonal {
            BLAS.syrk(
                .lower, .normal, columns.count, samples, 1, a + columns.lowerBound, m, 1, matrix + columns.lowerBound * (stride + 1), stride
            )
            rows = columns.upperBound..<rows.upperBound
        }
        guard !rows.isEmpty else { return }
        BLAS.gemm(
            .normal, .transposed, rows.count, columns.count, samples, 1, a + rows.lowerBound, m, b + columns.lowerBound, n, 1,
            matrix + columns.lowerBound * stride + rows.lowerBound, stride)
    }
}

extension Float: PanelScalar {
    static func center(
        _ values: UnsafePointer<Double>, by center: UnsafePointer<Double>, count: Int, into deviations: UnsafeMutablePointer<Float>,
        sum: UnsafeMutablePointer<Double>, squares: UnsafeMutablePointer<Double>?
    ) {
        VectorKernels.center(values, by: center, count: count, into: deviations, sum: sum, squares: squares)
    }

    static func addProduct(
        _ panel: MomentPanel, _ a: UnsafePointer<Float>, _ m: Int, _ b: UnsafePointer<Float>, _ n: Int, _ samples: Int,
        to matrix: UnsafeMutablePointer<Double>, stride: Int
    ) {
        let (rows, columns) = (panel.rows.count, panel.columns.count)
        var product: [Float] = .uninitialized(rows * columns)
        BLAS.gemm(
            .normal, .transposed, rows, columns, samples, 1, a + panel.rows.lowerBound, m, b + panel.columns.lowerBound, n, 0, &product,
            rows)
        product.withUnsafeBufferPointer { source in
            for j in 0..<columns {
                VectorKernels.add(
                    source.baseAddress! + j * rows, count: rows,
                    to: matrix + (panel.columns.lowerBound + j) * stride + panel.rows.lowerBound)
            }
        }
    }
}
