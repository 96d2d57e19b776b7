import ConvexGeometry
import TensorFiles

/// Why arrays are no ellipsoid.
public enum EllipsoidFileError: Error, Sendable, CustomStringConvertible {
    /// An array is missing, or of another shape or type.
    case arrays(TensorFileError)
    /// Their numbers are no ellipsoid.
    case geometry(GeometryError)

    /// One sentence: what was expected and what was found.
    public var description: String {
        switch self {
        case .arrays(let error): "\(error)"
        case .geometry(let error): "\(error)"
        }
    }
}
