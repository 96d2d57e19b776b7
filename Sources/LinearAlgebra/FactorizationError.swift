/// Why a factorization has no result.
public enum FactorizationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The leading minor of the given order (1-based) is not positive definite.
    case notPositiveDefinite(order: Int)
    /// The pivot of the given index (0-based) is exactly zero.
    case singular(pivot: Int)
    /// An iterative eigenvalue or singular value method did not converge; LAPACK's `info`.
    case noConvergence(info: Int)
    /// A dimension does not fit the 32-bit integers of LAPACK.
    case dimensionTooLarge(Int)
    /// The matrix must be square.
    case notSquare(rows: Int, columns: Int)

    /// One sentence: what was expected and what was found.
    public var description: String {
        switch self {
        case .notPositiveDefinite(let order):
            "expected a positive definite matrix, found a leading minor of order \(order) that is not"
        case .singular(let pivot): "expected a nonsingular matrix, found a zero pivot at index \(pivot)"
        case .noConvergence(let info): "expected the eigenvalue iteration to converge, LAPACK gave up with info \(info)"
        case .dimensionTooLarge(let size): "expected dimensions below 2^31, found \(size)"
        case .notSquare(let rows, let columns): "expected a square matrix, found \(rows)×\(columns)"
        }
    }
}
