import ConvexGeometry

/// Why a coreset could not be made.
public enum CoresetError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The geometry underneath has no result.
    case geometry(GeometryError)
    /// A size that must lie in a range does not.
    case invalidCount(name: String, expected: String, found: Int)
    /// A number that must lie in a range does not.
    case invalidValue(name: String, expected: String, found: Double)
    /// Two lists that must have the same length do not.
    case countMismatch(name: String, expected: Int, found: Int)

    /// One sentence: what was expected and what was found.
    public var description: String {
        switch self {
        case .geometry(let error): error.description
        case .invalidCount(let name, let expected, let found): "expected \(name) \(expected), found \(found)"
        case .invalidValue(let name, let expected, let found): "expected \(name) \(expected), found \(found)"
        case .countMismatch(let name, let expected, let found): "expected \(expected) \(name), found \(found)"
        }
    }
}
