// Row-pivoted LU factorization P·A = L·U of a square or tall matrix.

/// The LU factorization with row interchanges of an m×n matrix, m ≥ n.
public struct LU: Sendable {
    /// L (unit lower, below the diagonal) and U (upper) in one m×n matrix, rows in pivot order.
    public let factors: Matrix
    /// `permutation[k]` is the row of A that became row k.
    public let permutation: [Int]
    /// Index of the first exactly zero pivot, if there is one.
    public let firstZeroPivot: Int?
    private let interchanges: [Int32]

    /// Factors `matrix`. Cost n²(m − n/3) flops.
    /// - Throws: `dimensionTooLarge`. A singular matrix is not an error here; `solve` needs a nonsingular one.
    public init(_ matrix: Matrix) throws(FactorizationError) {
        precondition(matrix.rows >= matrix.columns, "LU needs at least as many rows as columns")
        guard matrix.rows <= Int(Int32.max) else { throw .dimensionTooLarge(matrix.rows) }
        let (m, n) = (matrix.rows, matrix.columns)
        var storage = matrix.elements
        var pivots = [Int32](repeating: 0, count: n)
        firstZeroPivot = n == 0 ? nil : storage.withUnsafeMutableBufferPointer { LAPACK.getrf(m, n, $0.baseAddress!, m, &pivots) }
        var order = Array(0..<m)
        for k in 0..<n { order.swapAt(k, Int(pivots[k]) - 1) }
        factors = Matrix(rows: m, columns: n, elements: storage)
        permutation = order
        interchanges = pivots
    }

    /// A⁻¹·B for a square nonsingular matrix.
    /// - Throws: `singular`, `notSquare`.
    /// - Complexity: n² multiply–adds for each column of b.
    public func solve(_ b: Matrix) throws(FactorizationError) -> Matrix {
        guard factors.rows == factors.columns else { throw .notSquare(rows: factors.rows, columns: factors.columns) }
        if let firstZeroPivot { throw .singular(pivot: firstZeroPivot) }
        precondition(b.rows == factors.rows, "right-hand side must have as many rows as the matrix")
        var x = b
        guard factors.rows > 0, b.columns > 0 else { return x }
        factors.elements.withUnsafeBufferPointer { a in
            x.elements.withUnsafeMutableBufferPointer {
                LAPACK.getrs(.normal, factors.rows, b.columns, a.baseAddress!, factors.rows, interchanges, $0.baseAddress!, factors.rows)
            }
        }
        return x
    }
}
