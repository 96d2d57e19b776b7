// Unpivoted QR, for triangular factors and orthonormal bases without forming a Gram matrix.

extension Matrix {
    /// R of A = Q·R with non-negative diagonal, n×n upper triangular, for a tall m×n matrix (m ≥ n).
    ///
    /// RᵀR = AᵀA without squaring the condition number. Cost 2n²(m − n/3) flops.
    public func triangularFactor() -> Matrix {
        precondition(rows >= columns, "the triangular factor needs at least as many rows as columns")
        let (m, n) = (rows, columns)
        guard n > 0 else { return Matrix(rows: 0, columns: 0) }
        var storage = elements
        var tau = [Double](repeating: 0, count: n)
        storage.withUnsafeMutableBufferPointer { LAPACK.geqrf(m, n, $0.baseAddress!, m, &tau) }
        return Matrix(rows: n, columns: n) { i, j in
            guard i <= j else { return 0 }
            return storage[i + i * m] < 0 ? -storage[i + j * m] : storage[i + j * m]
        }
    }

    /// As many orthonormal columns, which span the columns of this tall matrix (m ≥ n), and more where those are dependent.
    ///
    /// - Complexity: 4·m·n² flops.
    public func orthonormalColumns() -> Matrix {
        precondition(rows >= columns, "orthonormal columns need at least as many rows")
        let (m, n) = (rows, columns)
        var result = self
        guard n > 0 else { return result }
        var tau = [Double](repeating: 0, count: n)
        result.elements.withUnsafeMutableBufferPointer {
            LAPACK.geqrf(m, n, $0.baseAddress!, m, &tau)
            LAPACK.orgqr(m, n, n, $0.baseAddress!, m, tau)
        }
        return result
    }
}
