// The largest eigenvalues of a Gram matrix, and their vectors.
//
// Of matrices of order up to 2048 all eigenpairs are found: a second. Beyond, the 512 leading ones by subspace iteration, which
// needs products with the matrix alone (Halko, Martinsson & Tropp, SIAM Rev. 53 (2011), algorithm 4.4): ten more directions than
// wanted, two iterations. They are orthonormal whatever became of the iteration, so that points made of them are projections of the
// true ones, and what is proven of those is about the points as they come out.

import LinearAlgebra
import RandomNumbers

/// Eigenpairs of a positive semidefinite matrix, largest first.
package struct LeadingEigenpairs: Sendable {
    /// Eigenvalues, falling.
    package let values: [Double]
    /// Orthonormal eigenvectors as columns, in their order.
    package let vectors: Matrix
    /// Sum of all eigenvalues.
    package let trace: Double

    /// Order up to which all are found.
    package static let completeLimit = 2048
    /// Beyond it: how many.
    package static let most = 512
    /// Directions beyond those wanted, and iterations.
    static let oversampling = 10
    private static let iterations = 2

    /// - Throws: `noConvergence`, also where there are numbers that are not finite.
    /// - Complexity: 9n³ flops up to the limit; beyond, four products with n×522 numbers.
    package init(of gram: Matrix, completeLimit: Int = completeLimit, most: Int = most) throws(FactorizationError) {
        let n = gram.rows
        guard n > completeLimit else {
            let eigen = try SymmetricEigendecomposition(gram)
            values = eigen.values.reversed()
            vectors = eigen.vectors.selectingColumns((0..<n).reversed())
            trace = values.reduce(0) { $0 + Swift.max(0, $1) }
            return
        }
        guard gram.isFinite else { throw .noConvergence(info: 0) }
        trace = gram.diagonal.reduce(0, +)
        var generator = SeededGenerator(seed: UInt64(n)).stream(.directions)
        let basis = LeadingEigenpairs.span(
            dimension: n, count: Swift.min(n, most + LeadingEigenpairs.oversampling), using: &generator
        ) { gram.times($0) }
        // Within the span: Rayleigh and Ritz.
        let small = try SymmetricEigendecomposition(basis.times(gram.times(basis), transposeSelf: true))
        let kept = Array(small.values.indices.reversed().prefix(most))
        values = kept.map { small.values[$0] }
        vectors = basis.times(small.vectors.selectingColumns(kept))
    }

    /// Orthonormal directions that span the leading eigenvectors nearly.
    ///
    /// - Parameter product: the matrix times columns.
    static func span<Failure>(
        dimension: Int, count: Int, using generator: inout SeededGenerator, _ product: (Matrix) throws(Failure) -> Matrix
    ) throws(Failure) -> Matrix {
        var directions = Matrix(rows: dimension, columns: count)
        for index in directions.elements.indices { directions.elements[index] = generator.normal() }
        directions = directions.orthonormalColumns()
        for _ in 0..<iterations { directions = try product(directions).orthonormalColumns() }
        return directions
    }
}
