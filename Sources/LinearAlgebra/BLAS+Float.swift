// BLAS in Swift types, for Float. Column-major; names and argument order are those of BLAS.
// Callers own the buffers; leading dimensions are in elements.

internal import CLapack

extension BLAS {
    /// C ← α·op(A)·op(B) + β·C, with op(A) m×k and op(B) k×n.
    @inline(__always)
    package static func gemm(
        _ transA: Transpose, _ transB: Transpose, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float,
        _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, _ beta: Float,
        _ c: UnsafeMutablePointer<Float>, _ ldc: Int
    ) {
        BLASConfiguration.ensureSelected()
        let parts = SharedWork.parts(of: Swift.max(m, n), m, n, k)
        guard parts > 1 else {
            cblas_sgemm(
                CblasColMajor, transA.cblas, transB.cblas, int(m), int(n), int(k), alpha, a, int(lda), b, int(ldb), beta, c, int(ldc))
            return
        }
        SharedWork.cut(Swift.max(m, n), parts) { part in
            // Columns of op(B) and C, or rows of op(A) and C.
            let byColumns = n >= m
            let (rows, columns) = byColumns ? (m, part.count) : (part.count, n)
            let a = byColumns ? a : a + part.lowerBound * (transA == .normal ? 1 : lda)
            let b = byColumns ? b + part.lowerBound * (transB == .normal ? ldb : 1) : b
            let c = c + part.lowerBound * (byColumns ? ldc : 1)
            cblas_sgemm(
                CblasColMajor, transA.cblas, transB.cblas, int(rows), int(columns), int(k), alpha, a, int(lda), b, int(ldb), beta, c,
                int(ldc))
        }
    }

    /// C ← α·A·Aᵀ + β·C (normal, A n×k) or α·Aᵀ·A + β·C (transposed, A k×n); one triangle of C.
    @inline(__always)
    package static func syrk(
        _ triangle: Triangle, _ trans: Transpose, _ n: Int, _ k: Int, _ alpha: Float, _ a: UnsafePointer<Float>, _ lda: Int,
        _ beta: Float, _ c: UnsafeMutablePointer<Float>, _ ldc: Int
    ) {
        BLASConfiguration.ensureSelected()
        let parts = SharedWork.parts(of: n, n, n, k)
        guard parts > 1 else {
            cblas_ssyrk(CblasColMajor, triangle.cblas, trans.cblas, int(n), int(k), alpha, a, int(lda), beta, c, int(ldc))
            return
        }
        SharedWork.run(parts) { index in
            // Columns of C: a triangle on the diagonal, and what is below or above it.
            let part = SharedWork.triangleRange(index, of: parts, extent: n, descending: triangle == .lower)
            guard !part.isEmpty else { return }
            let step = trans == .normal ? 1 : lda
            let own = a + part.lowerBound * step
            let rest = triangle == .lower ? part.upperBound..<n : 0..<part.lowerBound
            cblas_ssyrk(
                CblasColMajor, triangle.cblas, trans.cblas, int(part.count), int(k), alpha, own, int(lda), beta,
                c + part.lowerBound * (ldc + 1), int(ldc))
            guard !rest.isEmpty else { return }
            let other: Transpose = trans == .normal ? .transposed : .normal
            cblas_sgemm(
                CblasColMajor, trans.cblas, other.cblas, int(rest.count), int(part.count), int(k), alpha, a + rest.lowerBound * step,
                int(lda), own, int(lda), beta, c + part.lowerBound * ldc + rest.lowerBound, int(ldc))
        }
    }

    /// C ← α·A·B + β·C (left) or α·B·A + β·C (right), A symmetric.
    @inline(__always)
    package static func symm(
        _ side: Side, _ triangle: Triangle, _ m: Int, _ n: Int, _ alpha: Float, _ a: UnsafePointer<Float>, _ lda: Int,
        _ b: UnsafePointer<Float>, _ ldb: Int, _ beta: Float, _ c: UnsafeMutablePointer<Float>, _ ldc: Int
    ) {
        BLASConfiguration.ensureSelected()
        let extent = side == .left ? n : m
        SharedWork.cut(extent, SharedWork.parts(of: extent, m, n, side == .left ? m : n)) { part in
            // Columns of B and C (left) or their rows (right).
            let (rows, columns) = side == .left ? (m, part.count) : (part.count, n)
            let start = side == .left ? (part.lowerBound * ldb, part.lowerBound * ldc) : (part.lowerBound, part.lowerBound)
            cblas_ssymm(
                CblasColMajor, side.cblas, triangle.cblas, int(rows), int(columns), alpha, a, int(lda), b + start.0, int(ldb), beta,
                c + start.1, int(ldc))
        }
    }

    /// B ← α·op(A)⁻¹·B (left) or α·B·op(A)⁻¹ (right), A triangular.
    @inline(__always)
    package static func trsm(
        _ side: Side, _ triangle: Triangle, _ trans: Transpose, _ diagonal: Diagonal, _ m: Int, _ n: Int, _ alpha: Float,
        _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafeMutablePointer<Float>, _ ldb: Int
    ) {
        BLASConfiguration.ensureSelected()
        let extent = side == .left ? n : m
        SharedWork.cut(extent, SharedWork.parts(of: extent, m, n, side == .left ? m : n, narrowest: SharedWork.narrowestSystem)) { part in
            // Columns of B (left) or its rows (right), each on its own.
            let (rows, columns) = side == .left ? (m, part.count) : (part.count, n)
            cblas_strsm(
                CblasColMajor, side.cblas, triangle.cblas, trans.cblas, diagonal.cblas, int(rows), int(columns), alpha, a, int(lda),
                b + part.lowerBound * (side == .left ? ldb : 1), int(ldb))
        }
    }

