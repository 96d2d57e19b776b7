// QR factorization with column pivoting, A·P = Q·R; reveals rank.

/// The column-pivoted QR factorization of an m×n matrix.
public struct PivotedQR: Sendable {
    /// R (k×n upper trapezoidal, k = min(m, n)), columns in pivot order; |r₀₀| ≥ |r₁₁| ≥ … .
    public let r: Matrix
    /// `permutation[j]` is the column of A that became column j.
    public let permutation: [Int]
    private let reflectors: Matrix
    private let tau: [Double]

    /// Factors `matrix`. Cost about 2·m·n·k − (m + n)k² + 2k³/3 flops.
    /// - Throws: `dimensionTooLarge`.
    public init(_ matrix: Matrix) throws(FactorizationError) {
        guard matrix.rows <= Int(Int32.max), matrix.columns <= Int(Int32.max) else {
            throw .dimensionTooLarge(Swift.max(matrix.rows, matrix.columns))
        }
        let (m, n) = (matrix.rows, matrix.columns)
        let k = Swift.min(m, n)
        var storage = matrix
        var pivots = [Int32](repeating: 0, count: n)
        var scalars = [Double](repeating: 0, count: k)
        if k > 0 { storage.elements.withUnsafeMutableBufferPointer { LAPACK.geqp3(m, n, $0.baseAddress!, m, &pivots, &scalars) } }
        r = Matrix(rows: k, columns: n) { i, j in i <= j ? storage[i, j] : 0 }
        permutation = k > 0 ? pivots.map { Int($0) - 1 } : Array(0..<n)
        reflectors = storage
        tau = scalars
    }

    /// Number of diagonal entries of R above `relativeTolerance · |r₀₀|`; default max(m, n)·ulp.
    public func rank(relativeTolerance: Double? = nil) -> Int {
        let diagonal = r.diagonal.map(\.magnitude)
        guard let largest = diagonal.first, largest > 0 else { return 0 }
        let tolerance = relativeTolerance ?? Double(Swift.max(reflectors.rows, reflectors.columns)) * Double.ulpOfOne
        return diagonal.prefix { $0 > tolerance * largest }.count
    }

    /// The first `count` columns of Q, orthonormal; at most min(m, n).
    ///
    /// - Complexity: O(rows·columns·count).
    public func q(columns count: Int? = nil) -> Matrix {
        let k = count ?? tau.count
        precondition(k <= tau.count, "Q has min(m, n) columns")
        let m = reflectors.rows
        var storage = Array(reflectors.elements[0..<m * k])
        guard k > 0 else { return Matrix(rows: m, columns: 0) }
        storage.withUnsafeMutableBufferPointer { LAPACK.orgqr(m, k, k, $0.baseAddress!, m, tau) }
        return Matrix(rows: m, columns: k, elements: storage)
    }
}
