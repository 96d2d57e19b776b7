// Eigendecomposition of a symmetric matrix, A = V·diag(λ)·Vᵀ.

/// All eigenpairs of a symmetric matrix, eigenvalues ascending.
public struct SymmetricEigendecomposition: Sendable {
    /// Eigenvalues, ascending.
    public let values: [Double]
    /// Orthonormal eigenvectors as columns, in the order of `values`.
    public let vectors: Matrix

    /// Decomposes the lower triangle of `matrix` by divide and conquer. Cost about 9n³ flops.
    /// - Throws: `noConvergence`, `notSquare`, `dimensionTooLarge`.
    public init(_ matrix: Matrix) throws(FactorizationError) {
        guard matrix.rows == matrix.columns else { throw .notSquare(rows: matrix.rows, columns: matrix.columns) }
        guard matrix.rows <= Int(Int32.max) else { throw .dimensionTooLarge(matrix.rows) }
        let n = matrix.rows
        var storage = matrix.elements
        var eigenvalues = [Double](repeating: 0, count: n)
        if n > 0 {
            guard matrix.isFinite else { throw .noConvergence(info: 0) }
            try storage.withUnsafeMutableBufferPointer { (a) throws(FactorizationError) in
                try eigenvalues.withUnsafeMutableBufferPointer { (w) throws(FactorizationError) in
                    try LAPACK.syevd(n, a.baseAddress!, n, w.baseAddress!)
                }
            }
        }
        values = eigenvalues
        vectors = Matrix(rows: n, columns: n, elements: storage)
    }
}
