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

    /// The same from blocks of rows that threads share: factors of the blocks, then of all of these.
    ///
    /// As accurate, and cut by the size alone: the same bits for any number of threads.
    /// - Parameter block: fills rows × n numbers, column-major, for a range of rows.
    /// - Complexity: 2n²(m + parts·n) flops. Source: tall-skinny QR, Demmel, Grigori, Hoemmen & Langou, SIAM J. Sci. Comput. 34 (2012).
    package static func triangularFactor(
        rows m: Int, columns n: Int, team: ThreadTeam, _ block: (Range<Int>, UnsafeMutablePointer<Double>) -> Void
    ) -> Matrix {
        precondition(m >= n, "the triangular factor needs at least as many rows as columns")
        guard n > 0 else { return Matrix(rows: 0, columns: 0) }
        // Blocks many times as tall as wide: what their factors cost together is a small part.
        let parts = Swift.max(1, Swift.min(mostBlocks, m / (16 * n)))
        func factor(_ part: Int) -> Matrix {
            let rows = m * part / parts..<m * (part + 1) / parts
            var own = Matrix(rows: rows.count, columns: n)
            own.elements.withUnsafeMutableBufferPointer { block(rows, $0.baseAddress!) }
            return own.triangularFactor()
        }
        guard parts > 1 else { return factor(0) }
        var stacked = Matrix(rows: parts * n, columns: n)
        stacked.elements.withUnsafeMutableBufferPointer { target in
            team.share(parts) { part in
                let own = factor(part)
                for j in 0..<n { for i in 0...j { target[j * parts * n + part * n + i] = own.elements[j * n + i] } }
            }
        }
        return stacked.triangularFactor()
    }

    private static var mostBlocks: Int { 8 }

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
