// What Cholesky factors and inverses are made with: one source for both precisions.

internal import CLapack

/// A number that matrices are inverted and multiplied in.
protocol InverseElement: BinaryFloatingPoint, Sendable {
    /// C ← α·op(A)·op(B) + β·C.
    static func multiply(
        _ transA: BLAS.Transpose, _ transB: BLAS.Transpose, _ m: Int, _ n: Int, _ k: Int, _ alpha: Self, _ a: UnsafePointer<Self>,
        _ lda: Int, _ b: UnsafePointer<Self>, _ ldb: Int, _ beta: Self, _ c: UnsafeMutablePointer<Self>, _ ldc: Int)

    /// C ← B·A with the lower triangle of A (n×n), B and C m×n.
    static func multiplySymmetric(
        _ m: Int, _ n: Int, _ a: UnsafePointer<Self>, _ lda: Int, _ b: UnsafePointer<Self>, _ ldb: Int, _ c: UnsafeMutablePointer<Self>,
        _ ldc: Int)

    /// Cholesky factor of a triangle in place: LAPACK's `info`.
    static func potrf(_ triangle: BLAS.Triangle, _ n: Int, _ a: UnsafeMutablePointer<Self>, _ lda: Int) -> Int32
    /// L⁻¹ and KᵀK in place of a lower triangle: LAPACK's `info`.
    static func trtri(_ n: Int, _ a: UnsafeMutablePointer<Self>, _ lda: Int) -> Int32
    static func lauum(_ n: Int, _ a: UnsafeMutablePointer<Self>, _ lda: Int) -> Int32
    static func trsm(
        _ side: BLAS.Side, _ triangle: BLAS.Triangle, _ trans: BLAS.Transpose, _ m: Int, _ n: Int, _ alpha: Self,
        _ a: UnsafePointer<Self>, _ lda: Int, _ b: UnsafeMutablePointer<Self>, _ ldb: Int)
    /// B ← op(L)·B, L lower triangular.
    static func trmm(
        _ trans: BLAS.Transpose, _ m: Int, _ n: Int, _ a: UnsafePointer<Self>, _ lda: Int, _ b: UnsafeMutablePointer<Self>, _ ldb: Int)
    /// C ← α·op(A)·op(A)ᵀ + C in one triangle.
    static func syrk(
        _ triangle: BLAS.Triangle, _ trans: BLAS.Transpose, _ n: Int, _ k: Int, _ alpha: Self, _ a: UnsafePointer<Self>, _ lda: Int,
        _ c: UnsafeMutablePointer<Self>, _ ldc: Int)
}

extension Double: InverseElement {
    static func multiply(
        _ transA: BLAS.Transpose, _ transB: BLAS.Transpose, _ m: Int, _ n: Int, _ k: Int, _ alpha: Double, _ a: UnsafePointer<Double>,
        _ lda: Int, _ b: UnsafePointer<Double>, _ ldb: Int, _ beta: Double, _ c: UnsafeMutablePointer<Double>, _ ldc: Int
    ) {
        BLAS.gemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
    }

    static func multiplySymmetric(
        _ m: Int, _ n: Int, _ a: UnsafePointer<Double>, _ lda: Int, _ b: UnsafePointer<Double>, _ ldb: Int,
        _ c: UnsafeMutablePointer<Double>, _ ldc: Int
    ) {
        BLAS.symm(.right, .lower, m, n, 1, a, lda, b, ldb, 0, c, ldc)
    }

