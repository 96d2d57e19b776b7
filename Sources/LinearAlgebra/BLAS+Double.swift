// BLAS in Swift types, for Double. Column-major; names and argument order are those of BLAS.
// Callers own the buffers; leading dimensions are in elements.

internal import CLapack

extension BLAS {
    /// C ← α·op(A)·op(B) + β·C, with op(A) m×k and op(B) k×n.
    @inline(__always)
    package static func gemm(
        _ transA: Transpose, _ transB: Transpose, _ m: Int, _ n: Int, _ k: Int, _ alpha: Double,
        _ a: UnsafePointer<Double>, _ lda: Int, _ b: UnsafePointer<Double>, _ ldb: Int, _ beta: Double,
        _ c: UnsafeMutablePointer<Double>, _ ldc: Int
    ) {
        BLASConfiguration.ensureSelected()
        cblas_dgemm(CblasColMajor, transA.cblas, transB.cblas, int(m), int(n), int(k), alpha, a, int(lda), b, int(ldb), beta, c, int(ldc))
    }

    /// C ← α·A·Aᵀ + β·C (normal, A n×k) or α·Aᵀ·A + β·C (transposed, A k×n); one triangle of C.
    @inline(__always)
    package static func syrk(
        _ triangle: Triangle, _ trans: Transpose, _ n: Int, _ k: Int, _ alpha: Double, _ a: UnsafePointer<Double>, _ lda: Int,
        _ beta: Double, _ c: UnsafeMutablePointer<Double>, _ ldc: Int
    ) {
        BLASConfiguration.ensureSelected()
        cblas_dsyrk(CblasColMajor, triangle.cblas, trans.cblas, int(n), int(k), alpha, a, int(lda), beta, c, int(ldc))
    }

    /// C ← α·A·B + β·C (left) or α·B·A + β·C (right), A symmetric.
    @inline(__always)
    package static func symm(
        _ side: Side, _ triangle: Triangle, _ m: Int, _ n: Int, _ alpha: Double, _ a: UnsafePointer<Double>, _ lda: Int,
        _ b: UnsafePointer<Double>, _ ldb: Int, _ beta: Double, _ c: UnsafeMutablePointer<Double>, _ ldc: Int
    ) {
        BLASConfiguration.ensureSelected()
        cblas_dsymm(CblasColMajor, side.cblas, triangle.cblas, int(m), int(n), alpha, a, int(lda), b, int(ldb), beta, c, int(ldc))
    }

    /// B ← α·op(A)⁻¹·B (left) or α·B·op(A)⁻¹ (right), A triangular.
    @inline(__always)
    package static func trsm(
        _ side: Side, _ triangle: Triangle, _ trans: Transpose, _ diagonal: Diagonal, _ m: Int, _ n: Int, _ alpha: Double,
        _ a: UnsafePointer<Double>, _ lda: Int, _ b: UnsafeMutablePointer<Double>, _ ldb: Int
    ) {
        BLASConfiguration.ensureSelected()
        cblas_dtrsm(CblasColMajor, side.cblas, triangle.cblas, trans.cblas, diagonal.cblas, int(m), int(n), alpha, a, int(lda), b, int(ldb))
    }

    /// B ← α·op(A)·B (left) or α·B·op(A) (right), A triangular.
    @inline(__always)
    package static func trmm(
        _ side: Side, _ triangle: Triangle, _ trans: Transpose, _ diagonal: Diagonal, _ m: Int, _ n: Int, _ alpha: Double,
        _ a: UnsafePointer<Double>, _ lda: Int, _ b: UnsafeMutablePointer<Double>, _ ldb: Int
    ) {
        BLASConfiguration.ensureSelected()
        cblas_dtrmm(CblasColMajor, side.cblas, triangle.cblas, trans.cblas, diagonal.cblas, int(m), int(n), alpha, a, int(lda), b, int(ldb))
    }