    /// B ← α·op(A)·B (left) or α·B·op(A) (right), A triangular.
    @inline(__always)
    package static func trmm(
        _ side: Side, _ triangle: Triangle, _ trans: Transpose, _ diagonal: Diagonal, _ m: Int, _ n: Int, _ alpha: Float,
        _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafeMutablePointer<Float>, _ ldb: Int
    ) {
        BLASConfiguration.ensureSelected()
        let extent = side == .left ? n : m
        SharedWork.cut(extent, SharedWork.parts(of: extent, m, n, side == .left ? m : n)) { part in
            // Columns of B (left) or its rows (right), each on its own.
            let (rows, columns) = side == .left ? (m, part.count) : (part.count, n)
            cblas_strmm(
                CblasColMajor, side.cblas, triangle.cblas, trans.cblas, diagonal.cblas, int(rows), int(columns), alpha, a, int(lda),
                b + part.lowerBound * (side == .left ? ldb : 1), int(ldb))
        }
    }

    /// y ← α·op(A)·x + β·y, A m×n.
    @inline(__always)
    package static func gemv(
        _ trans: Transpose, _ m: Int, _ n: Int, _ alpha: Float, _ a: UnsafePointer<Float>, _ lda: Int, _ x: UnsafePointer<Float>,
        _ incx: Int, _ beta: Float, _ y: UnsafeMutablePointer<Float>, _ incy: Int
    ) {
        BLASConfiguration.ensureSelected()
        cblas_sgemv(CblasColMajor, trans.cblas, int(m), int(n), alpha, a, int(lda), x, int(incx), beta, y, int(incy))
    }

    /// y ← α·A·x + β·y, A symmetric of order n.
    @inline(__always)
    package static func symv(
        _ triangle: Triangle, _ n: Int, _ alpha: Float, _ a: UnsafePointer<Float>, _ lda: Int, _ x: UnsafePointer<Float>,
        _ incx: Int, _ beta: Float, _ y: UnsafeMutablePointer<Float>, _ incy: Int
    ) {
        BLASConfiguration.ensureSelected()
        cblas_ssymv(CblasColMajor, triangle.cblas, int(n), alpha, a, int(lda), x, int(incx), beta, y, int(incy))
    }

    /// A ← A + α·x·yᵀ, A m×n.
    @inline(__always)
    package static func ger(
        _ m: Int, _ n: Int, _ alpha: Float, _ x: UnsafePointer<Float>, _ incx: Int, _ y: UnsafePointer<Float>, _ incy: Int,
        _ a: UnsafeMutablePointer<Float>, _ lda: Int
    ) {
        BLASConfiguration.ensureSelected()
        cblas_sger(CblasColMajor, int(m), int(n), alpha, x, int(incx), y, int(incy), a, int(lda))
    }

    /// A ← A + α·x·xᵀ, one triangle.
    @inline(__always)
    package static func syr(
        _ triangle: Triangle, _ n: Int, _ alpha: Float, _ x: UnsafePointer<Float>, _ incx: Int, _ a: UnsafeMutablePointer<Float>,
        _ lda: Int
    ) {
        BLASConfiguration.ensureSelected()
        cblas_ssyr(CblasColMajor, triangle.cblas, int(n), alpha, x, int(incx), a, int(lda))
    }

    /// x ← op(A)⁻¹·x, A triangular of order n.
    @inline(__always)
    package static func trsv(
        _ triangle: Triangle, _ trans: Transpose, _ diagonal: Diagonal, _ n: Int, _ a: UnsafePointer<Float>, _ lda: Int,
        _ x: UnsafeMutablePointer<Float>, _ incx: Int
    ) {
        BLASConfiguration.ensureSelected()
        cblas_strsv(CblasColMajor, triangle.cblas, trans.cblas, diagonal.cblas, int(n), a, int(lda), x, int(incx))
    }

    /// xᵀ·y.
    @inline(__always)
    package static func dot(_ n: Int, _ x: UnsafePointer<Float>, _ incx: Int, _ y: UnsafePointer<Float>, _ incy: Int) -> Float {
        BLASConfiguration.ensureSelected()
        return cblas_sdot(int(n), x, int(incx), y, int(incy))
    }

    /// ‖x‖₂ without overflow or underflow; 0 for n = 0.
    @inline(__always)
    package static func nrm2(_ n: Int, _ x: UnsafePointer<Float>?, _ incx: Int) -> Float {
        guard n > 0, let x else { return 0 }
        BLASConfiguration.ensureSelected()
        return cblas_snrm2(int(n), x, int(incx))
    }

    /// y ← α·x + y.
    @inline(__always)
    package static func axpy(
        _ n: Int, _ alpha: Float, _ x: UnsafePointer<Float>, _ incx: Int, _ y: UnsafeMutablePointer<Float>, _ incy: Int
    ) {
        BLASConfiguration.ensureSelected()
        cblas_saxpy(int(n), alpha, x, int(incx), y, int(incy))
    }

    /// x ← α·x.
    @inline(__always)
    package static func scal(_ n: Int, _ alpha: Float, _ x: UnsafeMutablePointer<Float>, _ incx: Int) {
        BLASConfiguration.ensureSelected()
        cblas_sscal(int(n), alpha, x, int(incx))
    }
}
