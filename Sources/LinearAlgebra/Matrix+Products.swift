// Products of matrices and vectors, through BLAS.

extension Matrix {
    /// A·B, or with either factor transposed. Cost 2·m·n·k flops.
    public func times(_ other: Matrix, transposeSelf: Bool = false, transposeOther: Bool = false) -> Matrix {
        let m = transposeSelf ? columns : rows
        let k = transposeSelf ? rows : columns
        let n = transposeOther ? other.rows : other.columns
        precondition(k == (transposeOther ? other.columns : other.rows), "inner dimensions must agree")
        var result = Matrix(rows: m, columns: n)
        guard m > 0, n > 0, k > 0 else { return result }
        elements.withUnsafeBufferPointer { a in
            other.elements.withUnsafeBufferPointer { b in
                result.elements.withUnsafeMutableBufferPointer { c in
                    BLAS.gemm(
                        transposeSelf ? .transposed : .normal, transposeOther ? .transposed : .normal, m, n, k, 1,
                        a.baseAddress!, rows, b.baseAddress!, other.rows, 0, c.baseAddress!, m)
                }
            }
        }
        return result
    }

    /// A·x, or Aᵀ·x.
    ///
    /// - Complexity: O(rows·columns).
    public func times(_ vector: [Double], transposeSelf: Bool = false) -> [Double] {
        precondition(vector.count == (transposeSelf ? rows : columns), "vector length must match the matrix")
        var result = [Double](repeating: 0, count: transposeSelf ? columns : rows)
        guard rows > 0, columns > 0 else { return result }
        elements.withUnsafeBufferPointer { a in
            BLAS.gemv(transposeSelf ? .transposed : .normal, rows, columns, 1, a.baseAddress!, rows, vector, 1, 0, &result, 1)
        }
        return result
    }

    /// A·diag(w)·Aᵀ with w ≥ 0 (all ones when `nil`): a symmetric matrix of order `rows`, both triangles filled.
    ///
    /// - Complexity: rows²·columns/2 multiply–adds.
    public func gram(weights: [Double]? = nil) -> Matrix {
        var scaled = self
        if let weights {
            precondition(weights.count == columns, "one weight per column")
            for j in 0..<columns {
                let root = weights[j].squareRoot()
                for i in j * rows..<(j + 1) * rows { scaled.elements[i] *= root }
            }
        }
        var result = Matrix(rows: rows, columns: rows)
        guard rows > 0, columns > 0 else { return result }
        scaled.elements.withUnsafeBufferPointer { a in
            result.elements.withUnsafeMutableBufferPointer { c in
                BLAS.syrk(.lower, .normal, rows, columns, 1, a.baseAddress!, rows, 0, c.baseAddress!, rows)
            }
        }
        result.symmetrizeFromLower()
        return result
    }

    /// Entry by entry. Precondition: the same shape. O(rows·columns).
    public static func + (a: Matrix, b: Matrix) -> Matrix { a.combined(with: b, +) }
    /// Entry by entry. Precondition: the same shape. O(rows·columns).
    public static func - (a: Matrix, b: Matrix) -> Matrix { a.combined(with: b, -) }

    /// Every entry times a number. O(rows·columns).
    public static func * (scale: Double, a: Matrix) -> Matrix {
        Matrix(rows: a.rows, columns: a.columns, elements: a.elements.map { scale * $0 })
    }

    private func combined(with other: Matrix, _ operation: (Double, Double) -> Double) -> Matrix {
        precondition(rows == other.rows && columns == other.columns, "matrices must have the same shape")
        return Matrix(rows: rows, columns: columns, elements: zip(elements, other.elements).map(operation))
    }
}
