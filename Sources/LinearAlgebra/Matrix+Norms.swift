// Norms of parts of a matrix.

extension Matrix {
    /// ‖column j‖₂, without overflow. O(rows).
    package func columnNorm(_ j: Int) -> Double {
        column(j).withUnsafeBufferPointer { BLAS.nrm2($0.count, $0.baseAddress, 1) }
    }
}
