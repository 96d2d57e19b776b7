// Cholesky factorization A = L·Lᵀ, with rank-one update and downdate.

/// The Cholesky factor of a symmetric positive definite matrix.
///
/// ```swift
/// let factor = try Cholesky(a)          // A = L·Lᵀ
/// let x = factor.solve(b)               // A·x = b
/// let volume = factor.logDeterminant    // log det A
/// ```
public struct Cholesky: Sendable {
    /// L, lower triangular; the strict upper triangle is zero.
    public private(set) var factor: Matrix

    /// Order of the matrix.
    public var order: Int { factor.rows }

    /// Factors the lower triangle of `matrix`, in its memory where nobody else holds it. Cost n³/3 flops.
    /// - Throws: `notPositiveDefinite`, `notSquare`, `dimensionTooLarge`.
    public init(_ matrix: consuming Matrix) throws(FactorizationError) {
        guard matrix.rows == matrix.columns else { throw .notSquare(rows: matrix.rows, columns: matrix.columns) }
        guard matrix.rows <= Int(Int32.max) else { throw .dimensionTooLarge(matrix.rows) }
        let n = matrix.rows
        if n > 0 {
            // NaN passes through dpotrf's sign test on some builds; the diagonal check below catches it.
            try matrix.elements.withUnsafeMutableBufferPointer { (a) throws(FactorizationError) in
                try LAPACK.potrf(.lower, n, a.baseAddress!, n)
            }
        }
        for j in 0..<n {
            guard matrix.elements[j + j * n].isFinite else { throw .notPositiveDefinite(order: j + 1) }
            for i in 0..<j { matrix.elements[i + j * n] = 0 }
        }
        factor = matrix
    }

    /// Wraps a lower triangular factor with positive diagonal.
    public init(lowerFactor: Matrix) {
        precondition(lowerFactor.rows == lowerFactor.columns, "a Cholesky factor is square")
        factor = lowerFactor
    }

    /// log det A.
    public var logDeterminant: Double { 2 * factor.diagonal.reduce(0) { $0 + _log($1) } }

    /// A⁻¹·b.
    public func solve(_ b: [Double]) -> [Double] { solve(Matrix(rows: b.count, columns: 1, elements: b)).elements }

    /// A⁻¹·B.
    ///
    /// - Complexity: n² multiply–adds for each column of b.
    public func solve(_ b: Matrix) -> Matrix {
        precondition(b.rows == order, "right-hand side must have as many rows as the matrix")
        var x = b
        guard order > 0, b.columns > 0 else { return x }
        factor.elements.withUnsafeBufferPointer { l in
            x.elements.withUnsafeMutableBufferPointer {
                LAPACK.potrs(.lower, order, b.columns, l.baseAddress!, order, $0.baseAddress!, order)
            }
        }
        return x
    }

    /// L⁻¹, lower triangular. A tall block of points is whitened faster by a product with it than by `dtrsm`.
    ///
    /// - Complexity: n³/6 multiply–adds.
    public func inverseFactor() -> Matrix {
        var inverse = factor
        guard order > 0 else { return inverse }
        inverse.elements.withUnsafeMutableBufferPointer { a in
            // The diagonal of a Cholesky factor is positive, so dtrtri cannot meet a zero pivot.
            do { try LAPACK.trtri(.lower, .nonUnit, order, a.baseAddress!, order) } catch { preconditionFailure("\(error)") }
        }
        return inverse
    }

    /// A⁻¹, both triangles filled.
    ///
    /// - Complexity: n³/3 multiply–adds.
    public func inverse() -> Matrix {
        var inverse = factor
        guard order > 0 else { return inverse }
        inverse.elements.withUnsafeMutableBufferPointer { a in
            do { try LAPACK.potri(order, a.baseAddress!, order) } catch { preconditionFailure("\(error)") }
        }
        inverse.symmetrizeFromLower()
        return inverse
    }

    /// A⁻¹, both triangles filled, in the memory of `matrix`, whose lower triangle is read.
    /// - Throws: `notPositiveDefinite`, `notSquare`, `dimensionTooLarge`.
    /// - Complexity: n³/2 multiply–adds, in place.
    public static func inverse(of matrix: consuming Matrix) throws(FactorizationError) -> Matrix {
        let n = matrix.rows
        guard n == matrix.columns else { throw .notSquare(rows: n, columns: matrix.columns) }
        guard n <= Int(Int32.max) else { throw .dimensionTooLarge(n) }
        guard n > 0 else { return matrix }
        try matrix.elements.withUnsafeMutableBufferPointer { (a) throws(FactorizationError) in
            try LAPACK.potrf(.lower, n, a.baseAddress!, n)
            for j in 0..<n where !a[j + j * n].isFinite { throw .notPositiveDefinite(order: j + 1) }
            try LAPACK.potri(n, a.baseAddress!, n)
        }
        matrix.symmetrizeFromLower()
        return matrix
    }

    /// Replaces A by A + weight·v·vᵀ in O(n²).
    ///
    /// Update by Givens rotations, downdate (weight < 0) by hyperbolic ones (Golub & Van Loan, Matrix Computations,
    /// 4th ed., §6.5.4). A downdate loses accuracy as A approaches singularity.
    /// - Throws: `notPositiveDefinite` when the result would not be; the factor is then unchanged.
    public mutating func update(by vector: [Double], weight: Double) throws(FactorizationError) {
        precondition(vector.count == order, "vector length must equal the order")
        let n = order
        let scale = weight.magnitude.squareRoot()
        var x = vector.map { $0 * scale }
        var updated = factor.elements
        for k in 0..<n {
            let diagonal = updated[k + k * n]
            let square = weight >= 0 ? diagonal * diagonal + x[k] * x[k] : (diagonal - x[k]) * (diagonal + x[k])
            guard square > 0, square.isFinite else { throw .notPositiveDefinite(order: k + 1) }
            let r = square.squareRoot()
            let c = r / diagonal
            let s = x[k] / diagonal
            updated[k + k * n] = r
            for i in k + 1..<Swift.max(n, k + 1) {
                let entry = updated[i + k * n]
                let changed = weight >= 0 ? (entry + s * x[i]) / c : (entry - s * x[i]) / c
                x[i] = c * x[i] - s * changed
                updated[i + k * n] = changed
            }
        }
        factor.elements = updated
    }
}
