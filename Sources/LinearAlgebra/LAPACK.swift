// LAPACK in Swift types. Column-major; workspaces are sized by query; `info < 0` is a programmer error and traps.

internal import CLapack

/// Thin package-level façade of the LAPACK routines in use.
package enum LAPACK {
    /// Cholesky factor of the given triangle in place; throws at the first minor that is not positive definite.
    package static func potrf(_ triangle: BLAS.Triangle, _ n: Int, _ a: UnsafeMutablePointer<Double>, _ lda: Int) throws(FactorizationError)
    {
        try SharedCholesky.factor(triangle, n, a, lda)
    }

    /// Single-precision `potrf`.
    package static func potrf(_ triangle: BLAS.Triangle, _ n: Int, _ a: UnsafeMutablePointer<Float>, _ lda: Int) throws(FactorizationError)
    {
        try SharedCholesky.factor(triangle, n, a, lda)
    }

    /// Solves A·X = B from a Cholesky factor, B overwritten.
    package static func potrs(
        _ triangle: BLAS.Triangle, _ n: Int, _ columns: Int, _ a: UnsafePointer<Double>, _ lda: Int, _ b: UnsafeMutablePointer<Double>,
        _ ldb: Int
    ) {
        BLASConfiguration.ensureSelected()
        SharedWork.cut(columns, SharedWork.parts(of: columns, n, n, columns, narrowest: SharedWork.narrowestSystem)) { part in
            let info = LAPACKE_dpotrs_work(
                LAPACK_COL_MAJOR, triangle.letter, Int32(n), Int32(part.count), a, Int32(lda), b + part.lowerBound * ldb, Int32(ldb))
            precondition(info == 0, "dpotrs rejected argument \(-info)")
        }
    }

    /// Inverse of a triangular matrix in place.
    package static func trtri(
        _ triangle: BLAS.Triangle, _ diagonal: BLAS.Diagonal, _ n: Int, _ a: UnsafeMutablePointer<Double>, _ lda: Int
    ) throws(FactorizationError) {
        BLASConfiguration.ensureSelected()
        let info = LAPACKE_dtrtri_work(LAPACK_COL_MAJOR, triangle.letter, diagonal.letter, Int32(n), a, Int32(lda))
        precondition(info >= 0, "dtrtri rejected argument \(-info)")
        if info > 0 { throw .singular(pivot: Int(info) - 1) }
    }

    /// Inverse from a Cholesky factor in place of the lower triangle.
    package static func potri(_ n: Int, _ a: UnsafeMutablePointer<Double>, _ lda: Int) throws(FactorizationError) {
        try SharedCholesky.invert(n, a, lda)
    }

    /// Single-precision `potri`.
    package static func potri(_ n: Int, _ a: UnsafeMutablePointer<Float>, _ lda: Int) throws(FactorizationError) {
        try SharedCholesky.invert(n, a, lda)
    }

    /// Row-pivoted LU of an m×n matrix in place; returns 1-based row interchanges and whether a pivot was exactly zero.
    package static func getrf(_ m: Int, _ n: Int, _ a: UnsafeMutablePointer<Double>, _ lda: Int, _ pivots: UnsafeMutablePointer<Int32>)
        -> Int?
    {
        BLASConfiguration.ensureSelected()
        let info = LAPACKE_dgetrf_work(LAPACK_COL_MAJOR, Int32(m), Int32(n), a, Int32(lda), pivots)
        precondition(info >= 0, "dgetrf rejected argument \(-info)")
        return info > 0 ? Int(info) - 1 : nil
    }

    /// Solves op(A)·X = B from `getrf`, B overwritten.
    package static func getrs(
        _ trans: BLAS.Transpose, _ n: Int, _ columns: Int, _ a: UnsafePointer<Double>, _ lda: Int, _ pivots: UnsafePointer<Int32>,
        _ b: UnsafeMutablePointer<Double>, _ ldb: Int
    ) {
        BLASConfiguration.ensureSelected()
        let info = LAPACKE_dgetrs_work(LAPACK_COL_MAJOR, trans.letter, Int32(n), Int32(columns), a, Int32(lda), pivots, b, Int32(ldb))
        precondition(info == 0, "dgetrs rejected argument \(-info)")
    }

    /// QR with column pivoting in place; `permutation` receives 1-based source columns, `tau` min(m, n) scalars.
    package static func geqp3(
        _ m: Int, _ n: Int, _ a: UnsafeMutablePointer<Double>, _ lda: Int, _ permutation: UnsafeMutablePointer<Int32>,
        _ tau: UnsafeMutablePointer<Double>
    ) {
        BLASConfiguration.ensureSelected()
        for j in 0..<n { permutation[j] = 0 }
        withWorkspace { work, size in
            LAPACKE_dgeqp3_work(LAPACK_COL_MAJOR, Int32(m), Int32(n), a, Int32(lda), permutation, tau, work, size)
        }
    }

    /// QR in place; `tau` receives min(m, n) scalars.
    package static func geqrf(_ m: Int, _ n: Int, _ a: UnsafeMutablePointer<Double>, _ lda: Int, _ tau: UnsafeMutablePointer<Double>) {
        BLASConfiguration.ensureSelected()
        withWorkspace { work, size in LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, Int32(m), Int32(n), a, Int32(lda), tau, work, size) }
    }

    /// The first n columns of Q (m×n) from k reflectors, in place.
    package static func orgqr(_ m: Int, _ n: Int, _ k: Int, _ a: UnsafeMutablePointer<Double>, _ lda: Int, _ tau: UnsafePointer<Double>) {
        BLASConfiguration.ensureSelected()
        withWorkspace { work, size in LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, Int32(m), Int32(n), Int32(k), a, Int32(lda), tau, work, size) }
    }

    /// All eigenvalues (ascending, in `values`) and eigenvectors (over A) of a symmetric matrix, lower triangle given.
    package static func syevd(_ n: Int, _ a: UnsafeMutablePointer<Double>, _ lda: Int, _ values: UnsafeMutablePointer<Double>)
        throws(FactorizationError)
    {
        BLASConfiguration.ensureSelected()
        let info = LAPACKE_dsyevd(LAPACK_COL_MAJOR, 86, 76, Int32(n), a, Int32(lda), values)  // "V", "L"
        precondition(info >= 0, "dsyevd rejected argument \(-info)")
        if info > 0 { throw .noConvergence(info: Int(info)) }
    }

    /// Thin singular value decomposition A = U·diag(s)·Vᵀ; A is destroyed, U m×r, Vᵀ r×n, r = min(m, n).
    package static func gesdd(
        _ m: Int, _ n: Int, _ a: UnsafeMutablePointer<Double>, _ lda: Int, _ s: UnsafeMutablePointer<Double>,
        _ u: UnsafeMutablePointer<Double>, _ ldu: Int, _ vt: UnsafeMutablePointer<Double>, _ ldvt: Int
    ) throws(FactorizationError) {
        BLASConfiguration.ensureSelected()
        let info = LAPACKE_dgesdd(LAPACK_COL_MAJOR, 83, Int32(m), Int32(n), a, Int32(lda), s, u, Int32(ldu), vt, Int32(ldvt))  // "S"
        precondition(info >= 0, "dgesdd rejected argument \(-info)")
        if info > 0 { throw .noConvergence(info: Int(info)) }
    }

    /// Singular values (descending, in `s`) and right singular vectors (n×n, in `v`) of an m×n matrix, m ≥ n, by one-sided
    /// Jacobi rotations; A is destroyed.
    package static func gesvj(
        _ m: Int, _ n: Int, _ a: UnsafeMutablePointer<Double>, _ lda: Int, _ s: UnsafeMutablePointer<Double>,
        _ v: UnsafeMutablePointer<Double>, _ ldv: Int
    ) throws(FactorizationError) {
        BLASConfiguration.ensureSelected()
        // statistics[0] is the scale of the values, other than 1 only where one would overflow or underflow.
        var statistics = [Double](repeating: 0, count: 6)
        let info = LAPACKE_dgesvj(
            LAPACK_COL_MAJOR, 71, 78, 86, Int32(m), Int32(n), a, Int32(lda), s, 0, v, Int32(ldv), &statistics)  // "G", "N", "V"
        precondition(info >= 0, "dgesvj rejected argument \(-info)")
        if info > 0 { throw .noConvergence(info: Int(info)) }
        for k in 0..<n { s[k] *= statistics[0] }
    }

    // Query, allocate, run.
    private static func withWorkspace(_ routine: (UnsafeMutablePointer<Double>, Int32) -> Int32) {
        var optimal = 0.0
        precondition(routine(&optimal, -1) == 0, "LAPACK workspace query failed")
        let size = Swift.max(1, Int32(clamping: Int(optimal)))
        withUnsafeTemporaryAllocation(of: Double.self, capacity: Int(size)) { work in
            let info = routine(work.baseAddress!, size)
            precondition(info == 0, "LAPACK rejected argument \(-info)")
        }
    }
}
