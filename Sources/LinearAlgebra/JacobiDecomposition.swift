// Singular values and right singular vectors by one-sided Jacobi rotations: A·V = U·Σ.
//
// Bidiagonalization finds singular values to an ulp of the largest one. Rotations of columns find each to its own ulps when
// A = B·D with D diagonal and B well conditioned, and the entries of V that couple long with short columns likewise:
// Demmel & Veselić, SIAM J. Matrix Anal. Appl. 13 (1992); Drmač & Veselić, ibid. 29 (2008).

/// The singular values of a matrix with columns of very different lengths, and its right singular vectors.
package struct JacobiDecomposition: Sendable {
    /// Singular values, descending.
    package let values: [Double]
    /// Right singular vectors as columns, n×n.
    package let vectors: Matrix

    /// Decomposes an m×n matrix, m ≥ n. Some five to ten sweeps of 4·m·n² flops each.
    /// - Throws: `noConvergence`, also for entries that are not finite, `dimensionTooLarge`.
    package init(_ matrix: Matrix) throws(FactorizationError) {
        let (m, n) = (matrix.rows, matrix.columns)
        precondition(m >= n, "one-sided rotations need at least as many rows as columns")
        guard m <= Int(Int32.max) else { throw .dimensionTooLarge(m) }
        guard matrix.isFinite else { throw .noConvergence(info: 0) }
        var storage = matrix.elements
        var right = Matrix.identity(n)
        var singular = [Double](repeating: 0, count: n)
        if n > 0 { try LAPACK.gesvj(m, n, &storage, m, &singular, &right.elements, n) }
        values = singular
        vectors = right
    }
}
