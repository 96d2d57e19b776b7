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
    /// A setting is outside its range.
    case invalidSetting(name: String, expected: String, found: Double)
    /// The ellipsoid exists, but its matrix does not fit Double: entries overflow or underflow, or axes differ by
    /// so much, along directions that are not coordinate axes, that rounding the matrix destroys the short ones.
    case shapeNotRepresentable(reason: String)
    /// A matrix that should define an ellipsoid is not symmetric positive definite.
    case notPositiveDefinite
    /// Two values that must agree in size do not.
    case dimensionMismatch(expected: Int, found: Int)
    /// Weights must be finite, non-negative and not all zero.
    case invalidWeight(index: Int, value: Double)
    /// A factorization failed.
    case factorization(String)

    public var description: String {
        switch self {
        case .noPoints: "expected at least one point, found none"
        case .invalidDimension(let d): "expected points of dimension 1 or more, found dimension \(d)"
        case .storageMismatch(let expected, let found): "expected \(expected) coordinates in storage, found \(found)"
        case .nonFinite(let point, let coordinate, let value):
            "expected finite coordinates, found \(value) at point \(point), coordinate \(coordinate)"
        case .tooLarge(let size): "expected sizes below 2^31, found \(size)"
        case .invalidSetting(let name, let expected, let found): "expected \(name) \(expected), found \(found)"
        case .shapeNotRepresentable(let reason): "expected a shape matrix that Double can represent, found \(reason)"
        case .notPositiveDefinite: "expected a symmetric positive definite shape, found one that is not"
        case .dimensionMismatch(let expected, let found): "expected dimension \(expected), found \(found)"
        case .invalidWeight(let index, let value):
            "expected finite weights ≥ 0 with a positive sum, found \(value) at index \(index)"
        case .factorization(let reason): "expected a factorization to succeed: \(reason)"
        }
    }
}
