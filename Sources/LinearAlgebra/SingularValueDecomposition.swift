// Thin singular value decomposition, A = U·diag(s)·Vᵀ.

/// The thin singular value decomposition of an m×n matrix, r = min(m, n), singular values descending.
public struct SingularValueDecomposition: Sendable {
    /// Left singular vectors, m×r.
    public let u: Matrix
    /// Singular values, descending.
    public let values: [Double]
    /// Right singular vectors transposed, r×n.
    public let vt: Matrix

    /// Decomposes `matrix` by divide and conquer.
    /// - Throws: `noConvergence`, `dimensionTooLarge`.
    /// - Complexity: O(m·n·min(m, n)).
    public init(_ matrix: Matrix) throws(FactorizationError) {
        guard matrix.rows <= Int(Int32.max), matrix.columns <= Int(Int32.max) else {
            throw .dimensionTooLarge(Swift.max(matrix.rows, matrix.columns))
        }
        let (m, n) = (matrix.rows, matrix.columns)
        let r = Swift.min(m, n)
        var storage = matrix.elements
        var left = Matrix(rows: m, columns: r)
        var right = Matrix(rows: r, columns: n)
        var singular = [Double](repeating: 0, count: r)
        if r > 0 {
            guard matrix.isFinite else { throw .noConvergence(info: 0) }
            try storage.withUnsafeMutableBufferPointer { (a) throws(FactorizationError) in
                try LAPACK.gesdd(m, n, a.baseAddress!, m, &singular, &left.elements, m, &right.elements, r)
            }
        }
        u = left
        values = singular
        vt = right
    }
}