    /// y ← α·op(A)·x + β·y, A m×n.
    @inline(__always)
    package static func gemv(
        _ trans: Transpose, _ m: Int, _ n: Int, _ alpha: Double, _ a: UnsafePointer<Double>, _ lda: Int, _ x: UnsafePointer<Double>,
        _ incx: Int, _ beta: Double, _ y: UnsafeMutablePointer<Double>, _ incy: Int
    ) {
        BLASConfiguration.ensureSelected()
        cblas_dgemv(CblasColMajor, trans.cblas, int(m), int(n), alpha, a, int(lda), x, int(incx), beta, y, int(incy))
    }

    /// y ← α·A·x + β·y, A symmetric of order n.
    @inline(__always)
    package static func symv(
        _ triangle: Triangle, _ n: Int, _ alpha: Double, _ a: UnsafePointer<Double>, _ lda: Int, _ x: UnsafePointer<Double>,
        _ incx: Int, _ beta: Double, _ y: UnsafeMutablePointer<Double>, _ incy: Int
    ) {
        BLASConfiguration.ensureSelected()
        cblas_dsymv(CblasColMajor, triangle.cblas, int(n), alpha, a, int(lda), x, int(incx), beta, y, int(incy))
    }

    /// A ← A + α·x·yᵀ, A m×n.
    @inline(__always)
    package static func ger(
        _ m: Int, _ n: Int, _ alpha: Double, _ x: UnsafePointer<Double>, _ incx: Int, _ y: UnsafePointer<Double>, _ incy: Int,
        _ a: UnsafeMutablePointer<Double>, _ lda: Int
    ) {
        BLASConfiguration.ensureSelected()
        cblas_dger(CblasColMajor, int(m), int(n), alpha, x, int(incx), y, int(incy), a, int(lda))
    }

    /// A ← A + α·x·xᵀ, one triangle.
    @inline(__always)
    package static func syr(
        _ triangle: Triangle, _ n: Int, _ alpha: Double, _ x: UnsafePointer<Double>, _ incx: Int, _ a: UnsafeMutablePointer<Double>,
        _ lda: Int
    ) {
        BLASConfiguration.ensureSelected()
        cblas_dsyr(CblasColMajor, triangle.cblas, int(n), alpha, x, int(incx), a, int(lda))
    }

    /// x ← op(A)⁻¹·x, A triangular of order n.
    @inline(__always)
    package static func trsv(
        _ triangle: Triangle, _ trans: Transpose, _ diagonal: Diagonal, _ n: Int, _ a: UnsafePointer<Double>, _ lda: Int,
        _ x: UnsafeMutablePointer<Double>, _ incx: Int
    ) {
        BLASConfiguration.ensureSelected()
        cblas_dtrsv(CblasColMajor, triangle.cblas, trans.cblas, diagonal.cblas, int(n), a, int(lda), x, int(incx))
    }

    /// xᵀ·y.
    @inline(__always)
    package static func dot(_ n: Int, _ x: UnsafePointer<Double>, _ incx: Int, _ y: UnsafePointer<Double>, _ incy: Int) -> Double {
        BLASConfiguration.ensureSelected()
        return cblas_ddot(int(n), x, int(incx), y, int(incy))
    }

    /// ‖x‖₂ without overflow or underflow; 0 for n = 0.
    @inline(__always)
    package static func nrm2(_ n: Int, _ x: UnsafePointer<Double>?, _ incx: Int) -> Double {
        guard n > 0, let x else { return 0 }
        BLASConfiguration.ensureSelected()
        return cblas_dnrm2(int(n), x, int(incx))
    }

    /// y ← α·x + y.
    @inline(__always)
    package static func axpy(
        _ n: Int, _ alpha: Double, _ x: UnsafePointer<Double>, _ incx: Int, _ y: UnsafeMutablePointer<Double>, _ incy: Int
    ) {
        BLASConfiguration.ensureSelected()
        cblas_daxpy(int(n), alpha, x, int(incx), y, int(incy))
    }

    /// x ← α·x.
    @inline(__always)
    package static func scal(_ n: Int, _ alpha: Double, _ x: UnsafeMutablePointer<Double>, _ incx: Int) {
        BLASConfiguration.ensureSelected()
        cblas_dscal(int(n), alpha, x, int(incx))
    }
}
