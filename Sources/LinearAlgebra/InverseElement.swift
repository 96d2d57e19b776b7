// What a shrinking inverse is made with: one source for both precisions.

/// A number that matrices are inverted and multiplied in.
protocol InverseElement: BinaryFloatingPoint, Sendable {
    /// C ← α·op(A)·op(B) + β·C.
    static func multiply(
        _ transA: BLAS.Transpose, _ transB: BLAS.Transpose, _ m: Int, _ n: Int, _ k: Int, _ alpha: Self, _ a: UnsafePointer<Self>,
        _ lda: Int, _ b: UnsafePointer<Self>, _ ldb: Int, _ beta: Self, _ c: UnsafeMutablePointer<Self>, _ ldc: Int)

    /// C ← C − A·Aᵀ in the lower triangle, A n×k.
    static func subtractSquare(_ n: Int, _ k: Int, _ a: UnsafePointer<Self>, _ lda: Int, _ c: UnsafeMutablePointer<Self>, _ ldc: Int)

    /// C ← B·A with the lower triangle of A (n×n), B and C m×n.
    static func multiplySymmetric(
        _ m: Int, _ n: Int, _ a: UnsafePointer<Self>, _ lda: Int, _ b: UnsafePointer<Self>, _ ldb: Int, _ c: UnsafeMutablePointer<Self>,
        _ ldc: Int)

    /// Cholesky factor in place of the lower triangle.
    static func factor(_ n: Int, _ a: UnsafeMutablePointer<Self>) throws(FactorizationError)

    /// Inverse in place of a Cholesky factor, lower triangle.
    static func invert(_ n: Int, _ a: UnsafeMutablePointer<Self>) throws(FactorizationError)
}

extension Double: InverseElement {
    static func multiply(
        _ transA: BLAS.Transpose, _ transB: BLAS.Transpose, _ m: Int, _ n: Int, _ k: Int, _ alpha: Double, _ a: UnsafePointer<Double>,
        _ lda: Int, _ b: UnsafePointer<Double>, _ ldb: Int, _ beta: Double, _ c: UnsafeMutablePointer<Double>, _ ldc: Int
    ) {
        BLAS.gemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
    }

    static func subtractSquare(
        _ n: Int, _ k: Int, _ a: UnsafePointer<Double>, _ lda: Int, _ c: UnsafeMutablePointer<Double>, _ ldc: Int
    ) {
        BLAS.syrk(.lower, .normal, n, k, -1, a, lda, 1, c, ldc)
    }

    static func multiplySymmetric(
        _ m: Int, _ n: Int, _ a: UnsafePointer<Double>, _ lda: Int, _ b: UnsafePointer<Double>, _ ldb: Int,
        _ c: UnsafeMutablePointer<Double>, _ ldc: Int
    ) {
        BLAS.symm(.right, .lower, m, n, 1, a, lda, b, ldb, 0, c, ldc)
    }

    static func factor(_ n: Int, _ a: UnsafeMutablePointer<Double>) throws(FactorizationError) { try LAPACK.potrf(.lower, n, a, n) }

    static func invert(_ n: Int, _ a: UnsafeMutablePointer<Double>) throws(FactorizationError) { try LAPACK.potri(n, a, n) }
}

extension Float: InverseElement {
    static func multiply(
        _ transA: BLAS.Transpose, _ transB: BLAS.Transpose, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float, _ a: UnsafePointer<Float>,
        _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, _ beta: Float, _ c: UnsafeMutablePointer<Float>, _ ldc: Int
    ) {
        BLAS.gemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
    }

    static func subtractSquare(_ n: Int, _ k: Int, _ a: UnsafePointer<Float>, _ lda: Int, _ c: UnsafeMutablePointer<Float>, _ ldc: Int) {
        BLAS.syrk(.lower, .normal, n, k, -1, a, lda, 1, c, ldc)
    }

    static func multiplySymmetric(
        _ m: Int, _ n: Int, _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int,
        _ c: UnsafeMutablePointer<Float>, _ ldc: Int
    ) {
        BLAS.symm(.right, .lower, m, n, 1, a, lda, b, ldb, 0, c, ldc)
    }

    static func factor(_ n: Int, _ a: UnsafeMutablePointer<Float>) throws(FactorizationError) { try LAPACK.potrf(.lower, n, a, n) }

    static func invert(_ n: Int, _ a: UnsafeMutablePointer<Float>) throws(FactorizationError) { try LAPACK.potri(n, a, n) }
}