    static func potrf(_ triangle: BLAS.Triangle, _ n: Int, _ a: UnsafeMutablePointer<Double>, _ lda: Int) -> Int32 {
        LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, triangle.letter, Int32(n), a, Int32(lda))
    }

    static func trtri(_ n: Int, _ a: UnsafeMutablePointer<Double>, _ lda: Int) -> Int32 {
        LAPACKE_dtrtri_work(LAPACK_COL_MAJOR, BLAS.Triangle.lower.letter, BLAS.Diagonal.nonUnit.letter, Int32(n), a, Int32(lda))
    }

    static func lauum(_ n: Int, _ a: UnsafeMutablePointer<Double>, _ lda: Int) -> Int32 {
        LAPACKE_dlauum_work(LAPACK_COL_MAJOR, BLAS.Triangle.lower.letter, Int32(n), a, Int32(lda))
    }

    static func trsm(
        _ side: BLAS.Side, _ triangle: BLAS.Triangle, _ trans: BLAS.Transpose, _ m: Int, _ n: Int, _ alpha: Double,
        _ a: UnsafePointer<Double>, _ lda: Int, _ b: UnsafeMutablePointer<Double>, _ ldb: Int
    ) {
        BLAS.trsm(side, triangle, trans, .nonUnit, m, n, alpha, a, lda, b, ldb)
    }

    static func trmm(
        _ trans: BLAS.Transpose, _ m: Int, _ n: Int, _ a: UnsafePointer<Double>, _ lda: Int, _ b: UnsafeMutablePointer<Double>, _ ldb: Int
    ) {
        BLAS.trmm(.left, .lower, trans, .nonUnit, m, n, 1, a, lda, b, ldb)
    }

    static func syrk(
        _ triangle: BLAS.Triangle, _ trans: BLAS.Transpose, _ n: Int, _ k: Int, _ alpha: Double, _ a: UnsafePointer<Double>, _ lda: Int,
        _ c: UnsafeMutablePointer<Double>, _ ldc: Int
    ) {
        BLAS.syrk(triangle, trans, n, k, alpha, a, lda, 1, c, ldc)
    }
}

extension Float: InverseElement {
    static func multiply(
        _ transA: BLAS.Transpose, _ transB: BLAS.Transpose, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float, _ a: UnsafePointer<Float>,
        _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, _ beta: Float, _ c: UnsafeMutablePointer<Float>, _ ldc: Int
    ) {
        BLAS.gemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
    }

    static func multiplySymmetric(
        _ m: Int, _ n: Int, _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int,
        _ c: UnsafeMutablePointer<Float>, _ ldc: Int
    ) {
        BLAS.symm(.right, .lower, m, n, 1, a, lda, b, ldb, 0, c, ldc)
    }

    static func potrf(_ triangle: BLAS.Triangle, _ n: Int, _ a: UnsafeMutablePointer<Float>, _ lda: Int) -> Int32 {
        LAPACKE_spotrf_work(LAPACK_COL_MAJOR, triangle.letter, Int32(n), a, Int32(lda))
    }

    static func trtri(_ n: Int, _ a: UnsafeMutablePointer<Float>, _ lda: Int) -> Int32 {
        LAPACKE_strtri_work(LAPACK_COL_MAJOR, BLAS.Triangle.lower.letter, BLAS.Diagonal.nonUnit.letter, Int32(n), a, Int32(lda))
    }

    static func lauum(_ n: Int, _ a: UnsafeMutablePointer<Float>, _ lda: Int) -> Int32 {
        LAPACKE_slauum_work(LAPACK_COL_MAJOR, BLAS.Triangle.lower.letter, Int32(n), a, Int32(lda))
    }

    static func trsm(
        _ side: BLAS.Side, _ triangle: BLAS.Triangle, _ trans: BLAS.Transpose, _ m: Int, _ n: Int, _ alpha: Float,
        _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafeMutablePointer<Float>, _ ldb: Int
    ) {
        BLAS.trsm(side, triangle, trans, .nonUnit, m, n, alpha, a, lda, b, ldb)
    }

    static func trmm(
        _ trans: BLAS.Transpose, _ m: Int, _ n: Int, _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafeMutablePointer<Float>, _ ldb: Int
    ) {
        BLAS.trmm(.left, .lower, trans, .nonUnit, m, n, 1, a, lda, b, ldb)
    }

    static func syrk(
        _ triangle: BLAS.Triangle, _ trans: BLAS.Transpose, _ n: Int, _ k: Int, _ alpha: Float, _ a: UnsafePointer<Float>, _ lda: Int,
        _ c: UnsafeMutablePointer<Float>, _ ldc: Int
    ) {
        BLAS.syrk(triangle, trans, n, k, alpha, a, lda, 1, c, ldc)
    }
}
