// Cholesky factors and inverses of large matrices, in blocks of columns whose panels and updates threads share.
//
// LAPACK's own would run on one thread. Blocks follow from the order alone: the same bits for any number of threads.
//   factor    L₁₁, L₂₁ = A₂₁·L₁₁⁻ᵀ, A₂₂ ← A₂₂ − L₂₁·L₂₁ᵀ, block by block                                      (1)
//   invert    K = L⁻¹ from the last block on: K₂₁ = −K₂₂·L₂₁·L₁₁⁻¹; then A⁻¹ = Kᵀ·K from the first on:
//             row i ← K_iiᵀ·row i + K_{>i,i}ᵀ·rows below                                                      (2)
// Cost: n³/6 multiply–adds for (1), n³/3 for (2). Source: the unblocked forms of dpotrf, dtrtri and dlauum, Anderson et al., LAPACK
// Users' Guide, 3rd ed.

enum SharedCholesky {
    /// Columns of a block, and the order from which it is worth sharing.
    private static let (block, least) = (256, 1024)

    /// (1) in place of one triangle; throws at the first minor that is not positive definite.
    static func factor<E: InverseElement>(
        _ triangle: BLAS.Triangle, _ n: Int, _ a: UnsafeMutablePointer<E>, _ lda: Int
    ) throws(FactorizationError) {
        BLASConfiguration.ensureSelected()
        let width = n > least ? block : max(n, 1)
        for start in stride(from: 0, to: n, by: width) {
            let size = min(width, n - start)
            let rest = n - start - size
            let corner = a + start * (lda + 1)
            let info = E.potrf(triangle, size, corner, lda)
            precondition(info >= 0, "potrf rejected argument \(-info)")
            if info > 0 { throw .notPositiveDefinite(order: start + Int(info)) }
            guard rest > 0 else { continue }
            let next = corner + size * (lda + 1)
            switch triangle {
            case .lower:
                E.trsm(.right, .lower, .transposed, rest, size, 1, corner, lda, corner + size, lda)
                E.syrk(.lower, .normal, rest, size, -1, corner + size, lda, next, lda)
            case .upper:
                E.trsm(.left, .upper, .transposed, size, rest, 1, corner, lda, corner + size * lda, lda)
                E.syrk(.upper, .transposed, rest, size, -1, corner + size * lda, lda, next, lda)
            }
        }
    }

    /// (2) in place of the lower triangle, which holds L; the other one is neither read nor written.
    static func invert<E: InverseElement>(_ n: Int, _ a: UnsafeMutablePointer<E>, _ lda: Int) throws(FactorizationError) {
        BLASConfiguration.ensureSelected()
        let width = n > least ? block : max(n, 1)
        try invertTriangle(n, a, lda, width)
        for start in stride(from: 0, to: n, by: width) {
            let size = min(width, n - start)
            let rest = n - start - size
            let (corner, row) = (a + start * (lda + 1), a + start)
            if start > 0 { E.trmm(.transposed, size, start, corner, lda, row, lda) }
            let info = E.lauum(size, corner, lda)
            precondition(info == 0, "lauum rejected argument \(-info)")
            guard rest > 0 else { continue }
            let below = corner + size
            if start > 0 { E.multiply(.transposed, .normal, size, start, rest, 1, below, lda, row + size, lda, 1, row, lda) }
            E.syrk(.lower, .transposed, size, rest, 1, below, lda, corner, lda)
        }
    }

    private static func invertTriangle<E: InverseElement>(
        _ n: Int, _ a: UnsafeMutablePointer<E>, _ lda: Int, _ width: Int
    ) throws(FactorizationError) {
        for start in stride(from: 0, to: n, by: width).reversed() {
            let size = min(width, n - start)
            let rest = n - start - size
            let corner = a + start * (lda + 1)
            if rest > 0 {
                // Rows of K₂₂·L₂₁·L₁₁⁻¹ are made of all rows of L₂₁ above them: of a copy.
                let (panel, inverse) = (corner + size, corner + size * (lda + 1))
                var copy: [E] = .uninitialized(rest * size)
                copy.withUnsafeMutableBufferPointer { copy in
                    for j in 0..<size { (copy.baseAddress! + j * rest).update(from: panel + j * lda, count: rest) }
                    let parts = (rest + width - 1) / width
                    SharedWork.run(parts) { part in
                        // The longest first.
                        let first = (parts - 1 - part) * width
                        let rows = min(width, rest - first)
                        E.trmm(.normal, rows, size, inverse + first * (lda + 1), lda, panel + first, lda)
                        if first > 0 {
                            E.multiply(
                                .normal, .normal, rows, size, first, 1, inverse + first, lda, copy.baseAddress!, rest, 1, panel + first,
                                lda)
                        }
                        E.trsm(.right, .lower, .normal, rows, size, -1, corner, lda, panel + first, lda)
                    }
                }
            }
            let info = E.trtri(size, corner, lda)
            precondition(info >= 0, "trtri rejected argument \(-info)")
            if info > 0 { throw .singular(pivot: start + Int(info) - 1) }
        }
    }
}
