import LinearAlgebra

/// Why a geometric computation has no result.
public enum GeometryError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no point at all.
    case noPoints
    /// Points of dimension 0 or less.
    case invalidDimension(Int)
    /// The storage does not hold count · dimension numbers.
    case storageMismatch(expected: Int, found: Int)
    /// A coordinate is NaN or infinite.
    case nonFinite(point: Int, coordinate: Int, value: Double)
    /// A size does not fit the 32-bit integers of BLAS and LAPACK.
    case tooLarge(Int)
    /// The work needs more memory than it may have.
    case tooMuchMemory(bytes: Double, limit: Int)
    /// A setting is outside its range.
    case invalidSetting(name: String, expected: String, found: Double)
    /// The result exists, but Double cannot hold it: lengths of axes overflow or underflow, or weights are too small.
    case notRepresentable(reason: String)
    /// A matrix that should define an ellipsoid is not symmetric positive definite.
    case notPositiveDefinite
    /// A semiaxis must be positive and finite.
    case invalidSemiaxis(index: Int, value: Double)
    /// Axes must be orthonormal; the largest entry of VᵀV − I.
    case notOrthonormal(defect: Double)
    /// Two values that must agree in size do not.
    case dimensionMismatch(expected: Int, found: Int)
    /// Weights must be finite, non-negative and not all zero.
    case invalidWeight(index: Int, value: Double)
    /// A factorization failed, for this reason.
    case factorization(FactorizationError)
    /// A computation came to an end without a result, though its input was sound.
    case breakdown(String)
    /// The same, by one of several processes that share the work.
    indirect case onRank(Int, of: Int, GeometryError)

    /// One sentence: what was expected, what was found, where.
    public var description: String {
        switch self {
        case .noPoints: "expected at least one point, found none"
        case .invalidDimension(let d): "expected points of dimension 1 or more, found dimension \(d)"
        case .storageMismatch(let expected, let found): "expected \(expected) coordinates in storage, found \(found)"
        case .nonFinite(let point, let coordinate, let value):
            "expected finite coordinates, found \(value) at point \(point), coordinate \(coordinate)"
        case .tooLarge(let size): "expected sizes below 2^31, found \(size)"
        case .tooMuchMemory(let bytes, let limit):
            "expected work that fits \(Self.gigabytes(Double(limit))) of memory, found one that needs \(Self.gigabytes(bytes))"
        case .invalidSetting(let name, let expected, let found): "expected \(name) \(expected), found \(found)"
        case .notRepresentable(let reason): "expected a result that double precision can represent, found \(reason)"
        case .notPositiveDefinite: "expected a symmetric positive definite shape, found one that is not"
        case .invalidSemiaxis(let index, let value): "expected semiaxes that are positive and finite, found \(value) at index \(index)"
        case .notOrthonormal(let defect): "expected orthonormal axes, found inner products off by \(defect)"
        case .dimensionMismatch(let expected, let found): "expected dimension \(expected), found \(found)"
        case .invalidWeight(let index, let value):
            "expected finite weights ≥ 0 with a positive sum, found \(value) at index \(index)"
        case .factorization(let cause): "expected a factorization to succeed: \(cause)"
        case .onRank(let rank, let count, let error): "rank \(rank) of \(count): \(error)"
        case .breakdown(let reason): "expected the computation to end with a result, found that \(reason)"
        }
    }

    private static func gigabytes(_ bytes: Double) -> String {
        let tenths = (bytes / 1e8).rounded(.up)
        return tenths < 1e15 ? "\(tenths / 10) GB" : "more than 10^14 GB"
    }
}
